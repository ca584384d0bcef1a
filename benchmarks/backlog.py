"""What a client has missed while it was away comes in one sync."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from benchmarks import node
from benchmarks.measure import Case
from benchmarks.stores import just_started, receive

__all__ = ["cases"]


def cases(stack: ExitStack) -> Iterator[Case]:
    """Newer than all that the client has, and between what it has itself; and in processes that
    have just started, as those that have been away mostly have.
    """
    js = stack.enter_context(node.Node("stores"))
    original = node.package_name("@logux/redux")
    for name, local, received, history, stores in (
        ("1,000 newer", (0, 1_000), (1_000, 2_000), 1_000, 3),
        ("10,000 newer", (0, 1_000), (1_000, 11_000), 1_000, 1),
        ("5,000 between 5,000", (0, 10_000, 2), (1, 10_000, 2), 20_000, 1),
    ):
        same: dict[str, Any] = {
            "reducer": "keys",
            "local": local,
            "received": received,
            "history": history,
            "stores": stores,
        }
        peers = {original: js.side("receive", **same)}
        yield Case(name, "ms", receive(**same), peers, "lower")
        same["stores"] = 1
        peers = {original: node.just_started("stores", "receive", **same)}
        ours = just_started("receive", **same)
        yield Case(f"{name}, just started", "ms", ours, peers, "lower")
