"""A track: the history of one reducer, with checkpoints from which late changes are replayed.

    items         1  2  3 | 4  5  6 | 7  8  9 | 10 11
    marks     ()          3         6         9
    states    s0          s3        s6        s9      state
    sizes           3         3         3         2
    near                        5       7  8    10

- *item*: an action with its place in the order and its id.
- *checkpoint*: a mark (the key of an item), the state after all items up to it, and the size of
  the *segment* of items that follows, up to the next mark. The first checkpoint is the *base*: the
  state after everything that the track no longer holds.
- *near*: states between the last checkpoints, a few items apart, since most late items come only a
  little late.

What a track becomes when items are added and removed is told in `change.py`.

Invariants:
1. Items are sorted by key, and keys differ.
2. Every mark but the base's is the key of the last item of its segment; no segment but the last
   one is empty.
3. Segments made by adding at the end have `every` items. Late items make one grow until it is
   split at twice as many; removals make it shrink until a replay that passes it joins it with the
   next.
4. `state` is the plain fold of the reducer over the base and the items but those at which it
   raised; so is each of the states near the end, up to its key.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from operator import itemgetter
from typing import Any, TypeAlias

from logux_store.actions import Action

__all__ = [
    "Item",
    "Key",
    "Path",
    "Reducer",
    "Track",
    "by_key",
    "earliest",
    "fold",
    "ids_of",
    "merge",
    "place_after",
    "place_before",
    "splice",
]

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
        # By key: an action that was forgotten, and came again as a missed one, is there twice.
        gone = {item[0] for item in removed}
        merged = [item for item in items if item[0] not in gone]
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


# How many states near the end there are at most: those of the last two segments.
NEAR = 12


class Track:
    """The history of `reducer`, whose state is found at `path` of the combined state.

    `types` are the only action types that can change its state, None if all can. A checkpoint is
    made every `every` items. `state` is the one before the first action.
    """

    __slots__ = (
        "apart",
        "due",
        "every",
        "items",
        "marks",
        "near_keys",
        "near_states",
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
        # States near the end, how many items they are apart at most, and at which size of the last
        # segment one is to be kept.
        self.near_keys: list[Key] = []
        self.near_states: list[Any] = []
        self.apart = max(1, 2 * every // NEAR)
        self.due = self.apart
        # Ids at which the reducer raised; what a later replay raises for them is not news.
        self.raised: set[str] = set()

    def append(self, item: Item, state: Any) -> None:
        """Take an item that is newer than all, and the state after it."""
        self.items.append(item)
        self.state = state
        size = self.sizes[-1] + 1
        self.sizes[-1] = size
        if size == self.due:
            self._save(item[0], size)

    def _save(self, key: Key, size: int) -> None:
        if size == self.every:
            self.marks.append(key)
            self.states.append(self.state)
            self.sizes.append(0)
            size = 0
        else:
            self.near_keys.append(key)
            self.near_states.append(self.state)
            if len(self.near_keys) > NEAR:
                del self.near_keys[0], self.near_states[0]
        self.due = min(size + self.apart, self.every)

    def trim(self) -> None:
        """After a change: keep only the last states near the end, and see when one is due."""
        many = len(self.near_keys) - NEAR
        if many > 0:
            del self.near_keys[:many], self.near_states[:many]
        self.due = min(self.sizes[-1] + self.apart, self.every)

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
