"""One object: the fold of the actions about it.

Invariants: `fields`, `exists` and `deleted` are what the actions give in their canonical order; of
those that the server has confirmed only the ones that can make a difference are here, of the others
all, so that any of them can be undone.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from logux_store.actions import Action
from logux_store.client.outcome import Outcome
from logux_store.client.sync_maps.fold import Folded, confirmed, fold, outdated, sorted_entries
from logux_store.errors import UndoError
from logux_store.events import Emitter, Unbind
from logux_store.meta import Entry, Meta

if TYPE_CHECKING:
    from logux_store.client.sync_maps.maps import SyncMaps

__all__ = ["SyncMap"]


class SyncMap:
    """An object that is open; made by `SyncMaps.open`. Close it when it is not needed any more, or
    use it in a `with` block.

    `id` and `fields` are what it is made of; do not change them in place. `exists` says that it is
    there, `deleted` that somebody has deleted it.

    `await map.loading` waits until it is there, and raises UndoError if there is none or the user
    may not see it. `is_loading` says whether that is still open; `error` is the UndoError with
    which the server has refused it, at first or after a reconnection.
    """

    __slots__ = (
        "_entries",
        "_events",
        "_maps",
        "_pending",
        "deleted",
        "error",
        "exists",
        "fields",
        "id",
        "is_loading",
        "is_subscribed",
        "loading",
        "users",
    )

    def __init__(self, maps: "SyncMaps", id: str) -> None:
        self.id = id
        self.fields: dict[str, Any] = {}
        self.exists = False
        self.deleted = False
        self.is_loading = True
        self.error: UndoError | None = None
        self.loading = Outcome(id)
        self.users = 0
        self.is_subscribed = False
        self._maps = maps
        self._entries: dict[str, Entry] = {}
        self._pending: set[str] = set()
        self._events = Emitter()

    # What users call.

    @property
    def value(self) -> dict[str, Any]:
        """The id and the fields."""
        return {"id": self.id, **self.fields}

    def __getitem__(self, name: str) -> Any:
        """The value of a field, or the id; KeyError if there is none."""
        return self.id if name == "id" else self.fields[name]

    @property
    def is_saving(self) -> bool:
        """Whether the server has yet to confirm a change that this user has made."""
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
        if self.users:
            self.users -= 1
            if self.users == 0:
                self._maps.forget(self)

    def __enter__(self) -> "SyncMap":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # What `SyncMaps` and the filters call.

    def start(self, entries: Iterable[Entry]) -> None:
        """Begin with these actions, some of which are perhaps all that there is."""
        maps = self._maps
        self._put(entries)
        is_new = any(map(self._creates, self._entries.values()))
        if (is_new or maps.offline) and self.exists:
            self._load_end()
        elif self.is_loading and not maps.remote:
            self.load_failed(maps.not_found(self.id))

    def subscribe(self) -> None:
        """Let the server send this object, what it has of it and what comes. If it has refused
        that, ask again.
        """
        maps, names = self._maps, self._maps.names
        if not maps.remote or self.is_subscribed:
            return
        action: Action = {"type": "logux/subscribe", "channel": names.channel(self.id)}
        if self._is_being_created():
            # There is nothing to load.
            action["creating"] = True
        if self.error is not None:
            self.error, self.is_loading = None, True
        self.is_subscribed = True
        outcome = maps.client.sync(action)
        if self.is_loading:
            self.loading = outcome

    def _is_being_created(self) -> bool:
        create = self._maps.names.type("create")
        return any(self._entries[id][0]["type"] == create for id in self._pending)

    def entries(self) -> Iterable[Entry]:
        """The actions that can make a difference."""
        return self._entries.values()

    @property
    def needed(self) -> Collection[str]:
        """The ids of these actions."""
        return self._entries.keys()

    def load_done(self, meta: Meta) -> None:
        """The server has sent what it has; `meta` is that of its answer."""
        names, ids = self._maps.names, self._entries.keys() - self._pending
        facts = sorted_entries([self._entries[id] for id in ids], self._is_pending)
        if self.deleted and facts and facts[-1][0]["type"] not in names.deleting:
            # It was created again while this client heard nothing. If all that came is older, it
            # was deleted while the server was loading it.
            for action, other in facts:
                if action["type"] in names.deleting:
                    del self._entries[other.id]
        self._load_end(meta)

    def _load_end(self, meta: Meta | None = None) -> None:
        news = self.is_loading or self.error is not None
        self.is_loading, self.error = False, None
        self.loading.decide(self._maps.answer() if meta is None else meta)
        self._changed(always=news)

    def load_failed(
        self, error: UndoError, meta: Meta | None = None, was_creating: bool = False
    ) -> None:
        """The server sends nothing of it; `meta` is that of its answer. `was_creating` says that
        the server did not have to have it already.
        """
        self.is_subscribed = False
        if error.reason == "notFound" and meta is not None:
            if self._is_being_created() and not was_creating:
                # It was asked for before.
                self.subscribe()
                return
            if self.exists:
                # Somebody has deleted it while this client heard nothing.
                self._maps.heard_deleted(self.id, meta)
        self.error, self.is_loading = error, False
        self.loading.decide(error)
        self._changed(always=True)

    def take(self, action: Action, meta: Meta) -> None:
        """An action about this object came."""
        entry = (action, meta)
        was_refused = False
        if self._creates(entry) or not self._maps.remote:
            # There is nothing to wait for, and what was refused before is there now.
            was_refused = self.error is not None
            if was_refused:
                self.error, self.loading = None, Outcome(self.id)
            self._put([entry])
            self._load_end()
        else:
            self._put([entry])
        if was_refused:
            self.subscribe()

    def _creates(self, entry: Entry) -> bool:
        return entry[0]["type"] in self._maps.names.creating

    def settle(self, id: str, answer: Meta) -> None:
        """The server has confirmed an action, in an answer with this meta."""
        if id in self._pending:
            self._pending.discard(id)
            self._entries[id] = confirmed(self._entries[id], answer)
            self._changed(always=True)

    def drop(self, id: str) -> None:
        """An action was undone."""
        if self._entries.pop(id, None) is None:
            return
        if id in self._pending:
            self._pending.discard(id)
            self._changed(always=True)
        else:
            self._changed()
            if self._maps.remote:
                # What it has overwritten is not here any more.
                self._maps.load_again(self)

    def moved(self, entry: Entry) -> None:
        """An action has another time."""
        if entry[1].id in self._entries:
            self._entries[entry[1].id] = entry
            self._changed()

    def restart(self, entries: Iterable[Entry]) -> None:
        """Begin anew, for another user."""
        was_subscribed = self.is_subscribed
        self._entries.clear()
        self._pending.clear()
        self.error, self.is_loading, self.is_subscribed = None, True, False
        self.loading.decide(ConnectionAbortedError("the user has changed"))
        self.loading = Outcome(self.id)
        self.start(entries)
        self._changed(always=True)
        if was_subscribed:
            self.subscribe()

    def _is_pending(self, id: str) -> bool:
        return id in self._pending

    def _put(self, entries: Iterable[Entry]) -> None:
        saving = len(self._pending)
        for entry in entries:
            self._entries[entry[1].id] = entry
            if self._maps.kept.is_pending(entry[1].id):
                self._pending.add(entry[1].id)
        self._changed(always=len(self._pending) > saving)

    def _changed(self, always: bool = False) -> None:
        names = self._maps.names
        ordered = sorted_entries(self._entries.values(), self._is_pending)
        for id in outdated(names, ordered, self._is_pending):
            del self._entries[id]
        before = Folded(self.fields, self.exists, self.deleted)
        now = fold(names, ordered)
        if always or now != before:
            self.fields, self.exists, self.deleted = now
            self._events.emit("change", self)

    def __repr__(self) -> str:
        return f"<SyncMap {self._maps.names.channel(self.id)}: {self.fields!r}>"
