"""Who is subscribed to which channel, and with which filters.

A node may subscribe to one channel several times with different filters; it gets an action when
one of them lets it through. Several nodes (tabs) of one client may be subscribed, all through the
client's one connection.

Invariants: a subscriber belongs to a connection and goes with it; `channels` has no channel without
subscribers; `client.subscribed` has exactly the places where the client's subscribers are, and
`client.subscriptions` is the weight of all that they have.
"""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from logux_store.actions import Action
from logux_store.meta import Entry
from logux_store.server.channels import Filter, Load
from logux_store.server.context import Context

if TYPE_CHECKING:
    from logux_store.server.server_client import ServerClient

__all__ = ["Subscriber", "Subscription", "Subscriptions"]


class Subscription:
    """One subscription: its filter (None lets everything through), and what to call at its end.

    `pending`, unless it is None, collects actions while it is not yet known whether the client may
    have them.
    """

    __slots__ = ("ctx", "filter", "pending", "unsubscribe")

    def __init__(
        self,
        filter: Filter | bool | None = None,
        ctx: Context | None = None,
        unsubscribe: Load | None = None,
    ) -> None:
        self.filter = filter
        self.ctx = ctx
        self.unsubscribe = unsubscribe
        self.pending: list[Entry] | None = None


class Subscriber:
    """A node that is subscribed to a channel; `everything` says that no filter has to be asked."""

    __slots__ = ("client", "everything", "node_id", "subscriptions")

    def __init__(self, client: "ServerClient", node_id: str) -> None:
        self.client = client
        self.node_id = node_id
        self.subscriptions: dict[str, Subscription] = {}
        self.everything = False

    def changed(self) -> None:
        """Bring `everything` up to date."""
        self.everything = any(
            s.pending is None and s.filter in (None, True) for s in self.subscriptions.values()
        )


class Subscriptions:
    """All subscriptions of a server, by channel and node id."""

    __slots__ = ("channels",)

    def __init__(self) -> None:
        self.channels: dict[str, dict[str, Subscriber]] = {}

    def has(self, channel: str, node_id: str) -> bool:
        """Whether the node is subscribed to the channel, with whatever filter."""
        return node_id in self.channels.get(channel, ())

    def add(
        self,
        client: "ServerClient",
        node_id: str,
        action: Action,
        subscription: Subscription,
        key: str | None = None,
    ) -> None:
        """Subscribe a node to the channel of a `logux/subscribe` action. The same filter replaces
        the former one, unless a `key` keeps them apart.
        """
        channel = action["channel"]
        nodes = self.channels.setdefault(channel, {})
        subscriber = nodes.get(node_id)
        if subscriber is None or subscriber.client is not client:
            subscriber = nodes[node_id] = Subscriber(client, node_id)
            client.subscribed.add((channel, node_id))
        key = key or filter_id(action)
        if key not in subscriber.subscriptions:
            client.subscriptions += weight(key)
        subscriber.subscriptions[key] = subscription
        subscriber.changed()

    def remove(self, node_id: str, action: Action, key: str | None = None) -> Subscription | None:
        """End the subscription with the channel and the filter of the action, or with the key."""
        channel = action["channel"]
        subscriber = self.channels.get(channel, {}).get(node_id)
        if subscriber is None:
            return None
        key = key or filter_id(action)
        subscription = subscriber.subscriptions.pop(key, None)
        if subscription is not None:
            subscriber.client.subscriptions -= weight(key)
        subscriber.changed()
        if not subscriber.subscriptions:
            self._forget(channel, subscriber)
        return subscription

    def remove_client(
        self, client: "ServerClient"
    ) -> Iterator[tuple[str, str, list[Subscription]]]:
        """End all subscriptions of a connection; gives channel, node id and subscriptions of
        each.
        """
        for channel, node_id in [*client.subscribed]:
            subscriber = self.channels[channel][node_id]
            self._forget(channel, subscriber)
            client.subscriptions -= sum(map(weight, subscriber.subscriptions))
            yield channel, node_id, [*subscriber.subscriptions.values()]

    def _forget(self, channel: str, subscriber: Subscriber) -> None:
        nodes = self.channels[channel]
        del nodes[subscriber.node_id]
        if not nodes:
            del self.channels[channel]
        subscriber.client.subscribed.discard((channel, subscriber.node_id))


def weight(key: str) -> int:
    """What a subscription counts for, by its filter's id: mostly 1."""
    return 1 + len(key) // 1000


def filter_id(action: Action) -> str:
    """A string that is the same for equal filters."""
    filter: Any = action.get("filter")
    return json.dumps(filter, sort_keys=True) if filter else "{}"
