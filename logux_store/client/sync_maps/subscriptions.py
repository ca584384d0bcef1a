"""What the server was asked for and has not answered, and what it sends unasked.

Each `logux/subscribe` of this client is looked at, so that those with which the client restores
subscriptions after a reconnection count as well.

Invariant: an object in `brought` is open, but for those that come for a filter that was closed
before the server's answer.
"""

from typing import TYPE_CHECKING, NamedTuple

from logux_store.actions import Action
from logux_store.client.sync_maps.checks import Checks
from logux_store.client.sync_maps.filter import SyncMapFilter
from logux_store.client.sync_maps.sync_map import SyncMap
from logux_store.errors import UndoError
from logux_store.meta import Meta

if TYPE_CHECKING:
    from logux_store.client.sync_maps.maps import SyncMaps

__all__ = ["Subscriptions"]


class Subscription(NamedTuple):
    """What the server was asked for, and for whom: an object, or filters."""

    action: Action
    restores: bool
    asking: list[SyncMap] | list[SyncMapFilter]
    sent_before: bool = False
    """Whether it was sent on an earlier connection, which has not carried the answer."""


class Subscriptions:
    """The subscriptions of the objects and the filters of one `SyncMaps`."""

    __slots__ = ("_asked", "_asking", "_is_connected", "_maps", "brought", "checks")

    def __init__(self, maps: "SyncMaps") -> None:
        self._maps = maps
        self._asked: dict[str, Subscription] = {}
        # The filters among those who wait for an answer, closed ones included.
        self._asking: dict[SyncMapFilter, None] = {}
        self.brought: set[str] = set()
        """Objects that a filter's subscription has brought on this connection."""
        self.checks = Checks()
        self._is_connected = maps.client.connected

    def is_asking(self, filter: SyncMapFilter) -> bool:
        """Whether the server has yet to answer the subscription of a filter."""
        return filter in self._asking

    def subscribing(self, action: Action, meta: Meta) -> None:
        """Somebody subscribes, for the first time or again after a reconnection."""
        maps, channel = self._maps, action.get("channel")
        if f" {maps.client.log.node_id} " not in meta.id:
            # It is another tab.
            return
        restores = bool(meta.resubscribe)
        if channel == maps.names.plural:
            filters = maps.filters_for(action.get("filter") or {})
            self._asked[meta.id] = Subscription(action, restores, filters)
            self._asking.update(dict.fromkeys(filters))
        elif (map := maps.opened_at(channel)) is not None:
            self._asked[meta.id] = Subscription(action, restores, [map])

    def subscribed(self, action: Action, _meta: Meta) -> None:
        """The server is about to send an object that is in a list."""
        id = self._maps.names.id_of(action.get("channel"))
        if id is not None and self._asking:
            self.brought.add(id)
            for filter in self._asking:
                if not filter.is_closed:
                    filter.expect(id)

    def answered(self, id: str, meta: Meta, error: UndoError | None = None) -> None:
        """The server has answered an action, in an action with this meta."""
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
                self._map_answered(one, subscription, meta, error)

    def _map_answered(
        self, map: SyncMap, subscription: Subscription, meta: Meta, error: UndoError | None
    ) -> None:
        was_creating = "creating" in subscription.action
        if not self.checks.is_asked_again(map, error) and map.users:
            if error is not None:
                map.load_failed(error, meta, was_creating)
            elif was_creating and subscription.sent_before:
                # It was created then, others may have changed it since, and nothing was loaded.
                self._maps.load_again(map)
            else:
                map.load_done(meta)
        self.checks.go_on()

    def _filter_answered(
        self, filter: SyncMapFilter, action: Action, meta: Meta, error: UndoError | None
    ) -> None:
        self._asking.pop(filter, None)
        if filter.is_closed:
            # What came for it since then is nobody's.
            for id in [id for id in self.brought if not self._maps.is_open(id)]:
                self._maps.unsubscribe(id)
        elif error is None:
            filter.load_done(action, meta)
        else:
            filter.load_failed(error)

    def state_changed(self) -> None:
        """Follow the connection. With it, the server forgets what it brought, and brings it again
        with the filters on the next one; what is not in the log any more is not asked again.
        """
        was_connected, self._is_connected = self._is_connected, self._maps.client.connected
        if self._is_connected or not was_connected:
            return
        self.brought.clear()
        self.checks.clear()
        by_id = self._maps.client.log.by_id
        self._asked = {
            id: asked._replace(sent_before=True) for id, asked in self._asked.items() if by_id(id)
        }
        self._asking = {filter: None for filter in self._asking if not filter.is_closed}

    def clear(self) -> None:
        """Forget everything, as for another user."""
        for forgotten in (self._asked, self._asking, self.brought, self.checks):
            forgotten.clear()
