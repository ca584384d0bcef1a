"""The client: one user's log and its synchronization with a server."""

from logux_store.client.client import Client, DangerousProtocolError, tab_reasons
from logux_store.client.cross_tab_client import CrossTabClient
from logux_store.client.outcome import Outcome
from logux_store.client.status import Status, status

__all__ = [
    "Client",
    "CrossTabClient",
    "DangerousProtocolError",
    "Outcome",
    "Status",
    "status",
    "tab_reasons",
]
