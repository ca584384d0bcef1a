"""Logux Store: application state as a fold of reducers over a synchronized, time-ordered log."""

from logux_store.actions import Action, ActionCreator, define_action
from logux_store.client import (
    Client,
    CrossTabClient,
    DangerousProtocolError,
    Outcome,
    Status,
    status,
)
from logux_store.connections import LocalPair, Reconnect, WebSocketConnection
from logux_store.errors import LoguxError, UndoError
from logux_store.ids import ParsedId, is_first_older, parse_id
from logux_store.log import LastSynced, Log, LogStore, MemoryStore
from logux_store.meta import Entry, Meta
from logux_store.store import (
    Dispatch,
    ImpureReducerError,
    Reducer,
    Selector,
    Slice,
    Store,
    apply_middleware,
    combine_reducers,
    compose,
    create_selector,
    create_store_creator,
)
from logux_store.sync import ClientNode, Connection, NodeState, ServerNode
from logux_store.timeline import Timeline

__all__ = [
    "Action",
    "ActionCreator",
    "Client",
    "ClientNode",
    "Connection",
    "CrossTabClient",
    "DangerousProtocolError",
    "Dispatch",
    "Entry",
    "ImpureReducerError",
    "LastSynced",
    "LocalPair",
    "Log",
    "LogStore",
    "LoguxError",
    "MemoryStore",
    "Meta",
    "NodeState",
    "Outcome",
    "ParsedId",
    "Reconnect",
    "Reducer",
    "Selector",
    "ServerNode",
    "Slice",
    "Status",
    "Store",
    "Timeline",
    "UndoError",
    "WebSocketConnection",
    "apply_middleware",
    "combine_reducers",
    "compose",
    "create_selector",
    "create_store_creator",
    "define_action",
    "is_first_older",
    "parse_id",
    "status",
]
