"""Reducers that raise, are interrupted, dispatch, or are replaced."""

from collections.abc import Callable
from typing import Any

import pytest

from logux_store.timeline import INIT, Timeline
from tests.timeline.examples import Action, Combined, Trace, entries, entry, id, key, picky

# --- Reducers that raise --------------------------------------------------------------------------


def test_an_action_at_which_the_reducer_raises_leaves_the_state_as_it_is() -> None:
    timeline = Timeline(picky)
    timeline.insert([entry(1)])
    with pytest.raises(ValueError, match="2"):
        timeline.insert([entry(2, "bad")])
    assert timeline.state == [1]
    with pytest.raises(ValueError, match="4"):
        timeline.insert([entry(3), entry(4, "bad"), entry(5)])
    assert timeline.state == [1, 3, 5]
    assert len(timeline) == 5


def test_what_several_actions_raise_is_raised_as_a_group() -> None:
    timeline = Timeline(Combined(a=picky, b=picky, c=Trace()))
    with pytest.raises(ExceptionGroup) as caught:
        timeline.insert([entry(1, "bad")])
    assert [error.args for error in caught.value.exceptions] == [(1,), (1,)]
    with pytest.raises(ExceptionGroup) as caught:
        timeline.insert([entry(2, "bad"), entry(3), entry(4, "bad")])
    assert len(caught.value.exceptions) == 4
    assert timeline.state == {"a": [3], "b": [3], "c": [1, 2, 3, 4]}


def test_what_is_raised_again_in_a_replay_is_not_news() -> None:
    timeline = Timeline(picky)
    with pytest.raises(ValueError, match="5"):
        timeline.insert([entry(5, "bad")])
    timeline.insert([entry(9)])
    timeline.insert([entry(2)])
    timeline.move(id(5), key(8, 5))
    assert timeline.state == [2, 9]


def test_what_is_raised_in_a_replay_for_the_first_time_is_news() -> None:
    timeline = Timeline(picky)
    timeline.insert([entry(5, "fragile")])
    with pytest.raises(ValueError, match="5"):
        timeline.insert([entry(1)])
    assert timeline.state == [1]
    timeline.remove([id(1)])
    assert timeline.state == [5]


def test_what_an_action_raises_is_news_after_it_was_undone() -> None:
    timeline = Timeline(picky)
    with pytest.raises(ValueError, match="5"):
        timeline.insert([entry(5, "bad")])
    timeline.remove([id(5)])
    timeline.forget_undo(id(5))
    with pytest.raises(ValueError, match="5"):
        timeline.insert([entry(5, "bad")])


# --- Interruption and re-entry --------------------------------------------------------------------


class Interruptible(Trace):
    """As if Ctrl+C was pressed in the middle of a slow reducer."""

    def __init__(self, *types: str) -> None:
        super().__init__(*types)
        self.until: int | None = None

    def __call__(self, state: Any, action: Action) -> Any:
        if self.calls == self.until:
            raise KeyboardInterrupt
        return super().__call__(state, action)


CHANGES: list[Callable[[Timeline], None]] = [
    lambda timeline: timeline.insert([entry(100)]),
    lambda timeline: timeline.insert([entry(3), entry(13)]),
    lambda timeline: timeline.insert([entry(100), entry(101)]),
    lambda timeline: timeline.remove([id(4), id(33)]),
    lambda timeline: timeline.move(id(4), key(25, 4)),
    lambda timeline: timeline.change([entry(3)], [id(4)], [(id(6), key(25, 6))]),
    lambda timeline: timeline.replace_reducer(Combined(a=timeline._tracks[0].reducer)),
]


@pytest.mark.parametrize("number", range(len(CHANGES)))
@pytest.mark.parametrize("call", range(15))
def test_an_interrupted_change_has_not_happened(number: int, call: int) -> None:
    reducer = Interruptible()
    timeline = Timeline(Combined(other=Trace(), a=reducer), save_state_every=3)
    timeline.insert(entries(range(0, 22, 2)))
    state, size, change = timeline.state, len(timeline), CHANGES[number]
    if number == len(CHANGES) - 1:
        timeline._tracks.reverse()
    reducer.until = reducer.calls + call
    try:
        change(timeline)
    except KeyboardInterrupt:
        assert (timeline.state, len(timeline)) == (state, size)
        assert timeline.state is state
        reducer.until = None
        change(timeline)
    straight = Timeline(Combined(other=Trace(), a=Trace()), save_state_every=3)
    straight.insert(entries(range(0, 22, 2)))
    if number < len(CHANGES) - 1:
        change(straight)
        assert timeline.state == straight.state
        assert timeline.replays == straight.replays
    else:
        assert timeline.state == {"a": straight.state["a"]}


