"""Entries sorted by a key, made for the way a log is used.

Adding at the end and removing the oldest cost the same at any size. Adding or removing elsewhere
costs a binary search and one memmove, of the shorter side when something is removed. Removed oldest
entries leave a gap at the front of the lists that is cut off when it has grown to half of them.

Invariants: `_entries` runs parallel to `_keys`; both are None before `_head`, and from there on
`_keys` is strictly increasing; `_version` changes whenever a place may have become another's.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from operator import is_
from typing import Any, Generic, TypeVar

from logux_store.ids import OrderKey
from logux_store.meta import Entry

__all__ = ["SortedEntries"]

K = TypeVar("K", int, OrderKey)

# From about this many scattered entries on, one pass over the part that holds them is cheaper than
# a memmove for each.
MANY = 50
# So is it for fewer, unless there are more than about so many others for each of them.
SPARSE = 20


class SortedEntries(Generic[K]):
    """A sorted mapping from key to entry."""

    __slots__ = ("_entries", "_head", "_keys", "_version")

    def __init__(self) -> None:
        # The type checker need not know of the None in the gap, which nothing reads.
        self._keys: list[K] = []
        self._entries: list[Entry] = []
        self._head = 0
        self._version = 0

    def __len__(self) -> int:
        return len(self._keys) - self._head

    def add(self, key: K, entry: Entry) -> None:
        """Put an entry in its place; the key must be new."""
        keys = self._keys
        if not keys or key > keys[-1]:
            keys.append(key)
            self._entries.append(entry)
            return
        place = bisect_right(keys, key, self._head)
        keys.insert(place, key)
        self._entries.insert(place, entry)
        self._version += 1

    def append(self, key: K, entry: Entry) -> None:
        """Put an entry at the end; the key must be above all others."""
        self._keys.append(key)
        self._entries.append(entry)

    def remove(self, key: K) -> None:
        """Remove the entry with this key, which must be there."""
        keys = self._keys
        if keys[-1] == key:
            # The last one, without a search: 0.2 µs instead of 0.8.
            keys.pop()
            self._entries.pop()
            self._version += 1
            if self._head and len(keys) == self._head:
                self.clear()
            return
        place = bisect_left(keys, key, self._head)
        self._cut(place, place + 1)

    def remove_all(self, keys: list[K]) -> None:
        """Remove the entries with these keys, which must all be there."""
        if not keys:
            return
        start = bisect_left(self._keys, keys[0], self._head)
        stop = start + len(keys)
        if self._keys[start:stop] == keys:
            # What was added together is mostly removed together.
            self._cut(start, stop)
            return
        keys = sorted(keys)
        start = bisect_left(self._keys, keys[0], self._head)
        stop = bisect_right(self._keys, keys[-1], start)
        if stop - start == len(keys):
            self._cut(start, stop)
        elif len(keys) < MANY and stop - start > SPARSE * len(keys):
            for key in keys:
                self.remove(key)
        else:
            gone = set(keys)
            places = [i for i in range(start, stop) if self._keys[i] not in gone]
            middle = start + len(places)
            self._keys[start:middle] = [self._keys[i] for i in places]
            self._entries[start:middle] = [self._entries[i] for i in places]
            self._cut(middle, stop)

    def remove_oldest(self, entries: list[Entry]) -> bool:
        """Remove the entries at the front if they are exactly these; False, with nothing removed,
        if they are not.
        """
        start = self._head
        stop = start + len(entries)
        # In C, and without the keys: a third of the time of `remove_all`.
        if not all(map(is_, self._entries[start:stop], entries)):
            return False
        self._cut(start, stop)
        return True

    def _cut(self, start: int, stop: int) -> None:
        self._version += 1
        head, size = self._head, len(self._keys)
        if start - head > size - stop:
            del self._keys[start:stop], self._entries[start:stop]
            return
        # Nearer to the front: what is before moves up, and the gap grows. It must not keep the
        # removed entries alive.
        self._head = head + stop - start
        if 2 * self._head >= size:
            del self._keys[start:stop], self._entries[start:stop]
            del self._keys[:head], self._entries[:head]
            self._head = 0
            return
        lists: tuple[list[Any], ...] = (self._keys, self._entries)
        for items in lists:
            items[self._head : stop] = items[head:start]
            items[head : self._head] = [None] * (stop - start)

    def clear(self) -> None:
        """Remove all entries."""
        self._keys.clear()
        self._entries.clear()
        self._head = 0
        self._version += 1

    def between(self, low: K | None, high: K | None) -> list[Entry]:
        """The entries with keys from `low` to `high`, inclusive; None is no bound."""
        keys = self._keys
        start = self._head if low is None else bisect_left(keys, low, self._head)
        stop = len(keys) if high is None else bisect_right(keys, high, self._head)
        return self._entries[start:stop]

    def ascending(self) -> Iterator[Entry]:
        """All entries, lowest key first. Entries may come and go meanwhile: what is added behind
        the iterator's place is not seen, what is added before it is.
        """
        place = self._head
        version = self._version
        while place < len(self._keys):
            key, entry = self._keys[place], self._entries[place]
            yield entry
            if version == self._version:
                place += 1
            else:
                version = self._version
                place = bisect_right(self._keys, key, self._head)

    def descending(self) -> Iterator[Entry]:
        """All entries, highest key first; they may come and go meanwhile."""
        place = len(self._keys) - 1
        version = self._version
        while place >= self._head:
            key, entry = self._keys[place], self._entries[place]
            yield entry
            if version != self._version:
                version = self._version
                place = bisect_left(self._keys, key, self._head)
            place -= 1
