"""A server for tests of clients: it accepts everything, unless the test says otherwise.

It is no server that somebody could run; to test callbacks, give the client a `TestServer`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias

from logux_store.actions import Action, ActionCreator, to_json
from logux_store.connections import LocalPair
from logux_store.ids import parse_id
from logux_store.meta import Entry, Meta
from logux_store.sync import Connection, ServerNode
from logux_store.testing.time import TestTime

__all__ = ["ServerDouble"]

Responses: TypeAlias = Action | Iterable[Action | tuple[Action, Mapping[str, Any]]]


class Joining(Protocol):
    """A client that connects through a pair."""

    @property
    def node_id(self) -> str: ...

    @property
    def pair(self) -> LocalPair: ...


class ServerDouble:
    """Processes each action at once: `logux/processed` for all, but for those that the test wants
    undone; subscriptions with the answers that the test has given.

    `log` is the server's log, `subscriptions` the filters by channel and node id, `connected` the
    node ids of connected clients.
    """

    def __init__(self, time: TestTime | None = None) -> None:
        self.time = TestTime() if time is None else time
        self.log = self.time.next_log(node_id="server:double")
        self.subscriptions: dict[str, dict[str, list[Mapping[str, Any] | None]]] = {}
        self.connected: dict[str, ServerNode] = {}
        self._undo_next: list[dict[str, Any]] = []
        self._bad: dict[str, dict[str, Any]] = {}
        self._channels: dict[str, Responses] = {}
        self._resenders: dict[str, Callable[[Action, Meta], str | Iterable[str]]] = {}
        self._deferred: list[Entry] | None = None
        self.log.on("preadd", self._address)
        self.log.on("add", self._added)

    # What a test says.

    def undo_next(self, reason: str = "error", **extra: Any) -> None:
        """Undo the next action of a client; `extra` are further fields of the `logux/undo`."""
        self._undo_next.append({"reason": reason, **extra})

    def undo_action(self, action: Action, reason: str = "error", **extra: Any) -> None:
        """Undo every action of a client that is equal to this one."""
        self._bad[to_json(sorted(action.items()))] = {"reason": reason, **extra}

    def on_channel(self, channel: str, responses: Responses) -> None:
        """Answer subscriptions to a channel with an action, or with several, each alone or with
        keys of its meta.
        """
        self._channels[channel] = responses

    def resend(
        self, type: str | ActionCreator, channels: Callable[[Action, Meta], str | Iterable[str]]
    ) -> None:
        """Resend actions of a type to the channels, or the one channel, that `channels(action,
        meta)` gives.
        """
        self._resenders[type.type if isinstance(type, ActionCreator) else type] = channels

    def send_all(self, action: Action, **meta: Any) -> Meta | None:
        """Send an action to all connected clients."""
        return self.log.add(action, **{"nodes": [*self.connected], **meta})

    @contextmanager
    def freeze_processing(self) -> Iterator[None]:
        """Process nothing until the end of the `with` block, then all that came meanwhile."""
        self._deferred = []
        try:
            yield
        finally:
            deferred, self._deferred = self._deferred, None
            for action, meta in deferred:
                self._process(action, meta)

    def error_of(self, _id: str, /) -> Exception | None:
        """Nothing: it has no callbacks that could raise."""
        return None

    async def settle(self) -> None:
        """It never has anything to do."""

    def subscribed(self, channel: str, node_id: str) -> bool:
        """Whether a node is subscribed to a channel."""
        return node_id in self.subscriptions.get(channel, ())

    # What clients do.

    def join(self, client: "Joining") -> None:
        """Take the right side of a test client's pair as a connection."""
        self.connect(client.node_id, client.pair.right)

    def connect(self, node_id: str, connection: Connection) -> None:
        """Take a client's connection."""

        def is_for_client(action: Action, meta: Meta) -> Entry | None:
            if meta.channels is not None:
                wanted = any(self.subscribed(channel, node_id) for channel in meta.channels)
            elif meta.nodes is not None:
                wanted = node_id in meta.nodes
            else:
                wanted = not action["type"].startswith("logux/")
            return (action, meta) if wanted else None

        former = self.connected.pop(node_id, None)
        if former is not None:
            former.destroy()
        node = ServerNode(
            self.log.node_id, self.log, connection, ping=None, timeout=None, on_send=is_for_client
        )
        self.connected[node_id] = node

        def changed() -> None:
            if node.state == "disconnected" and self.connected.get(node_id) is node:
                del self.connected[node_id]
                for nodes in self.subscriptions.values():
                    nodes.pop(node_id, None)

        node.on("state", changed)

    def _address(self, action: Action, meta: Meta) -> None:
        resender = self._resenders.get(action["type"])
        if resender is not None and meta.nodes is None:
            channels = resender(action, meta)
            meta.channels = [channels] if isinstance(channels, str) else [*channels]

    def _added(self, action: Action, meta: Meta) -> None:
        if action["type"] == "logux/subscribed":
            for node_id in meta.nodes or ():
                self._subscribe(action, node_id)
        if f" {self.log.node_id} " in meta.id:
            return
        if self._deferred is None:
            self._process(action, meta)
        else:
            self._deferred.append((action, meta))

    def _process(self, action: Action, meta: Meta) -> None:
        node_id = parse_id(meta.id).node_id
        undo = self._undo_next.pop(0) if self._undo_next else None
        if undo is None and self._bad:
            undo = self._bad.get(to_json(sorted(action.items())))
        if undo is not None:
            self._answer(node_id, {"type": "logux/undo", "id": meta.id, "action": action, **undo})
            return
        if action["type"] == "logux/subscribe":
            self._subscribe(action, node_id)
            self._respond(self._channels.get(action["channel"], ()), node_id)
        elif action["type"] == "logux/unsubscribe":
            self._unsubscribe(action, node_id)
        self._answer(node_id, {"type": "logux/processed", "id": meta.id})

    def _answer(self, node_id: str, action: Action, **keys: Any) -> None:
        self.log.add(action, **{"nodes": [node_id], **keys})

    def _respond(self, responses: Responses, node_id: str) -> None:
        for response in [responses] if isinstance(responses, dict) else responses:
            action, keys = response if isinstance(response, tuple) else (response, {})
            self._answer(node_id, action, **keys)

    def _subscribe(self, action: Action, node_id: str) -> None:
        nodes = self.subscriptions.setdefault(action["channel"], {})
        nodes.setdefault(node_id, []).append(action.get("filter"))

    def _unsubscribe(self, action: Action, node_id: str) -> None:
        filters = self.subscriptions.get(action["channel"], {}).get(node_id, [])
        if action.get("filter") not in filters:
            raise AssertionError(
                f"{node_id} unsubscribes from {action['channel']!r} with the filter "
                f"{action.get('filter')!r}, but is subscribed with {filters}"
            )
        left = [filter for filter in filters if filter != action.get("filter")]
        if left:
            self.subscriptions[action["channel"]][node_id] = left
        else:
            del self.subscriptions[action["channel"]][node_id]
