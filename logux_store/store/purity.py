"""For development: finds reducers that change their input, and says which one it was.

A reducer must leave the old state and the action as they are, or history cannot be replayed.
`checked` wraps a reducer so that it raises when it did not.
"""

import dataclasses
from collections import deque
from typing import Any

from pyrsistent import PMap, PVector

from logux_store.actions import Action
from logux_store.store.reducers import CombinedReducer, Reducer

__all__ = ["ImpureReducerError", "checked"]


class ImpureReducerError(Exception):
    """A reducer changed the state or the action that it was given, or returned None."""


def checked(reducer: Reducer, name: str | None = None) -> Reducer:
    """The same reducer, raising ImpureReducerError when it changes its input or returns None.

    `name` is how the error calls it; by default the function's own name.
    """
    if isinstance(reducer, CombinedReducer):
        return CombinedReducer(
            {
                part: checked(inner, part if name is None else f"{name}.{part}")
                for part, inner in reducer.parts.items()
            }
        )
    called = _name(reducer) if name is None else f"{name!r} ({_name(reducer)})"
    return _Checked(reducer, called)


def _name(reducer: Reducer) -> str:
    return getattr(reducer, "__qualname__", None) or repr(reducer)


class _Checked:
    __slots__ = ("called", "reducer")

    def __init__(self, reducer: Reducer, called: str) -> None:
        self.reducer = reducer
        self.called = called

    @property
    def action_types(self) -> frozenset[str] | None:
        return getattr(self.reducer, "action_types", None)

    def __call__(self, state: Any, action: Action) -> Any:
        inputs = ("its state", state), ("its action", action)
        before = [(what, value, *_fingerprint(value)) for what, value in inputs]
        result = self.reducer(state, action)
        for what, value, old, _alive in before:
            if _fingerprint(value)[0] != old:
                raise ImpureReducerError(
                    f"the reducer {self.called} changed {what} in place at the action "
                    f"{action['type']!r}; it has to return a new state and leave its input alone"
                )
        if result is None:
            raise ImpureReducerError(
                f"the reducer {self.called} returned None at the action {action['type']!r}; "
                "return the state as it is to ignore an action"
            )
        return result


def _fingerprint(value: Any) -> tuple[list[Any], list[Any]]:
    """What would differ if anything in the value were changed, and the objects that must stay alive
    for that to hold: the parts that cannot be looked into count by their identity.
    """
    marks: list[Any] = []
    alive: list[Any] = []
    # What is met again, as in a tree whose nodes know their parents, is looked into once.
    met: set[int] = set()
    waiting = [value]
    while waiting:
        item = waiting.pop()
        marks.append(id(item))
        if id(item) in met:
            continue
        met.add(id(item))
        alive.append(item)
        if isinstance(item, dict | PMap):
            marks.append(len(item))
            waiting.extend(item.keys())
            waiting.extend(item.values())
        elif isinstance(item, list | tuple | deque | PVector):
            marks.append(len(item))
            waiting.extend(item)
        elif isinstance(item, set):
            marks.append(frozenset(map(id, item)))
            alive.extend(item)
        elif dataclasses.is_dataclass(item) and not isinstance(item, type):
            waiting.extend(getattr(item, field.name, None) for field in dataclasses.fields(item))
        elif not isinstance(item, _LEAVES):
            marks.append(_bytes_of(item))
    return marks, alive


_LEAVES = (str, int, float, bytes, type(None))


def _bytes_of(item: Any) -> bytes | None:
    """The content of a bytearray, an array, or another object that gives its bytes away."""
    try:
        return memoryview(item).tobytes()
    except (TypeError, ValueError):
        return None
