"""The server undoes an action that is some places before the end of the history."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from benchmarks.measure import Case
from benchmarks.node import Node, package_name
from benchmarks.stores import undo

__all__ = ["cases"]


def cases(stack: ExitStack) -> Iterator[Case]:
    """With a reducer that copies a dict, one that only counts, and 16 slices."""
    node = stack.enter_context(Node("stores"))
    original = package_name("@logux/redux")
    for reducer, name in (("keys", "a dict"), ("count", "a counter"), ("slices", "16 slices")):
        for back in (1, 10, 100, 1_000):
            work: dict[str, Any] = {
                "reducer": reducer,
                "history": 1_100,
                "back": back,
                "actions": 20,
                "stores": 20,
            }
            peers = {original: node.side("undo", **work)}
            yield Case(f"{name}, {back:,} back", "µs", undo(**work), peers, "lower")
