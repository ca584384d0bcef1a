"""The server undoes an action that is some places before the end of the history."""

from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks import node
from benchmarks.late_insert import REDUCERS, work
from benchmarks.measure import Case
from benchmarks.stores import just_started, undo

__all__ = ["cases"]

HISTORY = 1_100


def cases(stack: ExitStack) -> Iterator[Case]:
    """With a reducer that copies a dict, one that only counts, and 16 slices; and in processes that
    have just started.
    """
    js = stack.enter_context(node.Node("stores"))
    original = node.package_name("@logux/redux")
    for reducer, name in REDUCERS.items():
        for back in (1, 100, 1_000):
            same = work(reducer, back, HISTORY)
            peers = {original: js.side("undo", **same)}
            yield Case(f"{name}, {back:,} back", "µs", undo(**same), peers, "lower")
    for back in (1, 100, 1_000):
        same = work("keys", back, HISTORY, 1)
        peers = {original: node.just_started("stores", "undo", **same)}
        name = f"a dict, {back:,} back, just started"
        yield Case(name, "µs", just_started("undo", **same), peers, "lower")
