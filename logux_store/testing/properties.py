"""What a reducer has to be so that all replicas agree, as checks of one line each.

    from logux_store.testing import check_reducer, strategies

    ACTIONS = strategies.actions({"todo/add": {"id": st.sampled_from("ab")}, "todo/clear": {}})

    def test_todos():
        check_reducer(todos, ACTIONS)

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

import logux_store.testing.extra  # noqa: F401  # isort: skip

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any, TypeAlias

from hypothesis import Phase, given
from hypothesis import settings as Settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.strategies import SearchStrategy

from logux_store.actions import Action, to_json
from logux_store.store.reducers import Reducer, as_reducer
from logux_store.store.snapshots import check_plain
from logux_store.testing.history import Arrival, History
from logux_store.testing.strategies import foreign_actions, histories
from logux_store.testing.texts import compare
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


class BrokenError(Exception):
    """Says what a reducer does wrong."""


def check_reducer(
    reducer: AnyReducer,
    actions: Actions,
    *,
    encode: Callable[[Any], Any] | None = None,
    decode: Callable[[Any], Any] | None = None,
    settings: Settings | None = None,
) -> None:
    """All checks; `encode` and `decode` are those of `check_serialisable`."""
    __tracebackhide__ = True
    check_total(reducer, actions, settings=settings)
    check_pure(reducer, actions, settings=settings)
    check_serialisable(reducer, actions, encode=encode, decode=decode, settings=settings)
    check_slice_honest(reducer, actions, settings=settings)
    check_convergent(reducer, actions, settings=settings)
    check_undo_exact(reducer, actions, settings=settings)


def check_pure(reducer: AnyReducer, actions: Actions, *, settings: Settings | None = None) -> None:
    """A reducer leaves the state and the action as they are, and gives the same for the same."""
    __tracebackhide__ = True
    reduce = as_reducer(reducer)

    def check(some: list[Action]) -> None:
        # A copy: what is changed in place would stay so in all that is tried later.
        state = deepcopy(step(reduce, None, INIT))
        calls: list[tuple[Any, Action, Any]] = [(None, INIT, deepcopy(state))]
        for action in some:
            before, given_action = deepcopy(state), deepcopy(action)
            after = step(reduce, state, action)
            if action != given_action:
                text = f"the reducer changes the action {given_action!r}"
                raise BrokenError(compare(text, before=given_action, afterwards=action))
            if state != before:
                text = f"the reducer changes the state in place at {given_action!r}"
                raise BrokenError(compare(text, before=before, afterwards=state))
            calls.append((before, given_action, deepcopy(after)))
            state = after
        # Backwards, so that what it remembers by itself shows.
        for before, action, first in reversed(calls):
            again = step(reduce, before, action)
            if again != first:
                text = f"the reducer gives another state when it is asked again at {action!r}"
                raise BrokenError(compare(text, first=first, again=again))

    run(check, st.lists(actions, max_size=8), settings)


def check_total(reducer: AnyReducer, actions: Actions, *, settings: Settings | None = None) -> None:
    """A reducer raises at no action, whatever came before."""
    __tracebackhide__ = True
    reduce = as_reducer(reducer)

    def check(some: list[Action]) -> None:
        state = step(reduce, None, INIT)
        for action in some:
            state = step(reduce, state, action)

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
    __tracebackhide__ = True
    reduce = as_reducer(reducer)

    def check(some: list[Action]) -> None:
        state = step(reduce, None, INIT)
        for action in some:
            state = step(reduce, state, action)
        encoded = state if encode is None else encode(state)
        try:
            check_plain(encoded)
        except TypeError as error:
            raise BrokenError(f"{error}; it is {encoded!r} after the actions {some}") from None
        decoded = json.loads(to_json(encoded))
        back = decoded if decode is None else decode(decoded)
        if back != state:
            text = f"the state does not come back from JSON as it was after the actions {some}"
            raise BrokenError(compare(text, before=state, back=back))

    run(check, st.lists(actions, max_size=8), settings)


def check_convergent(
    reducer: AnyReducer, actions: Actions, *, settings: Settings | None = None
) -> None:
    """Replicas that got the same actions, in whatever order, show the same state."""
    __tracebackhide__ = True
    reduce = as_reducer(reducer)

    def check(history: History) -> None:
        expected, state = play(history, history, reduce)
        if state != expected:
            text = "after these arrivals the state is not that of the order of time"
            states = compare(text, in_the_order_of_time=expected, as_they_arrive=state)
            raise BrokenError(f"{states}\n\n{history}")

    run(check, histories(actions, undos=False), settings)


def check_undo_exact(
    reducer: AnyReducer, actions: Actions, *, settings: Settings | None = None
) -> None:
    """Undoing actions gives the state that there were without them."""
    __tracebackhide__ = True
    reduce = as_reducer(reducer)

    def check(drawn: tuple[History, int]) -> None:
        history, number = drawn
        without, undone = history, history
        entries = history.entries()
        if entries:
            _, meta = entries[number % len(entries)]
            undo: Action = {"type": "logux/undo", "id": meta.id, "reason": "error"}
            without = history.without(meta.id)
            undone = History([*history.batches, [Arrival(undo, meta, meta.id)]])
        expected, state = play(without, undone, reduce)
        if state != expected:
            text = "undoing an action does not give the state without it"
            states = compare(text, without_it=expected, undone=state)
            raise BrokenError(f"{states}\n\n{undone}")

    run(check, st.tuples(histories(actions), st.integers(0, 100)), settings)


def check_slice_honest(
    reducer: AnyReducer, actions: Actions, *, settings: Settings | None = None
) -> None:
    """A slice, or any part with `action_types`, is changed by no other type."""
    __tracebackhide__ = True
    parts = [*honest_parts(as_reducer(reducer), "the reducer")]

    def check(some: list[Action]) -> None:
        for name, part, types in parts:
            state = step(part, None, INIT)
            for action in some:
                after = step(part, state, action)
                if action["type"] not in types and after != state:
                    text = (
                        f"{name} is changed by {action!r}, whose type is not among its "
                        f"action_types {sorted(types)}"
                    )
                    raise BrokenError(compare(text, before=state, afterwards=after))
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


def step(reduce: Reducer, state: Any, action: Action) -> Any:
    """One call of a reducer, which must not raise."""
    try:
        return reduce(state, action)
    except Exception as error:
        raise BrokenError(
            f"the reducer raises {error!r} at {action!r} in the state {state!r}"
        ) from error


def play(folded: History, played: History, reduce: Reducer) -> tuple[Any, Any]:
    """The plain fold of one history, and the state after the arrivals of another one."""
    try:
        return folded.fold(reduce), played.play(reduce).state
    except Exception as error:
        raise BrokenError(f"the reducer raises {error!r} in this history\n\n{played}") from error


def run(
    check: Callable[[Any], None], inputs: SearchStrategy[Any], settings: Settings | None
) -> None:
    """Check many inputs. The error says all that there is to know, so that of what Hypothesis
    would say nothing is needed.
    """
    __tracebackhide__ = True
    base = Settings() if settings is None else settings
    phases = [phase for phase in base.phases if phase is not Phase.explain]
    # How long one input takes is not the question.
    quiet = Settings(base, phases=phases, report_multiple_bugs=False, deadline=None)
    found: list[BrokenError] = []

    def noting(drawn: Any) -> None:
        try:
            check(drawn)
        except BrokenError as broken:
            found.append(broken)
            raise

    test = quiet(given(inputs)(noting))
    try:
        test()
    except BrokenError as broken:
        raise AssertionError(str(broken)) from broken.__cause__
    except Flaky:
        if not found:
            raise
        raise AssertionError(
            "the reducer gives different states for the same actions, now and then; check_pure "
            f"may say where. Last it was so: {found[-1]}"
        ) from None
