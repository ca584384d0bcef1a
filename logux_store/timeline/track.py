"""A track: the history of one reducer, with checkpoints from which late changes are replayed.

    items         1  2  3 | 4  5  6 | 7  8  9 | 10 11
    marks     ()          3         6         9
    states    s0          s3        s6        s9      state
    sizes           3         3         3         2

- *item*: an action with its place in the order and its id.
- *checkpoint*: a mark (the key of an item), the state after all items up to it, and the size of
  the *segment* of items that follows, up to the next mark. The first checkpoint is the *base*: the
  state after everything that the track no longer holds.
- *change*: what a track becomes when items are added and removed. It is worked out on the side by
  calling the reducer, and committed at once afterwards, or never.

A change at 5 replays from s3. If it reaches the mark 6 with the same state as s6, what follows
cannot differ, so it goes on only at the next segment that changes, or ends.

Invariants:
1. Items are sorted by key, and keys differ.
2. Every mark but the base's is the key of the last item of its segment; no segment but the last
   one is empty.
3. Segments made by adding at the end have `every` items. Late items make one grow until it is
   split at twice as many; removals make it shrink until a replay that passes it joins it with the
   next.
4. `state` is the plain fold of the reducer over the base and the items but those at which it
   raised.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import accumulate
from operator import itemgetter
from typing import Any, TypeAlias

from logux_store.actions import Action
from logux_store.timeline.same import same

__all__ = ["Change", "Item", "Key", "Path", "Reducer", "Track", "by_key", "splice"]

Reducer: TypeAlias = Callable[[Any, Action], Any]
"""Gives the state after an action from the state before it, and changes neither."""

Key: TypeAlias = tuple[Any, ...]
"""A place in the order: an `OrderKey`, or a place right after one (see `timeline.py`)."""

Item: TypeAlias = tuple[Key, str, Action]
"""Place, id, action."""

Path: TypeAlias = tuple[str, ...]
"""Where the state of a part is found in the combined state."""

by_key = itemgetter(0)


def earliest(added: list[Item], removed: list[Item], a: int = 0, r: int = 0) -> Key:
    """The lowest key of `added[a:]` and `removed[r:]`, which are sorted and not both empty."""
    if r == len(removed) or (a < len(added) and added[a][0] < removed[r][0]):
        return added[a][0]
    return removed[r][0]


def place_before(items: list[Item], key: Key, start: int = 0) -> int:
    """The index of the first item at or after `key`."""
    probe: Any = (key,)
    return bisect_left(items, probe, start)


def place_after(items: list[Item], key: Key, start: int = 0) -> int:
    """The index of the first item after `key`."""
    place = place_before(items, key, start)
    return place + (place < len(items) and items[place][0] == key)


def ids_of(items: list[Item]) -> set[str]:
    """The ids of the items."""
    return {item[1] for item in items}


def merge(items: list[Item], added: list[Item], removed: list[Item]) -> list[Item]:
    """A new sorted list: `items` without `removed` and with `added`."""
    if removed:
        gone = ids_of(removed)
        merged = [item for item in items if item[1] not in gone]
    else:
        merged = items[:]
    if added:
        merged += added
        merged.sort(key=by_key)
    return merged


def splice(items: list[Item], added: list[Item], removed: list[Item]) -> None:
    """Add to and remove from sorted items in place; `added` and `removed` are sorted, not both
    empty.
    """
    if not removed and (not items or added[0][0] > items[-1][0]):
        items += added
    elif len(added) + len(removed) <= 8:
        for item in removed:
            del items[place_before(items, item[0])]
        for item in added:
            items.insert(place_before(items, item[0]), item)
    else:
        start = place_before(items, earliest(added, removed))
        items[start:] = merge(items[start:], added, removed)


class Track:
    """The history of `reducer`, whose state is found at `path` of the combined state.

    `types` are the only action types that can change its state, None if all can. A checkpoint is
    made every `every` items. `state` is the one before the first action.
    """

    __slots__ = (
        "every",
        "items",
        "marks",
        "path",
        "raised",
        "reducer",
        "sizes",
        "state",
        "states",
        "types",
    )

    def __init__(
        self,
        reducer: Reducer,
        state: Any,
        every: int,
        path: Path = (),
        types: frozenset[str] | None = None,
    ) -> None:
        self.reducer = reducer
        self.path = path
        self.types = types
        self.every = every
        self.state = state
        self.items: list[Item] = []
        self.marks: list[Key] = [()]
        self.states: list[Any] = [state]
        self.sizes: list[int] = [0]
        # Ids at which the reducer raised; what a later replay raises for them is not news.
        self.raised: set[str] = set()

    def append(self, item: Item, state: Any) -> None:
        """Take an item that is newer than all, and the state after it."""
        self.items.append(item)
        self.state = state
        size = self.sizes[-1] + 1
        self.sizes[-1] = size
        if size == self.every:
            self.marks.append(item[0])
            self.states.append(state)
            self.sizes.append(0)

    def change(self, added: list[Item], removed: list[Item]) -> "Change":
        """Work out what the track becomes. `added` and `removed` are sorted, not both empty; an
        item that moves is in both, with two places.
        """
        items = self.items
        if not removed and (not items or added[0][0] > items[-1][0]):
            return Change(self, len(self.marks) - 1, len(items)).append(added)
        checkpoint = bisect_left(self.marks, earliest(added, removed)) - 1
        place = place_after(items, self.marks[checkpoint])
        change = Change(self, checkpoint, place)
        only_moved = len(added) == len(removed) and ids_of(added) == ids_of(removed)
        if only_moved and change.rename(added, removed):
            return change
        return change.replay(added, removed)

    def forget(self, key: Key) -> None:
        """Drop what is not needed for changes after `key`, or for the state at it."""
        checkpoint = bisect_right(self.marks, key) - 1
        if checkpoint == 0:
            return
        place = sum(self.sizes[:checkpoint])
        if self.raised:
            self.raised -= ids_of(self.items[:place])
        del self.items[:place]
        del self.marks[:checkpoint], self.states[:checkpoint], self.sizes[:checkpoint]

    def state_at(self, key: Key) -> Any:
        """The state after all items up to `key`, which must not be before the base."""
        checkpoint = bisect_right(self.marks, key) - 1
        start = place_after(self.items, self.marks[checkpoint])
        rest = self.items[start : place_after(self.items, key)]
        return fold(self.reducer, self.states[checkpoint], rest, {})


def fold(reducer: Reducer, state: Any, items: list[Item], failed: dict[str, Exception]) -> Any:
    """Reduce the items; one at which the reducer raises leaves the state as it is, and its id and
    exception are put into `failed`.
    """
    for item in items:
        try:
            state = reducer(state, item[2])
        except Exception as error:  # noqa: BLE001 - raised by the timeline when all is committed
            failed[item[1]] = error
    return state


class Change:
    """What a track becomes: other items for a range of its items, other checkpoints for a range of
    its checkpoints, another state. Made by one of `append`, `rename` and `replay`.

    `replayed` says that results of the reducer were thrown away and made anew.
    """

    __slots__ = (
        "failed",
        "first",
        "first_checkpoint",
        "items",
        "key",
        "last",
        "last_checkpoint",
        "marks",
        "replayed",
        "since",
        "sizes",
        "state",
        "states",
        "track",
        "undone",
    )

    def __init__(self, track: Track, checkpoint: int, place: int) -> None:
        self.track = track
        self.state = track.states[checkpoint]
        self.replayed = False
        # What the reducer raised, by id; and ids that leave.
        self.failed: dict[str, Exception] = {}
        self.undone: set[str] = set()
        # items[first:last] of the track become these.
        self.first = self.last = place
        self.items: list[Item] = []
        # The checkpoints after the first one and up to the last one become these; a size more,
        # because the segment after the first one changes as well.
        self.first_checkpoint = checkpoint
        self.last_checkpoint = len(track.marks) - 1
        self.marks: list[Key] = []
        self.states: list[Any] = []
        self.sizes: list[int] = []
        # How many items were reduced since the last checkpoint, and the key of the last of them.
        self.since = 0
        self.key: Key = ()

    def append(self, added: list[Item]) -> "Change":
        """Go on from the present state with items that are newer than all."""
        self.state = self.track.state
        self.since = self.track.sizes[-1]
        self.items = added
        self.reduce(added, 0)
        self.sizes.append(self.since)
        return self

    def rename(self, added: list[Item], removed: list[Item]) -> bool:
        """Give items other places, if all of them stay in the same order."""
        track, first = self.track, self.first_checkpoint
        last = bisect_left(track.marks, max(added[-1][0], removed[-1][0]))
        is_last = last == len(track.marks)
        last -= is_last
        end = len(track.items) if is_last else place_after(track.items, track.marks[last])
        before = track.items[self.first : end]
        after = merge(before, added, removed)
        if [item[1] for item in after] != [item[1] for item in before]:
            return False
        self.items, self.last = after, end
        self.sizes = track.sizes[first : last + 1]
        self.states = track.states[first + 1 : last + 1]
        self.marks = [after[place - 1][0] for place in accumulate(self.sizes[:-1])]
        self.last_checkpoint = last
        self.state = track.state
        return True

    def replay(self, added: list[Item], removed: list[Item]) -> "Change":
        """Reduce from the checkpoint on, until nothing can differ any more."""
        track, items, marks = self.track, self.track.items, self.track.marks
        self.replayed = True
        if track.raised:
            self.undone = ids_of(removed) - ids_of(added)
        place, checkpoint = self.first, self.first_checkpoint
        # How many of `added` and `removed` are dealt with.
        a = r = 0
        while True:
            end = place + track.sizes[checkpoint]
            segment = items[place:end]
            is_last = checkpoint + 1 == len(marks)
            if a < len(added) or r < len(removed):
                to_a = len(added) if is_last else place_after(added, marks[checkpoint + 1], a)
                to_r = len(removed) if is_last else place_after(removed, marks[checkpoint + 1], r)
                segment = merge(segment, added[a:to_a], removed[r:to_r])
                a, r = to_a, to_r
                self.items += segment
                self.last = end
            if is_last:
                break
            self.reduce(segment, track.every)
            place, checkpoint = end, checkpoint + 1
            if not same(self.state, track.states[checkpoint]):
                # A short segment is joined with the next.
                if 2 * self.since >= track.every:
                    self.save()
                continue
            self.state = track.states[checkpoint]
            if self.since:
                self.save()
            if a == len(added) and r == len(removed):
                self.sizes.append(track.sizes[checkpoint])
                self.last_checkpoint = checkpoint
                self.state = track.state
                return self
            jump = bisect_left(marks, earliest(added, removed, a, r)) - 1
            if jump > checkpoint:
                place = place_after(items, marks[jump])
                self.items += items[end:place]
                self.marks += marks[checkpoint + 1 : jump + 1]
                self.states += track.states[checkpoint + 1 : jump + 1]
                self.sizes += track.sizes[checkpoint:jump]
                self.state = track.states[jump]
                checkpoint = jump
        self.reduce(segment, 0)
        self.sizes.append(self.since)
        if same(self.state, track.state):
            self.state = track.state
        return self

    def reduce(self, segment: list[Item], reserve: int) -> None:
        """Reduce a segment, and make a checkpoint every so many items as long as at least `reserve`
        items are left for what follows it.
        """
        track = self.track
        start, stop = 0, track.every - self.since
        while stop <= len(segment) - reserve:
            self.advance(segment[start:stop])
            self.save()
            start, stop = stop, stop + track.every
        if start < len(segment):
            self.advance(segment[start:])

    def advance(self, items: list[Item]) -> None:
        """Reduce items."""
        self.state = fold(self.track.reducer, self.state, items, self.failed)
        self.since += len(items)
        self.key = items[-1][0]

    def save(self) -> None:
        """Make a checkpoint of where the change has come to."""
        self.marks.append(self.key)
        self.states.append(self.state)
        self.sizes.append(self.since)
        self.since = 0

    def commit(self) -> list[Exception]:
        """Make the track what was worked out; gives what its reducer raised that is news."""
        track, first, last = self.track, self.first_checkpoint, self.last_checkpoint + 1
        track.items[self.first : self.last] = self.items
        track.marks[first + 1 : last] = self.marks
        track.states[first + 1 : last] = self.states
        track.sizes[first:last] = self.sizes
        track.state = self.state
        news = [error for id, error in self.failed.items() if id not in track.raised]
        track.raised -= self.undone
        track.raised.update(self.failed)
        return news
