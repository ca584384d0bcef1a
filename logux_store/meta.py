"""Meta: what the log knows about an action besides the action itself.

Every key is an attribute. The keys that each entry has are slots; the others are set when somebody
sets them, and those that the library itself uses read as None until then. Unknown keys are kept
and readable too.

Invariants: `id` never changes; `key` is the order key of `id` and `time`, computed once, when the
log takes the entry; only `id`, `time` and `subprotocol` travel to other nodes.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from logux_store.actions import Action
from logux_store.ids import OrderKey, order_key

__all__ = ["Entry", "Meta"]

_SLOTS = ("id", "time", "added", "reasons", "subprotocol", "tab", "sync")


class Meta:
    """The meta of one action.

    `id` and `time` (ms, in the server's clock) place it in the order, `added` is its number in
    this log (0 until it is added), `reasons` why the log keeps it, `subprotocol` the application's
    version that made it, `tab` the only tab that may see it, `sync` whether it is for the server.
    """

    __slots__ = ("__dict__", "added", "id", "key", "reasons", "subprotocol", "sync", "tab", "time")

    id: str
    time: int
    added: int
    reasons: list[str]
    subprotocol: int | None
    tab: str | None
    sync: bool
    key: OrderKey

    # Class attributes stand for the keys that most entries lack: they cost an entry nothing.
    indexes: list[str] | None = None
    keep_last: str | None = None
    no_auto_reason: bool | None = None
    dispatch: bool | None = None
    resubscribe: bool | None = None
    channel: str | None = None
    channels: list[str] | None = None
    user: str | None = None
    users: list[str] | None = None
    client: str | None = None
    clients: list[str] | None = None
    node: str | None = None
    nodes: list[str] | None = None
    exclude_clients: list[str] | None = None
    status: str | None = None
    server: str | None = None

    def __init__(
        self,
        id: str,
        time: int,
        reasons: Iterable[str] = (),
        *,
        key: OrderKey | None = None,
        added: int = 0,
        subprotocol: int | None = None,
        tab: str | None = None,
        sync: bool = False,
        **others: Any,
    ) -> None:
        self.id = id
        self.time = time
        self.added = added
        self.reasons = [*reasons]
        self.subprotocol = subprotocol
        self.tab = tab
        self.sync = sync
        self.key = order_key(id, time) if key is None else key
        if others:
            self.__dict__.update(others)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a key, or `default` when nobody set it."""
        value = getattr(self, name, default)
        return default if value is None else value

    def items(self) -> Iterator[tuple[str, Any]]:
        """The keys that are set, with their values; `key` is derived and not among them."""
        for name in _SLOTS:
            value = getattr(self, name)
            if value is not None and value is not False:
                yield name, value
        for name, value in self.__dict__.items():
            if value is not None:
                yield name, value

    def to_dict(self) -> dict[str, Any]:
        """A plain dict of the keys that are set, for storage and for people."""
        return {name: [*v] if isinstance(v, list) else v for name, v in self.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Meta":
        """The meta that `to_dict` gave `values` for."""
        return cls(**values)

    def copy(self, **changes: Any) -> "Meta":
        """Another meta with the same keys but for `changes`."""
        return Meta.from_dict({**self.to_dict(), **changes})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Meta) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Meta({', '.join(f'{name}={value!r}' for name, value in self.items())})"


Entry: TypeAlias = tuple[Action, Meta]
"""An action and its meta, as the log keeps them."""
