"""What a client has missed while it was away comes in one sync."""

from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.measure import Case
from benchmarks.node import Node, package_name
from benchmarks.stores import receive

__all__ = ["cases"]


def cases(stack: ExitStack) -> Iterator[Case]:
    """Newer than all that the client has, and between what it has itself."""
    node = stack.enter_context(Node("stores"))
    original = package_name("@logux/redux")
    for name, local, received, history, stores in (
        ("1,000 newer", (0, 1_000), (1_000, 2_000), 1_000, 3),
        ("10,000 newer", (0, 1_000), (1_000, 11_000), 1_000, 1),
        ("5,000 between 5,000", (0, 10_000, 2), (1, 10_000, 2), 20_000, 1),
    ):
        peer = node.side(
            "receive",
            reducer="keys",
            local=local,
            received=received,
            history=history,
            stores=stores,
        )
        ours = receive("keys", range(*local), range(*received), history, stores)
        yield Case(name, "ms", ours, {original: peer}, "lower")
