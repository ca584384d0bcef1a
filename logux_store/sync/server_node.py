"""The node that is asked: one end of one client's connection. It lives as long as the connection.

Invariants: the client must be accepted within `timeout` seconds; `last_sent` is what the client
says to have, and neither it nor `last_received` is stored, because the log has many other sides.
"""

from typing import ClassVar

from logux_store.log import Log
from logux_store.sync.base_node import BaseNode, Filter
from logux_store.sync.connection import Connection
from logux_store.sync.conversation import Auth, Token
from logux_store.sync.states import NodeState
from logux_store.sync.turn import Turn

__all__ = ["ServerNode"]


class ServerNode(BaseNode):
    """The server's end. See `BaseNode` for the arguments. It is destroyed when the connection
    ends.
    """

    __slots__ = ()

    keeps_synced: ClassVar[bool] = False

    def __init__(
        self,
        node_id: str,
        log: Log,
        connection: Connection,
        *,
        token: Token = None,
        auth: Auth | None = None,
        subprotocol: int = 0,
        ping: float | None = 20.0,
        timeout: float | None = 70.0,
        on_send: Filter | None = None,
        on_receive: Filter | None = None,
        follow_log: bool = True,
        turn: Turn | None = None,
    ) -> None:
        super().__init__(
            node_id,
            log,
            connection,
            token=token,
            auth=auth,
            subprotocol=subprotocol,
            ping=ping,
            timeout=timeout,
            on_send=on_send,
            on_receive=on_receive,
            follow_log=follow_log,
            turn=turn,
        )
        if self.state is NodeState.DISCONNECTED:
            self.state = NodeState.CONNECTING

    def _on_connect(self) -> None:
        super()._on_connect()
        self._deadlines.start()

    def _open(self, synced: int | None) -> None:
        self.last_sent = synced or 0
        super()._open(synced)

    def _on_disconnect(self, reason: str = "user") -> None:
        try:
            super()._on_disconnect(reason)
        finally:
            self.destroy()
