"""Which tabs the server knows to be subscribed to what, on the leader's present connection.

To the server each tab is a node of its own, though all use one connection: it ends a subscription
only for the node that has it. So when a tab is gone, the leader says for it that it wants no more.

Invariant: what is here was sent on the present connection and not taken back.
"""

from logux_store.actions import Action, to_json

__all__ = ["Served"]


class Served:
    """The subscriptions by node id, and the ids of those that wait for their tab to come."""

    __slots__ = ("_held", "_nodes")

    def __init__(self) -> None:
        self._nodes: dict[str, dict[str, Action]] = {}
        self._held: dict[str, list[str]] = {}

    def sending(self, node_id: str, action: Action) -> None:
        """A `logux/subscribe` or `logux/unsubscribe` of this node is being sent."""
        key = to_json([action["channel"], action.get("filter") or None])
        subscriptions = self._nodes.setdefault(node_id, {})
        if action["type"] == "logux/subscribe":
            subscriptions[key] = action
        else:
            subscriptions.pop(key, None)

    def hold(self, node_id: str, id: str) -> None:
        """A `logux/subscribe` is not sent before its tab has joined."""
        self._held.setdefault(node_id, []).append(id)

    def joined(self, node_id: str) -> list[str]:
        """The tab is there: the ids that waited for it."""
        return self._held.pop(node_id, [])

    def left(self, node_id: str) -> list[Action]:
        """The tab is gone: the actions that end its subscriptions."""
        actions: list[Action] = []
        for action in self._nodes.pop(node_id, {}).values():
            end = {"type": "logux/unsubscribe", "channel": action["channel"]}
            if action.get("filter"):
                end["filter"] = action["filter"]
            actions.append(end)
        return actions

    def disconnected(self) -> None:
        """The connection is gone, and with it what the server knew."""
        self._nodes.clear()
        self._held.clear()
