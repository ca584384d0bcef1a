"""The reducers: what all replicas need to agree, and what a person sees."""

from functools import reduce
from typing import Any

import pytest
from hypothesis import strategies as st

from examples.kanban.board import (
    COLUMNS,
    DOING,
    add,
    move,
    reducer,
    remove,
    rename,
    titles,
)
from logux_store import combine_reducers
from logux_store.testing import (
    check_convergent,
    check_pure,
    check_reducer,
    check_serialisable,
    check_slice_honest,
    check_total,
    check_undo_exact,
    strategies,
)

# Few of each, so that they meet.
BOARD = {"board": st.sampled_from(["design", "music"])}
CARD = {**BOARD, "id": st.sampled_from(["1", "2", "3"])}
ACTIONS = strategies.actions(
    {
        add: {**CARD, "title": st.text(max_size=3), "by": st.sampled_from(["ann", "bob"])},
        rename: {**CARD, "title": st.text(max_size=3)},
        move: {**CARD, "column": st.sampled_from([*COLUMNS, "elsewhere"])},
        remove: CARD,
    }
)


def test_the_reducers_are_pure() -> None:
    check_pure(reducer, ACTIONS)


def test_the_reducers_are_total() -> None:
    check_total(reducer, ACTIONS)


def test_the_state_is_serialisable() -> None:
    check_serialisable(reducer, ACTIONS)


def test_the_reducers_are_convergent() -> None:
    check_convergent(reducer, ACTIONS)


def test_undoing_is_exact() -> None:
    check_undo_exact(reducer, ACTIONS)


def test_the_slices_are_honest() -> None:
    check_slice_honest(reducer, ACTIONS)


def test_or_all_of_it_in_one_line() -> None:
    check_reducer(reducer, ACTIONS)


def test_cards_move_to_the_end_of_a_column() -> None:
    actions = [
        add(board="design", id="1", title="logo", by="ann"),
        add(board="design", id="2", title="fonts", by="ann"),
        move(board="design", id="2", column=DOING),
        move(board="design", id="1", column=DOING),
        rename(board="design", id="2", title="typefaces"),
    ]
    fold = combine_reducers(reducer)
    state: Any = reduce(fold, actions, None)
    assert titles(state, "design") == {"todo": [], "doing": ["typefaces", "logo"], "done": []}
    state = fold(state, remove(board="design", id="2"))
    assert titles(state, "design") == {"todo": [], "doing": ["logo"], "done": []}
    assert titles(state, "music") == {}


@pytest.mark.parametrize("late", [rename, move])
def test_what_comes_after_a_removal_changes_nothing(late: Any) -> None:
    fold = combine_reducers(reducer)
    state = fold(None, add(board="design", id="1", title="logo", by="ann"))
    state = fold(state, remove(board="design", id="1"))
    assert fold(state, late(board="design", id="1", title="x", column=DOING)) == state
