from typing import Any

import pytest

from logux_store import Slice, combine_reducers, define_action
from logux_store.store.reducers import as_reducer

add = define_action("counter/add")


def count(state: int | None, action: dict[str, Any]) -> int:
    return (state or 0) + int(action["type"] == "counter/add")


def test_a_combined_state_is_a_dict_of_the_parts() -> None:
    reducer = combine_reducers({"a": count, "b": {"c": count}})
    state = reducer(None, {"type": "@@init"})
    assert state == {"a": 0, "b": {"c": 0}}
    assert reducer(state, add()) == {"a": 1, "b": {"c": 1}}


def test_a_combined_state_keeps_its_identity_when_no_part_changes() -> None:
    reducer = combine_reducers({"a": count})
    state = {"a": 1}
    assert reducer(state, {"type": "other"}) is state


def test_a_state_with_a_key_that_no_reducer_is_for_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'b'.*no reducer.*'a'"):
        combine_reducers({"a": count})({"a": 1, "b": 2}, add())


@pytest.mark.parametrize("bad", [None, 1, [count], {"a": 1}, {1: count}])
def test_what_cannot_be_combined_is_refused(bad: Any) -> None:
    with pytest.raises(TypeError):
        combine_reducers(bad)
    with pytest.raises(ValueError, match="at least one"):
        combine_reducers({})


def test_what_is_not_a_reducer_is_refused() -> None:
    with pytest.raises(TypeError, match="a reducer is a function"):
        as_reducer(1)  # type: ignore[arg-type]

    async def later(state: int, action: dict[str, Any]) -> int:
        return state

    with pytest.raises(TypeError, match=r"later.* is a coroutine function"):
        as_reducer({"a": later})
    with pytest.raises(TypeError, match="the handler of 'counter/set' is a plain function"):
        Slice(0, {"counter/set": later})  # type: ignore[dict-item]


def test_a_slice_handles_the_types_that_it_declares() -> None:
    counter = Slice(0, {add: lambda state, action: state + action["by"]})

    @counter.on("counter/reset", "counter/clear")
    def reset(state: int, action: dict[str, Any]) -> int:
        return 0

    assert counter.action_types == {"counter/add", "counter/reset", "counter/clear"}
    assert counter(None, {"type": "@@init"}) == 0
    assert counter(2, add(by=3)) == 5
    assert counter(2, {"type": "counter/clear"}) == 0
    assert counter(2, {"type": "other"}) == 2


def test_a_slice_refuses_what_it_cannot_handle() -> None:
    counter = Slice(0, {add: lambda state, action: state})
    with pytest.raises(ValueError, match="already"):
        counter.on("counter/add")
    with pytest.raises(ValueError, match="protocol's own"):
        counter.on("logux/undo")
    with pytest.raises(TypeError, match="string or an action creator"):
        counter.on(1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="at least one"):
        counter.on()
    with pytest.raises(TypeError, match="the handler of 'counter/set' is a plain function"):
        Slice(0, {"counter/set": 1})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="initial state"):
        Slice(None)
