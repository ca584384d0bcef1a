"""The four ways to dispatch, as one object: `store.dispatch`."""

from collections.abc import Callable
from typing import Any

from logux_store.actions import Action
from logux_store.client import Outcome
from logux_store.meta import Meta

__all__ = ["Dispatch"]


class Dispatch:
    """The four ways to dispatch: `dispatch(action)` is for this tab only and at once; `local`,
    `cross_tab` and `sync` take keys of the action's meta as well.
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
