"""Ways from one node to another."""

from logux_store.connections.end import MAX_SIZE, Link, ServerWebSocket
from logux_store.connections.local_pair import LocalConnection, LocalPair
from logux_store.connections.reconnect import Reconnect
from logux_store.connections.transports import (
    Transport,
    TransportName,
    find_loop,
    find_transport,
    hand_over,
)
from logux_store.connections.websocket import WebSocketConnection

__all__ = [
    "MAX_SIZE",
    "Link",
    "LocalConnection",
    "LocalPair",
    "Reconnect",
    "ServerWebSocket",
    "Transport",
    "TransportName",
    "WebSocketConnection",
    "find_loop",
    "find_transport",
    "hand_over",
]
