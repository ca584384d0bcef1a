"""What a timeline does, statement by statement; that its state is right is shown in
`test_properties.py`.
"""

import gc
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from weakref import WeakSet

import pytest

from logux_store.timeline import INIT, Timeline

Action = dict[str, Any]
Key = tuple[int, str, int, int]
Entry = tuple[Key, str, Action]


def key(time: int, ms: int | None = None) -> Key:
    return (time, "10:a:b", 0, time if ms is None else ms)


def id(time: int) -> str:
    return f"{time} 10:a:b 0"


def entry(time: int, type: str = "add") -> Entry:
    return (key(time), id(time), {"type": type, "v": time})


def entries(times: Iterable[int], type: str = "add") -> list[Entry]:
    return [entry(time, type) for time in times]


class Trace:
    """Appends each action's value, and counts its calls."""

    def __init__(self, *types: str) -> None:
        self.calls = 0
        if types:
            self.action_types = frozenset(types)

    def __call__(self, state: Any, action: Action) -> Any:
        self.calls += 1
        return [] if action is INIT else [*state, action["v"]]

    def count(self, call: Callable[[], object]) -> int:
        """How often this reducer is called by `call`."""
        before = self.calls
        call()
        return self.calls - before


class Last(Trace):
    """Knows only the last value, in a new list each time."""

    def __call__(self, state: Any, action: Action) -> Any:
        self.calls += 1
        return [] if action is INIT else [action["v"]]


class Combined:
    def __init__(self, **parts: Any) -> None:
        self.parts: Mapping[str, Any] = parts

    def __call__(self, state: Any, action: Action) -> Any:
        raise AssertionError("the timeline calls the parts")


def picky(state: Any, action: Action) -> Any:
    """Raises at actions of the type `bad`, and at a `fragile` one right after the value 1."""
    if action is INIT:
        return []
    if action["type"] == "bad" or (action["type"] == "fragile" and state[-1:] == [1]):
        raise ValueError(action["v"])
    return [*state, action["v"]]


# --- The first state -----------------------------------------------------------------------------


def test_the_first_state_is_what_the_reducer_makes_of_nothing() -> None:
    assert Timeline(lambda state, action: (state, action["type"])).state == (None, "@@init")


def test_the_preloaded_state_is_what_the_reducer_starts_with() -> None:
    timeline = Timeline(lambda state, action: (*state, action["type"]), ("before",))
    timeline.insert([entry(1)])
    assert timeline.state == ("before", "@@init", "add")


def test_parts_start_with_their_preloaded_state_or_none() -> None:
    def part(state: Any, action: Action) -> Any:
        return state or "new"

    reducer = Combined(a=part, b=part, deep=Combined(c=part, d=part))
    timeline = Timeline(reducer, {"b": "old", "deep": {"d": "old"}})
    assert timeline.state == {"a": "new", "b": "old", "deep": {"c": "new", "d": "old"}}


def test_a_preloaded_key_without_a_reducer_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"'wrong'.*'a', 'b'"):
        Timeline(Combined(a=Trace(), b=Trace()), {"wrong": 1})
    with pytest.raises(ValueError, match=r"the state of 'deep\.inner' has the key 'wrong'"):
        Timeline(
            Combined(deep=Combined(inner=Combined(a=Trace()))), {"deep": {"inner": {"wrong": 1}}}
        )


def test_the_state_of_parts_has_to_be_a_mapping() -> None:
    with pytest.raises(TypeError, match=r"mapping .*\('a'\), not 5"):
        Timeline(Combined(a=Trace()), 5)


