"""Ways from one node to another."""

from logux_store.connections.local_pair import LocalConnection, LocalPair
from logux_store.connections.reconnect import Reconnect
from logux_store.connections.websocket import MAX_SIZE, ServerWebSocket, WebSocketConnection

__all__ = [
    "MAX_SIZE",
    "LocalConnection",
    "LocalPair",
    "Reconnect",
    "ServerWebSocket",
    "WebSocketConnection",
]
