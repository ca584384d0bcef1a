"""Objects of one kind in a client: creating, changing, deleting, and opening them.

The counterpart of `add_sync_map` and `add_sync_map_filter` of the server, and of the sync maps of
`@logux/client`.

Invariant: what the log keeps for an object in offline mode is, for each field, the confirmed action
with its last value, and whatever is newer or not confirmed.
"""

from collections.abc import Mapping
from typing import Any

from logux_store.actions import Action
from logux_store.client.client import SYNCING, Client
from logux_store.client.outcome import Outcome
from logux_store.client.sync_maps.filter import Filter
from logux_store.client.sync_maps.names import Names
from logux_store.client.sync_maps.sync_map import SyncMap, outdated
from logux_store.errors import UndoError
from logux_store.events import Unbind
from logux_store.ids import OrderKey
from logux_store.meta import Entry, Meta

__all__ = ["SyncMapTemplate", "SyncMaps", "sync_map_template"]


class SyncMapTemplate:
    """A kind of objects, made by `sync_map_template`; `template(client)` gives a client's."""

    __slots__ = ("names", "offline", "remote")

    def __init__(self, plural: str, offline: bool, remote: bool) -> None:
        self.names = Names(plural)
        self.offline = offline
        self.remote = remote

    def __call__(self, client: Client) -> "SyncMaps":
        return SyncMaps(client, self)


def sync_map_template(
    plural: str, *, offline: bool = False, remote: bool = True
) -> SyncMapTemplate:
    """Objects whose actions begin with `plural`, as in `tasks/create`.

    With `offline` the client's log keeps what it has seen of them, so that they can be opened
    without a connection. Without `remote` the server hears nothing of them: they are this client's
    alone, and only in its log.
    """
    return SyncMapTemplate(plural, offline, remote)


