"""A server's log that keeps everything, and what clients have to show then."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from logux_store.actions import Action
from logux_store.log import Log
from logux_store.meta import Meta
from logux_store.store.reducers import Reducer, as_reducer
from logux_store.timeline import INIT

__all__ = ["fold_kept", "keep_all"]

KEPT = "kept"


def keep_all(log: Log) -> None:
    """Let a server's log keep all actions, and the undos of those that it has kept."""
    log.on("preadd", partial(keep, log))


def keep(log: Log, action: Action, meta: Meta) -> None:
    """Give an action a reason to be kept."""
    type = action["type"]
    if type == "logux/undo":
        if log.by_id(action["id"]) is not None:
            meta.reasons.append(KEPT)
    elif not type.startswith("logux/"):
        meta.reasons.append(KEPT)


def fold_kept(reducer: Reducer | Mapping[str, Any], log: Log) -> Any:
    """The plain fold over what a log has kept, without what is undone."""
    entries = [*log.entries()]
    undone = {action["id"] for action, _ in entries if action["type"] == "logux/undo"}
    reduce = as_reducer(reducer)
    state = reduce(None, INIT)
    for action, meta in entries:
        if action["type"] != "logux/undo" and meta.id not in undone:
            state = reduce(state, action)
    return state
