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
    ],
)
def test_changes_deep_inside_are_found(state: Any, change: Any) -> None:
    with pytest.raises(ImpureReducerError):
        checked(lambda state, action: change(state) or state)(state, ACTION)


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
