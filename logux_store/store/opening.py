"""Opening: the timeline of what a log holds."""

import logging
from collections.abc import Callable
from typing import Any

from logux_store.actions import Action
from logux_store.log import Log
from logux_store.meta import Meta
from logux_store.store.reducers import Reducer
from logux_store.store.snapshots import Snapshot, Snapshots
from logux_store.timeline import Item, Timeline

__all__ = ["open_timeline"]

logger = logging.getLogger("logux_store.store")

UNDO = "logux/undo"


def open_timeline(
    log: Log,
    is_visible: Callable[[Meta], bool],
    snapshots: Snapshots | None,
    snapshot: Snapshot | None,
    *,
    reducer: Reducer,
    preloaded_state: Any,
    save_state_every: int,
    history: int,
    on_missed_history: Callable[[Action], object] | None,
) -> Timeline:
    """Fold what the log holds, in one pass: all, or what is not in the snapshot.

    What a reducer raises is logged, not raised: it was raised when the action was added, and must
    not keep the program from starting. What missed its time in an earlier run was reported then.
    """
    inserted: list[Item] = []
    undone: list[str] = []
    entries = log.entries()
    if snapshots is not None:
        snapshots.begin(reducer, preloaded_state, snapshot)
        if snapshot is not None:
            entries = snapshots.entries_after(snapshot)
    for action, meta in entries:
        if not is_visible(meta):
            continue
        if action["type"] == UNDO:
            if isinstance(action.get("id"), str):
                undone.append(action["id"])
        elif not action["type"].startswith("logux/"):
            inserted.append((meta.key, meta.id, action))
            if snapshots is not None:
                snapshots.note(meta)
    opened = False

    def report(action: Action) -> None:
        if on_missed_history is not None and opened:
            on_missed_history(action)

    timeline = Timeline(
        reducer,
        preloaded_state if snapshot is None else snapshot.state,
        save_state_every=save_state_every,
        history=history,
        on_missed_history=report,
        base=None if snapshot is None else snapshot.key,
        undone=() if snapshot is None else snapshot.undone,
        on_forget=None if snapshots is None else snapshots.forget,
    )
    try:
        timeline.change(inserted, undone)
    except Exception as error:
        logger.error("A reducer raised at actions that the log holds", exc_info=error)
    opened = True
    if snapshots is not None:
        snapshots.advance(timeline)
    return timeline
