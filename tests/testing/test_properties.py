"""Each property holds for a good reducer, and finds the one that lacks it."""

import random
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from pyrsistent import PMap, pmap, thaw

from logux_store import Slice, define_action
from logux_store.testing.properties import (
    check_convergent,
    check_pure,
    check_reducer,
    check_serialisable,
    check_slice_honest,
    check_total,
    check_undo_exact,
)
from logux_store.testing.strategies import actions

Action = dict[str, Any]

rename = define_action("rename")
ACTIONS = actions(
    {
        "add": {"id": st.sampled_from("abc"), "n": st.integers(0, 9)},
        rename: st.fixed_dictionaries({"id": st.sampled_from("abc"), "name": st.text(max_size=2)}),
        "clear": {},
    }
)


def good(state: dict[str, Any] | None, action: Action) -> dict[str, Any]:
    state = state or {}
    match action:
        case {"type": "add", "id": id, "n": n}:
            return {**state, id: n}
        case {"type": "rename", "id": id, "name": name} if id in state:
            return {**state, id: name}
        case {"type": "clear"}:
            return {}
    return state


def changes_its_state(state: Any, action: Action) -> Any:
    state = {} if state is None else state
    if action["type"] == "add":
        state[action["id"]] = action["n"]
    return state


def changes_its_action(state: Any, action: Action) -> Any:
    if action["type"] == "add":
        action["seen"] = True
    return state or 0


def rolls_dice(state: Any, action: Action) -> Any:
    return random.random() if action["type"] == "add" else state or 0


def wants_the_id_to_be_there(state: Any, action: Action) -> Any:
    state = state or {}
    if action["type"] == "rename":
        return {**state, action["id"]: state[action["id"]] or action["name"]}
    return good(state, action)


def wants_an_id(state: Any, action: Action) -> Any:
    return {**(state or {}), action["id"]: 1} if action["type"] != "@@init" else {}


def keeps_tuples(state: Any, action: Action) -> Any:
    return (*(state or ()), action["type"])


def keeps_numbers_as_keys(state: Any, action: Action) -> Any:
    return {**(state or {}), action["n"]: 1} if action["type"] == "add" else state or {}


class CountsCalls:
    """Its state depends on how often it was called, so a replay gives another one."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, state: Any, action: Action) -> Any:
        self.calls += 1
        return self.calls


class HidesTypes:
    """Handles more than it says, so a late action is not put in its place."""

    action_types = frozenset({"add"})

    def __call__(self, state: Any, action: Action) -> Any:
        return [*(state or []), action.get("n", "cleared")] if action["type"] != "@@init" else []


class Remembers:
    """Cannot go back: its state is in itself."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    def __call__(self, state: Any, action: Action) -> Any:
        if action["type"] == "add":
            self.all.append(action["n"])
        return [*self.all]


class RemembersIds:
    """Asked twice at once it gives the same, but not after another action."""

    def __init__(self) -> None:
        self.ids: set[Any] = set()

    def __call__(self, state: Any, action: Action) -> Any:
        if action["type"] == "add":
            self.ids.add(action["id"])
        return len(self.ids)


FEW = settings(max_examples=50, database=None)


def test_a_good_reducer_passes_all() -> None:
    check_reducer(good, ACTIONS, settings=FEW)


def test_slices_and_mappings_pass_too() -> None:
    names: Slice[dict[str, str]] = Slice({})

    @names.on(rename)
    def set_name(state: dict[str, str], action: Action) -> dict[str, str]:
        return {**state, action["id"]: action["name"]}

    check_reducer({"all": good, "names": names, "deep": {"names": names}}, ACTIONS, settings=FEW)


def test_a_state_that_is_no_json_passes_with_its_encoding() -> None:
    def persistent(state: PMap[str, Any] | None, action: Action) -> PMap[str, Any]:
        return pmap(good(dict(thaw(state or pmap())), action))

    check_reducer(persistent, ACTIONS, encode=thaw, decode=pmap, settings=FEW)
    with pytest.raises(AssertionError, match="PMap"):
        check_serialisable(persistent, ACTIONS, settings=FEW)
    with pytest.raises(AssertionError, match="does not come back"):
        check_serialisable(
            persistent, ACTIONS, encode=thaw, decode=lambda _: MappingProxyType({}), settings=FEW
        )


