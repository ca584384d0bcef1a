"""Which tracks a reducer falls into, and the state that they make together.

A reducer with `parts` (what `combine_reducers` gives) has a dict of the parts' states as its
state, so each part is reduced on its own, a part that has parts in turn as well. A reducer with
`action_types` (a `Slice`) promises that only these can change its state. All others are asked
about every action.

Invariant: a dict of the combined state is replaced when something in it has changed, and only
then; what has not changed keeps its identity.
"""

from collections.abc import Mapping
from typing import Any

from logux_store.actions import Action
from logux_store.timeline.track import Path, Reducer, Track

__all__ = ["INIT", "make_tracks", "put_all"]

INIT: Action = {"type": "@@init"}
"""What a reducer is called with at first, together with the preloaded state or None."""


def make_tracks(
    reducer: Reducer, state: Any, every: int, *, strict: bool, path: Path = ()
) -> tuple[Any, list[Track]]:
    """The first state of a reducer that starts with `state`, and its tracks.

    Raises TypeError when `state` is not a mapping but the reducer has parts, ValueError when it is
    `strict` and the state has a key that is no part, and whatever a reducer raises at INIT.
    """
    parts = getattr(reducer, "parts", None)
    if not isinstance(parts, Mapping):
        first = reducer(state, INIT)
        types = getattr(reducer, "action_types", None)
        return first, [Track(reducer, first, every, path, types)]
    where = f"the state of {'.'.join(path)!r}" if path else "the preloaded state"
    if state is None:
        state = {}
    if not isinstance(state, Mapping):
        raise TypeError(
            f"{where} is a mapping with the state of each of its parts "
            f"({', '.join(map(repr, parts))}), not {state!r}"
        )
    if strict:
        for name in state:
            if name not in parts:
                raise ValueError(
                    f"{where} has the key {name!r}, which no reducer is for; "
                    f"there are reducers for {', '.join(map(repr, parts))}"
                )
    combined: dict[str, Any] = {}
    tracks: list[Track] = []
    for name, part in parts.items():
        combined[name], new = make_tracks(
            part, state.get(name), every, strict=strict, path=(*path, name)
        )
        tracks += new
    return combined, tracks


def put(state: Any, path: Path, value: Any) -> Any:
    """The combined state with another value at the path."""
    if not path:
        return value
    name = path[0]
    return {**state, name: value if len(path) == 1 else put(state[name], path[1:], value)}


def put_all(state: Any, values: list[tuple[Path, Any]]) -> Any:
    """The combined state with other values at the paths."""
    if len(values) <= 1:
        return put(state, *values[0]) if values else state
    # Each dict is copied once, however many of its values change.
    inner: dict[str, list[tuple[Path, Any]]] = {}
    for path, value in values:
        inner.setdefault(path[0], []).append((path[1:], value))
    return {**state, **{name: put_all(state[name], parts) for name, parts in inner.items()}}
