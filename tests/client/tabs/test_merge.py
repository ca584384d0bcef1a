"""Merging two copies of a log, example by example and against a model."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from logux_store.client.tabs.merge import merge, shared_entries, to_hand_over
from logux_store.client.tabs.ops import Op
from logux_store.client.tabs.tab_log import TabLog
from logux_store.log import LogStore, MemoryStore
from logux_store.meta import Meta


def log_of(*entries: Any, store: LogStore | None = None) -> TabLog:
    """A log with an entry for each number, or number and keys of its meta."""
    log = TabLog("10:a:x", store, lambda: 1, lambda op: None)
    for entry in entries:
        number, keys = entry if isinstance(entry, tuple) else (entry, {})
        meta = Meta(f"{number} 10:a:b 0", keys.pop("time", number), ["r"], **keys)
        log.store.add({"type": str(number)}, meta)
    return log


def add(number: int) -> Op:
    return ("add", {"type": str(number)}, Meta(f"{number} 10:a:b 0", number, ["r"]))


def drop(*numbers: int) -> Op:
    return ("drop", [f"{number} 10:a:b 0" for number in numbers])


def numbers(entries: Any) -> list[int]:
    return sorted(int(action["type"]) for action, _ in entries)


def test_what_only_the_new_copy_has_is_added_and_what_only_the_old_one_has_was_dropped() -> None:
    old, new = log_of(1, 2), log_of(2, 3)
    result = merge(old.store, new, [], "x")
    assert (numbers(result.added), numbers(result.dropped)) == ([3], [1])
    assert numbers(new.entries()) == [2, 3]


def test_what_the_others_may_not_know_is_kept_and_handed_over() -> None:
    old, new = log_of(1, 2, 3), log_of(2)
    result = merge(old.store, new, [add(1), add(2), drop(3)], "x")
    assert [op[0] for op in result.hand] == ["add", "drop"]
    assert result.hand[0][2] is new.by_id("1 10:a:b 0")[1]  # type: ignore[index]
    assert numbers(result.dropped) == [3]
    assert numbers(new.entries()) == [1, 2]


def test_what_this_tab_has_dropped_does_not_come_back() -> None:
    old, new = log_of(), log_of(1, 2)
    old.store.remember("2 10:a:b 0")
    result = merge(old.store, new, [drop(1)], "x")
    assert result.added == []
    assert numbers(new.entries()) == [2]


def test_what_the_new_store_has_processed_and_dropped_is_not_handed_over() -> None:
    old, new = log_of(1), log_of()
    new.store.remember("1 10:a:b 0")
    result = merge(old.store, new, [add(1)], "x")
    assert (result.hand, numbers(result.dropped)) == ([], [1])


def test_another_time_is_a_move() -> None:
    old, new = log_of(1, 2), log_of((1, {"time": 50}), 2)
    [(key, (action, meta))] = merge(old.store, new, [], "x").moved
    assert (key[0], action["type"], meta.time) == (1, "1", 50)


def test_what_is_this_tabs_alone_only_this_tab_knows() -> None:
    old = log_of((1, {"tab": "x"}), (2, {"tab": "x"}))
    new = log_of((2, {"tab": "x"}), (3, {"tab": "x"}), (4, {"tab": "y"}))
    result = merge(old.store, new, [], "x")
    assert numbers(new.entries()) == [1, 2, 4]
    assert result.added == result.dropped == []


def test_only_later_entries_are_looked_at_when_the_former_are_known() -> None:
    old, new = log_of(1, 2, 7), log_of(1, (2, {"time": 60}), 3, 4)
    result = merge(old.store, new, [add(5)], "x", since=3, unsent=["2 10:a:b 0", "9 10:a:b 0"])
    assert numbers(result.added) == [4]
    assert [entry[0]["type"] for _, entry in result.moved] == ["2"]
    assert result.dropped == []
    assert numbers(new.entries()) == [1, 2, 3, 4, 5]


def test_what_a_tab_knew_and_lost_is_not_new_to_it() -> None:
    result = merge(MemoryStore(), log_of(1, 2), [], "x", known={"1 10:a:b 0"})
    assert numbers(result.added) == [2]


def test_a_stranger_hands_over_all_that_it_has() -> None:
    log = log_of(1, (2, {"tab": "x"}), 3)
    reasonless = ("add", {"type": "9"}, Meta("9 10:a:b 0", 9))
    ops = to_hand_over(log.store, [add(1), drop(5), reasonless])
    assert numbers([op[1:] for op in ops if op[0] == "add"]) == [1, 3, 9]
    assert ops[2:] == [drop(5), reasonless]
    assert numbers(shared_entries(log.store)) == [1, 3]


few = st.sets(st.integers(1, 8))


@given(few, few, few, few)
def test_the_differences_are_what_has_to_be_announced(
    old: set[int], new: set[int], adds: set[int], drops: set[int]
) -> None:
    before, after = log_of(*sorted(old | adds)), log_of(*sorted(new))
    # What this tab has dropped it has no more.
    for number in drops:
        before.store.remove(f"{number} 10:a:b 0")
    hand = [*(add(number) for number in sorted(adds)), drop(*sorted(drops))]
    seen = set(numbers(before.entries()))
    result = merge(before.store, after, hand, "x")
    state = (seen - set(numbers(result.dropped))) | set(numbers(result.added))
    assert state == set(numbers(after.entries())) == (new | adds) - drops
    # The others become the same by what is handed over.
    others = log_of(*sorted(new))
    for op in result.hand:
        others.apply(op if op[0] != "add" else ("add", op[1], op[2].copy(added=0)))
    assert set(numbers(others.entries())) == state
