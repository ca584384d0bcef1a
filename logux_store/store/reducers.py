"""Reducers: functions `(state, action) -> state` that the store folds over the log.

`combine_reducers` and `Slice` make reducers that say what they handle, by the attributes `parts`
and `action_types`, so that a late action recomputes only what it touches. Any other callable is a
reducer too; it is asked about every action.

Invariant: a reducer never gets the protocol's own actions (`logux/…`).
"""

from collections.abc import Callable, Mapping
from inspect import iscoroutinefunction
from typing import Any, Generic, TypeAlias, TypeVar

from logux_store.actions import Action, ActionCreator

__all__ = ["CombinedReducer", "Reducer", "Slice", "as_reducer", "combine_reducers"]

Reducer: TypeAlias = Callable[[Any, Action], Any]
"""`reducer(state, action)` gives the new state and leaves the old one as it is; `state` is None at
first.
"""

S = TypeVar("S")
Handler = TypeVar("Handler", bound=Callable[..., Any])


class CombinedReducer:
    """A reducer whose state is a dict: each part's state under its name."""

    __slots__ = ("parts",)

    def __init__(self, parts: Mapping[str, Reducer]) -> None:
        self.parts = dict(parts)

    def __call__(self, state: dict[str, Any] | None, action: Action) -> dict[str, Any]:
        old = {} if state is None else state
        unknown = old.keys() - self.parts.keys()
        if unknown:
            raise ValueError(
                f"the state has the keys {sorted(map(str, unknown))}, for which combine_reducers "
                f"has no reducer; it has {sorted(self.parts)}"
            )
        new = {name: part(old.get(name), action) for name, part in self.parts.items()}
        same = len(new) == len(old) and all(new[name] is old[name] for name in new)
        return old if same else new

    def __repr__(self) -> str:
        return f"combine_reducers({self.parts!r})"


def combine_reducers(reducers: "Mapping[str, Reducer | Mapping[str, Any]]") -> CombinedReducer:
    """Make one reducer of several: its state is a dict with each reducer's state under its name.

    Values are reducers, slices, or mappings of them. Raises TypeError for anything else, ValueError
    for an empty mapping.
    """
    if not isinstance(reducers, Mapping):
        raise TypeError(f"combine_reducers takes a mapping of names to reducers, not {reducers!r}")
    if not reducers:
        raise ValueError("combine_reducers needs at least one reducer")
    for name in reducers:
        if not isinstance(name, str):
            raise TypeError(f"the name of a reducer is a string, not {name!r}")
    return CombinedReducer({name: as_reducer(part) for name, part in reducers.items()})


def as_reducer(reducer: "Reducer | Mapping[str, Any]") -> Reducer:
    """A reducer as it is; of a mapping, the combination of its reducers."""
    if isinstance(reducer, Mapping):
        return combine_reducers(reducer)
    if not callable(reducer):
        raise TypeError(
            f"a reducer is a function (state, action) -> state, or a mapping of names to "
            f"reducers, not {reducer!r}"
        )
    if iscoroutinefunction(reducer):
        raise TypeError(
            f"a reducer is a plain function; {reducer!r} is a coroutine function, which gives no "
            "state at once"
        )
    return reducer


class Slice(Generic[S]):
    """A reducer made of handlers by action type, with the state that it begins with.

    >>> counter = Slice(0)
    >>> @counter.on("counter/add")
    ... def add(state, action):
    ...     return state + action["by"]
    >>> counter(3, {"type": "counter/add", "by": 2})
    5

    Handlers have to be declared before a store is made of the slice. A state of None means that
    there is none yet, so a handler must not return it.
    """

    __slots__ = ("handlers", "initial_state")

    def __init__(
        self,
        initial_state: S,
        handlers: Mapping[str | ActionCreator, Callable[[S, Action], S]] | None = None,
    ) -> None:
        if initial_state is None:
            raise ValueError("a slice needs an initial state; None stands for a missing state")
        self.initial_state = initial_state
        self.handlers: dict[str, Callable[[S, Action], S]] = {}
        for type, handler in (handlers or {}).items():
            self.on(type)(handler)

    def on(self, *types: str | ActionCreator) -> Callable[[Handler], Handler]:
        """Declare the decorated `handler(state, action)` for these action types.

        Raises ValueError for a type that has a handler, TypeError for what is not a type.
        """
        names = [type.type if isinstance(type, ActionCreator) else type for type in types]
        if not names:
            raise TypeError("on() needs at least one action type")
        for name in names:
            if not isinstance(name, str):
                raise TypeError(f"an action's type is a string or an action creator, not {name!r}")
            if name.startswith("logux/"):
                raise ValueError(f"{name!r} is the protocol's own; no reducer gets such actions")
            if name in self.handlers:
                raise ValueError(f"the slice has a handler for {name!r} already")

        def declare(handler: Handler) -> Handler:
            if not callable(handler) or iscoroutinefunction(handler):
                raise TypeError(
                    f"the handler of {names[0]!r} is a plain function (state, action) -> state, "
                    f"not {handler!r}"
                )
            for name in names:
                self.handlers[name] = handler
            return handler

        return declare

    @property
    def action_types(self) -> frozenset[str]:
        """The types that have a handler; no other action changes the state."""
        return frozenset(self.handlers)

    def __call__(self, state: S | None, action: Action) -> S:
        current = self.initial_state if state is None else state
        handler = self.handlers.get(action["type"])
        return current if handler is None else handler(current, action)

    def __repr__(self) -> str:
        return f"Slice({self.initial_state!r}, {sorted(self.handlers)})"
