"""Half of the actions of a history come late, all in one sync: every second one is missing."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from benchmarks import node
from benchmarks.measure import Case
from benchmarks.stores import just_started, receive

__all__ = ["cases"]


def cases(stack: ExitStack) -> Iterator[Case]:
    """Histories of several sizes, one with 16 slices; and in processes that have just started."""
    js = stack.enter_context(node.Node("stores"))
    original = node.package_name("@logux/redux")
    for reducer, size, stores in (
        ("keys", 100, 50),
        ("keys", 1_000, 5),
        ("keys", 4_000, 1),
        ("slices", 1_000, 5),
    ):
        same = work(reducer, size, stores)
        peers = {original: js.side("receive", **same)}
        name = f"{size // 2:,} of {size:,}" + ", 16 slices" * (reducer == "slices")
        yield Case(name, "ms", receive(**same), peers, "lower")
    same = work("keys", 1_000, 1)
    peers = {original: node.just_started("stores", "receive", **same)}
    name = "500 of 1,000, just started"
    yield Case(name, "ms", just_started("receive", **same), peers, "lower")


def work(reducer: str, size: int, stores: int) -> dict[str, Any]:
    """What both sides have to do."""
    return {
        "reducer": reducer,
        "local": (0, size, 2),
        "received": (1, size, 2),
        "history": 2 * size,
        "stores": stores,
    }