@pytest.mark.parametrize(
    ("check", "make", "text"),
    [
        (
            check_pure,
            lambda: changes_its_state,
            "changes the state in place at {'type': 'add'",
        ),
        (check_pure, lambda: changes_its_action, "changes the action {'type': 'add', 'id': 'a'"),
        (check_pure, lambda: rolls_dice, "another state when it is asked again at {'type': 'add'"),
        (
            check_total,
            lambda: wants_the_id_to_be_there,
            "KeyError('a') at {'type': 'rename'",
        ),
        (check_total, lambda: wants_an_id, "raises KeyError('id') at {'type': 'clear'}"),
        (check_serialisable, lambda: keeps_tuples, "the state is a builtins.tuple"),
        (check_serialisable, lambda: keeps_numbers_as_keys, "the key 0, which is no string"),
        (check_convergent, CountsCalls, "the state is not that of the order of time:"),
        (check_undo_exact, CountsCalls, "does not give the state without it:"),
        (check_convergent, HidesTypes, "the state is not that of the order of time:"),
        (check_undo_exact, Remembers, "does not give the state without it:"),
        (check_slice_honest, HidesTypes, ", whose type is not among its action_types ['add']"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_property_finds_who_lacks_it(
    check: Callable[..., None], make: Callable[[], Any], text: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        check({"part": make()} if check is check_slice_honest else make(), ACTIONS, settings=FEW)
    assert text in str(caught.value)


@pytest.mark.parametrize("check", [check_convergent, check_undo_exact])
def test_a_reducer_that_raises_in_a_history_is_shown_with_it(check: Callable[..., None]) -> None:
    with pytest.raises(AssertionError, match="raises KeyError") as caught:
        check(wants_the_id_to_be_there, ACTIONS, settings=FEW)
    assert "arrival  order  node  time  action" in str(caught.value)
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_failure_that_does_not_come_again_is_told_as_such() -> None:
    class RaisesOnce:
        def __init__(self) -> None:
            self.raised = False

        def __call__(self, state: Any, action: Action) -> Any:
            if action["type"] == "clear" and not self.raised:
                self.raised = True
                raise KeyError
            return 0

    with pytest.raises(AssertionError, match="different states for the same actions") as caught:
        check_total(RaisesOnce(), ACTIONS, settings=FEW)
    assert "KeyError() at {'type': 'clear'}" in str(caught.value)


def test_a_reducer_with_a_memory_of_its_own_is_found() -> None:
    with pytest.raises(AssertionError, match="another state when it is asked again"):
        check_pure(RemembersIds(), ACTIONS, settings=FEW)


def test_an_initial_state_that_is_changed_in_place_is_shown_with_one_change() -> None:
    def grow(state: Any, action: Action) -> Any:
        state.append(action["n"])
        return state

    with pytest.raises(AssertionError) as caught:
        check_pure(Slice([], {"add": grow}), ACTIONS, settings=FEW)
    assert str(caught.value).splitlines()[1:] == ["  before:     []", "  afterwards: [0]"]


def test_large_states_are_shown_by_what_differs() -> None:
    numbers = {f"number {n}": n for n in range(50)}

    def large(state: Any, action: Action) -> Any:
        return {"numbers": numbers, "cleared": action["type"] == "clear"}

    def grows(state: Any, action: Action) -> Any:
        state = state or {**numbers}
        if action["type"] == "clear":
            state["cleared"] = 1
        return state

    check_reducer(large, ACTIONS, settings=FEW)
    with pytest.raises(AssertionError) as caught:
        check_pure(grows, ACTIONS, settings=FEW)
    lines = str(caught.value).splitlines()
    assert "  +{'cleared': 1," in lines
    assert len(lines) < 15


def test_a_failure_shows_a_minimal_history() -> None:
    with pytest.raises(AssertionError) as caught:
        check_convergent(HidesTypes(), ACTIONS, settings=FEW)
    lines = [line.strip() for line in str(caught.value).splitlines()]
    start = lines.index("arrival  order  node  time  action")
    table = [line for line in lines[start + 1 :] if line[:1].isdigit()]
    assert len(table) <= 3
    # Something that it hides, which comes late.
    assert any('"type":"add"' not in line for line in table)
