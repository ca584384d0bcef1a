"""One client sends actions to a room of a hundred: what each delivery costs the server."""

from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.measure import Case, Run, Side
from benchmarks.served import TRANSPORTS, Served, ours, peer, peer_name

__all__ = ["cases"]

SUBSCRIBERS = 100
UNIT = "deliveries per processor second"


def cases(stack: ExitStack) -> Iterator[Case]:
    """With many actions in flight at a time, and with one; on either transport."""
    theirs = open_room(stack, peer())
    for transport in TRANSPORTS:
        mine = open_room(stack, ours(transport))
        for window, actions in ((64, 2000), (1, 1000)):
            yield Case(
                f"window {window}, {transport}",
                UNIT,
                fan_out(mine, actions, window),
                {peer_name(): fan_out(theirs, actions, window)},
            )


def open_room(stack: ExitStack, served: Served) -> Served:
    """A server with a room of subscribers, warmed up."""
    stack.enter_context(served)
    served.load("openRoom", size=SUBSCRIBERS)
    served.load("fanOut", actions=500, window=16)
    return served


def fan_out(served: Served, actions: int, window: int) -> Side:
    """Send actions, so many in flight at a time, and look at the server's processor time."""

    def run() -> Run:
        start = served.processor_seconds()
        outcome = served.load("fanOut", actions=actions, window=window).outcome
        seconds = served.processor_seconds() - start
        return Run(actions * SUBSCRIBERS / seconds, outcome)

    return run
