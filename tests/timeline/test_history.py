"""What a timeline remembers and forgets, and what becomes of actions that come too late."""

import gc
from typing import Any
from weakref import WeakSet

import pytest

from logux_store.timeline import Timeline
from tests.timeline.examples import (
    Action,
    Combined,
    Trace,
    entries,
    entry,
    id,
    key,
)


def test_released_actions_are_forgotten_when_more_than_the_limit_are_remembered() -> None:
    reducer = Trace()
    missed: list[Action] = []
    timeline = Timeline(reducer, history=5, on_missed_history=missed.append)
    timeline.insert(entries(range(10)))

    def release() -> None:
        for time in range(10):
            timeline.release(id(time))

    assert reducer.count(release) == 0
    assert len(timeline) == 5
    assert timeline.state == [*range(10)]
    timeline.remove([id(5)])
    assert timeline.state == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    assert missed == []


def test_actions_that_are_not_released_stay_remembered_beyond_the_limit() -> None:
    timeline = Timeline(Trace(), history=2)
    timeline.insert(entries(range(10)))
    assert len(timeline) == 10
    timeline.release(id(0))
    assert len(timeline) == 9
    timeline.insert([entry(10)])
    assert len(timeline) == 10


def test_released_actions_wait_behind_one_that_the_log_keeps_up_to_the_limit() -> None:
    timeline = Timeline(Trace(), history=3)
    timeline.insert(entries(range(10)))
    for time in (1, 2, 3):
        timeline.release(id(time))
    assert len(timeline) == 10
    timeline.release(id(4))
    # The kept one went, and with it all released ones that there was no room for.
    assert len(timeline) == 5
    timeline.release(id(0))
    timeline.release("unknown")
    assert len(timeline) == 5
    assert timeline.state == [*range(10)]


def test_a_new_action_takes_the_room_of_a_released_one() -> None:
    timeline = Timeline(Trace(), history=2)
    for time in range(4):
        timeline.insert([entry(time)])
        timeline.release(id(time))
        assert len(timeline) == min(time + 1, 2)


def test_undoing_the_kept_one_lets_what_waited_behind_it_be_forgotten() -> None:
    timeline = Timeline(Trace(), history=2)
    timeline.insert(entries(range(6)))
    timeline.release(id(1))
    timeline.release(id(2))
    timeline.remove([id(0)])
    assert len(timeline) == 3
    assert timeline.state == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("save_state_every", [1, 2, 50])
def test_what_comes_too_late_is_applied_after_the_base_and_reported(save_state_every: int) -> None:
    seen: list[Any] = []
    timeline = Timeline(
        Trace(),
        save_state_every=save_state_every,
        history=0,
        on_missed_history=lambda action: seen.append((action["v"], timeline.state)),
    )
    timeline.insert(entries(range(10, 20)))
    for time in range(10, 15):
        timeline.release(id(time))
    timeline.insert([entry(3)])
    assert timeline.state == [10, 11, 12, 13, 14, 3, 15, 16, 17, 18, 19]
    timeline.insert([entry(1)])
    timeline.insert([entry(7), entry(14, "again"), entry(99)])
    state = [10, 11, 12, 13, 14, 1, 3, 7, 14, 15, 16, 17, 18, 19, 99]
    assert timeline.state == state
    assert seen[0] == (3, [10, 11, 12, 13, 14, 3, 15, 16, 17, 18, 19])
    assert seen[2:] == [(7, state), (14, state)]
    # As it is remembered, it can be undone.
    timeline.remove([id(3), id(7)])
    assert timeline.state == [10, 11, 12, 13, 14, 1, 14, 15, 16, 17, 18, 19, 99]


def test_what_moves_before_the_base_is_applied_after_it_and_reported() -> None:
    missed: list[Action] = []
    timeline = Timeline(Trace(), history=0, on_missed_history=missed.append)
    timeline.insert(entries([1, 2, 3, 4]))
    timeline.release(id(1))
    timeline.move(id(4), key(0, 4))
    assert timeline.state == [1, 4, 2, 3]
    assert missed == [{"type": "add", "v": 4}]


