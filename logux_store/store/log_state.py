"""The state of a log: how a store follows its log, and keeps a timeline up to date with it.

    log --preadd--> reasons are given
    log --add / move / clean--> waiting changes --(at once, or at the end of a batch)--> timeline
                                                                  |
                                                     change, subscribe, select listeners

Invariants: when `log.add` returns, or the batch that it is part of ends, `state` is the fold of the
log's actions; everything that waits goes to the timeline in one change, so a batch replays once.
What a listener or a reducer raises reaches whoever added the action, after the state has changed.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from logux_store.actions import Action
from logux_store.client import Client, tab_reasons
from logux_store.events import Emitter, raise_all
from logux_store.ids import OrderKey
from logux_store.log import Log
from logux_store.meta import Entry, Meta
from logux_store.store.changes import Changes
from logux_store.store.opening import open_timeline
from logux_store.store.reducers import Reducer
from logux_store.store.snapshots import Snapshot, Snapshots
from logux_store.timeline import Timeline

__all__ = ["TIME_TRAVEL", "LogState"]

S = TypeVar("S")

TIME_TRAVEL = "timeTravel"
UNDO = "logux/undo"
# How many additions pass at least between two looks for actions that history need not keep.
CLEAN_EVERY = 25


class LogState(Generic[S]):
    """The part of a `Store` that has the state: the fold of a reducer over a log."""

    def __init__(
        self,
        client: Client,
        reducer: Reducer,
        preloaded_state: S | None,
        *,
        save_state_every: int,
        reasonless_history: int,
        on_missed_history: Callable[[Action], object] | None,
        snapshot: str | None,
        encode_state: Callable[[Any], Any] | None,
        decode_state: Callable[[Any], Any] | None,
    ) -> None:
        self.client = client
        self.log: Log = client.log
        self._tab_id = client.tab_id
        self._dropped = client.dropped.ids
        self._tab_reason = tab_reasons(client.tab_id)[1]
        self._history = reasonless_history
        # Dropping a tenth of the history at once instead of 25 saves a tenth of a dispatch.
        self._clean_every = max(CLEAN_EVERY, reasonless_history // 10)
        self._additions = 0
        self._events = Emitter()
        self._preloaded_state = preloaded_state
        self._save_state_every = save_state_every
        self._on_missed_history = on_missed_history
        self._snapshots: Snapshots | None = None
        # Whether the log goes on with another store, which may have another snapshot.
        self._stale = self._starts = False
        if snapshot is not None:
            client.saves_state = True
            self._snapshots = Snapshots(
                self.log, snapshot, reasonless_history, encode_state, decode_state
            )
        self._timeline: Timeline
        self._changes = Changes()
        first = None if self._snapshots is None else self._snapshots.load()
        self._open(reducer, first)
        if self._snapshots is not None:
            # Rather now than when it is to be saved for the first time.
            self._snapshots.encoded(self.state)
        log = self.log
        log.on("preadd", self._before_add, kinds=("plain", "sync"))
        log.on("preadd", self._before_logux, kinds=("logux",))
        log.type(UNDO, self._before_undo, event="preadd")
        # By type, so that it comes before the client takes the reason off the undone action.
        log.type(UNDO, self._on_undo)
        log.on("add", self._on_add, kinds=("plain", "sync"))
        log.on("move", self._on_move)
        log.on_drop(self._on_drop)
        log.on("batch", self._flush)
        log.on("store", self._on_store)
        client.on("role", self._on_role)

    @property
    def state(self) -> S:
        """The present state. Do not change it in place."""
        state: S = self._timeline.state
        return state

    def _open(self, reducer: Reducer, snapshot: Snapshot | None) -> None:
        self._timeline = open_timeline(
            self.log,
            self._is_visible,
            self._snapshots,
            snapshot,
            reducer=reducer,
            preloaded_state=self._preloaded_state,
            save_state_every=self._save_state_every,
            history=self._history,
            on_missed_history=self._on_missed_history,
        )

    def _before_add(self, action: Action, meta: Meta) -> None:
        if self._timeline.reducing:
            self._refuse(action)
        if not (meta.dispatch or meta.no_auto_reason or TIME_TRAVEL in meta.reasons):
            meta.reasons.append(TIME_TRAVEL)

    def _before_logux(self, action: Action, _meta: Meta) -> None:
        if self._timeline.reducing:
            self._refuse(action)

    def _refuse(self, action: Action) -> None:
        raise RuntimeError(
            f"a reducer may not dispatch; {action['type']!r} was dispatched from within one"
        )

    def _before_undo(self, action: Action, meta: Meta) -> None:
        # The undo is kept as long as the action it undoes, or, where that is still to come, as
        # long as any other action.
        undone = self.log.by_id(action["id"]) if isinstance(action.get("id"), str) else None
        reasons = [TIME_TRAVEL] if undone is None else undone[1].reasons
        meta.reasons.extend(
            reason for reason in reasons if reason != "syncing" and reason not in meta.reasons
        )

    def _on_undo(self, action: Action, meta: Meta) -> None:
        id, changes = action.get("id"), self._changes
        if not isinstance(id, str) or not self._is_visible(meta):
            return
        if self._snapshots is not None:
            self._snapshots.note(meta)
        elif not (changes.waiting or self.log.batches or self._events.listeners):
            # As in `_on_add`: two thirds of the time of the way through the changes.
            try:
                self._timeline.remove((id,))
            except Exception:
                raise
            except BaseException:
                changes.undone.append(id)
                changes.announced.append((action, meta))
                changes.waiting = True
                raise
            return
        changes.undone.append(id)
        self._changed(action, meta)

    def _on_add(self, action: Action, meta: Meta) -> None:
        if meta.tab is not None and meta.tab != self._tab_id:
            return
        changes, snapshots = self._changes, self._snapshots
        if not meta.no_auto_reason or snapshots is not None:
            self._additions += 1
        if meta.id in self._dropped:
            self._on_add_again(action, meta)
            return
        if snapshots is not None:
            snapshots.note(meta)
        if changes.waiting or self.log.batches or self._events.listeners:
            changes.inserted.append((action, meta))
            self._changed(action, meta)
            return
        # Nothing waits and nobody listens: the way through the changes would cost twice as much.
        try:
            self._timeline.add(meta.key, meta.id, action)
        except BaseException as error:
            if not isinstance(error, Exception):
                # A slow reducer was interrupted: the action waits for the next occasion.
                changes.inserted.append((action, meta))
                changes.announced.append((action, meta))
                changes.waiting = True
            raise
        finally:
            if self._additions >= self._clean_every and not changes.waiting:
                self._limit_history()

    def _on_add_again(self, action: Action, meta: Meta) -> None:
        """The state has this action, which the log had dropped: the server has sent it again for
        another tab.
        """
        # While this tab slept, it may have been moved before it was sent.
        place = self._timeline.place(meta.id)
        if place is not None and len(place) == len(meta.key) and place != meta.key:
            self._on_move(action, meta, meta.key)
        elif self._additions >= self._clean_every and not self.log.batches:
            self._limit_history()

    def _on_move(self, action: Action, meta: Meta, _old: OrderKey) -> None:
        if not action["type"].startswith("logux/") and self._is_visible(meta):
            self._changes.moved.append(meta)
            if self._snapshots is not None:
                self._snapshots.note(meta)
            self._changed(action, meta)

    def _on_drop(self, entries: list[Entry]) -> None:
        # The state stays as it is.
        released = [meta.id for _, meta in entries]
        forgotten = [str(action.get("id")) for action, _ in entries if action["type"] == UNDO]
        if self._snapshots is not None:
            self._snapshots.drop(released)
        if self._changes.waiting:
            # What waits may be about the same actions.
            self._changes.released += released
            self._changes.forgotten += forgotten
        else:
            self._release(released, forgotten)

    def _release(self, released: list[str], forgotten: list[str]) -> None:
        self._timeline.release(*released)
        for id in forgotten:
            self._timeline.forget_undo(id)

    def _on_store(self, starts: bool) -> None:
        self._stale = self._changes.waiting = True
        self._starts = self._starts or starts

    def _on_role(self) -> None:
        # The former leader may have let the log drop what is in no snapshot of this tab.
        if self._snapshots is not None and self.client.role == "leader":
            self._snapshots.advance(self._timeline, least=1)

    def _is_visible(self, meta: Meta) -> bool:
        return meta.tab is None or meta.tab == self._tab_id

    def _limit_history(self) -> None:
        self._additions = 0
        snapshots = self._snapshots
        if snapshots is not None:
            snapshots.advance(self._timeline)
        last = self.log.store.last_added() - self._history
        if last <= 0:
            return
        self.log.remove_reason(self._tab_reason, max_added=last)
        if snapshots is None:
            self.log.remove_reason(TIME_TRAVEL, max_added=last)
        elif self.client.role == "leader":
            # Of several tabs the leader has the log that lasts, and it says what is dropped.
            limits = snapshots.limits(last)
            if limits is not None:
                self.log.remove_reason(TIME_TRAVEL, **limits)

    def _changed(self, action: Action, meta: Meta) -> None:
        self._changes.waiting = True
        self._changes.announced.append((action, meta))
        if not self.log.in_batch:
            self._flush()

    def _flush(self) -> None:
        """Bring the timeline up to date with the log, and tell the listeners."""
        changes, self._changes = self._changes, Changes()
        try:
            self._apply(changes)
        finally:
            # Not when a slow reducer was interrupted: a snapshot would lack what waits now.
            if self._additions >= self._clean_every and not self._changes.announced:
                self._limit_history()

    def _apply(self, changes: Changes) -> None:
        old = self.state
        failed: Exception | None = None
        try:
            self._update(changes)
        except Exception as error:  # noqa: BLE001 - raised below, when the listeners know the state
            failed = error
        except BaseException:
            # A slow reducer was interrupted: the changes wait for the next occasion, before what
            # `on_missed_history` may have dispatched.
            changes.extend(self._changes)
            self._changes = changes
            raise
        if changes.announced or self.state is not old:
            try:
                self._announce(old, changes.announced)
            except Exception as error:
                if failed is None:
                    raise
                failed = ExceptionGroup("a reducer and a listener raised", [failed, error])
        if failed is not None:
            raise failed

    def _update(self, changes: Changes) -> None:
        if self._stale:
            snapshot = None if self._snapshots is None else self._snapshots.load()
            # What led to a newer snapshot may be in the log no more.
            newer = snapshot is not None and snapshot.key > self._timeline.base
            opens = self._starts or newer
            if opens:
                self._open(self._timeline.reducer, snapshot)
            self._stale = self._starts = False
            if opens:
                return
        timeline = self._timeline
        inserts = [(meta.key, meta.id, action) for action, meta in changes.inserted]
        try:
            if changes.undone or changes.moved:
                moves = [(meta.id, meta.key) for meta in changes.moved]
                timeline.change(inserts, changes.undone, moves)
            else:
                timeline.insert(inserts)
        finally:
            self._release(changes.released, changes.forgotten)
            if self._snapshots is not None:
                self._snapshots.undo(changes.undone)

    def _announce(self, old: S, announced: list[Entry]) -> None:
        events, new = self._events, self.state
        errors: list[Exception] = []
        if events.has("change"):
            for action, meta in announced:
                errors += events.collect("change", new, old, action, meta)
        errors += events.collect("subscribe")
        raise_all(errors)
