"""Logux Store: application state as a fold of reducers over a synchronized, time-ordered log."""

from logux_store.actions import Action, ActionCreator, define_action, to_json
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
from logux_store.events import Emitter
from logux_store.ids import OrderKey, ParsedId, Timed, is_first_older, order_key, parse_id
from logux_store.log import (
    REMEMBERED,
    REMEMBERED_PER_CLIENT,
    LastSynced,
    Log,
    LogStore,
    MemoryStore,
    Order,
)
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
from logux_store.sync import ClientNode, Connection, NodeState, ServerNode, decode, encode
from logux_store.timeline import Timeline

__all__ = [
    "REMEMBERED",
    "REMEMBERED_PER_CLIENT",
    "Action",
    "ActionCreator",
    "Client",
    "ClientNode",
    "Connection",
    "CrossTabClient",
    "DangerousProtocolError",
    "Dispatch",
    "Emitter",
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
    "Order",
    "OrderKey",
    "Outcome",
    "ParsedId",
    "Reconnect",
    "Reducer",
    "Selector",
    "ServerNode",
    "Slice",
    "Status",
    "Store",
    "Timed",
    "Timeline",
    "UndoError",
    "WebSocketConnection",
    "apply_middleware",
    "combine_reducers",
    "compose",
    "create_selector",
    "create_store_creator",
    "decode",
    "define_action",
    "encode",
    "is_first_older",
    "order_key",
    "parse_id",
    "status",
    "to_json",
]
