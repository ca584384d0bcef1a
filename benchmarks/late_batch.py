"""Half of the actions of a history come late, all in one sync: every second one is missing."""

from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.measure import Case
from benchmarks.node import Node, package_name
from benchmarks.stores import receive

__all__ = ["cases"]


def cases(stack: ExitStack) -> Iterator[Case]:
    """Histories of several sizes, the last with 16 slices."""
    node = stack.enter_context(Node("stores"))
    original = package_name("@logux/redux")
    for reducer, size, stores in (
        ("keys", 100, 50),
        ("keys", 1_000, 5),
        ("keys", 4_000, 1),
        ("slices", 1_000, 5),
    ):
        local, received = (0, size, 2), (1, size, 2)
        peer = node.side(
            "receive",
            reducer=reducer,
            local=local,
            received=received,
            history=2 * size,
            stores=stores,
        )
        ours = receive(reducer, range(*local), range(*received), 2 * size, stores)
        name = f"{size // 2:,} of {size:,}" + ", 16 slices" * (reducer == "slices")
        yield Case(name, "ms", ours, {original: peer}, "lower")
