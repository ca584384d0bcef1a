"""Actions and reducers that the tests of the timeline share."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from logux_store.timeline import INIT

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
