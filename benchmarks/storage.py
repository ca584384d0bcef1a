"""The log in an SQLite file: how fast it grows, and what a long one costs when it is opened."""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

from logux_adapters.sqlite import SQLiteStore

from benchmarks.measure import Case, Run, Side
from logux_store import Client, LocalPair, Log, LogStore, MemoryStore, create_store_creator

__all__ = ["cases"]

MILLION = 1_000_000
# A state of so many things, of which each action changes one.
THINGS = 100


def cases(stack: ExitStack) -> Iterator[Case]:
    """Adding to a file and to memory, and opening a long log."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="logux-benchmark-")))
    files = (folder / f"{number}.sqlite3" for number in count())
    yield Case(
        "one add a turn",
        "adds/s",
        add(lambda: SQLiteStore(next(files)), 1, 5000),
        {"in memory": add(MemoryStore, 1, 5000)},
    )
    yield Case(
        "a sync of 100 a turn",
        "adds/s",
        add(lambda: SQLiteStore(next(files)), 100, 500),
        {"in memory": add(MemoryStore, 100, 500)},
    )
    yield Case(
        "the same, safe from power cuts",
        "adds/s",
        add(lambda: SQLiteStore(next(files), synchronous="full"), 100, 100),
        {"in memory": add(MemoryStore, 100, 100)},
    )
    long, short = folder / "long.sqlite3", folder / "short.sqlite3"
    for path, size in ((long, MILLION), (short, 10_000)):
        fill(path, size)
    yield Case(
        "open 1M, the log alone",
        "ms",
        open_log(long),
        {"this log, of 10k": open_log(short)},
        better="lower",
    )
    yield Case(
        "open 1M, with the state",
        "ms",
        open_state(long, "1"),
        {"without snapshot": open_state(long, None)},
        better="lower",
        runs=3,
    )
    yield Case(
        "memory of a program that did",
        "MB",
        memory(long, "1"),
        {"without snapshot": memory(long, None)},
        better="lower",
        runs=3,
    )
    yield Case(
        "iterate over 1M",
        "entries/s",
        iterate(long, MILLION),
        {"this log, of 10k": iterate(short, 10_000)},
        runs=3,
    )


def action(number: int) -> dict[str, Any]:
    return {"type": "things/set", "id": str(number % THINGS), "text": f"text number {number}"}


def reducer(state: dict[str, str] | None, action: dict[str, Any]) -> dict[str, str]:
    if action["type"] != "things/set":
        return state or {}
    return {**(state or {}), action["id"]: action["text"]}


def add(make: Callable[[], LogStore], size: int, turns: int) -> Side:
    """Add in so many turns of the loop, until all is committed."""

    async def work(store: LogStore) -> float:
        log = Log("10:a:b", store)
        actions = [[action(turn * size + n) for n in range(size)] for turn in range(turns)]
        committed = 0

        def commit() -> None:
            nonlocal committed
            committed += 1

        start = perf_counter()
        for turn in actions:
            with log.batch():
                for one in turn:
                    log.add(one, reasons=["syncing", "timeTravel"], sync=True, subprotocol=1)
            store.when_durable(commit)
            await asyncio.sleep(0)
        while committed < turns:
            await asyncio.sleep(0)
        return perf_counter() - start

    def run() -> Run:
        store = make()
        seconds = asyncio.run(work(store))
        kept = store.last_added()
        if isinstance(store, SQLiteStore):
            store.close()
        return Run(size * turns / seconds, kept)

    return run


def fill(path: Path, size: int) -> None:
    """Make a log that the application keeps for good, with a snapshot of its state."""

    async def work() -> None:
        with SQLiteStore(path) as store:
            log = Log("10:a:b", store)
            for n in range(size):
                log.add(action(n), reasons=["kept"])
                if n % 1000 == 0:
                    await asyncio.sleep(0)

    asyncio.run(work())
    open_state(path, "1")()


def open_log(path: Path) -> Side:
    """Open it, and make the next id."""

    def run() -> Run:
        start = perf_counter()
        with SQLiteStore(path) as store:
            log = Log("10:a:b", store)
            log.generate_id()
            seconds = perf_counter() - start
        return Run(seconds * 1000, True)

    return run


def open_state(path: Path, snapshot: str | None) -> Side:
    """Start a client, and make its state."""

    def run() -> Run:
        start = perf_counter()
        with SQLiteStore(path) as store:
            client = Client(server=LocalPair().left, subprotocol=1, user_id="10", store=store)
            state = create_store_creator(client, snapshot=snapshot)(reducer).state
            seconds = perf_counter() - start
        return Run(seconds * 1000, [*state.items()])

    return run


def memory(path: Path, snapshot: str | None) -> Side:
    """How much memory a process that opens it has at most, all in all; as Linux tells."""
    script = (
        "import json, sys; from pathlib import Path; from benchmarks import storage\n"
        "outcome = storage.open_state(Path(sys.argv[1]), json.loads(sys.argv[2]))().outcome\n"
        "lines = Path('/proc/self/status').read_text().splitlines()\n"
        "(peak,) = (int(line.split()[1]) for line in lines if line.startswith('VmHWM'))\n"
        "print(json.dumps([peak, outcome]))"
    )

    def run() -> Run:
        command = [sys.executable, "-c", script, str(path), json.dumps(snapshot)]
        kilobytes, outcome = json.loads(subprocess.check_output(command))
        return Run(kilobytes / 1024, outcome)

    return run


def iterate(path: Path, size: int) -> Side:
    """Read all entries, oldest first."""

    def run() -> Run:
        with SQLiteStore(path) as store:
            start = perf_counter()
            found = sum(1 for _ in store.entries())
            return Run(found / (perf_counter() - start), found == size)

    return run
