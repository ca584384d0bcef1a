"""The log: it gives actions an id, a time and reasons, keeps them in its store, and says what
happens to them.

Events, each with `(action, meta)`: `preadd` before an action is added, when listeners may still
change its meta or refuse it by raising; `add` when it was added, or announced without being kept;
`clean` when the log has dropped it; `move` (with the old order key as third argument) when its
time changed. `batch`, without arguments, ends a group of additions.

Invariants: an action with no reason is announced and dropped; nothing but reasons, `remove_reason`
and `change_meta` makes the log drop an entry; ids of one log are strictly increasing, whatever its
clock does.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from logux_store.actions import Action, ActionCreator, check_action
from logux_store.events import Emitter, Listener, Unbind, emit_to
from logux_store.ids import (
    Clock,
    Timed,
    id_time,
    node_key,
    order_key,
    parse_id,
    system_clock,
    validate_node_id,
)
from logux_store.log.memory_store import MemoryStore
from logux_store.log.store import LogStore, Order
from logux_store.meta import Entry, Meta

__all__ = ["EVENTS", "Log"]

EVENTS = ("preadd", "add", "clean", "move", "batch")
READ_ONLY = ("id", "added", "time", "subprotocol", "indexes", "key")


class Log:
    """A log of one node.

    `store` defaults to a new `MemoryStore`, `clock` to this machine's. `offset` (ms) is what the
    local clock is ahead of the server's; it is subtracted from the time of actions that this log
    creates from then on.
    """

    def __init__(
        self, node_id: str, store: LogStore | None = None, clock: Clock = system_clock
    ) -> None:
        self.node_id = node_id
        self.store: LogStore = MemoryStore() if store is None else store
        self.clock = clock
        self.offset = 0
        self._events = Emitter()
        self._batches = 0
        # How far the last id is ahead of the clock that made it, and the time that its action got.
        self._lead = 0
        self._last_time = 0
        newest: Iterable[Entry | None] = (
            next(self.store.entries("created", newest_first=True), None),
            next(self.store.entries("added", newest_first=True), None),
        )
        self._last_ms = max((id_time(entry[1].id) for entry in newest if entry), default=0)

    @property
    def node_id(self) -> str:
        """The id of the node that this log's own actions come from; assign another when the user
        changes.
        """
        return self._node_id

    @node_id.setter
    def node_id(self, node_id: str) -> None:
        self._node_id = validate_node_id(node_id)
        self._node_key = node_key(node_id)

    def generate_id(self) -> str:
        """A new action id: the clock's milliseconds, or the last id's and one more; counter 0."""
        now = self.clock()
        ms = max(now, self._last_ms + 1)
        self._lead = ms - now
        self._last_ms = ms
        return f"{ms} {self._node_id} 0"

    def add(self, action: Action, meta: Meta | None = None, /, **keys: Any) -> Meta | None:
        """Add an action; `keys` are meta's keys. Returns its meta, or None when its id is known
        already.

        `id` and `time` are made when they are not given. `reasons` (a list of strings) says why to
        keep the action; `keep_last="reason"` adds that reason and takes it off all older actions.
        `indexes` (a list of strings) lists it under them. A `Meta` that is given is used as it is.

        Raises TypeError for what is not an action, a reason or an index, ValueError for a wrong
        id, and whatever a `preadd` listener raises, all before anything is added. What `add` and
        `clean` listeners raise reaches the caller when the action is added and all of them were
        called.
        """
        check_action(action)
        generated = False
        if meta is None:
            generated = "id" not in keys
            meta = self._make_meta(keys)
        else:
            for name, value in keys.items():
                setattr(meta, name, value)
        check_names(meta.reasons, "reasons")
        if meta.indexes is not None:
            check_names(meta.indexes, "indexes")

        events = self._events
        if events.listeners:
            for listener in self._listeners("preadd", action):
                listener(action, meta)
            if meta.key[0] != meta.time:
                meta.key = order_key(meta.id, meta.time)

        keep_last = meta.keep_last
        if keep_last is not None and keep_last not in meta.reasons:
            meta.reasons.append(keep_last)
        if not meta.reasons:
            if not generated and self.store.by_id(meta.id) is not None:
                return None
            try:
                self._emit("add", action, meta)
            finally:
                self._emit("clean", action, meta)
            return meta
        if not self.store.add(action, meta):
            return None
        if keep_last is not None:
            self.remove_reason(keep_last, older_than=meta)
        self._emit("add", action, meta)
        return meta

    def _make_meta(self, keys: dict[str, Any]) -> Meta:
        id = keys.pop("id", None)
        time = keys.pop("time", None)
        if id is None:
            id = self.generate_id()
            if time is None:
                time = self._own_time(self._last_ms)
            return Meta(id, time, key=(time, self._node_key, 0, self._last_ms), **keys)
        if not isinstance(id, str):
            raise TypeError(f"an action id is a string, not {id!r}")
        if time is None:
            key = order_key(id, 0)
            time = self._own_time(key[3]) if key[1] == self._node_key else key[3]
        return Meta(id, time, **keys)

    def _own_time(self, ms: int) -> int:
        # The user's later action must not come before an earlier one, so time does not go back
        # either.
        time = max(ms - self._lead - self.offset, self._last_time + 1)
        self._last_time = time
        return time

    def by_id(self, id: str) -> Entry | None:
        """The entry with this id, or None."""
        return self.store.by_id(id)

    def entries(
        self, order: Order = "created", *, index: str | None = None, newest_first: bool = False
    ) -> Iterator[Entry]:
        """Iterate over `(action, meta)` lazily, oldest first unless `newest_first`; the log may
        change meanwhile.

        `order` is `"created"` (time, the same on every node) or `"added"` (arrival); `index`
        limits the entries to those added with that index.
        """
        return self.store.entries(order, index=index, newest_first=newest_first)

    def change_meta(self, id: str, **diff: Any) -> bool:
        """Set keys of an entry's meta; with `reasons=[]` the log drops it. False if there is no
        such entry.

        Raises ValueError for `id`, `added`, `time`, `subprotocol` and `indexes`, which never
        change.
        """
        for name in READ_ONLY:
            if name in diff:
                raise ValueError(f"meta.{name} cannot be changed once the action is added")
        if "reasons" not in diff:
            return self.store.change_meta(id, diff)
        check_names(diff["reasons"], "reasons")
        if diff["reasons"]:
            return self.store.change_meta(id, diff)
        entry = self.store.remove(id)
        if entry is None:
            return False
        action, meta = entry
        for name, value in diff.items():
            setattr(meta, name, value)
        self._emit("clean", action, meta)
        return True

    def move(self, id: str, time: int) -> bool:
        """Give an action that no other node has seen another time (ms); False if there is no such
        entry.
        """
        moved = self.store.set_time(id, time)
        if moved is None:
            return False
        old_key, (action, meta) = moved
        self._last_time = max(self._last_time, time)
        self._emit("move", action, meta, old_key)
        return True

    def restart_time(self, last: int) -> None:
        """Let the time of the next own action follow `last` (ms) instead of the latest time given
        so far.
        """
        self._last_time = last

    def remove_reason(
        self,
        reason: str,
        *,
        id: str | None = None,
        older_than: Timed | None = None,
        younger_than: Timed | None = None,
        min_added: int | None = None,
        max_added: int | None = None,
    ) -> int:
        """Take a reason off the entries that meet all criteria, and drop those that have none left.

        `older_than` and `younger_than` are metas; `min_added` and `max_added` are inclusive.
        Returns how many entries were dropped; each is announced with `clean`.
        """
        removed = self.store.remove_reason(
            reason,
            id=id,
            older_than=older_than,
            younger_than=younger_than,
            min_added=min_added,
            max_added=max_added,
        )
        for action, meta in removed:
            self._emit("clean", action, meta)
        return len(removed)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Group additions: `add` still fires for each, and one `batch` event after the last.

        What costs more for one than for many, such as a replay, waits for it.
        """
        self._batches += 1
        try:
            yield
        finally:
            self._batches -= 1
            if self._batches == 0:
                self._events.emit("batch")

    @property
    def in_batch(self) -> bool:
        """Whether a `batch` event is still to come."""
        return self._batches > 0

    def on(self, event: str, listener: Listener) -> Unbind:
        """Call `listener(action, meta)` at every `event` (see the module's text); returns the
        unbind function.
        """
        if event not in EVENTS:
            raise ValueError(f"a log has the events {', '.join(EVENTS)}; not {event!r}")
        return self._events.on(event, listener)

    def type(
        self,
        type: str | ActionCreator,
        listener: Listener,
        *,
        event: Literal["preadd", "add", "clean"] = "add",
        id: str | None = None,
    ) -> Unbind:
        """Call `listener(action, meta)` at events of one action type; with `id`, only when
        `action["id"]` equals it.
        """
        if event not in EVENTS[:3]:
            raise ValueError(f"type() listens to preadd, add or clean; not {event!r}")
        name = type.type if isinstance(type, ActionCreator) else type
        return self._events.on((event, name, id), listener)

    def _listeners(self, event: str, action: Action) -> tuple[Listener, ...]:
        """Those for the type and the action's own id, then for the type, then for every action."""
        by_event = self._events.listeners
        general = by_event.get(event, ())
        if len(by_event) == 1:
            return general
        type = action["type"]
        id = action.get("id")
        special = by_event.get((event, type, id), ()) if isinstance(id, str) else ()
        return special + by_event.get((event, type, None), ()) + general

    def _emit(self, event: str, action: Action, meta: Meta, *more: Any) -> None:
        if self._events.listeners:
            listeners = self._listeners(event, action)
            if listeners:
                emit_to(listeners, action, meta, *more)


def check_names(names: object, what: str) -> None:
    """Raise TypeError unless `names` is a list of strings."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"meta.{what} is a list of strings, not {names!r}")


def is_own(log: Log, id: str) -> bool:
    """Whether the action with this id was created by the log's own node."""
    return parse_id(id).node_id == log.node_id
