"""The protocol between two logs: messages, nodes, and what these need of a connection."""

from logux_store.sync.base_node import BaseNode, Filter
from logux_store.sync.client_node import ClientNode
from logux_store.sync.connection import Connection
from logux_store.sync.conversation import Auth, Token
from logux_store.sync.messages import Message, SharedAction, decode, encode
from logux_store.sync.server_node import ServerNode
from logux_store.sync.states import NodeState
from logux_store.sync.turn import Turn

__all__ = [
    "Auth",
    "BaseNode",
    "ClientNode",
    "Connection",
    "Filter",
    "Message",
    "NodeState",
    "ServerNode",
    "SharedAction",
    "Token",
    "Turn",
    "decode",
    "encode",
]
