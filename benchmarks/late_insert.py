"""One action that comes late: it belongs some places before the end of the history."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from benchmarks.measure import Case
from benchmarks.node import Node, package_name
from benchmarks.stores import late_insert, replay

__all__ = ["cases"]

PLACES = (1, 10, 100, 1_000)


def cases(stack: ExitStack) -> Iterator[Case]:
    """With a reducer that copies a dict, one that only counts, and 16 slices of which the action
    touches one; and what the same replay costs without any store.
    """
    node = stack.enter_context(Node("stores"))
    original = package_name("@logux/redux")
    for reducer, name in (("keys", "a dict"), ("count", "a counter"), ("slices", "16 slices")):
        for back in PLACES:
            work: dict[str, Any] = {
                "reducer": reducer,
                "history": 1_000,
                "back": back,
                "actions": 20,
                "stores": 20,
            }
            peers = {original: node.side("lateInsert", **work)}
            if reducer != "slices":
                peers["the bare fold"] = replay(**work)
            yield Case(f"{name}, {back:,} back", "µs", late_insert(**work), peers, "lower")
    for history in (100, 10_000):
        work = {"reducer": "keys", "history": history, "back": 50, "actions": 20, "stores": 20}
        peers = {original: node.side("lateInsert", **work)}
        name = f"a dict, 50 back in {history:,}"
        yield Case(name, "µs", late_insert(**work), peers, "lower")
