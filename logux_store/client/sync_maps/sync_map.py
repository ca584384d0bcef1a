"""One object: the fold of the actions about it, field by field.

Invariants: `fields` and `deleted` are what the actions that are here give in their canonical order;
of those that the server has confirmed only the ones with the last value of some field are here, of
the others all, so that any of them can be undone.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from logux_store.actions import Action
from logux_store.client.outcome import Outcome
from logux_store.errors import UndoError
from logux_store.events import Emitter, Unbind
from logux_store.meta import Entry, Meta

if TYPE_CHECKING:
    from logux_store.client.sync_maps.template import SyncMaps

__all__ = ["SyncMap"]


class SyncMap:
    """An object that is open; made by `SyncMaps.open`. Close it when it is not needed any more, or
    use it in a `with` block.

    `await map.loading` waits until it is there, and raises UndoError if there is none or the user
    may not see it; `is_loading` says whether that is still open, `error` what went wrong. `deleted`
    says that somebody has deleted it, `is_saving` that the server has yet to confirm something.
    """

    def __init__(self, maps: "SyncMaps", id: str) -> None:
        self.id = id
        self.fields: dict[str, Any] = {}
        self.deleted = False
        self.exists = False
        self.is_loading = True
        self.error: UndoError | None = None
        self.loading: Outcome
        self.users = 0
        self._maps = maps
        self._entries: dict[str, Entry] = {}
        self._pending: set[str] = set()
        self._events = Emitter()
        self._subscribed = False

    # What users call.

    @property
    def value(self) -> dict[str, Any]:
        """The id and the fields."""
        return {"id": self.id, **self.fields}

    def __getitem__(self, name: str) -> Any:
        return self.value[name]

    @property
    def is_saving(self) -> bool:
        """Whether the server has yet to confirm a change that was made here."""
        return bool(self._pending)

    def listen(self, listener: Callable[["SyncMap"], object]) -> Unbind:
        """Call `listener(map)` after every change of what this object shows; returns the unbind
        function.
        """
        return self._events.on("change", listener)

    def change(self, fields: Mapping[str, Any]) -> Outcome:
        """Change some fields; see `SyncMaps.change`."""
        return self._maps.change(self.id, fields)

    def delete(self) -> Outcome:
        """Delete the object; see `SyncMaps.delete`."""
        return self._maps.delete(self.id)

    def close(self) -> None:
        """Need this object no more. When nobody does, the server sends no more of it."""
        if self.users == 0:
            return
        self.users -= 1
        if self.users == 0:
            self._maps.forget(self, self._subscribed and self.error is None)

    def __enter__(self) -> "SyncMap":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # What `SyncMaps` calls.

    def start(self, first: Entry | None, subscribed: bool) -> None:
        """Take what the log has, and ask the server for the rest. `first` is an action that may not
        be in the log; with `subscribed` the server sends what comes without being asked.
        """
        maps, names = self._maps, self._maps.names
        self.read(first)
        whole = first is not None and first[0]["type"] in names.creating
        if whole or subscribed or (self.exists and (maps.offline or not maps.remote)):
            self.is_loading = False
        if maps.remote and not subscribed:
            self._subscribe(first if whole else None)
        if not self.is_loading or not maps.remote:
            self.loading = maps.decided()
        if self.is_loading and not maps.remote:
            undo = {"type": "logux/undo", "reason": "notFound", "action": self._subscription()}
            self.loading = Outcome(self.id)
            self.load_failed(UndoError(undo))
            assert self.error is not None
            self.loading.decide(self.error)

    def read(self, first: Entry | None = None) -> None:
        """Take what the log has, and `first`."""
        for action, meta in self._maps.client.log.entries(index=self._maps.names.channel(self.id)):
            self._put(action, meta)
        if first is not None:
            self._put(*first)
        self._changed()

    def subscribe_itself(self) -> None:
        """Be subscribed whatever else is."""
        if self._maps.remote and not self._subscribed:
            self._subscribe(None)

    def _subscription(self) -> Action:
        return {"type": "logux/subscribe", "channel": self._maps.names.channel(self.id)}

    def _subscribe(self, first: Entry | None) -> None:
        action = self._subscription()
        if first is not None and first[0]["type"] == self._maps.names.type("create"):
            # There is nothing to load.
            action["creating"] = True
        elif self._maps.offline and self._entries:
            last = max((meta for _, meta in self._entries.values()), key=lambda meta: meta.key)
            action["since"] = {"id": last.id, "time": last.time}
        self._subscribed = True
        self.loading = self._maps.subscribe(action, self)

    def load_done(self) -> None:
        """The server has sent what it has."""
        if self.is_loading:
            self.is_loading = False
            self._events.emit("change", self)

    def load_failed(self, error: UndoError) -> None:
        """The server sends nothing of it."""
        self.error, self.is_loading = error, False
        self._events.emit("change", self)

    def take(self, action: Action, meta: Meta) -> None:
        """An action about this object was added."""
        self._put(action, meta)
        self._changed()

    def settle(self, id: str) -> None:
        """The server has confirmed an action."""
        if id in self._pending:
            self._pending.discard(id)
            self._changed(always=True)

    def drop(self, id: str) -> None:
        """An action was undone."""
        if self._entries.pop(id, None) is not None:
            was_pending = id in self._pending
            self._pending.discard(id)
            self._changed(always=was_pending)

    def moved(self, action: Action, meta: Meta) -> None:
        """An action has another time."""
        if meta.id in self._entries:
            self._entries[meta.id] = (action, meta)
            self._changed()

    def _put(self, action: Action, meta: Meta) -> None:
        if self._maps.names.is_whole(action):
            self._entries[meta.id] = (action, meta)
            if self._maps.is_pending(action, meta):
                self._pending.add(meta.id)

    def _changed(self, always: bool = False) -> None:
        before = (self.fields, self.deleted, self.exists)
        self._fold()
        if always or (self.fields, self.deleted, self.exists) != before:
            self._events.emit("change", self)

    def _fold(self) -> None:
        names = self._maps.names
        ordered = sorted(self._entries.values(), key=lambda entry: entry[1].key)
        fields: dict[str, Any] = {}
        self.deleted = self.exists = False
        for action, _ in ordered:
            if action["type"] in names.deleting:
                self.deleted, self.exists = True, False
                fields.clear()
            else:
                if action["type"] in names.creating:
                    self.deleted = False
                self.exists = not self.deleted
                fields.update(names.fields(action))
        self.fields = fields
        for id in outdated(self._maps, reversed(ordered), self._pending.__contains__):
            del self._entries[id]

    def __repr__(self) -> str:
        return f"<SyncMap {self._maps.names.channel(self.id)}: {self.fields!r}>"


def outdated(maps: "SyncMaps", newest_first: Any, is_pending: Callable[[str], bool]) -> list[str]:
    """The ids of confirmed actions that give no field its value any more, whatever is undone."""
    found: list[str] = []
    covered: set[str] = set()
    complete = written = False
    for action, meta in newest_first:
        if is_pending(meta.id):
            continue
        names = maps.names.fields(action).keys()
        if complete or (written and names <= covered):
            found.append(meta.id)
        elif action["type"] in maps.names.deleting:
            complete = True
        else:
            covered |= names
            written = True
    return found
