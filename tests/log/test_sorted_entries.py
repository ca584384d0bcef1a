"""The costs that the log promises are counted here as places that had to move in the lists."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logux_store.log.sorted_entries import MANY, SortedEntries
from logux_store.meta import Entry, Meta


class CountingList(list[Any]):
    """Counts the items that other items' coming and going moved or copied."""

    moved = 0

    def insert(self, place: Any, item: Any) -> None:
        self.moved += len(self) - place
        super().insert(place, item)

    def __delitem__(self, place: Any) -> None:
        self.moved += len(self) - (
            place.indices(len(self))[1] if isinstance(place, slice) else place
        )
        super().__delitem__(place)

    def __setitem__(self, place: Any, items: Any) -> None:
        items = list(items) if isinstance(place, slice) else [items]
        self.moved += len(items)
        if isinstance(place, slice):
            assert len(items) == len(range(*place.indices(len(self)))), "the rest must not move"
            super().__setitem__(place, items)
        else:
            super().__setitem__(place, items[0])


def make(size: int) -> SortedEntries[int]:
    entries: SortedEntries[int] = SortedEntries()
    entries._keys, entries._entries = CountingList(), CountingList()
    for key in range(size):
        entries.append(key, entry(key))
    return entries


def entry(key: int) -> Entry:
    return ({"type": "t"}, Meta(f"{key} a 0", key))


def moved(entries: SortedEntries[int]) -> int:
    lists: list[Any] = [entries._keys, entries._entries]
    return sum(items.moved for items in lists)


def keys(found: Iterable[Entry]) -> list[int]:
    return [meta.time for _, meta in found]


def test_adding_at_the_end_moves_nothing() -> None:
    entries = make(0)
    for key in range(2000):
        entries.add(key, entry(key))
    assert moved(entries) == 0


@pytest.mark.parametrize("size", [10, 1000, 30_000])
def test_removing_the_oldest_moves_a_few_places_each_at_any_size(size: int) -> None:
    entries = make(size)
    for key in range(size):
        entries.remove(key)
    assert len(entries) == 0
    assert moved(entries) <= 6 * size


@pytest.mark.parametrize("size", [10, 1000, 30_000])
def test_a_steady_history_moves_a_few_places_for_each_entry(size: int) -> None:
    entries = make(size)
    for key in range(size, 4 * size):
        entries.add(key, entry(key))
        entries.remove(key - size)
    assert len(entries) == size
    assert moved(entries) <= 6 * 3 * size
    assert len(entries._keys) <= 2 * size + 2, "the gap is bounded"


def test_old_entries_that_stay_cost_only_their_own_number() -> None:
    entries = make(10_000)
    for key in range(3, 9000):
        entries.remove(key)
    assert keys(islice(entries.ascending(), 5)) == [0, 1, 2, 9000, 9001]
    assert moved(entries) <= 9000 * 2 * (3 + 3)


def test_the_gap_keeps_no_entry_alive() -> None:
    entries = make(100)
    entries.remove_all(list(range(2, 30)))
    assert entries._head == 28
    assert entries._entries[:28] == [None] * 28
    assert entries._keys[:28] == [None] * 28


def test_many_scattered_entries_are_removed_in_one_pass() -> None:
    entries = make(10_000)
    entries.remove_all(list(range(1, 10_000, 2)))
    assert keys(entries.ascending()) == list(range(0, 10_000, 2))
    assert moved(entries) <= 2 * 10_000


@given(st.data())
def test_it_holds_what_a_sorted_list_holds(data: st.DataObject) -> None:
    entries: SortedEntries[int] = SortedEntries()
    model: list[int] = []
    key_sets = st.lists(st.integers(0, 3 * MANY), unique=True, max_size=2 * MANY)
    for _ in range(data.draw(st.integers(1, 6))):
        for key in data.draw(key_sets):
            if key not in model:
                entries.add(key, entry(key))
                model.append(key)
        model.sort()
        gone = [key for key in data.draw(key_sets) if key in model]
        first = data.draw(st.integers(0, MANY))
        entries.remove_all(gone)
        model = [key for key in model if key not in gone]
        for key in model[:first]:
            entries.remove(key)
        del model[:first]
        low, high = data.draw(bounds), data.draw(bounds)
        assert len(entries) == len(model)
        assert bool(entries) == bool(model)
        assert keys(entries.ascending()) == model
        assert keys(entries.descending()) == model[::-1]
        assert keys(entries.between(low, high)) == [
            key for key in model if (low is None or key >= low) and (high is None or key <= high)
        ]


bounds = st.none() | st.integers(-1, 3 * MANY + 1)


def test_an_iterator_sees_what_comes_before_its_place_and_not_behind_it() -> None:
    entries = make(6)
    entries.remove(3)
    rising, falling = entries.ascending(), entries.descending()
    assert (keys(islice(rising, 3)), keys(islice(falling, 2))) == ([0, 1, 2], [5, 4])
    entries.add(3, entry(3))
    entries.remove(0)
    entries.remove(4)
    entries.add(6, entry(6))
    assert (keys(rising), keys(falling)) == ([3, 5, 6], [3, 2, 1])


def test_a_cleared_one_is_empty_for_its_iterators_too() -> None:
    entries = make(3)
    rising, falling = entries.ascending(), entries.descending()
    next(rising), next(falling)
    entries.clear()
    assert (list(rising), list(falling), len(entries)) == ([], [], 0)
    entries.add(1, entry(1))
    assert keys(entries.ascending()) == [1]
