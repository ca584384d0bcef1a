"""Dispatching for hours: `python -m benchmarks.steady --dispatches 10000000`.

The history keeps its length, so the process must not have more in memory in the end than after the
first tenth.
"""

import argparse
import gc
from pathlib import Path
from time import thread_time

from benchmarks.stores import number, open_store

__all__ = ["main", "resident_bytes"]


def main(arguments: list[str] | None = None) -> None:
    """Prints a line for each tenth; the first one warms up. Half of the actions are dispatched for
    this tab, half for all tabs.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.steady", description=__doc__)
    parser.add_argument("--dispatches", type=int, default=10_000_000)
    tenth = parser.parse_args(arguments).dispatches // 10
    store = open_store("keys", 1_000)
    first = 0
    for done in range(1, 11):
        start = thread_time()
        for i in range(tenth // 2):
            store.dispatch(number(i))
            store.dispatch.cross_tab(number(i))
        rate = tenth / (thread_time() - start)
        gc.collect()
        now = resident_bytes()
        first = first or now
        print(
            f"{tenth * done:12,} dispatches, {rate:9,.0f} a second: "
            f"{now / 1e6:7.2f} MB, {(now - first) / 1e6:+.2f} MB since the first tenth",
            flush=True,
        )


def resident_bytes() -> int:
    """What of this process is in memory, by the operating system (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


if __name__ == "__main__":
    main()
