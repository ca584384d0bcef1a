"""The log as it grows: actions with one reason to keep them, added one after the other."""

from collections.abc import Iterator
from contextlib import ExitStack
from time import perf_counter

from benchmarks.measure import Case, Run, Side
from benchmarks.node import Node, package_name
from logux_store import Log

__all__ = ["cases"]

UNIT = "adds/s"
MILLION = 1_000_000


def cases(stack: ExitStack) -> Iterator[Case]:
    """Filling a log of several sizes, and adding to one that has them already."""
    node = stack.enter_context(Node("log"))
    core = package_name("@logux/core")
    for size, name, logs, runs in (
        (1_000, "from 0 to 1k", 40, 7),
        (10_000, "from 0 to 10k", 2, 5),
        # Half a minute a run for the peer.
        (40_000, "from 0 to 40k", 1, 3),
    ):
        peers = {core: node.side("fill", size=size, logs=logs)}
        yield Case(name, UNIT, fill(size, logs), peers, runs=runs)
    yield Case(
        "from 0 to 1M", UNIT, fill(MILLION, 1), {"this log, 0 to 1k": fill(1_000, 1_000)}, runs=3
    )
    yield Case(
        "20k more at 1M", UNIT, add_more(MILLION), {"this log, at 1k": add_more(1_000)}, runs=5
    )


def fill(size: int, logs: int) -> Side:
    """Fill logs from empty."""

    def run() -> Run:
        kept = 0
        seconds = 0.0
        for _ in range(logs):
            log = Log("10:a:b")
            start = perf_counter()
            add(log, size)
            seconds += perf_counter() - start
            kept += sum(1 for _ in log.entries())
        return Run(logs * size / seconds, kept)

    return run


def add_more(size: int) -> Side:
    """Add to a log that holds `size` actions, and take off again what was added."""
    log = Log("10:a:b")
    add(log, size)

    def run() -> Run:
        seconds = 0.0
        removed = 0
        for _ in range(100):
            last = log.store.last_added()
            start = perf_counter()
            add(log, 200)
            seconds += perf_counter() - start
            removed += log.remove_reason("kept", min_added=last + 1)
        return Run(20_000 / seconds, removed)

    return run


def add(log: Log, count: int) -> None:
    for i in range(count):
        log.add({"type": "add", "value": i}, reasons=["kept"])
