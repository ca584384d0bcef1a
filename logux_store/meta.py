"""Meta: what the log knows about an action besides the action itself.

Every key is an attribute. The keys that each entry has are slots; the others are set when somebody
sets them, and those that the library itself uses read as None until then. Unknown keys are kept
and readable too.

Invariants: `id` never changes; `key` is the order key of `id` and `time`, computed when the meta is
made; only `id`, `time` and `subprotocol` travel to other nodes. Once a log keeps the entry, its
meta is changed through the log, which has it in lists by time, reason and index.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from logux_store.actions import Action
from logux_store.ids import OrderKey, order_key

__all__ = ["Entry", "Meta", "check_keys", "check_names", "fresh_meta", "list_of"]

_SLOTS = (
    "id",
    "time",
    "added",
    "reasons",
    "subprotocol",
    "tab",
    "sync",
    "indexes",
    "keep_last",
    "dispatch",
)


class Meta:
    """The meta of one action.

    `id` and `time` (ms, in the server's clock) place it in the order, `added` is its number in
    this log (0 until it is added), `reasons` why the log keeps it, `subprotocol` the application's
    version that made it, `tab` the only tab that may see it, `sync` whether it is for the server,
    `indexes` the lists in which it can be found, `keep_last` the reason that only this action of
    the older ones has.

    `others` are further keys. Raises ValueError for a wrong id, and for a key with the name of a
    method; TypeError for a time that is no integer and for reasons that are one string.
    """

    __slots__ = ("__dict__", "key", *_SLOTS)

    id: str
    time: int
    added: int
    reasons: list[str]
    subprotocol: int | None
    tab: str | None
    sync: bool
    indexes: list[str] | None
    keep_last: str | None
    dispatch: bool | None
    key: OrderKey

    # Class attributes stand for the keys that most entries lack: they cost an entry nothing.
    given_time: bool | None = None
    no_auto_reason: bool | None = None
    resubscribe: bool | None = None
    encrypt: bool | None = None
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
        /,
        id: str,
        time: int,
        reasons: Iterable[str] = (),
        key: OrderKey | None = None,
        **others: Any,
    ) -> None:
        # One is made for each action: `key` saves whoever has it already a third of the time, and
        # most of the slots are not arguments because each of those costs every call.
        if key is None:
            key = order_key(id, time)
        elif type(key) is not tuple:
            check_keys(["key"])
        self.id = id
        self.time = time
        self.key = key
        self.reasons = list_of(reasons)
        self.added = 0
        self.subprotocol = None
        self.tab = None
        self.sync = False
        self.indexes = None
        self.keep_last = None
        self.dispatch = None
        if others:
            self.update(others)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...

    def update(self, values: Mapping[str, Any]) -> None:
        """Set several keys at once; ValueError, with none set, if one has the name of a method."""
        check_keys(values)
        for name, value in values.items():
            setattr(self, name, value)

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


def list_of(reasons: Iterable[str]) -> list[str]:
    """A list of its own; raise TypeError if one string is meant to be several."""
    if isinstance(reasons, str):
        raise TypeError(f"meta.reasons is a list of strings, not {reasons!r}")
    return [*reasons]


def check_names(names: object, what: str) -> list[str]:
    """Return the list of strings with each only once; raise TypeError if it is something else."""
    if not isinstance(names, list):
        raise TypeError(f"meta.{what} is a list of strings, not {names!r}")
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"meta.{what} is a list of strings, not {names!r}")
    if len(names) > 1 and len(set(names)) < len(names):
        return list(dict.fromkeys(names))
    return names


def check_keys(names: Iterable[str]) -> None:
    """Raise ValueError if a key of meta cannot have one of these names."""
    for name in names:
        if name in _RESERVED:
            raise ValueError(f"meta.{name} is taken; choose another name for this key")


_RESERVED = frozenset(n for n in dir(Meta) if n[:2] == "__" or callable(getattr(Meta, n))) | {"key"}


def fresh_meta(
    id: str, time: int, reasons: list[str], key: OrderKey, subprotocol: int | None
) -> Meta:
    """`Meta(…)` without a look at what it is given: in two thirds of the time."""
    meta = _new(Meta)
    meta.id = id
    meta.time = time
    meta.key = key
    meta.reasons = reasons
    meta.added = 0
    meta.subprotocol = subprotocol
    meta.tab = None
    meta.sync = False
    meta.indexes = None
    meta.keep_last = None
    meta.dispatch = None
    return meta


_new = object.__new__

Entry: TypeAlias = tuple[Action, Meta]
"""An action and its meta, as the log keeps them."""
