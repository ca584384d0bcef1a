"""The objects of one kind in a client: creating, changing, deleting, and opening them.

The counterpart of `add_sync_map` and `add_sync_map_filter` of the server, and of the sync maps of
`@logux/client`.

Invariants: an object is in `_open` exactly while somebody needs it; one in `_brought` is open too,
but for those that come for a filter that was closed before the server's answer.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from logux_store.actions import Action
from logux_store.client.client import Client
from logux_store.client.outcome import Outcome
from logux_store.client.sync_maps.checks import Checks
from logux_store.client.sync_maps.filter import SyncMapFilter
from logux_store.client.sync_maps.kept import Kept
from logux_store.client.sync_maps.names import Names
from logux_store.client.sync_maps.sync_map import SyncMap
from logux_store.errors import UndoError
from logux_store.events import Unbind, call_all, raise_all
from logux_store.ids import OrderKey
from logux_store.meta import Entry, Meta

__all__ = ["SyncMaps"]


class Subscription(NamedTuple):
    """What the server was asked for, and for whom: an object, or filters."""

    action: Action
    restores: bool
    asking: list[SyncMap] | list[SyncMapFilter]


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
        self.checks = Checks()
        # The subscriptions that the server has not answered, with those who wait for the answer.
        self._asked: dict[str, Subscription] = {}
        # Those of them that are filters, closed ones included.
        self._asking: dict[SyncMapFilter, None] = {}
        # Objects that a filter's subscription has brought on this connection.
        self._brought: set[str] = set()
        # Filters whose listeners are told when all is there that came together.
        self._changed: dict[SyncMapFilter, None] = {}
        self._unbind: list[Unbind] = [
            client.type("logux/subscribe", self._subscribing),
            client.type("logux/subscribed", self._subscribed),
            client.type("logux/processed", self._processed),
            client.type("logux/undo", self._undone),
            client.on("move", self._moved),
            client.on("batch", self._tell),
            client.on("store", self._store_changed),
            client.on("state", self._state_changed),
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
        made that is ahead of this client's, be it by milliseconds.

        This client's own are before it anyway, unless they got their time here; and before they
        are sent, they may be moved, when it turns out how wrong the clock is.
        """
        map, log = self._open.get(id), self.client.log
        entries = self.kept.entries(id) if map is None else map.entries()
        own = f" {self.client.client_id}:"
        newest = max(
            (meta.time for _, meta in entries if meta.given_time or own not in meta.id), default=0
        )
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

    def is_known(self, id: str) -> bool:
        """Whether more of an object may be here than an action that is just added."""
        return id in self._open or self.offline

    def forget(self, map: SyncMap) -> None:
        """Nobody needs an object any more."""
        del self._open[map.id]
        if map.is_subscribed or map.id in self._brought:
            map.is_subscribed = False
            self._unsubscribe_from(map.id)

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

    def is_brought(self, id: str) -> bool:
        """Whether the server sends what comes of an object, because it was in a list."""
        return id in self._brought

    def is_asking(self, filter: SyncMapFilter) -> bool:
        """Whether the server has yet to answer the subscription of a list."""
        return filter in self._asking

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

    # Subscriptions.

    def _unsubscribe_from(self, id: str) -> None:
        self._brought.discard(id)
        self._unsubscribe({"type": "logux/unsubscribe", "channel": self.names.channel(id)})

    def _unsubscribe(self, action: Action) -> None:
        if not self.client.destroyed:
            self.client.log.add(action, sync=True)

    def _subscribing(self, action: Action, meta: Meta) -> None:
        """This client subscribes, for the first time or again after a reconnection."""
        channel = action.get("channel")
        if f" {self.client.log.node_id} " not in meta.id:
            return
        map = self._open.get(self.names.id_of(channel) or "")
        if map is not None:
            self._asked[meta.id] = Subscription(action, bool(meta.resubscribe), [map])
        elif channel == self.names.plural:
            wanted = action.get("filter") or {}
            filters = [filter for filter in self._filters if filter.fields == wanted]
            self._asked[meta.id] = Subscription(action, bool(meta.resubscribe), filters)
            self._asking.update(dict.fromkeys(filters))

    def _subscribed(self, action: Action, _meta: Meta) -> None:
        """The server is about to send an object that is in a list."""
        id = self.names.id_of(action.get("channel"))
        if id is not None and self._asking:
            self._brought.add(id)
            for filter in self._asking:
                if not filter.is_closed:
                    filter.expect(id)

    def _answered(self, id: str, meta: Meta, error: UndoError | None) -> None:
        subscription = self._asked.pop(id, None)
        if subscription is None:
            return
        if error is not None and error.reason == "error" and subscription.restores:
            # The client asks again by itself.
            return
        for one in subscription.asking:
            if isinstance(one, SyncMapFilter):
                self._filter_answered(one, subscription.action, meta, error)
            else:
                self._map_answered(one, subscription.action, meta, error)

    def _map_answered(
        self, map: SyncMap, action: Action, meta: Meta, error: UndoError | None
    ) -> None:
        if not self.checks.is_asked_again(map, error) and map.users:
            if error is None:
                map.load_done(meta)
            else:
                map.load_failed(error, meta, "creating" in action)
        self.checks.go_on()

    def _filter_answered(
        self, filter: SyncMapFilter, action: Action, meta: Meta, error: UndoError | None
    ) -> None:
        self._asking.pop(filter, None)
        if filter.is_closed:
            # What came for it since then is nobody's.
            for id in self._brought - self._open.keys():
                self._unsubscribe_from(id)
        elif error is None:
            filter.load_done(action, meta)
        else:
            filter.load_failed(error)

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
        self._answered(id, meta, None)
        entry = self.kept.pending.pop(id, None)
        if entry is not None:
            map = self._open.get(entry[0]["id"])
            if map is not None:
                map.settle(id)
            self._tidy(entry[0]["id"])

    def _undone(self, action: Action, meta: Meta) -> None:
        id = action.get("id")
        if not isinstance(id, str):
            return
        self._answered(id, meta, UndoError(action))
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

    def _state_changed(self) -> None:
        if not self.client.connected:
            # The server forgets what it has brought, and brings it again with the list; what is not
            # in the log any more is not asked again.
            self._brought.clear()
            self.checks.clear()
            by_id = self.client.log.by_id
            self._asked = {id: asked for id, asked in self._asked.items() if by_id(id)}
            self._asking = {filter: None for filter in self._asking if not filter.is_closed}

    def _user_changed(self, _user_id: str) -> None:
        for forgotten in (self._asked, self._asking, self._brought, self.checks):
            forgotten.clear()
        for filter in self._filters:
            filter.stop()
        for map in self.opened():
            map.restart(self.kept.entries(map.id))
        for filter in self._filters:
            filter.start()
