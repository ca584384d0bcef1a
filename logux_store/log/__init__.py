"""The log: actions ordered by time, and the reasons to keep them."""

from logux_store.log.log import Log
from logux_store.log.memory_store import MemoryStore
from logux_store.log.store import (
    REMEMBERED,
    REMEMBERED_PER_CLIENT,
    LastSynced,
    LogStore,
    Order,
)

__all__ = [
    "REMEMBERED",
    "REMEMBERED_PER_CLIENT",
    "LastSynced",
    "Log",
    "LogStore",
    "MemoryStore",
    "Order",
]
