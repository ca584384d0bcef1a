"""Dispatching, one action after the other, while the history keeps its length.

A JavaScript store does a part of the work of a dispatch later, when the program lets it. So it is
measured with each dispatch awaited, and with many dispatched in one go.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.metadata import version
from time import perf_counter
from typing import Any

import pydux
import redux

from benchmarks.measure import Case, Run, Side
from benchmarks.node import Node, package_name
from benchmarks.stores import KEYS, START_STATE, State, dispatch, number, set_key
from logux_store.actions import Action

__all__ = ["cases"]

UNIT = "actions/s"
WITHOUT_LOG = 50_000


def cases(stack: ExitStack) -> Iterator[Case]:
    """Two ways to dispatch beside the JavaScript store, and beside what keeps no log."""
    node = stack.enter_context(Node("stores"))
    original = package_name("@logux/redux")
    for kind, history, actions, at_once in (
        ("cross_tab", 100, 20_000, 1),
        ("cross_tab", 1_000, 20_000, 1),
        ("cross_tab", 10_000, 10_000, 1),
        ("plain", 100, 20_000, 1),
        ("plain", 1_000, 20_000, 1),
        ("plain", 10_000, 10_000, 1),
        ("plain", 1_000, 10_000, 1_000),
        ("plain", 1_000, 10_000, 10_000),
    ):
        name = f"{kind}, history of {history:,}" + (f", {at_once:,} at once" * (at_once > 1))
        work: dict[str, Any] = {"kind": kind, "history": history, "actions": actions}
        peer = node.side("dispatch", **work, atOnce=at_once)
        yield Case(name, UNIT, dispatch(**work), {original: peer})
    for kind in ("cross_tab", "plain"):
        peers: dict[str, Side] = {
            f"python-redux {version('python-redux')}": python_redux,
            f"pydux {version('pydux')}": pydux_store,
            "the bare fold": bare_fold,
        }
        yield Case(f"{kind}, history of 1,000", UNIT, dispatch(kind, WITHOUT_LOG, 1_000), peers)


def measured(dispatch: Callable[[Any], object], make: Callable[[int], Any] = number) -> float:
    """Dispatch a number of actions: how many a second."""
    for i in range(1_100):
        dispatch(make(i))
    start = perf_counter()
    for i in range(WITHOUT_LOG):
        dispatch(make(i))
    return WITHOUT_LOG / (perf_counter() - start)


def pydux_store() -> Run:
    """A store after Redux that does nothing but that."""
    store = pydux.create_store(set_key, START_STATE)
    return Run(measured(store.dispatch), store.get_state())


class SetKey(redux.BaseAction):
    """The action, as python-redux wants it: a frozen dataclass."""

    key: str
    value: int


def python_redux() -> Run:
    """A store after Redux, with extras, that its authors have compiled."""

    def reducer(state: State | None, action: redux.BaseAction) -> State:
        if state is None:
            return START_STATE
        if not isinstance(action, SetKey):
            return state
        return {**state, "count": state["count"] + 1, action.key: action.value}

    options = redux.StoreOptions(auto_init=True, side_effect_threads=0)
    store: Any = redux.Store(reducer, options)
    figure = measured(store.dispatch, lambda i: SetKey(key=KEYS[i % 16], value=i))
    same = store.with_state(lambda state: state)
    return Run(figure, same(lambda state: state)())


def bare_fold() -> Run:
    """No store at all."""
    state = START_STATE

    def fold(action: Action) -> None:
        nonlocal state
        state = set_key(state, action)

    return Run(measured(fold), state)
