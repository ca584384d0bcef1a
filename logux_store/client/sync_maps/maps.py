"""The objects of one kind in a client: creating, changing, deleting, and opening them.

The counterpart of `add_sync_map` and `add_sync_map_filter` of the server, and of the sync maps of
`@logux/client`.

Invariant: an object is in `_open` exactly while somebody needs it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from logux_store.actions import Action
from logux_store.client.client import Client
from logux_store.client.outcome import Outcome
from logux_store.client.sync_maps.filter import SyncMapFilter
from logux_store.client.sync_maps.kept import Kept
from logux_store.client.sync_maps.names import Names
from logux_store.client.sync_maps.subscriptions import Subscriptions
from logux_store.client.sync_maps.sync_map import SyncMap
from logux_store.errors import UndoError
from logux_store.events import Unbind, call_all, raise_all
from logux_store.ids import OrderKey
from logux_store.meta import Entry, Meta

__all__ = ["SyncMaps"]


class SyncMaps:
    """The objects of one kind in one client; `template(client)` makes it, and it lasts as long as
    the client, or until `close`. Make it in each of the user's tabs, before `client.start`, since
    the one that leads keeps the log.
    """

    def __init__(self, client: Client, names: Names, *, offline: bool, remote: bool) -> None:
        self.client = client
        self.names = names
        self.offline = offline
        self.remote = remote
        self.is_closed = False
        self._open: dict[str, SyncMap] = {}
        self._filters: list[SyncMapFilter] = []
        self.kept = Kept(client, names, offline)
        self.subscriptions = Subscriptions(self)
        # Filters whose listeners are told when all is there that came together.
        self._changed: dict[SyncMapFilter, None] = {}
        self._unbind: list[Unbind] = [
            client.type("logux/subscribe", self.subscriptions.subscribing),
            client.type("logux/subscribed", self.subscriptions.subscribed),
            client.type("logux/processed", self._processed),
            client.type("logux/undo", self._undone),
            client.on("move", self._moved),
            client.on("batch", self._tell),
            client.on("store", self._store_changed),
            client.on("state", self.subscriptions.state_changed),
            client.on("user", self._user_changed),
        ]
        self._unbind += (
            client.type(type, self.kept.before_add, event="preadd") for type in names.all
        )
        self._unbind += (client.type(type, self._added) for type in names.facts)
        # Not by type, so that the node hears of a wish first: the server is to have it before the
        # subscription that may follow from it.
        self._unbind.append(client.log.on("add", self._sync_added, kinds=("sync",)))
        self._read()

    # What users call.

    def open(self, id: str) -> SyncMap:
        """One object, loaded from the log, in offline mode, and from the server; the same for all
        who have it open.
        """
        self._check_open()
        map = self.hold(id)
        map.subscribe()
        return map

    def create_filter(self, fields: Mapping[str, Any] | None = None) -> SyncMapFilter:
        """A list of the objects whose fields have these values, which follows all changes."""
        self._check_open()
        filter = SyncMapFilter(self, fields or {})
        self._filters.append(filter)
        filter.start()
        return filter

    def create(self, value: Mapping[str, Any]) -> Outcome:
        """Create an object from its `id` and its fields, here at once. The outcome says what the
        server thinks of it: awaiting it is optional.

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
        """Delete an object, open or not, here at once."""
        return self._add("delete", "deleted", {"id": id})

    def close(self) -> None:
        """Close all that is open, and hear nothing more."""
        self.is_closed = True
        for filter in [*self._filters]:
            filter.close()
        for map in [*self._open.values()]:
            map.users = 1
            map.close()
        for unbind in self._unbind:
            unbind()
        self._unbind.clear()

    def _add(self, wish: str, fact: str, action: Action) -> Outcome:
        self._check_open()
        time = self._time_after_what_is_seen(action["id"])
        if self.remote:
            return self.client.sync({"type": self.names.type(wish), **action}, time=time)
        id = self.client.log.generate_id()
        added = self.client.log.add({"type": self.names.type(fact), **action}, id=id, time=time)
        outcome = Outcome(id)
        outcome.decide(self.answer() if added is None else added)
        return outcome

    def _time_after_what_is_seen(self, id: str) -> int | None:
        """The time of an action that is based on what is here of an object, if the clock of who
        made that is ahead of this client's, be it by milliseconds. Its own are before it anyway,
        unless they got their time here, and are moved if the clock turns out to be wrong.
        """
        map, log, own = self._open.get(id), self.client.log, f" {self.client.client_id}:"
        entries = self.kept.entries(id) if map is None else map.entries()
        fixed = (meta for _, meta in entries if meta.given_time or own not in meta.id)
        newest = max((meta.time for meta in fixed), default=0)
        return newest + 1 if newest >= log.clock() - log.offset else None

    def _check_open(self) -> None:
        if self.is_closed:
            raise RuntimeError(
                f"the {self.names.plural} are closed; the template gives new ones for the client"
            )

    # What the objects and the lists call.

    def opened(self) -> list[SyncMap]:
        """The objects that are open."""
        return [*self._open.values()]

    def is_open(self, id: str) -> bool:
        """Whether anybody needs an object."""
        return id in self._open

    def opened_at(self, channel: object) -> SyncMap | None:
        """The object with this channel, if it is open."""
        return self._open.get(self.names.id_of(channel) or "")

    def filters_for(self, fields: Mapping[str, Any]) -> list[SyncMapFilter]:
        """The filters that look for these fields."""
        return [filter for filter in self._filters if filter.fields == fields]

    def hold(self, id: str, entries: Iterable[Entry] = ()) -> SyncMap:
        """Open an object without subscribing to it; `entries` are actions about it that may not be
        in the log.
        """
        map = self._open.get(id)
        if map is None:
            map = self._open[id] = SyncMap(self, id)
            map.start([*self.kept.entries(id), *entries])
        map.users += 1
        return map

    def forget(self, map: SyncMap) -> None:
        """Nobody needs an object any more."""
        del self._open[map.id]
        if map.is_subscribed or map.id in self.subscriptions.brought:
            map.is_subscribed = False
            self.unsubscribe(map.id)

    def unsubscribe(self, id: str) -> None:
        """Let the server send no more of an object."""
        self.subscriptions.brought.discard(id)
        self._unsubscribe({"type": "logux/unsubscribe", "channel": self.names.channel(id)})

    def _unsubscribe(self, action: Action) -> None:
        if not self.client.destroyed:
            self.client.log.add(action, sync=True)

    def forget_filter(self, filter: SyncMapFilter) -> None:
        """Nobody needs a list any more."""
        self._filters.remove(filter)
        self._changed.pop(filter, None)
        if self.remote and filter.error is None:
            self._unsubscribe(filter.subscription("logux/unsubscribe"))

    def load_again(self, map: SyncMap) -> None:
        """Have the server send an object once more."""
        if not map.is_subscribed:
            map.subscribe()
        elif self.client.connected:
            # It is the same subscription, so it is not counted again.
            action = {"type": "logux/subscribe", "channel": self.names.channel(map.id)}
            self.client.log.add(action, sync=True, resubscribe=True)

    def heard_deleted(self, id: str, meta: Meta) -> None:
        """The server has said in an answer, which has this meta, that an object is not there."""
        self._take({"type": self.names.type("deleted"), "id": id}, meta)

    def answer(self) -> Meta:
        """A meta for an outcome for which no server was asked."""
        id = self.client.log.generate_id()
        return Meta(id, int(id.partition(" ")[0]))

    def not_found(self, id: str) -> UndoError:
        """What a server would say of an object that is not there."""
        action = {"type": "logux/subscribe", "channel": self.names.channel(id)}
        return UndoError({"type": "logux/undo", "reason": "notFound", "action": action})

    def changed(self, filter: SyncMapFilter) -> None:
        """Tell the listeners of a list, when all is there that came together."""
        self._changed[filter] = None
        if not self.client.log.in_batch:
            self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, {}
        raise_all(call_all(tuple(filter.emit for filter in changed)))

    # What happens in the log.

    def _read(self) -> None:
        """Read from the log what an earlier run, or another tab, has left."""
        self.kept.read_pending()
        for map in self.opened():
            map.start(self.kept.entries(map.id))
        for filter in self._filters:
            filter.read()

    def _sync_added(self, action: Action, meta: Meta) -> None:
        if action["type"] in self.names.wishes:
            self._added(action, meta)

    def _added(self, action: Action, meta: Meta) -> None:
        if self.names.is_whole(action):
            self.kept.note(action, meta)
            self._take(action, meta)

    def _take(self, action: Action, meta: Meta) -> None:
        map = self._open.get(action["id"])
        if map is not None:
            map.take(action, meta)
        for filter in [*self._filters]:
            filter.take(action, meta)
        if meta.id not in self.kept.pending:
            self._tidy(action["id"], (action, meta))

    def _processed(self, action: Action, meta: Meta) -> None:
        id = action.get("id")
        if not isinstance(id, str):
            return
        self.subscriptions.answered(id, meta)
        entry = self.kept.pending.pop(id, None)
        if entry is not None:
            map = self._open.get(entry[0]["id"])
            if map is not None:
                map.settle(id, meta)
            self._tidy(entry[0]["id"])

    def _undone(self, action: Action, meta: Meta) -> None:
        id = action.get("id")
        if not isinstance(id, str):
            return
        self.subscriptions.answered(id, meta, UndoError(action))
        undone, _ = self.kept.pending.pop(id, None) or self.client.log.by_id(id) or (None, None)
        if undone is None:
            # It was confirmed, and the log does not keep it; the undo says what it was.
            undone = action.get("action")
        if isinstance(undone, dict) and "type" in undone and self.names.is_whole(undone):
            # A store gives an undo the reasons of what it undoes.
            self.kept.let_go(undone["id"], id, meta.id)
            map = self._open.get(undone["id"])
            if map is not None:
                map.drop(id)
            self._tidy(undone["id"])

    def _tidy(self, id: str, *others: Entry) -> None:
        map = self._open.get(id)
        self.kept.tidy(id, None if map is None else map.needed, *others)

    def _moved(self, action: Action, meta: Meta, _old: OrderKey) -> None:
        if meta.id in self.kept.pending:
            self.kept.pending[meta.id] = (action, meta)
        if self.names.is_whole(action) and action["id"] in self._open:
            self._open[action["id"]].moved((action, meta))

    def _store_changed(self, starts: bool) -> None:
        if starts:
            self._read()

    def _user_changed(self, _user_id: str) -> None:
        self.subscriptions.clear()
        self.kept.change_user()
        for filter in self._filters:
            filter.stop()
        for map in self.opened():
            map.restart(self.kept.entries(map.id))
        for filter in self._filters:
            filter.start()