class SyncMaps:
    """The objects of one kind in one client; `template(client)` makes it, and it lasts as long as
    the client, or until `close`. Make it in each of the user's tabs, since the one that leads keeps
    the log.
    """

    def __init__(self, client: Client, template: SyncMapTemplate) -> None:
        self.client = client
        self.names = template.names
        self.offline = template.offline
        self.remote = template.remote
        self._open: dict[str, SyncMap] = {}
        self._filters: list[Filter] = []
        # What waits for the answer to its subscription, and whose actions wait for theirs.
        self._loading: dict[str, SyncMap | Filter] = {}
        self._pending: dict[str, Entry] = {}
        # Objects that a filter's subscription has brought.
        self._brought: set[str] = set()
        self._unbind: list[Unbind] = [
            client.type("logux/processed", self._processed),
            client.type("logux/undo", self._undone),
            client.type("logux/subscribed", self._subscribed),
            client.on("move", self._moved),
            client.on("state", self._state_changed),
            client.on("store", self._store_changed),
        ]
        for type in self.names.all:
            self._unbind += (
                client.type(type, self._before_add, event="preadd"),
                client.type(type, self._added),
            )
        self._read()

    def _read(self) -> None:
        """Read from the log what an earlier run has left."""
        for action, meta in [*self.client.log.store.entries_with_reason(SYNCING)]:
            if self.names.is_whole(action):
                self._pending[meta.id] = (action, meta)
        for map in self.opened():
            map.read()
            if self.offline and map.exists:
                map.load_done()
        for filter in [*self._filters]:
            if filter.read() is not None and self.offline:
                filter.load_done()

    # What users call.

    def open(self, id: str) -> SyncMap:
        """One object, loaded from the log, in offline mode, and from the server; the same for all
        who have it open.
        """
        map = self._open.get(id)
        if map is None:
            map = self._make(id, None, subscribed=False)
        else:
            map.subscribe_itself()
        map.users += 1
        return map

    def create_filter(self, fields: Mapping[str, Any] | None = None) -> Filter:
        """A list of the objects whose fields have these values, which follows all changes."""
        filter = Filter(self, fields or {})
        self._filters.append(filter)
        filter.start()
        return filter

    def create(self, value: Mapping[str, Any]) -> Outcome:
        """Create an object from its `id` and its fields, here at once; the outcome says what the
        server thinks of it.

        Raises ValueError without an id.
        """
        id = value.get("id")
        if not isinstance(id, str) or not id:
            raise ValueError(f"an object has an 'id', a string that is not empty; got {id!r}")
        fields = {name: field for name, field in value.items() if name != "id"}
        return self._add("create", "created", {"id": id, "fields": fields})

    def change(self, id: str, fields: Mapping[str, Any]) -> Outcome:
        """Change fields of an object, open or not, here at once; if the server undoes that, they
        get back the values that they would have otherwise.

        Raises ValueError for no fields, or the id.
        """
        if not fields or "id" in fields:
            raise ValueError(f"some fields, and never the id, can be changed; got {fields!r}")
        return self._add("change", "changed", {"id": id, "fields": dict(fields)})

    def delete(self, id: str) -> Outcome:
        """Delete an object, here at once."""
        return self._add("delete", "deleted", {"id": id})

    def close(self) -> None:
        """Close all that is open, and hear nothing more."""
        for filter in [*self._filters]:
            filter.close()
        for map in [*self._open.values()]:
            map.users = 1
            map.close()
        for unbind in self._unbind:
            unbind()
        self._unbind.clear()

    def _add(self, wish: str, fact: str, action: Action) -> Outcome:
        if self.remote:
            return self.client.sync({"type": self.names.type(wish), **action})
        meta = self.client.log.add({"type": self.names.type(fact), **action})
        assert meta is not None
        return self.decided(meta)

    # What the objects and the lists call.

    def opened(self) -> list[SyncMap]:
        """The objects that are open."""
        return [*self._open.values()]

    def open_for_filter(self, id: str, first: Entry | None) -> SyncMap:
        """An object for a list, which may have come with the list's subscription; `first` is the
        action that told of it.
        """
        map = self._open.get(id)
        if map is None:
            map = self._make(id, first, subscribed=id in self._brought)
        map.users += 1
        return map

    def peek(self, id: str) -> SyncMap:
        """What the log has of an object."""
        map = SyncMap(self, id)
        map.read()
        return map

    def _make(self, id: str, first: Entry | None, subscribed: bool) -> SyncMap:
        map = self._open[id] = SyncMap(self, id)
        map.start(first, subscribed)
        return map

    def forget(self, map: SyncMap, subscribed: bool) -> None:
        """Nobody needs an object any more."""
        del self._open[map.id]
        if subscribed or map.id in self._brought:
            self._brought.discard(map.id)
            self._unsubscribe(
                {"type": "logux/unsubscribe", "channel": self.names.channel(map.id)}, map
            )

    def forget_filter(self, filter: Filter, unsubscribe: Action) -> None:
        """Nobody needs a list any more."""
        self._filters.remove(filter)
        if self.remote and filter.error is None:
            self._unsubscribe(unsubscribe, filter)

    def subscribe(self, action: Action, of: SyncMap | Filter) -> Outcome:
        """Subscribe for an object or a list, which hears of the answer."""
        outcome = self.client.sync(action)
        self._loading[outcome.id] = of
        return outcome

    def _unsubscribe(self, action: Action, of: SyncMap | Filter) -> None:
        self._loading = {id: other for id, other in self._loading.items() if other is not of}
        if not self.client.destroyed:
            self.client.log.add(action, sync=True)

    def decided(self, meta: Meta | None = None) -> Outcome:
        """An outcome that need not be waited for."""
        if meta is None:
            id = self.client.log.generate_id()
            meta = Meta(id, int(id.partition(" ")[0]))
        outcome = Outcome(meta.id)
        outcome.decide(meta)
        return outcome

    def is_pending(self, action: Action, meta: Meta) -> bool:
        """Whether the server may still undo an action."""
        return action["type"] in self.names.wishes and SYNCING in meta.reasons

    # What happens in the log.

    def _before_add(self, action: Action, meta: Meta) -> None:
        if not self.names.is_whole(action) or not (meta.sync or self.offline):
            return
        id = action["id"]
        meta.indexes = [*(meta.indexes or ()), self.names.plural, self.names.channel(id)]
        if self.offline:
            meta.reasons += self.names.reasons(id, self.names.fields(action))

    def _added(self, action: Action, meta: Meta) -> None:
        if not self.names.is_whole(action):
            return
        id = action["id"]
        if self.is_pending(action, meta):
            self._pending[meta.id] = (action, meta)
        map = self._open.get(id)
        if map is not None:
            map.take(action, meta)
        for filter in [*self._filters]:
            filter.take(action, meta)
        if meta.id not in self._pending:
            self._tidy(action, meta)

    def _processed(self, action: Action, _meta: Meta) -> None:
        id = action.get("id")
        if not isinstance(id, str):
            return
        loading = self._loading.pop(id, None)
        if loading is not None:
            loading.load_done()
        entry = self._pending.pop(id, None)
        if entry is not None:
            map = self._open.get(entry[0]["id"])
            if map is not None:
                map.settle(id)
            self._tidy(*entry)

    def _undone(self, action: Action, _meta: Meta) -> None:
        id = action.get("id")
        if not isinstance(id, str):
            return
        loading = self._loading.pop(id, None)
        if loading is not None:
            loading.load_failed(UndoError(action))
        entry = self._pending.pop(id, None) or self.client.log.by_id(id)
        if entry is not None and self.names.is_whole(entry[0]):
            self._let_go(*entry)
        for map in [*self._open.values()]:
            map.drop(id)

    def _tidy(self, action: Action, meta: Meta) -> None:
        """Keep in the log only what is needed, in offline mode, now that an action is confirmed,
        whether it is in the log or not.
        """
        if not self.offline:
            return
        index = self.names.channel(action["id"])
        entries = {entry[1].id: entry for entry in self.client.log.entries(index=index)}
        entries[meta.id] = (action, meta)
        newest_first = sorted(entries.values(), key=lambda entry: entry[1].key, reverse=True)
        for id in outdated(self, newest_first, self._pending.__contains__):
            self._let_go(*entries[id])

    def _let_go(self, action: Action, meta: Meta) -> None:
        """The log need not keep an action for its fields."""
        if self.offline:
            for reason in self.names.reasons(action["id"], self.names.fields(action)):
                self.client.log.remove_reason(reason, id=meta.id)

    def _moved(self, action: Action, meta: Meta, _old: OrderKey) -> None:
        if self.names.is_whole(action) and action["id"] in self._open:
            self._open[action["id"]].moved(action, meta)

    def _subscribed(self, action: Action, _meta: Meta) -> None:
        channel, prefix = action.get("channel"), f"{self.names.plural}/"
        if isinstance(channel, str) and channel.startswith(prefix):
            self._brought.add(channel.removeprefix(prefix))

    def _store_changed(self, starts: bool) -> None:
        if starts:
            self._read()

    def _state_changed(self) -> None:
        if not self.client.connected:
            # The server forgets what it has brought, and brings it again with the list.
            self._brought.clear()