@pytest.mark.parametrize(
    "options", [{"save_state_every": 0}, {"save_state_every": -1}, {"history": -1}]
)
def test_wrong_numbers_are_refused_by_name(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Timeline(Trace(), **options)


# --- What is reduced again -----------------------------------------------------------------------


def test_an_action_that_is_newer_than_all_is_reduced_once() -> None:
    reducer = Trace()
    timeline = Timeline(reducer)
    timeline.insert(entries(range(1000)))
    assert reducer.count(lambda: timeline.insert([entry(1000)])) == 1
    assert timeline.replays == 0


def test_a_batch_that_is_newer_than_all_is_reduced_once_in_the_order_of_time() -> None:
    reducer = Trace()
    timeline = Timeline(reducer)
    timeline.insert([entry(0)])
    batch = [entry(3), entry(1), entry(2)]
    assert reducer.count(lambda: timeline.insert(batch)) == 3
    assert timeline.state == [0, 1, 2, 3]
    assert timeline.replays == 0


def test_a_late_action_replays_from_the_checkpoint_before_it() -> None:
    reducer = Trace()
    timeline = Timeline(reducer, save_state_every=10)
    timeline.insert(entries(range(0, 200, 2)))
    # There are checkpoints after each 10 actions; this one comes 15 before the newest.
    assert reducer.count(lambda: timeline.insert([entry(169)])) == 21
    assert timeline.state == [*range(0, 169, 2), 169, *range(170, 200, 2)]
    assert timeline.replays == 1


def test_an_undo_replays_from_the_checkpoint_before_it() -> None:
    reducer = Trace()
    timeline = Timeline(reducer, save_state_every=10)
    timeline.insert(entries(range(100)))
    assert reducer.count(lambda: timeline.remove([id(85)])) == 19
    assert timeline.state == [*range(85), *range(86, 100)]


def test_a_batch_of_late_actions_undos_and_moves_replays_once() -> None:
    reducer = Trace()
    timeline = Timeline(reducer, save_state_every=10)
    timeline.insert(entries(range(0, 200, 2)))

    def change() -> None:
        timeline.change(
            inserts=entries([151, 153, 155, 999]),
            removes=[id(160), id(170)],
            moves=[(id(162), key(157, 162))],
        )

    # 30 and 4 more, without 2, from the checkpoint before 140.
    assert reducer.count(change) == 32
    assert timeline.replays == 1
    assert timeline.state == [
        *range(0, 151, 2), 151, 152, 153, 154, 155, 156, 162, 158, 164, 166, 168,
        *range(172, 200, 2), 999,
    ]  # fmt: skip


def test_a_replay_stops_where_a_checkpoint_has_the_same_state() -> None:
    reducer = Last()
    timeline = Timeline(reducer, save_state_every=10)
    timeline.insert(entries(range(0, 2000, 2)))
    assert reducer.count(lambda: timeline.insert([entry(1001)])) == 11
    assert reducer.count(lambda: timeline.remove([id(1000)])) == 10
    assert timeline.state == [1998]


def test_a_replay_leaves_out_what_lies_between_two_changes() -> None:
    reducer = Last()
    timeline = Timeline(reducer, save_state_every=10)
    timeline.insert(entries(range(0, 2000, 2)))
    assert reducer.count(lambda: timeline.change(entries([101, 1501]), [id(800)])) == 11 + 9 + 11
    assert timeline.replays == 1


def test_a_replay_that_changes_nothing_keeps_the_state_itself() -> None:
    timeline = Timeline(Last())
    timeline.insert(entries(range(0, 20, 2)))
    state = timeline.state
    timeline.insert([entry(5)])
    assert timeline.state is state


def test_a_late_action_is_reduced_by_those_slices_only_that_handle_it() -> None:
    users, posts, everything = Trace("user"), Trace("post"), Last()
    timeline = Timeline(Combined(users=users, posts=posts, all=everything), save_state_every=10)
    for time in range(0, 200, 4):
        timeline.insert([entry(time, "user"), entry(time + 2, "post")])
    before = timeline.state
    calls = users.calls, posts.calls
    # Its own actions only: 5 since the checkpoint before it, and itself.
    timeline.insert([entry(197, "post")])
    assert (users.calls, posts.calls) == (calls[0], calls[1] + 11)
    assert timeline.state["users"] is before["users"]
    assert timeline.state["posts"] == [*before["posts"][:-1], 197, 198]


def test_an_action_that_nobody_handles_is_kept_for_reducers_to_come() -> None:
    timeline = Timeline(Combined(users=Trace("user")))
    timeline.insert([entry(1, "post")])
    timeline.insert([entry(3, "post"), entry(2, "post")])
    assert timeline.state == {"users": []}
    assert timeline.replays == 0
    timeline.replace_reducer(Combined(posts=Trace("post")))
    assert timeline.state == {"posts": [1, 2, 3]}


# --- The combined state --------------------------------------------------------------------------


def test_parts_that_do_not_change_keep_their_identity() -> None:
    reducer = Combined(
        a=Trace("a"), deep=Combined(b=Trace("b"), c=Trace("c")), other=Combined(d=Trace("d"))
    )
    timeline = Timeline(reducer)
    changes: list[Callable[[], None]] = [
        lambda: timeline.insert([entry(10, "b")]),
        lambda: timeline.insert([entry(5, "b"), entry(6, "b")]),
        lambda: timeline.remove([id(5)]),
    ]
    for change in changes:
        before = timeline.state
        change()
        assert timeline.state is not before
        assert timeline.state["a"] is before["a"]
        assert timeline.state["deep"] is not before["deep"]
        assert timeline.state["deep"]["b"] != before["deep"]["b"]
        assert timeline.state["deep"]["c"] is before["deep"]["c"]
        assert timeline.state["other"] is before["other"]


def test_the_combined_state_stays_the_same_when_no_part_changes() -> None:
    def still(state: Any, action: Action) -> Any:
        return state or "still"

    timeline = Timeline(Combined(a=still, deep=Combined(b=still)))
    state = timeline.state
    timeline.insert([entry(5)])
    timeline.insert([entry(1)])
    timeline.remove([id(5)])
    assert timeline.state is state


def test_several_parts_of_one_reducer_change_at_once() -> None:
    timeline = Timeline(Combined(a=Trace(), deep=Combined(b=Trace(), c=Trace())))
    timeline.insert([entry(1)])
    timeline.insert([entry(0)])
    assert timeline.state == {"a": [0, 1], "deep": {"b": [0, 1], "c": [0, 1]}}


# --- Undo ----------------------------------------------------------------------------------------


def test_an_undo_that_comes_first_waits_for_its_action() -> None:
    reducer = Trace()
    timeline = Timeline(reducer)
    timeline.remove([id(2)])
    timeline.insert([entry(2)])
    assert reducer.count(lambda: timeline.insert(entries([1, 2, 3]))) == 2
    assert timeline.state == [1, 3]


def test_an_undone_action_does_not_come_back() -> None:
    timeline = Timeline(Trace())
    timeline.insert(entries([1, 2, 3]))
    timeline.remove([id(2), id(3)])
    timeline.insert([entry(3)])
    timeline.insert(entries([2, 4]))
    timeline.move(id(2), key(9))
    assert timeline.state == [1, 4]


def test_an_undo_that_was_forgotten_undoes_nothing() -> None:
    timeline = Timeline(Trace())
    timeline.remove([id(1), id(2)])
    timeline.forget_undo(id(2))
    timeline.forget_undo("unknown")
    timeline.insert(entries([1, 2]))
    assert timeline.state == [2]


def test_what_is_inserted_and_removed_at_once_is_never_reduced() -> None:
    reducer = Trace()
    timeline = Timeline(reducer)
    assert reducer.count(lambda: timeline.change([entry(1)], [id(1)], [(id(1), key(5))])) == 0
    assert timeline.state == []


def test_a_known_id_is_ignored() -> None:
    reducer = Trace()
    timeline = Timeline(reducer)
    timeline.insert([entry(5), entry(5), entry(6)])
    again = [(key(7, 5), id(5), {"type": "add", "v": "again"})]
    assert reducer.count(lambda: timeline.insert(again)) == 0
    assert reducer.count(lambda: timeline.insert([entry(5), entry(6)])) == 0
    assert timeline.state == [5, 6]


# --- Moves ---------------------------------------------------------------------------------------


def test_a_moved_action_is_replayed_in_its_new_place() -> None:
    timeline = Timeline(Trace(), save_state_every=2)
    timeline.insert(entries(range(10)))
    timeline.move(id(7), key(2, 7))
    assert timeline.state == [0, 1, 2, 7, 3, 4, 5, 6, 8, 9]
    timeline.move(id(0), key(20, 0))
    assert timeline.state == [1, 2, 7, 3, 4, 5, 6, 8, 9, 0]
    assert timeline.replays == 2
    timeline.insert([entry(15)])
    assert timeline.state == [1, 2, 7, 3, 4, 5, 6, 8, 9, 15, 0]


def test_moves_that_leave_the_order_as_it_is_replay_nothing() -> None:
    reducer = Trace()
    timeline = Timeline(reducer, save_state_every=3)
    timeline.insert(entries(range(0, 200, 10)))

    def move() -> None:
        timeline.move(id(100), key(109, 100))
        timeline.change(moves=[(id(time), key(time + 500, time)) for time in range(110, 200, 10)])

    assert reducer.count(move) == 0
    assert timeline.replays == 0
    # The places are new, though.
    timeline.insert(entries([105, 300]))
    assert timeline.state == [*range(0, 100, 10), 105, 100, 300, *range(110, 200, 10)]


def test_a_move_of_an_unknown_action_is_ignored() -> None:
    timeline = Timeline(Trace())
    timeline.insert([entry(1)])
    timeline.move(id(2), key(0))
    assert timeline.state == [1]


def test_an_action_can_be_inserted_and_moved_at_once() -> None:
    timeline = Timeline(Trace())
    timeline.change(entries([1, 2, 3]), moves=[(id(3), key(0, 3))])
    assert timeline.state == [3, 1, 2]


# --- History -------------------------------------------------------------------------------------


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


# --- Reducers that raise -------------------------------------------------------------------------


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


# --- Interruption and re-entry -------------------------------------------------------------------


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


# --- Another reducer -----------------------------------------------------------------------------


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
