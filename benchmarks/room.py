"""A busy room beside many connections that do nothing: `python -m benchmarks.room --seconds 60`.

Actions come at a steady rate, whatever the server does; every one has to reach every subscriber, in
order, and no connection may end.
"""

import argparse
from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.measure import Case, Run, Side
from benchmarks.served import Served, ours, peer, peer_name

__all__ = ["cases"]

IDLE = 1000
SUBSCRIBERS = 200
PER_SECOND = 50


def cases(stack: ExitStack) -> Iterator[Case]:
    """What a second of it costs the server."""
    mine, its = (open_all(stack, served()) for served in (ours, peer))
    yield Case(
        f"{SUBSCRIBERS} of {IDLE + SUBSCRIBERS:,}, {PER_SECOND} actions/s",
        "processor ms/s",
        talk(mine, 5),
        {peer_name(): talk(its, 5)},
        better="lower",
        runs=3,
    )


def open_all(stack: ExitStack, served: Served) -> Served:
    """A server with all its connections."""
    stack.enter_context(served)
    served.load("openIdle", count=IDLE)
    served.load("openRoom", size=SUBSCRIBERS)
    return served


def talk(served: Served, seconds: int) -> Side:
    """Send actions for so many seconds, and look at the server's processor time."""

    def run() -> Run:
        start = served.processor_seconds()
        outcome = served.load("talk", perSecond=PER_SECOND, seconds=seconds).outcome
        return Run((served.processor_seconds() - start) * 1000 / seconds, outcome)

    return run


def main() -> None:
    """One long run of our server; raises RuntimeError if anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.room", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    seconds = parser.parse_args().seconds
    with ours() as served:
        served.load("openIdle", count=50)
        empty = served.resident_bytes()
        served.load("openIdle", count=IDLE)
        each = (served.resident_bytes() - empty) / IDLE / 1000
        served.load("openRoom", size=SUBSCRIBERS)
        start = served.processor_seconds()
        latency = served.load("talk", perSecond=PER_SECOND, seconds=seconds).figure
        used = (served.processor_seconds() - start) / seconds
        print(
            f"{PER_SECOND * seconds * SUBSCRIBERS:,} deliveries in {seconds} s without an error; "
            f"99 % within {latency:.1f} ms; {used:.0%} of a processor; "
            f"{each:.1f} KB for each of {IDLE:,} idle connections"
        )


if __name__ == "__main__":
    main()
