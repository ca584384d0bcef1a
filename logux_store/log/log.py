"""The log: it gives actions an id, a time and reasons, keeps them in its store, and says what
happens to them.

Events, each with `(action, meta)`: `preadd` before an action is added, when listeners may still
change its meta or refuse it by raising; `add` when it was added, or announced without being kept;
`clean` when the log has dropped it; `move` (with the old order key as third argument) when its
time changed. `batch`, without arguments, ends a group of additions. `store`, with
one argument, says that the log goes on with another store: if it is False, how that differs comes
as other events of one batch; if it is True, whoever needs to know has to read the log.

Where the ids and times of its own actions come from is told in `stamps.py`.

Invariant: an action with no reason is announced and dropped; nothing but reasons, `remove_reason`
and `change_meta` makes the log drop an entry.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from logux_store.actions import Action, ActionCreator, check_action
from logux_store.events import Emitter, Listener, Unbind, call_all, emit_to, raise_all
from logux_store.ids import MAX_TIME, Clock, Timed, order_key, system_clock
from logux_store.log.listeners import EVERY_KIND, Kind, Listeners, Route
from logux_store.log.memory_store import MemoryStore
from logux_store.log.stamps import Stamps
from logux_store.log.store import LogStore, Order
from logux_store.meta import Entry, Meta, check_keys, check_names

__all__ = ["EVENTS", "Log"]

EVENTS = ("preadd", "add", "clean", "move", "batch", "store")
READ_ONLY = frozenset({"id", "added", "time", "subprotocol", "indexes"})


class Log(Stamps):
    """A log of one node.

    `store` defaults to a new `MemoryStore`, `clock` to this machine's.
    """

    def __init__(
        self, node_id: str, store: LogStore | None = None, clock: Clock = system_clock
    ) -> None:
        super().__init__(node_id, MemoryStore() if store is None else store, clock)
        # Who hears of single actions, and of what concerns several.
        self._listeners = Listeners()
        self._events = Emitter()
        self.batches = 0
        self.marks_times = False
        """Whether an action that is added with a `time`, or an own one with a `Meta`, is marked
        with `given_time`.
        """

    def add(
        self,
        action: Action,
        meta: Meta | None = None,
        /,
        *,
        id: str | None = None,
        time: int | None = None,
        reasons: Iterable[str] = (),
        **keys: Any,
    ) -> Meta | None:
        """Add an action with these keys of its meta. Returns its meta, or None when its id is known
        already.

        `id` and `time` (ms, in the server's clock) are made when they are not given. `reasons` say
        why to keep the action; `keep_last="reason"` adds that reason and takes it off all older
        actions. `indexes` (a list of strings) lists it under them. Instead of keys, a `Meta` can be
        given, whose time is then given as well; it is used as it is, or copied if it is that of an
        action in a log.

        Raises TypeError for what is not an action, a reason, an index or a time, ValueError for a
        wrong id or a time that cannot be sent, and whatever a `preadd` listener raises, all before
        anything is added. What `add` and `clean` listeners raise reaches the caller when the action
        is added and all of them were called.
        """
        generated = given = False
        if meta is None:
            generated = id is None
            meta = self._make_meta(id, time, reasons)
            if keys:
                meta.update(keys)
            if time is not None and self.marks_times:
                meta.given_time = True
        elif keys or reasons or time is not None or id is not None:
            raise TypeError("an action is added with a Meta or with keys of it, not with both")
        else:
            given = self.marks_times
            if meta.added:
                meta = meta.copy(added=0)
        if (given or meta.subprotocol is None) and f" {self._node_id} " in meta.id:
            if given:
                meta.given_time = True
            if meta.subprotocol is None:
                meta.subprotocol = self.subprotocol
        return self.put(action, meta, generated)

    def put(
        self, action: Action, meta: Meta, generated: bool = True, told: bool = False
    ) -> Meta | None:
        """`add` with a meta of `new_meta`, without looking at what such a meta has: for dispatching
        in half the time.

        If the meta is not `generated`, its id may be known. If it was `told`, the `preadd`
        listeners have heard of it in another log.
        """
        listeners = self._listeners
        try:
            route = listeners.general[action["type"]]
        except (KeyError, TypeError):
            route = None
        if route is None or meta.sync or type(action) is not dict:
            check_action(action)
            route = listeners.route(action, meta)
        if not told:
            id, sync = meta.id, meta.sync
            for listener in route.preadd:
                listener(action, meta)
            if meta.id is not id:
                raise ValueError(f"a preadd listener changed meta.id of {id!r}")
            if meta.sync is not sync:
                route = listeners.route(action, meta)
        if meta.key[0] != meta.time:
            meta.key = order_key(meta.id, meta.time)
        if meta.sync and not 0 <= meta.time <= MAX_TIME:
            # The other node would refuse it again and again, and with it all that comes later.
            raise ValueError(
                f"the action {action['type']!r} cannot be sent with the time {meta.time}; it is "
                f"from 0 to {MAX_TIME}, in milliseconds since 1970"
            )
        reasons = meta.reasons
        # Mostly there is one reason and nothing else to look at; a call saved is 50 ns.
        if type(reasons) is not list or len(reasons) != 1 or type(reasons[0]) is not str:
            meta.reasons = check_names(reasons, "reasons")
        if meta.indexes is not None:
            meta.indexes = check_names(meta.indexes, "indexes")
        if meta.keep_last is not None:
            return self._replace_last(action, meta, meta.keep_last, route)
        if not meta.reasons:
            return self._announce(action, meta, route, generated)
        if not self.store.add(action, meta):
            return None
        if len(route.add) == 1:
            # Nobody else has to hear the event, so an error needs no catching; saves 0.2 µs.
            route.add[0](action, meta)
        else:
            emit_to(route.add, action, meta)
        return meta

    def _replace_last(self, action: Action, meta: Meta, reason: str, route: Route) -> Meta | None:
        """Add an action that takes a reason off all older ones."""
        meta.reasons = check_names([*meta.reasons, reason], "reasons")
        if not self.store.add(action, meta):
            return None
        errors = self._clean(self.store.remove_reason(reason, older_than=meta))
        errors += call_all(route.add, action, meta)
        raise_all(errors)
        return meta

    def _announce(self, action: Action, meta: Meta, route: Route, generated: bool) -> Meta | None:
        """Tell of an action that is not kept."""
        if not generated and self.store.by_id(meta.id) is not None:
            return None
        meta.added = 0
        errors = call_all(route.add, action, meta)
        errors += self._clean([(action, meta)])
        raise_all(errors)
        return meta

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

    def change_meta(self, id: str, /, **diff: Any) -> bool:
        """Set keys of an entry's meta; with `reasons=[]` the log drops it. False if there is no
        such entry.

        Raises ValueError for `id`, `added`, `time`, `subprotocol` and `indexes`, which never
        change.
        """
        for name in diff:
            if name in READ_ONLY:
                raise ValueError(f"meta.{name} cannot be changed once the action is added")
        check_keys(diff)
        if "reasons" in diff:
            diff["reasons"] = check_names(diff["reasons"], "reasons")
            if not diff["reasons"]:
                return self._change_last_meta(id, diff)
        return self.store.change_meta(id, diff)

    def _change_last_meta(self, id: str, diff: dict[str, Any]) -> bool:
        entry = self.store.remove(id)
        if entry is None:
            return False
        entry[1].update(diff)
        raise_all(self._clean([entry]))
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
        self._events.emit("move", action, meta, old_key)
        return True

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
        if removed:
            raise_all(self._clean(removed))
        return len(removed)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Group additions: `add` still fires for each, and one `batch` event after the last.

        What costs more for one than for many, such as a replay, waits for it.
        """
        self.batches += 1
        try:
            yield
        finally:
            self.batches -= 1
            if self.batches == 0:
                self._events.emit("batch")

    @property
    def heard(self) -> int:
        """How many listeners hear of single actions, for one who would tell nobody but itself."""
        bound = self._listeners.bound
        return bound["preadd"] + bound["add"] + bound["clean"] + self._events.has("drop")

    @property
    def in_batch(self) -> bool:
        """Whether a `batch` event is still to come."""
        return self.batches > 0

    def on(self, event: str, listener: Listener, *, kinds: tuple[Kind, ...] = EVERY_KIND) -> Unbind:
        """Call `listener(action, meta)` at every `event` (see the module's text); returns the
        unbind function.

        A `preadd`, `add` or `clean` listener need not hear of actions of all kinds; see `Kind`.
        """
        if event not in EVENTS:
            raise ValueError(f"a log has the events {', '.join(EVENTS)}; not {event!r}")
        if event in EVENTS[:3]:
            return self._listeners.on(event, listener, kinds)
        return self._events.on(event, listener)

    def on_drop(self, listener: Callable[[list[Entry]], object]) -> Unbind:
        """Call `listener(entries)` before the `clean` events of entries that the log drops at once:
        one call for all of them.
        """
        return self._events.on("drop", listener)

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
        if not isinstance(name, str):
            raise TypeError(f"an action's type is a string, not {name!r}")
        return self._listeners.type(event, name, id, listener)

    def _clean(self, entries: list[Entry]) -> list[Exception]:
        """Tell that the log has dropped entries; returns what the listeners raised."""
        errors = self._events.collect("drop", entries) if entries else []
        if self._listeners.bound["clean"]:
            for action, meta in entries:
                errors += call_all(self._listeners.route(action, meta).clean, action, meta)
        return errors
