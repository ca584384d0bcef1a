"""The server's end of one client's connection, as a node that gives the client only what is its.

Invariants: nothing leaves through this node but what the server enqueues, or what the log has kept
for this client; nothing that comes in reaches the log but through the server's queues.
"""

from collections.abc import Callable, Iterable
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from logux_store.meta import Entry
from logux_store.server.resend import is_addressed
from logux_store.sync import Connection, NodeState, ServerNode
from logux_store.sync.arrived import Arrived
from logux_store.sync.states import SENDING

if TYPE_CHECKING:
    from logux_store.server.server_client import ServerClient

__all__ = ["FilteredNode"]


class FilteredNode(ServerNode):
    """A server node that asks its `ServerClient` what to send and what to do with what came."""

    __slots__ = ("client",)

    def __init__(self, client: "ServerClient", connection: Connection, **options: Any) -> None:
        self.client = client
        server = client.server
        super().__init__(
            server.node_id, server.log, connection, follow_log=False, turn=server.turn, **options
        )

    def entries_since(self, added: int) -> Iterable[Entry]:
        """What the log has kept for this client since, oldest first, unless `send_on_connect`
        says something else.
        """
        client = self.client
        if client.server.connect_loader is not None:
            client.load_on_connect(added)
            return ()
        newer = takewhile(
            lambda entry: entry[1].added > added,
            self.log.entries("added", newest_first=True),
        )
        kept = [entry for entry in newer if is_addressed(client, entry[1])]
        return [*reversed(kept), *client.take_answers()]

    def _set_state(self, state: NodeState) -> None:
        if self.state is not state:
            super()._set_state(state)
            # The client is told as such, and not of the one state that comes with every action.
            if state is not SENDING:
                self.client.state_changed(state)

    def deliver(self, entries: list[Entry], acknowledge: Callable[[], None]) -> None:
        """Hand what the client sent to its queues; they acknowledge it."""
        self.client.server.incoming.receive(self.client, entries, acknowledge)

    def _acknowledge(self, arrived: Arrived) -> None:
        # At the end of the turn, after what answers it: if that gets lost, so does the
        # acknowledgement, and the client asks again. And many leave together.
        arrived.durable = True
        if not self._flushing:
            self._flush_later()