@pytest.mark.parametrize(
    "call",
    [
        lambda timeline: timeline.insert([entry(50)]),
        lambda timeline: timeline.insert([entry(0)]),
        lambda timeline: timeline.remove([id(1)]),
        lambda timeline: timeline.move(id(1), key(9)),
        lambda timeline: timeline.release(id(1)),
        lambda timeline: timeline.replace_reducer(Trace()),
    ],
)
@pytest.mark.parametrize("time", [20, 5], ids=["newest", "late"])
def test_a_reducer_may_not_dispatch(time: int, call: Callable[[Timeline], None]) -> None:
    def reducer(state: Any, action: Action) -> Any:
        if action.get("v") == time:
            assert timeline.reducing
            call(timeline)
        return [*(state or []), action.get("v")]

    timeline = Timeline(reducer, history=0)
    timeline.insert([entry(1), entry(10)])
    with pytest.raises(RuntimeError, match="a reducer may not dispatch"):
        timeline.insert([entry(time)])
    assert timeline.state == [None, 1, 10]
    assert not timeline.reducing
    timeline.insert([entry(30)])
    assert timeline.state == [None, 1, 10, 30]


def test_the_report_of_missed_history_may_dispatch() -> None:
    timeline = Timeline(
        Trace(), history=0, on_missed_history=lambda action: timeline.insert([entry(50)])
    )
    timeline.insert([entry(10)])
    timeline.release(id(10))
    timeline.insert([entry(1)])
    assert timeline.state == [10, 1, 50]


# --- Another reducer ------------------------------------------------------------------------------


def doubled(state: Any, action: Action) -> Any:
    return [] if state is None else state if action is INIT else [*state, 2 * action["v"]]


def test_a_replaced_reducer_recomputes_everything_that_is_remembered() -> None:
    timeline = Timeline(Trace(), save_state_every=2, history=3)
    timeline.insert(entries(range(6)))
    timeline.replace_reducer(doubled)
    assert timeline.state == [0, 2, 4, 6, 8, 10]
    assert timeline.replays == 1
    timeline.insert([entry(7)])
    for time in range(4):
        timeline.release(id(time))
    timeline.replace_reducer(lambda state, action: [*state, action.get("v")])
    assert timeline.state == [0, 2, 4, 6, None, 4, 5, 7]
    timeline.remove([id(5)])
    assert timeline.state == [0, 2, 4, 6, None, 4, 7]


def test_a_replaced_reducer_starts_with_the_preloaded_state() -> None:
    timeline = Timeline(doubled, [100])
    timeline.insert([entry(1)])
    timeline.replace_reducer(lambda state, action: state)
    assert timeline.state == [100]


def test_a_replaced_reducer_may_have_other_parts() -> None:
    timeline = Timeline(Combined(a=doubled, b=doubled), {"b": [7]}, history=0)
    timeline.insert(entries([1, 2, 3]))
    timeline.release(id(1))
    timeline.replace_reducer(Combined(b=doubled, c=doubled))
    assert timeline.state == {"b": [7, 2, 4, 6], "c": [4, 6]}


def test_a_reducer_that_cannot_begin_replaces_nothing() -> None:
    def broken(state: Any, action: Action) -> Any:
        raise LookupError("broken")

    timeline = Timeline(doubled)
    timeline.insert([entry(1)])
    with pytest.raises(LookupError):
        timeline.replace_reducer(broken)
    timeline.release(id(1))
    with pytest.raises(LookupError):
        timeline.replace_reducer(Combined(a=broken))
    timeline.insert([entry(0)])
    assert timeline.state == [0, 2]


def test_what_a_replaced_reducer_raises_at_an_action_is_raised_when_all_is_recomputed() -> None:
    timeline = Timeline(doubled)
    timeline.insert([entry(1), entry(2, "bad"), entry(3)])
    with pytest.raises(ValueError, match="2"):
        timeline.replace_reducer(picky)
    assert timeline.state == [1, 3]