def test_what_comes_too_late_is_noticed_when_nothing_is_remembered() -> None:
    missed: list[Action] = []
    timeline = Timeline(Trace(), history=0, on_missed_history=missed.append)
    timeline.insert(entries([10, 20]))
    timeline.release(id(10))
    timeline.remove([id(20)])
    assert len(timeline) == 0
    timeline.insert([entry(5)])
    timeline.insert([entry(3)])
    assert timeline.state == [10, 3, 5]
    assert len(missed) == 2


def test_an_action_that_comes_again_after_it_was_forgotten_is_too_late() -> None:
    missed: list[Action] = []
    timeline = Timeline(Trace(), history=0, on_missed_history=missed.append)
    timeline.insert(entries([1, 2]))
    timeline.release(id(1))
    timeline.insert([entry(1)])
    assert timeline.state == [1, 1, 2]
    assert len(missed) == 1


def test_an_undo_of_what_is_forgotten_is_reported() -> None:
    missed: list[Action] = []
    timeline = Timeline(Trace(), history=0, on_missed_history=missed.append)
    timeline.remove([id(1)])
    timeline.insert(entries([2, 3, 4]))
    timeline.release(id(2))
    timeline.remove([id(2), id(3), id(5), "nonsense", "no number 0"])
    assert missed == [{"type": "logux/undo", "id": id(2)}]
    assert timeline.state == [2, 4]
    timeline.remove([id(2)])
    timeline.change([entry(1)], [id(1)])
    assert len(missed) == 1


def test_what_the_report_raises_reaches_the_caller_when_all_is_reported() -> None:
    missed: list[Any] = []

    def report(action: Action) -> None:
        missed.append(action["v"])
        raise LookupError(action["v"])

    timeline = Timeline(Trace(), history=0, on_missed_history=report)
    timeline.insert([entry(10)])
    timeline.release(id(10))
    with pytest.raises(ExceptionGroup) as caught:
        timeline.insert(entries([1, 2]))
    assert sorted(error.args[0] for error in caught.value.exceptions) == sorted(missed) == [1, 2]
    assert timeline.state == [10, 1, 2]


class Value:
    """What can be counted while it lives."""


def test_memory_is_bounded_by_what_is_not_released_and_the_limit() -> None:
    def last(state: Any, action: Action) -> Any:
        return action.get("v")

    timeline = Timeline(Combined(all=last, some=Trace("some")), save_state_every=10, history=100)
    alive: WeakSet[Value] = WeakSet()
    for time in range(5000):
        value = Value()
        alive.add(value)
        timeline.insert([(key(time), id(time), {"type": "add", "v": value})])
        del value
        if time % 2:
            timeline.release(id(time))
        if time >= 300:
            timeline.release(id(time - 300))
    gc.collect()
    # 300 came last, half of them are released, and only 100 of these are remembered.
    assert len(timeline) == 200
    assert 200 <= len(alive) <= 200 * 17 / 16 + 40


class CountedTime(int):
    """Counts how often it is compared."""

    compared = 0

    def __lt__(self, other: int) -> bool:
        CountedTime.compared += 1
        return int(self) < int(other)

    def __gt__(self, other: int) -> bool:
        CountedTime.compared += 1
        return int(self) > int(other)

    def __eq__(self, other: object) -> bool:
        CountedTime.compared += 1
        return int(self) == other

    __hash__ = int.__hash__


def test_adding_at_the_end_and_releasing_the_oldest_cost_the_same_at_any_size() -> None:
    costs = []
    for size in (100, 10_000):
        timeline = Timeline(lambda state, action: None, history=0)
        timeline.insert([(key(CountedTime(t)), id(t), {"type": "add"}) for t in range(size)])
        CountedTime.compared = 0
        for time in range(size, size + 100):
            timeline.insert([(key(CountedTime(time)), id(time), {"type": "add"})])
            timeline.release(id(time - size))
        costs.append(CountedTime.compared)
    assert costs[1] <= costs[0] <= 100 * 4


def test_undoing_what_came_again_leaves_what_was_forgotten() -> None:
    timeline = Timeline(Trace(), history=0, save_state_every=2)
    timeline.insert([entry(1)])
    timeline.release(id(1))
    timeline.insert([entry(1)])
    assert timeline.state == [1, 1]
    timeline.remove([id(1)])
    assert timeline.state == [1]
