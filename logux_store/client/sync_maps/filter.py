"""A list of the objects that have some fields with some values, which follows all changes.

Invariants: an object is listed exactly while it is loaded, exists and has these values; one that
may be listed again, when something is undone, stays open.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from logux_store.actions import Action
from logux_store.client.outcome import Outcome
from logux_store.client.sync_maps.sync_map import SyncMap
from logux_store.errors import UndoError
from logux_store.events import Emitter, Unbind
from logux_store.meta import Entry, Meta

if TYPE_CHECKING:
    from logux_store.client.sync_maps.maps import SyncMaps

__all__ = ["SyncMapFilter"]


class SyncMapFilter:
    """A list that is open; made by `SyncMaps.create_filter`. Close it when it is not needed any
    more, or use it in a `with` block.

    `fields` are what is looked for, `maps` the objects by id, in the order in which they were
    found; `loading`, `is_loading` and `error` are as in `SyncMap`.
    """

    __slots__ = (
        "_events",
        "_maps",
        "_watched",
        "error",
        "fields",
        "is_closed",
        "is_loading",
        "loading",
        "maps",
    )

    def __init__(self, maps: "SyncMaps", fields: Mapping[str, Any]) -> None:
        self.fields = dict(fields)
        self.maps: dict[str, SyncMap] = {}
        self.is_loading = True
        self.error: UndoError | None = None
        self.loading = Outcome(maps.names.plural)
        self.is_closed = False
        self._maps = maps
        self._watched: dict[str, tuple[SyncMap, Unbind]] = {}
        self._events = Emitter()

    # What users call.

    @property
    def values(self) -> list[dict[str, Any]]:
        """The values of the objects."""
        return [map.value for map in self.maps.values()]

    @property
    def is_empty(self) -> bool:
        """Whether there is no such object."""
        return not self.maps

    def listen(self, listener: Callable[["SyncMapFilter"], object]) -> Unbind:
        """Call `listener(filter)` when it is loaded, and then after every change of the list or of
        what is in it; once for all that comes from the server together. Returns the unbind
        function.
        """
        return self._events.on("change", listener)

    def close(self) -> None:
        """Need this list no more."""
        if not self.is_closed:
            self.is_closed = True
            self._release_all()
            self._maps.forget_filter(self)

    def __enter__(self) -> "SyncMapFilter":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # What `SyncMaps` calls.

    def start(self) -> None:
        """Look for objects in those that are open and in the log, and ask the server."""
        maps = self._maps
        for map in maps.opened():
            self._watch(map.id)
        self.read()
        if maps.remote:
            outcome = maps.client.sync(self.subscription("logux/subscribe"))
            if self.is_loading:
                self.loading = outcome

    def read(self) -> None:
        """Look for objects in the log, which is enough to start with where it has some."""
        maps = self._maps
        by_id: dict[str, list[Entry]] = {}
        for entry in maps.kept.entries():
            by_id.setdefault(entry[0]["id"], []).append(entry)
        for id, entries in by_id.items():
            if id not in self._watched:
                self._watch(id, entries)
        if not maps.remote or (maps.offline and by_id):
            self._load_end(maps.answer())

    def stop(self) -> None:
        """Forget what is here, which was another user's, before another `start`."""
        self._release_all()
        self.error, self.is_loading = None, True
        self.loading.decide(ConnectionAbortedError("the user has changed"))
        self.loading = Outcome(self._maps.names.plural)

    def subscription(self, type: str) -> Action:
        """The action that subscribes or unsubscribes."""
        action: Action = {"type": type, "channel": self._maps.names.plural}
        if self.fields:
            action["filter"] = self.fields
        return action

    def expect(self, id: str) -> None:
        """The server says that an object is among those that it is about to send."""
        if id not in self._watched:
            self._watch(id)

    def load_done(self, subscription: Action, meta: Meta) -> None:
        """The server has sent what it has; `meta` is that of its answer."""
        for id, (map, _) in [*self._watched.items()]:
            # With `since`, it sends only a part of what this client has never had.
            is_sent = not map.is_loading or "since" not in subscription
            if not (is_sent and id in self._maps.subscriptions.brought):
                self._maps.subscriptions.checks.ask(map)
                continue
            map.load_done(meta)
            if id in self._watched and id not in self.maps:
                self._check(map)
        self.error = None
        self._load_end(meta)

    def _load_end(self, meta: Meta) -> None:
        if self.is_loading:
            self.is_loading = False
            self.loading.decide(meta)
            self._maps.changed(self)

    def load_failed(self, error: UndoError) -> None:
        """The server sends nothing."""
        self.error, self.is_loading = error, False
        self._release_all()
        self.loading.decide(error)
        self._maps.changed(self)

    def take(self, action: Action, meta: Meta) -> None:
        """An action about some object was added, and that object knows it if it is open."""
        maps, id = self._maps, action["id"]
        if action["type"] not in maps.names.writing or id in self._watched or self.error:
            return
        fields = maps.names.fields(action)
        here = {name: value for name, value in self.fields.items() if name in fields}
        may_match = bool(here or not self.fields) and matches(fields, here)
        # Of an object that is known, the action may be an old one, whose other fields are not true.
        if may_match or maps.offline or maps.is_open(id):
            self._watch(id, [(action, meta)])
            if id in self._watched and not maps.subscriptions.is_asking(self):
                maps.subscriptions.checks.ask(self._watched[id][0])

    def _watch(self, id: str, entries: Iterable[Entry] = ()) -> None:
        map = self._maps.hold(id, entries)
        self._watched[id] = (map, map.listen(self._check))
        self._check(map)

    def _check(self, map: SyncMap) -> None:
        if map.is_loading and map.needed:
            return
        before = map.id in self.maps
        listed = map.error is None and map.exists and matches(map.fields, self.fields)
        if listed:
            self.maps[map.id] = map
        else:
            self.maps.pop(map.id, None)
            # The rest of what the server sends may be still to come.
            subscriptions = self._maps.subscriptions
            is_coming = subscriptions.is_asking(self) and map.id in subscriptions.brought
            if not (map.is_saving or is_coming):
                self._release(map.id)
        if (before or listed) and not self.is_loading:
            self._maps.changed(self)

    def _release(self, id: str) -> None:
        map, unbind = self._watched.pop(id)
        unbind()
        map.close()

    def _release_all(self) -> None:
        for id in [*self._watched]:
            self._release(id)
        self.maps.clear()

    def emit(self) -> None:
        """Tell the listeners of a change."""
        if not self.is_closed:
            self._events.emit("change", self)

    def __repr__(self) -> str:
        return f"<SyncMapFilter {self.fields!r} of {self._maps.names.plural}: {len(self.maps)}>"


def matches(fields: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether these fields have all the values that are wanted."""
    return all(name in fields and fields[name] == value for name, value in wanted.items())
