"""What a reducer has to be so that all replicas agree, as checks of one line each.

    from logux_store.testing.properties import check_reducer

    def test_todos():
        check_reducer(todos, actions({"todo/add": {"id": st.text()}, "todo/clear": {}}))

| check | what it wants |
| --- | --- |
| `check_pure` | a reducer changes neither the state nor the action, and gives the same each time |
| `check_total` | it raises at no action, of its own types or of others |
| `check_serialisable` | its state comes back from JSON as it is, so that it can be saved |
| `check_convergent` | whatever the order of arrival, the state is that of the order of time |
| `check_undo_exact` | undoing an action gives the state without it |
| `check_slice_honest` | a part that says which types it handles ignores all others |

A check raises AssertionError with the smallest history that shows what is wrong. `reducer` may be a
mapping, as for a store; `settings` are Hypothesis settings. Needs Hypothesis (the extra `testing`).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any, TypeAlias

from hypothesis import given, note
from hypothesis import settings as Settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from logux_store.actions import Action, to_json
from logux_store.store.reducers import Reducer, as_reducer
from logux_store.store.snapshots import check_plain
from logux_store.testing.history import Arrival, History
from logux_store.testing.strategies import foreign_actions, histories
from logux_store.timeline import INIT

__all__ = [
    "check_convergent",
    "check_pure",
    "check_reducer",
    "check_serialisable",
    "check_slice_honest",
    "check_total",
    "check_undo_exact",
]

AnyReducer: TypeAlias = Reducer | Mapping[str, Any]
Actions: TypeAlias = SearchStrategy[Action]


def check_reducer(
    reducer: AnyReducer,
    actions: Actions,
    *,
    encode: Callable[[Any], Any] | None = None,
    decode: Callable[[Any], Any] | None = None,
    settings: Settings | None = None,
) -> None:
    """All checks; `encode` and `decode` are those of `check_serialisable`."""
    check_pure(reducer, actions, settings=settings)
    check_total(reducer, actions, settings=settings)
    check_serialisable(reducer, actions, encode=encode, decode=decode, settings=settings)
    check_slice_honest(reducer, actions, settings=settings)
    check_convergent(reducer, actions, settings=settings)
    check_undo_exact(reducer, actions, settings=settings)


def check_pure(reducer: AnyReducer, actions: Actions, *, settings: Settings | None = None) -> None:
    """A reducer leaves the state and the action as they are, and gives the same for the same."""
    reduce = as_reducer(reducer)

    def check(some: list[Action]) -> None:
        state = reduce(None, INIT)
        for action in some:
            before, given_action = deepcopy(state), deepcopy(action)
            after = reduce(state, action)
            expected = deepcopy(after)
            say(state=before, action=given_action, after=after)
            assert state == before, f"the reducer changes the state at {given_action!r}"
            assert action == given_action, f"the reducer changes the action {given_action!r}"
            again = reduce(before, given_action)
            assert again == expected, f"the reducer gives another state at {given_action!r}"
            state = after

    run(check, st.lists(actions, max_size=8), settings)


def check_total(reducer: AnyReducer, actions: Actions, *, settings: Settings | None = None) -> None:
    """A reducer raises at no action, whatever came before."""
    reduce = as_reducer(reducer)

    def check(some: list[Action]) -> None:
        state = reduce(None, INIT)
        for action in some:
            try:
                state = reduce(state, action)
            except Exception as error:
                say(state=state, action=action)
                raise AssertionError(
                    f"the reducer raises {type(error).__name__} at {action!r} in the state "
                    f"{state!r}"
                ) from error

    run(check, st.lists(actions | foreign_actions(), max_size=8), settings)


def check_serialisable(
    reducer: AnyReducer,
    actions: Actions,
    *,
    encode: Callable[[Any], Any] | None = None,
    decode: Callable[[Any], Any] | None = None,
    settings: Settings | None = None,
) -> None:
    """The state comes back from JSON as it is; `encode` and `decode` make JSON of a state and a
    state of JSON, as for `create_store_creator`.
    """
    reduce = as_reducer(reducer)

    def check(some: list[Action]) -> None:
        state = reduce(None, INIT)
        for action in some:
            state = reduce(state, action)
        say(state=state)
        encoded = state if encode is None else encode(state)
        try:
            check_plain(encoded)
        except TypeError as error:
            raise AssertionError(str(error)) from error
        decoded = json.loads(to_json(encoded))
        back = decoded if decode is None else decode(decoded)
        assert back == state, f"the state {state!r} comes back from JSON as {back!r}"

    run(check, st.lists(actions, max_size=8), settings)


def check_convergent(
    reducer: AnyReducer, actions: Actions, *, settings: Settings | None = None
) -> None:
    """Replicas that got the same actions, in whatever order, show the same state."""
    reduce = as_reducer(reducer)

    def check(history: History) -> None:
        expected, state = history.fold(reduce), history.play(reduce).state
        note(str(history))
        assert state == expected, (
            f"the state after these arrivals is {state!r}, but that of the order of time is "
            f"{expected!r}:\n{history}"
        )

    run(check, histories(actions, undos=False), settings)


def check_undo_exact(
    reducer: AnyReducer, actions: Actions, *, settings: Settings | None = None
) -> None:
    """Undoing actions gives the state that there were without them."""
    reduce = as_reducer(reducer)

    def check(drawn: tuple[History, int]) -> None:
        history, number = drawn
        entries = history.entries()
        if entries:
            _, meta = entries[number % len(entries)]
            undo: Action = {"type": "logux/undo", "id": meta.id, "reason": "error"}
            undone = History([*history.batches, [Arrival(undo, meta, meta.id)]])
            expected = history.without(meta.id).fold(reduce)
        else:
            undone, expected = history, history.fold(reduce)
        state = undone.play(reduce).state
        note(str(undone))
        assert state == expected, (
            f"the state is {state!r}, but without the undone actions it would be {expected!r}:\n"
            f"{undone}"
        )

    run(check, st.tuples(histories(actions), st.integers(0, 100)), settings)


def check_slice_honest(
    reducer: AnyReducer, actions: Actions, *, settings: Settings | None = None
) -> None:
    """A slice, or any part with `action_types`, is changed by no other type."""
    parts = [*honest_parts(as_reducer(reducer), "the reducer")]

    def check(some: list[Action]) -> None:
        for name, part, types in parts:
            state = part(None, INIT)
            for action in some:
                after = part(state, action)
                if action["type"] not in types:
                    say(part=name, state=state, action=action, after=after)
                    assert after == state, (
                        f"{name} is changed by {action['type']!r}, which is not among its "
                        f"action_types {sorted(types)}"
                    )
                state = after

    run(check, st.lists(actions | foreign_actions(), max_size=8), settings)


def honest_parts(reducer: Any, name: str) -> Iterator[tuple[str, Reducer, frozenset[str]]]:
    """The parts of a reducer that say what they handle, with their names."""
    parts = getattr(reducer, "parts", None)
    if parts is not None:
        for key, part in parts.items():
            yield from honest_parts(part, f"the part {key!r} of {name}")
    types = getattr(reducer, "action_types", None)
    if types is not None:
        yield name, reducer, frozenset(types)


def run(
    check: Callable[[Any], None], inputs: SearchStrategy[Any], settings: Settings | None
) -> None:
    """Check many inputs."""
    test = given(inputs)(check)
    if settings is not None:
        test = settings(test)
    test()


def say(**values: Any) -> None:
    """Tell of the values with which it fails."""
    for name, value in values.items():
        note(f"{name}: {value!r}")
