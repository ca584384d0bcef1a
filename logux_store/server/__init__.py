"""The Logux server: who may connect, what actions and channels do, HTTP pages, the command line."""

from logux_store.server.base_server import BaseServer
from logux_store.server.context import Context
from logux_store.server.controllers import ActionController, ChannelController, action
from logux_store.server.errors import NotFoundError
from logux_store.server.http import Request, Response
from logux_store.server.incoming import ALLOWED_META
from logux_store.server.jwt import jwt_auth
from logux_store.server.logger import configure_logging
from logux_store.server.options import Limits
from logux_store.server.server import Server
from logux_store.server.server_client import ServerClient
from logux_store.server.sync_map import (
    ChangedAt,
    NoConflictResolution,
    add_sync_map,
    add_sync_map_filter,
    newer_fields,
)

__all__ = [
    "ALLOWED_META",
    "ActionController",
    "BaseServer",
    "ChangedAt",
    "ChannelController",
    "Context",
    "Limits",
    "NoConflictResolution",
    "NotFoundError",
    "Request",
    "Response",
    "Server",
    "ServerClient",
    "action",
    "add_sync_map",
    "add_sync_map_filter",
    "configure_logging",
    "jwt_auth",
    "newer_fields",
]
