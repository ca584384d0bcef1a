"""Connections of authenticated clients that do nothing: what each keeps in the server's memory."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

from benchmarks.measure import Case, Run, Side
from benchmarks.served import TRANSPORTS, Served, ours, peer, peer_name

__all__ = ["cases"]

COUNT = 2000


def cases(_: ExitStack) -> Iterator[Case]:
    """Two thousand more than a few, on either transport."""
    for transport in TRANSPORTS:
        yield Case(
            f"{COUNT:,} idle, {transport}",
            "KB each",
            idle(partial(ours, transport)),
            {peer_name(): idle(peer)},
            better="lower",
            runs=3,
        )


def idle(start: Callable[[], Served]) -> Side:
    """Open connections to a new server, and look at its memory before and after."""

    def run() -> Run:
        with start() as served:
            few = served.load("openIdle", count=50).outcome
            before = served.resident_bytes()
            all = served.load("openIdle", count=COUNT).outcome
            return Run((served.resident_bytes() - before) / COUNT / 1000, all - few)

    return run
