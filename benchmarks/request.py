"""One client sends actions that concern nobody else, and waits until they are processed."""

from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.measure import Case
from benchmarks.served import Served, ours, peer, peer_name

__all__ = ["cases"]


def cases(stack: ExitStack) -> Iterator[Case]:
    """As many as possible with a window of 64, and one after the other."""
    mine, its = (open_sender(stack, served()) for served in (ours, peer))
    yield Case(
        "window 64",
        "actions/s",
        lambda: mine.load("request", actions=20_000, window=64),
        {peer_name(): lambda: its.load("request", actions=20_000, window=64)},
    )
    yield Case(
        "window 1, median",
        "ms",
        lambda: mine.load("roundTrip", actions=3000),
        {peer_name(): lambda: its.load("roundTrip", actions=3000)},
        better="lower",
    )


def open_sender(stack: ExitStack, served: Served) -> Served:
    """A server with one client, warmed up."""
    stack.enter_context(served)
    served.load("openSender")
    served.load("request", actions=5000, window=64)
    return served
