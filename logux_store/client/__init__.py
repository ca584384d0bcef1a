"""The client: one user's log and its synchronization with a server."""

from logux_store.client.badge import BADGE_MESSAGES, Badge, badge
from logux_store.client.client import Client
from logux_store.client.connecting import DangerousProtocolError
from logux_store.client.cross_tab_client import CrossTabClient
from logux_store.client.encryption import DecryptionError, encrypt_actions
from logux_store.client.outcome import Outcome
from logux_store.client.reasons import tab_reasons
from logux_store.client.request import request
from logux_store.client.status import Status, status
from logux_store.client.sync_maps import (
    SyncMap,
    SyncMapFilter,
    SyncMaps,
    SyncMapTemplate,
    sync_map_template,
)
from logux_store.client.terminal import Confirmation, attention, confirm, log
from logux_store.client.track import track

__all__ = [
    "BADGE_MESSAGES",
    "Badge",
    "Client",
    "Confirmation",
    "CrossTabClient",
    "DangerousProtocolError",
    "DecryptionError",
    "Outcome",
    "Status",
    "SyncMap",
    "SyncMapFilter",
    "SyncMapTemplate",
    "SyncMaps",
    "attention",
    "badge",
    "confirm",
    "encrypt_actions",
    "log",
    "request",
    "status",
    "sync_map_template",
    "tab_reasons",
    "track",
]
