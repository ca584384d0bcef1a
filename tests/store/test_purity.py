from array import array
from collections import deque
from dataclasses import dataclass
from typing import Any

import pyrsistent
import pytest

from logux_store import ImpureReducerError, Slice, combine_reducers
from logux_store.store.purity import checked

ACTION: dict[str, Any] = {"type": "add", "value": [1]}


@dataclass
class Box:
    items: list[int]


def push(state: Any, action: dict[str, Any]) -> Any:
    (state.items if isinstance(state, Box) else state).append(1)
    return state


@pytest.mark.parametrize("state", [[1], deque([1]), Box([1])])
def test_a_reducer_that_changes_its_state_in_place_is_named(state: Any) -> None:
    with pytest.raises(ImpureReducerError, match=r"push changed its state .* 'add'"):
        checked(push)(state, ACTION)


@pytest.mark.parametrize(
    ("state", "change"),
    [
        ({"a": {"b": 1}}, lambda state: state["a"].update(b=2)),
        ({"a": 1}, lambda state: state.pop("a")),
        ({1, 2}, lambda state: state.add(3)),
        (({"a": 1},), lambda state: state[0].clear()),
        ([1, 2], lambda state: state.reverse()),
        (pyrsistent.m(a=[1]), lambda state: state["a"].append(2)),
        (pyrsistent.v([1]), lambda state: state[0].append(2)),
        (bytearray(b"a"), lambda state: state.append(1)),
        ([array("d", [1.0])], lambda state: state[0].append(2.0)),
    ],
)
def test_changes_deep_inside_are_found(state: Any, change: Any) -> None:
    with pytest.raises(ImpureReducerError):
        checked(lambda state, action: change(state) or state)(state, ACTION)


def test_a_value_at_the_place_of_a_removed_one_is_found() -> None:
    def replace(state: set[float], action: dict[str, Any]) -> set[float]:
        # Python gives the second number the memory of the first one, if nothing holds that.
        state.clear()
        state.add(float("2.5"))
        return state

    with pytest.raises(ImpureReducerError):
        checked(replace)({float("1.5")}, ACTION)


def test_what_is_found_several_times_in_a_state_is_looked_into_once() -> None:
    parent: dict[str, Any] = {"children": []}
    parent["children"].append({"parent": parent})
    twice: Any = [1]
    for _ in range(200):
        twice = [twice, twice]
    for state in (parent, twice):
        assert checked(lambda state, action: state)(state, ACTION) is state
    with pytest.raises(ImpureReducerError):
        checked(push)(parent["children"], ACTION)


def test_a_reducer_that_changes_its_action_is_named() -> None:
    def grow(state: int, action: dict[str, Any]) -> int:
        action["value"].append(2)
        return state

    with pytest.raises(ImpureReducerError, match="grow changed its action"):
        checked(grow)(0, {"type": "add", "value": []})


def test_a_reducer_that_forgets_to_return_is_named() -> None:
    def forget(state: Any, action: dict[str, Any]) -> None:
        pass

    with pytest.raises(ImpureReducerError, match="forget returned None"):
        checked(forget)(1, ACTION)


def test_parts_are_called_by_their_names_and_stay_parts() -> None:
    reducer = checked(combine_reducers({"a": {"b": push}, "s": Slice([], {"add": push})}))
    assert reducer.parts["s"].action_types == {"add"}  # type: ignore[attr-defined]
    with pytest.raises(ImpureReducerError, match=r"'a\.b' \(push\)"):
        reducer({"a": {"b": [1]}, "s": []}, ACTION)


@pytest.mark.parametrize(
    "state", [1, "a", (1, 2), {"a": [1]}, Box([1]), pyrsistent.m(a=1), frozenset({1})]
)
def test_a_pure_reducer_works_as_before(state: Any) -> None:
    assert checked(lambda state, action: state)(state, ACTION) is state
    assert checked(lambda state, action: [state, 1])(state, ACTION) == [state, 1]
