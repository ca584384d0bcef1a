"""A list of the objects that have some fields with some values, which follows all changes.

Invariants: an object is listed exactly while it is loaded, exists and has these values; one that
may be listed again, when something is undone, stays open.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from logux_store.actions import Action
from logux_store.client.outcome import Outcome
from logux_store.client.sync_maps.sync_map import SyncMap
from logux_store.errors import UndoError
from logux_store.events import Emitter, Unbind
from logux_store.meta import Entry, Meta

if TYPE_CHECKING:
    from logux_store.client.sync_maps.template import SyncMaps

__all__ = ["Filter"]


class Filter:
    """A list that is open; made by `SyncMaps.create_filter`. Close it when it is not needed any
    more, or use it in a `with` block.

    `maps` are the objects by id, in the order in which they were found; `loading`, `is_loading` and
    `error` are as in `SyncMap`.
    """

    def __init__(self, maps: "SyncMaps", fields: Mapping[str, Any]) -> None:
        self.fields = dict(fields)
        self.maps: dict[str, SyncMap] = {}
        self.is_loading = True
        self.error: UndoError | None = None
        self.loading: Outcome
        self._of = maps
        self._watched: dict[str, tuple[SyncMap, Unbind]] = {}
        self._events = Emitter()
        self._closed = False

    # What users call.

    @property
    def values(self) -> list[dict[str, Any]]:
        """The values of the objects."""
        return [map.value for map in self.maps.values()]

    @property
    def is_empty(self) -> bool:
        """Whether there is no such object."""
        return not self.maps

    def listen(self, listener: Callable[["Filter"], object]) -> Unbind:
        """Call `listener(filter)` when it is loaded, and then after every change of the list or of
        what is in it; returns the unbind function.
        """
        return self._events.on("change", listener)

    def close(self) -> None:
        """Need this list no more."""
        if self._closed:
            return
        self._closed = True
        for id in [*self._watched]:
            self._release(id)
        self.maps.clear()
        self._of.forget_filter(self, self._subscription("logux/unsubscribe"))

    def __enter__(self) -> "Filter":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # What `SyncMaps` calls.

    def start(self) -> None:
        """Look for objects in those that are open and in the log, and ask the server."""
        maps = self._of
        for map in maps.opened():
            self._watch(map.id, None)
        last = self.read() if maps.offline or not maps.remote else None
        self.is_loading = maps.remote and last is None
        if maps.remote:
            action = self._subscription("logux/subscribe")
            if last is not None:
                action["since"] = {"id": last.id, "time": last.time}
            self.loading = maps.subscribe(action, self)
        if not self.is_loading:
            self.loading = maps.decided()

    def read(self) -> Meta | None:
        """Look for objects in the log; returns the meta of the last action about one."""
        maps = self._of
        last: Meta | None = None
        ids: dict[str, None] = {}
        for action, meta in maps.client.log.entries(index=maps.names.plural):
            if maps.names.is_whole(action):
                last, ids[action["id"]] = meta, None
        for id in ids:
            map = maps.peek(id)
            if id not in self._watched and (map.is_saving or self._is_listed(map)):
                self._watch(id, None)
        return last

    def _subscription(self, type: str) -> Action:
        action: Action = {"type": type, "channel": self._of.names.plural}
        if self.fields:
            action["filter"] = self.fields
        return action

    def load_done(self) -> None:
        """The server has sent what it has."""
        if self.is_loading:
            self.is_loading = False
            self._events.emit("change", self)

    def load_failed(self, error: UndoError) -> None:
        """The server sends nothing."""
        self.error, self.is_loading = error, False
        self._events.emit("change", self)

    def take(self, action: Action, meta: Meta) -> None:
        """An action about some object was added, and that object knows it if it is open."""
        names = self._of.names
        if action["type"] not in names.writing or action["id"] in self._watched:
            return
        fields = names.fields(action)
        if action["type"] in names.creating:
            may_match = matches(fields, self.fields)
        else:
            here = {name: fields[name] for name in self.fields if name in fields}
            may_match = (bool(here) or not self.fields) and here.items() <= self.fields.items()
        if may_match:
            self._watch(action["id"], (action, meta))

    def _watch(self, id: str, first: Entry | None) -> None:
        map = self._of.open_for_filter(id, first)
        self._watched[id] = (map, map.listen(self._check))
        self._check(map)

    def _check(self, map: SyncMap) -> None:
        if map.is_loading:
            return
        before = map.id in self.maps
        listed = self._is_listed(map)
        if listed:
            self.maps[map.id] = map
        else:
            self.maps.pop(map.id, None)
            if not map.is_saving:
                self._release(map.id)
        if (before or listed) and not self.is_loading:
            self._events.emit("change", self)

    def _is_listed(self, map: SyncMap) -> bool:
        return map.error is None and map.exists and matches(map.fields, self.fields)

    def _release(self, id: str) -> None:
        map, unbind = self._watched.pop(id)
        unbind()
        map.close()

    def __repr__(self) -> str:
        return f"<Filter {self.fields!r} of {self._of.names.plural}: {len(self.maps)} objects>"


def matches(fields: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether these fields have all the values that are wanted."""
    return all(name in fields and fields[name] == value for name, value in wanted.items())
