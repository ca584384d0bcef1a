"""What a track becomes when items are added to it and removed from it.

It is worked out on the side by calling the reducer, and committed at once afterwards, or never. A
change at 5 of the track that is drawn in `track.py` replays from s3, or from a state near the end
that is closer. If it reaches the mark 6 with the same state as s6, what follows cannot differ, so
it goes on only at the next segment that changes, or ends.

Most changes are of one item that is close to the end. They leave the checkpoints where they are,
and are made by a `Nudge`, with a third of the work around the reducer.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable
from itertools import accumulate
from typing import Any

from logux_store.timeline.same import same
from logux_store.timeline.track import (
    Item,
    Key,
    Track,
    earliest,
    fold,
    ids_of,
    merge,
    place_after,
    place_before,
)

__all__ = ["Change", "Nudge", "work_out", "work_out_all"]


def work_out(track: Track, added: list[Item], removed: list[Item]) -> "Change | Nudge":
    """Work out what the track becomes. `added` and `removed` are sorted, not both empty; an item
    that moves is in both, with two places.
    """
    items = track.items
    if not removed and (not items or added[0][0] > items[-1][0]):
        return Change(track, len(track.marks) - 1, len(items)).append(added)
    checkpoint = bisect_left(track.marks, earliest(added, removed)) - 1
    if len(added) + len(removed) == 1 and can_nudge(track, checkpoint, removed):
        return Nudge(track, checkpoint, added, removed)
    place = place_after(items, track.marks[checkpoint])
    change = Change(track, checkpoint, place)
    only_moved = len(added) == len(removed) and ids_of(added) == ids_of(removed)
    if only_moved and change.rename(added, removed):
        return change
    return change.replay(added, removed)


def work_out_all(
    tracks: list[Track],
    tracks_for: Callable[[str], list[Track]],
    added: list[Item],
    removed: list[Item],
) -> list["Change | Nudge"]:
    """What becomes of each track that the items touch. `tracks_for` gives those of a type."""
    if not (added or removed):
        return []
    if all(track.types is None for track in tracks):
        return [work_out(track, added, removed) for track in tracks]
    touched: dict[Track, tuple[list[Item], list[Item]]] = defaultdict(lambda: ([], []))
    for kind, items in enumerate((added, removed)):
        for item in items:
            for track in tracks_for(item[2]["type"]):
                touched[track][kind].append(item)
    return [work_out(track, *touched[track]) for track in tracks if track in touched]


def can_nudge(track: Track, checkpoint: int, removed: list[Item]) -> bool:
    """Whether one item can come or go behind a checkpoint, close to the end, with all checkpoints
    staying where they are.
    """
    size, behind = track.sizes[checkpoint], len(track.marks) - 1 - checkpoint
    if behind > 1:
        return False
    if not removed:
        return size + 1 < (2 * track.every if behind else track.every)
    return not behind or (2 * (size - 1) >= track.every and removed[0][0] != track.marks[-1])


class Nudge:
    """One item that comes or goes behind one of the last two checkpoints."""

    __slots__ = (
        "added",
        "checkpoint",
        "failed",
        "near_first",
        "near_keys",
        "near_last",
        "near_states",
        "place",
        "removed",
        "replayed",
        "state",
        "state_at_mark",
        "track",
    )

    def __init__(
        self, track: Track, checkpoint: int, added: list[Item], removed: list[Item]
    ) -> None:
        self.track = track
        self.checkpoint = checkpoint
        self.added = added
        self.removed = removed
        self.replayed = True
        self.failed: dict[str, Exception] = {}
        self.near_keys: list[Key] = []
        self.near_states: list[Any] = []
        items, mark, state = track.items, track.marks[checkpoint], track.states[checkpoint]
        [(key, _, _)] = added or removed
        self.near_first = near = bisect_left(track.near_keys, key)
        self.near_last = len(track.near_keys)
        if near and track.near_keys[near - 1] > mark:
            mark, state = track.near_keys[near - 1], track.near_states[near - 1]
        start = place_after(items, mark)
        self.place = place_before(items, key, start)
        rest = items[start:]
        rest[self.place - start : self.place - start + len(removed)] = added
        # How many of them come before the last checkpoint.
        before = len(rest) - track.sizes[-1] if checkpoint + 1 < len(track.marks) else 0
        if before:
            state = self.state_at_mark = self.reduce(state, rest[:before])
            if before < len(rest) and same(state, track.states[-1]):
                self.state_at_mark = track.states[-1]
                self.near_last = bisect_right(track.near_keys, track.marks[-1])
                self.state = track.state
                return
        state = self.reduce(state, rest[before:])
        self.state = track.state if same(state, track.state) else state

    def reduce(self, state: Any, items: list[Item]) -> Any:
        """Reduce items, and note some of the states."""
        reducer, apart = self.track.reducer, self.track.apart
        while len(items) > apart:
            state = fold(reducer, state, items[:apart], self.failed)
            self.near_keys.append(items[apart - 1][0])
            self.near_states.append(state)
            items = items[apart:]
        return fold(reducer, state, items, self.failed)

    def commit(self) -> list[Exception]:
        """Make the track what was worked out; gives what its reducer raised that is news."""
        track, place = self.track, self.place
        track.items[place : place + len(self.removed)] = self.added
        track.sizes[self.checkpoint] += len(self.added) - len(self.removed)
        if self.checkpoint + 1 < len(track.marks):
            track.states[-1] = self.state_at_mark
        track.state = self.state
        replace_near(track, self.near_first, self.near_last, self.near_keys, self.near_states)
        return note_failures(track, self.failed, ids_of(self.removed))


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
        "near_end",
        "near_first",
        "near_keys",
        "near_last",
        "near_states",
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
        # The states near the end from the first one and up to the last one become these, which are
        # noted once the change has come near to the end.
        self.near_first = self.near_last = len(track.near_keys)
        self.near_keys: list[Key] = []
        self.near_states: list[Any] = []
        self.near_end = False

    def append(self, added: list[Item]) -> "Change":
        """Go on from the present state with items that are newer than all."""
        self.state = self.track.state
        self.since = self.track.sizes[-1]
        self.items = added
        far = max(len(added) - 2 * self.track.every, 0)
        self.reduce(added[:far], 0)
        self.near_end = True
        self.reduce(added[far:], 0)
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
        self.near_first = bisect_right(track.near_keys, track.marks[first])
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
        self.near_first = bisect_right(track.near_keys, marks[checkpoint])
        # How many of `added` and `removed` are dealt with.
        a = r = 0
        # What differs at one checkpoint mostly differs at those that follow, so the states are
        # compared at fewer and fewer: `pause` is how many to pass by, `gap` how many next time.
        pause = gap = 0
        while True:
            end = place + track.sizes[checkpoint]
            segment = items[place:end]
            is_last = checkpoint + 1 == len(marks)
            self.near_end = checkpoint + 2 >= len(marks)
            if pause and not (self.near_end or self.since or a < len(added) or r < len(removed)):
                # All stays but the state: the next lines would do the same in twice the time.
                self.state = fold(track.reducer, self.state, segment, self.failed)
                place, checkpoint, pause = end, checkpoint + 1, pause - 1
                self.marks.append(marks[checkpoint])
                self.states.append(self.state)
                self.sizes.append(len(segment))
                continue
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
            if pause or not same(self.state, track.states[checkpoint]):
                pause, gap = (pause - 1, gap) if pause else (gap, 2 * gap + 1)
                # A short segment is joined with the next.
                if 2 * self.since >= track.every:
                    self.save()
                continue
            gap = 0
            self.state = track.states[checkpoint]
            if self.since:
                self.save()
            if a == len(added) and r == len(removed):
                self.sizes.append(track.sizes[checkpoint])
                self.last_checkpoint = checkpoint
                self.near_last = bisect_right(track.near_keys, marks[checkpoint])
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
        reducer, apart = self.track.reducer, self.track.apart
        stop = apart - self.since % apart
        self.since += len(items)
        self.key = items[-1][0]
        while self.near_end and stop <= len(items):
            self.state = fold(reducer, self.state, items[:stop], self.failed)
            self.near_keys.append(items[stop - 1][0])
            self.near_states.append(self.state)
            items, stop = items[stop:], apart
        self.state = fold(reducer, self.state, items, self.failed)

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
        replace_near(track, self.near_first, self.near_last, self.near_keys, self.near_states)
        return note_failures(track, self.failed, self.undone)


def replace_near(track: Track, first: int, last: int, keys: list[Key], states: list[Any]) -> None:
    """Make other states near the end of those from the first up to the last."""
    track.near_keys[first:last] = keys
    track.near_states[first:last] = states
    track.trim()


def note_failures(track: Track, failed: dict[str, Exception], undone: set[str]) -> list[Exception]:
    """Note at which ids the reducer raised; gives what of that is news."""
    if not failed and not track.raised:
        return []
    news = [error for id, error in failed.items() if id not in track.raised]
    track.raised -= undone
    track.raised.update(failed)
    return news
