"""Logux Store: application state as a fold of reducers over a synchronized, time-ordered log."""

from logux_store.actions import Action, ActionCreator, define_action
from logux_store.errors import LoguxError, UndoError
from logux_store.ids import ParsedId, is_first_older, parse_id
from logux_store.log import Log, LogStore, MemoryStore
from logux_store.meta import Entry, Meta

__all__ = [
    "Action",
    "ActionCreator",
    "Entry",
    "Log",
    "LogStore",
    "LoguxError",
    "MemoryStore",
    "Meta",
    "ParsedId",
    "UndoError",
    "define_action",
    "is_first_older",
    "parse_id",
]
