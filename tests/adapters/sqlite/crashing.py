"""A program that writes to an SQLite log, is killed, and looks what is there: again and again.

    python -m tests.adapters.sqlite.crashing FOLDER RUNS SEED

Each run is a process that does numbered turns of changes, drawn from a generator that depends on
nothing but the number, and reports each turn as soon as it is durable. The number is kept with the
log. So after a kill the file must say a number that is not below the last reported one, and hold
exactly what a store in memory holds after that many turns.

Needs `fork`, since a new interpreter takes a hundred times longer to start than to be killed.
"""

import asyncio
import json
import os
import select
import signal
import sys
import time
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from logux_adapters.sqlite import SQLiteStore

from logux_store import LogStore, MemoryStore, Meta

NODES = ("10:a:b", "10:a:c", "20:d:\U0001f600")
CLIENTS = ("10:a", "10:e", "20:d")
KEPT = 150


def turn(store: LogStore, number: int) -> None:
    """What is written in the turn with this number."""
    random = Random(number)
    last = store.last_added()
    for n in range(random.choice((1, 1, 2, 10, 60))):
        meta = Meta(
            f"{number} {random.choice(NODES)} {n}",
            number + random.randrange(-20, 20),
            random.choice((["r"], ["r", "s"], ["s"])),
            indexes=random.choice((None, ["x"], ["x", "y"])),
            sync=random.random() < 0.5,
        )
        store.add({"type": "t", "text": "x" * random.randrange(300), "n": n}, meta)
    some = [meta.id for _, meta in store.entries("added", newest_first=random.random() < 0.5)][:20]
    id = random.choice(some)
    match random.randrange(8):
        case 0:
            store.change_meta(id, {"own": number})
        case 1:
            store.change_meta(id, {"reasons": ["s", "t"]})
        case 2:
            store.set_time(id, number)
        case 3:
            store.remove(id)
        case 4:
            store.remember(f"{number} {random.choice(CLIENTS)}:x 0")
    for reason in "rst":
        store.remove_reason(reason, max_added=last - KEPT)
    store.set_last_synced(sent=last, received=number)
    store.set_value("turns", number)


def content(store: LogStore) -> list[Any]:
    """All that a store has."""
    number = store.value("turns") or 0
    return [
        number,
        store.last_added(),
        store.last_synced(),
        *([(a, m.to_dict(), m.key) for a, m in store.entries(order)] for order in ORDERS),
        *([m.id for _, m in store.entries(index=index)] for index in ("x", "y")),
        [
            (n, client)
            for n in range(max(0, number - 100), number + 1)
            for client in CLIENTS
            if store.remembers(f"{n} {client}:x 0")
        ],
    ]


ORDERS: Any = ("created", "added")


async def write(store: SQLiteStore) -> None:
    """Do turn after turn until somebody ends the process."""
    number = store.value("turns") or 0
    while True:
        number += 1
        turn(store, number)
        store.when_durable(partial(report, number))
        await asyncio.sleep(0)


def report(number: int) -> None:
    os.write(1, b"%d\n" % number)


class Log:
    """One file and its model."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = MemoryStore()
        self.turns = self.reported = 0

    def run(self, seconds: float, after_report: bool) -> None:
        """Write for so long, from the start or the first report on, then be killed."""
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.dup2(writer, 1)
            asyncio.run(write(SQLiteStore(self.path)))
        os.close(writer)
        if after_report:
            select.select([reader], [], [], 5)
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"it ended by itself with {status}"
        with open(reader, "rb") as file:
            *lines, _ = file.read().split(b"\n")
        if lines:
            self.reported = int(lines[-1])

    def check(self) -> None:
        """Compare what is there with what has to be there."""
        with SQLiteStore(self.path) as store:
            found = content(store)
            ((integrity,),) = store._database.read("PRAGMA integrity_check")
        assert integrity == "ok", integrity
        assert found[0] >= self.reported, f"{self.reported} was reported, {found[0]} is there"
        while self.turns < found[0]:
            self.turns += 1
            turn(self.model, self.turns)
        expected = content(self.model)
        assert found == expected, f"after {self.turns} turns:\n{found}\n{expected}"


def main(folder: Path, runs: int, seed: int) -> None:
    random = Random(seed)
    turns = checks = 0
    log = Log(folder / "0.sqlite3")
    for run in range(runs):
        if run % 25 == 24:
            # A new file, which is killed while it is made too.
            turns += log.turns
            log = Log(folder / f"{run}.sqlite3")
        log.run(random.uniform(0, 0.03), after_report=random.random() < 0.8)
        # Not each time: opening after one crash may be what is killed by the next.
        if random.random() < 0.7:
            log.check()
            checks += 1
    log.check()
    print(json.dumps({"runs": runs, "checks": checks + 1, "turns": turns + log.turns}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
