"""The timeline: application state as the fold of a reducer over actions in the order of time.

          forgotten │ remembered
    ────────────────┼────────────────────────────────▶ order
      . . . . . . . │ m  5  7  8  9           newest
               base ┘ └ missed, came too late

- *remembered*: actions that can still be undone or moved, and before which others can be put.
- *released*: what the log has dropped. It stays applied, and is remembered while there is room for
  it: as soon as more than `history` actions are remembered, the oldest are forgotten as long as
  they are released. If the oldest is not, released ones may gather behind it, but no more than
  `history` of them; then it is forgotten as well.
- *base*: the place of the newest forgotten action. Forgetting changes no state.
- *missed*: an action that comes with a place at or before the base. It gets the earliest place
  that is left, right after the base, and is reported.
- *undone*: an id that was removed. An action with it is ignored when it comes.

The actions are kept once here, in their order, and in the track of each part of the reducer that
they can change (see `track.py`), where the states and checkpoints are.

Invariants:
1. `state` is the plain fold of the reducer over all actions in the order of their places, without
   the undone ones, and for each part without those at which its reducer raised.
2. A call changes everything that it says or, when it is interrupted while a reducer runs, nothing.
3. One call replays at most once; what was not changed by it is not reduced again.
4. Memory is bounded by what is not released and `history`, and a sixteenth of that.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from logux_store.actions import Action
from logux_store.events import raise_all
from logux_store.ids import OrderKey
from logux_store.timeline.change import Change, Nudge, work_out, work_out_all
from logux_store.timeline.history import History, end_of_old
from logux_store.timeline.parts import make_tracks, put, put_all
from logux_store.timeline.track import (
    Item,
    Key,
    Path,
    Reducer,
    Track,
    by_key,
    place_before,
    splice,
)

__all__ = ["Timeline"]


class Timeline:
    """The history of a state.

    `reducer(state, action)` gives the next state; it is first called with `preloaded_state` and
    INIT. A checkpoint is made every `save_state_every` actions of a part. `history` is how many
    actions are remembered even if all are released. `on_missed_history(action)` is called for an
    action whose place is forgotten, and with `{"type": "logux/undo", "id": …}` for an undo that
    cannot be done; the state is up to date by then.

    `base`, if given, is a place in the order: `preloaded_state` is the state after all actions up
    to it, which are forgotten, and `undone` are ids that were removed before. `on_forget(items)` is
    called with what is forgotten, `(place, id, action)` of each, in order, oldest first.

    `replays` counts the calls that had to replay; `reducer` is the one in force; `reducing` says
    whether a reducer runs just now, from which nothing may be changed.

    What a reducer raises at an action is raised by the call that brought it up, several as an
    ExceptionGroup, when all else is done; the state of that part stays as it was before the
    action. Raises ValueError for wrong numbers, and as `make_tracks` does.
    """

    __slots__ = (
        "_base",
        "_by_id",
        "_head",
        "_history",
        "_items",
        "_newest",
        "_on_forget",
        "_on_missed",
        "_others",
        "_preloaded",
        "_released",
        "_routes",
        "_save_every",
        "_state",
        "_tracks",
        "_undone",
        "reducer",
        "reducing",
        "replays",
    )

    def __init__(
        self,
        reducer: Reducer,
        preloaded_state: Any = None,
        *,
        save_state_every: int = 50,
        history: int = 1000,
        on_missed_history: Callable[[Action], object] | None = None,
        base: OrderKey | None = None,
        undone: Iterable[str] = (),
        on_forget: Callable[[list[Item]], object] | None = None,
    ) -> None:
        if save_state_every < 1:
            raise ValueError(f"save_state_every is 1 or more, not {save_state_every}")
        if history < 0:
            raise ValueError(f"history is 0 or more, not {history}")
        self._save_every = save_state_every
        self._history = history
        self._on_missed = on_missed_history
        self._on_forget = on_forget
        self._preloaded = preloaded_state
        self.replays = 0
        self.reducer = reducer
        # The remembered actions are those from _head on; the gap before them is cut off in time.
        self._items: list[Item] = []
        self._head = 0
        self._by_id: dict[str, Item] = {}
        self._released: set[str] = set()
        self._undone: set[str] = set(undone)
        self._base: Key = base or ()
        self._newest: Key = self._base
        self.reducing = False
        self._state: Any
        state, tracks = make_tracks(reducer, preloaded_state, save_state_every, strict=base is None)
        self._plant(state, tracks)

    @property
    def state(self) -> Any:
        """The state after all actions."""
        return self._state

    def __len__(self) -> int:
        """How many actions are remembered."""
        return len(self._by_id)

    def place(self, id: str) -> Key | None:
        """Where a remembered action is; None for any other."""
        item = self._by_id.get(id)
        return None if item is None else item[0]

    @property
    def base(self) -> Key:
        """The place of the newest forgotten action; empty if none is."""
        return self._base

    @property
    def undone(self) -> set[str]:
        """The ids that were removed."""
        return {*self._undone}

    def oldest(self, count: int) -> list[Item]:
        """The oldest of the remembered actions, so many at most: `(place, id, action)` of each."""
        return self._items[self._head : self._head + max(count, 0)]

    def insert(self, entries: Iterable[tuple[OrderKey, str, Action]]) -> None:
        """Put actions in their places: `(order key, id, action)` of each, in any order. Ids that
        are known or undone are ignored.
        """
        items = [*entries]
        if len(items) == 1:
            self.add(*items[0])
        else:
            self.change(items)

    def add(self, key: OrderKey, id: str, action: Action) -> None:
        """Put one action in its place, as `insert` does."""
        if id in self._by_id or id in self._undone or self.reducing:
            self.change(((key, id, action),))
            return
        if not key > self._newest:
            item = (key, id, action)
            if key > self._base:
                self._change_one(item, [item], [])
            else:
                self.change((item,))
            return
        tracks = self._routes.get(action["type"], self._others)
        if len(tracks) != 1:
            self._append((key, id, action), tracks)
            return
        # One part only, and newer than all, as mostly: in a fifth of the time of the general way.
        track = tracks[0]
        state, failed = track.state, None
        self.reducing = True
        try:
            state = track.reducer(state, action)
        except Exception as error:  # noqa: BLE001 - raised below, when all is done
            failed = error
        finally:
            self.reducing = False
        item = self._by_id[id] = (key, id, action)
        self._items.append(item)
        if state is not track.state:
            self._state = put(self._state, track.path, state) if track.path else state
        track.append(item, state)
        self._newest = key
        if self._released:
            self._forget()
        if failed is not None:
            track.raised.add(id)
            raise failed

    def _append(self, item: Item, tracks: list[Track]) -> None:
        """Apply an action that is newer than all."""
        key, id, action = item
        results: list[tuple[Track, Any]] = []
        failed: list[tuple[Track, Exception]] = []
        self.reducing = True
        try:
            for track in tracks:
                try:
                    results.append((track, track.reducer(track.state, action)))
                except Exception as error:  # noqa: BLE001 - raised below, when all is applied
                    failed.append((track, error))
                    results.append((track, track.state))
        finally:
            self.reducing = False
        self._by_id[id] = item
        self._items.append(item)
        for track, state in results:
            if state is not track.state:
                self._state = put(self._state, track.path, state) if track.path else state
            track.append(item, state)
        self._newest = key
        if self._released:
            self._forget()
        if failed:
            for track, _ in failed:
                track.raised.add(id)
            self._report([error for _, error in failed], [])

    def remove(self, ids: Iterable[str]) -> None:
        """Undo actions, those that have not come yet too."""
        ids = [*ids]
        item = self._by_id.get(ids[0]) if len(ids) == 1 else None
        if item is None or self.reducing:
            self.change(removes=ids)
        else:
            self._change_one(item, [], [item])

    def _change_one(self, item: Item, added: list[Item], removed: list[Item]) -> None:
        """Apply a new action in its place, or undo one: two thirds of the work of the general
        way.
        """
        key, id, action = item
        tracks = self._routes.get(action["type"], self._others)
        self.reducing = True
        try:
            changes = [work_out(track, added, removed) for track in tracks]
        finally:
            self.reducing = False
        errors = self._commit(changes)
        place = place_before(self._items, key)
        if added:
            self._by_id[id] = item
            self._items.insert(place, item)
        else:
            self._undone.add(id)
            self._released.discard(id)
            del self._by_id[id], self._items[place]
            self._newest = self._items[-1][0] if self._by_id else self._base
        if self._released:
            self._forget()
        if errors:
            self._report(errors, [])

    def move(self, id: str, key: OrderKey) -> None:
        """Give an action another place; an unknown id is ignored. If all stays in the same order,
        nothing is replayed.
        """
        self.change(moves=((id, key),))

    def change(
        self,
        inserts: Iterable[tuple[OrderKey, str, Action]] = (),
        removes: Iterable[str] = (),
        moves: Iterable[tuple[str, OrderKey]] = (),
    ) -> None:
        """Insert, remove and move at once, with one replay. An id in `removes` is not inserted or
        moved; one in `moves` is inserted with its new place.
        """
        with self._no_dispatch():
            undos = dict.fromkeys(removes)
            history = History(self._by_id, self._undone, self._base)
            fresh, gone, missed = history.resolve([*inserts], undos, [*moves])
            added = sorted(fresh.values(), key=by_key)
            removed = sorted(gone.values(), key=by_key)
            changes = work_out_all(self._tracks, self._tracks_for, added, removed)

            errors = self._commit(changes)
            self._undone.update(undos)
            for id in gone:
                del self._by_id[id]
                if id not in fresh:
                    self._released.discard(id)
            self._by_id.update(fresh)
            if added or removed:
                splice(self._items, added, removed)
                self._newest = self._items[-1][0] if self._by_id else self._base
                self._forget()
        self._report(errors, missed)

    def release(self, *ids: str) -> None:
        """The log has dropped these actions: they stay applied, but need not be remembered for
        good. Unknown ids are ignored.
        """
        self._refuse_dispatch()
        self._released |= self._by_id.keys() & ids
        self._forget()

    def forget_undo(self, id: str) -> None:
        """Drop the memory that this id is undone, when its action cannot come any more."""
        self._undone.discard(id)

    def replace_reducer(self, reducer: Reducer) -> None:
        """Recompute the state with another reducer: from the preloaded state if nothing is
        forgotten, else from the state at the base, without parts that the new reducer does not
        have.

        Raises as the constructor does, and then nothing has changed: `reducer` is the old one.
        """
        with self._no_dispatch():
            start = self._preloaded
            if self._base:
                start = put_all(
                    self._state,
                    [(track.path, track.state_at(self._base)) for track in self._tracks],
                )
            state, tracks = make_tracks(reducer, start, self._save_every, strict=not self._base)
            old = self._state, self._tracks
            self._plant(state, tracks)
            try:
                items = self._items[self._head :]
                changes = work_out_all(tracks, self._tracks_for, items, [])
            except BaseException:
                self._plant(*old)
                raise
            self.reducer = reducer
            errors = self._commit(changes)
            if self._by_id:
                self.replays += 1
        self._report(errors, [])

    def _plant(self, state: Any, tracks: list[Track]) -> None:
        self._state = state
        self._tracks = tracks
        self._others: list[Track] = [track for track in tracks if track.types is None]
        self._routes: dict[str, list[Track]] = {
            type: [track for track in tracks if track.types is None or type in track.types]
            for types in {track.types for track in tracks if track.types}
            for type in types
        }

    def _tracks_for(self, type: str) -> list[Track]:
        return self._routes.get(type, self._others)

    def _commit(self, changes: list[Change | Nudge]) -> list[Exception]:
        """Make the changes; gives what the reducers raised that is news."""
        changed: list[tuple[Path, Any]] = []
        errors: list[Exception] = []
        replayed = False
        for change in changes:
            if change.state is not change.track.state:
                changed.append((change.track.path, change.state))
            errors += change.commit()
            replayed |= change.replayed
        if changed:
            self._state = put_all(self._state, changed)
        if replayed:
            self.replays += 1
        return errors

    def _forget(self) -> None:
        """Forget the oldest actions that there is no more room for."""
        items, by_id, released = self._items, self._by_id, self._released
        if len(by_id) <= self._history:
            return
        head = self._head
        stop = end_of_old(items, head, len(by_id) - self._history, released, self._history)
        if stop == head:
            return
        forgotten = items[head:stop]
        ids = [id for _, id, _ in forgotten]
        for id in ids:
            del by_id[id]
        released.difference_update(ids)
        self._base = forgotten[-1][0]
        self._head = stop
        if stop > self._save_every + len(by_id) // 16:
            for track in self._tracks:
                track.forget(self._base)
            del items[:stop]
            self._head = 0
        if self._on_forget is not None:
            self._on_forget(forgotten)

    def _refuse_dispatch(self) -> None:
        if self.reducing:
            raise RuntimeError(
                "a reducer may not dispatch or undo: it gives the next state and does nothing else"
            )

    @contextmanager
    def _no_dispatch(self) -> Iterator[None]:
        """Refuse changes from inside a reducer."""
        self._refuse_dispatch()
        self.reducing = True
        try:
            yield
        finally:
            self.reducing = False

    def _report(self, errors: list[Exception], missed: list[Action]) -> None:
        if self._on_missed is not None:
            for action in missed:
                try:
                    self._on_missed(action)
                except Exception as error:  # noqa: BLE001 - raised below, when all are reported
                    errors.append(error)
        raise_all(errors, "several actions could not be reduced")
