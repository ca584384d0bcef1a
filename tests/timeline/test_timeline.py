"""What a timeline reduces, and when. That its state is right is shown in `test_properties.py`."""

from collections.abc import Callable
from typing import Any

import pytest

from logux_store.timeline import Timeline
from tests.timeline.examples import Action, Combined, Last, Trace, entries, entry, id, key

# --- The first state ------------------------------------------------------------------------------


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


# --- What is reduced again ------------------------------------------------------------------------


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
    # Its own actions only: itself and the one after it, since the state before it is near.
    timeline.insert([entry(197, "post")])
    assert (users.calls, posts.calls) == (calls[0], calls[1] + 2)
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


# --- The combined state ---------------------------------------------------------------------------


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


# --- Undo -----------------------------------------------------------------------------------------


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


# --- Moves ----------------------------------------------------------------------------------------


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
