"""What a store has besides its state: `dispatch`, the four ways to dispatch, and `initialize`."""

from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

from logux_store.actions import Action
from logux_store.client import Outcome
from logux_store.meta import Meta

__all__ = ["Dispatch", "Initialized", "own_reasons"]

T = TypeVar("T")


class Dispatch:
    """The four ways to dispatch: `dispatch(action)` is for this tab only, and gives the action, or
    what a middleware makes of it; `local`, `cross_tab` and `sync` take keys of the action's meta
    as well.
    """

    __slots__ = ("_call", "cross_tab", "local", "sync")

    def __init__(
        self,
        call: Callable[[Action], Any],
        local: Callable[..., Meta | None],
        cross_tab: Callable[..., Meta | None],
        sync: Callable[..., Outcome],
    ) -> None:
        self._call = call
        self.local = local
        self.cross_tab = cross_tab
        self.sync = sync

    def __call__(self, action: Action) -> Any:
        return self._call(action)

    def around(self, call: Callable[[Action], Any]) -> "Dispatch":
        """The same, but for what `dispatch(action)` does."""
        return Dispatch(call, self.local, self.cross_tab, self.sync)


def own_reasons(meta: dict[str, Any]) -> dict[str, Any]:
    """The keys of a meta; one that says itself why it is kept gets no reason from the store."""
    if "reasons" in meta or "keep_last" in meta:
        meta["no_auto_reason"] = True
    return meta


class Initialized(Generic[T]):
    """Can be awaited any number of times, and gives what is there already."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def __await__(self) -> Generator[None, None, T]:
        return self._value
        yield  # makes this a generator, which `await` asks for
