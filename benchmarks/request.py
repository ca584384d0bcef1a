"""One client sends actions that concern nobody else, and waits until they are processed.

How many there are in a second depends on what else the machine does; what each takes of a processor
does so little.
"""

from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.measure import Case, Run, Side
from benchmarks.served import TRANSPORTS, Served, ours, peer, peer_name

__all__ = ["cases"]


def cases(stack: ExitStack) -> Iterator[Case]:
    """As many as possible with a window of 64, by the clock and by what they cost, and one after
    the other; on either transport.
    """
    theirs = open_sender(stack, peer())
    for transport in TRANSPORTS:
        mine = open_sender(stack, ours(transport))
        yield Case(
            f"window 64, {transport}",
            "actions/s",
            many(mine),
            {peer_name(): many(theirs)},
        )
        yield Case(
            f"cost at window 64, {transport}",
            "actions per processor second",
            costs(mine),
            {peer_name(): costs(theirs)},
        )
        yield Case(
            f"window 1, {transport}",
            "ms (median)",
            one_by_one(mine),
            {peer_name(): one_by_one(theirs)},
            better="lower",
        )


def many(served: Served) -> Side:
    """Send actions, 64 at a time."""
    return lambda: served.load("request", actions=20_000, window=64)


def costs(served: Served) -> Side:
    """Send actions, 64 at a time, and look at the server's processor time."""

    def run() -> Run:
        start = served.processor_seconds()
        outcome = served.load("request", actions=20_000, window=64).outcome
        return Run(20_000 / (served.processor_seconds() - start), outcome)

    return run


def one_by_one(served: Served) -> Side:
    """Send actions, each when the one before it is processed."""
    return lambda: served.load("roundTrip", actions=3000)


def open_sender(stack: ExitStack, served: Served) -> Served:
    """A server with one client, warmed up."""
    stack.enter_context(served)
    served.load("openSender")
    served.load("request", actions=5000, window=64)
    return served
