"""Entries sorted by a key, made for the way a log is used.

Adding at the end and removing the oldest cost the same at any size; adding or removing elsewhere
costs a binary search and one memmove. Removed oldest entries leave a gap at the front of the lists
that is cut off when it has grown to half of them.

Invariants: `_keys` is strictly increasing, `_entries` runs parallel to it, and both begin at
`_head`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Generic, TypeVar

from logux_store.ids import OrderKey
from logux_store.meta import Entry

__all__ = ["SortedEntries"]

K = TypeVar("K", int, OrderKey)


class SortedEntries(Generic[K]):
    """A sorted mapping from key to entry."""

    __slots__ = ("_entries", "_head", "_keys", "_version")

    def __init__(self) -> None:
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

    def remove(self, key: K) -> None:
        """Remove the entry with this key, which must be there."""
        self._version += 1
        keys, entries, head = self._keys, self._entries, self._head
        if keys[head] != key:
            place = bisect_left(keys, key, head)
            del keys[place], entries[place]
        elif 2 * (head + 1) >= len(keys):
            del keys[: head + 1], entries[: head + 1]
            self._head = 0
        else:
            # The gap keeps its keys, which order it, but must not keep the removed entries alive.
            entries[head] = None  # type: ignore[call-overload]
            self._head = head + 1

    def ascending(self, after: K | None = None) -> Iterator[Entry]:
        """Entries with a key above `after`, lowest first. Entries may come and go meanwhile: what
        is added behind the iterator's place is not seen, what is added before it is.
        """
        place = self._head if after is None else bisect_right(self._keys, after, self._head)
        version = self._version
        while place < len(self._keys):
            key, entry = self._keys[place], self._entries[place]
            yield entry
            if version != self._version:
                version = self._version
                place = bisect_right(self._keys, key, self._head)
            else:
                place += 1

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
