"""The same state as in js/reducer.js. Each part depends on the order of actions."""

from typing import Any

from logux_store import Slice, combine_reducers

lines: Slice[list[Any]] = Slice([])
values: Slice[dict[str, Any]] = Slice({})
number: Slice[int] = Slice(1)


@lines.on("room/append")
def _append(state: list[Any], action: dict[str, Any]) -> list[Any]:
    return [*state, action["text"]]


@values.on("room/set")
def _set(state: dict[str, Any], action: dict[str, Any]) -> dict[str, Any]:
    return {**state, action["key"]: action["value"]}


@number.on("room/calc")
def _calc(state: int, action: dict[str, Any]) -> int:
    result: int = (state * action["by"] + action["plus"]) % 1_000_003
    return result


reducer = combine_reducers({"lines": lines, "number": number, "values": values})

EMPTY: dict[str, Any] = {"lines": [], "number": 1, "values": {}}


def fold(actions: list[dict[str, Any]], state: Any = None) -> Any:
    """What a store has to show when these are its actions, oldest first."""
    state = EMPTY if state is None else state
    for action in actions:
        state = reducer(state, action)
    return state
