"""A client with its log in a file that counts, is killed, and counts on: again and again.

    python -m tests.adapters.sqlite.crashing_client URL FILE RUNS SEED

Each run is a process that adds an action with the next number of those in its state, and reports it
when it is durable. The last run is not killed: it waits until the server has answered everything.
"""

import asyncio
import json
import os
import select
import signal
import sys
import time
from functools import partial
from random import Random
from typing import Any

from logux_adapters.sqlite import SQLiteStore

from logux_store import Client, create_store_creator

HISTORY = 20


def numbers(state: list[int] | None, action: dict[str, Any]) -> list[int]:
    return [*(state or []), action["n"]] if action["type"] == "count" else state or []


def report(number: int) -> None:
    os.write(1, b"%d\n" % number)


async def run(url: str, file: str, *, last: bool) -> None:
    with SQLiteStore(file) as log:
        client = Client(
            server=url,
            subprotocol=1,
            user_id="10",
            token="secret",
            store=log,
            min_delay=0.01,
            max_delay=0.05,
        )
        create_store = create_store_creator(client, snapshot="1", reasonless_history=HISTORY)
        store = create_store(numbers)
        async with client:
            if last:
                pending = [client.track(m.id) for _, m in log.entries_with_reason("syncing")]
                for outcome in pending:
                    await outcome
                print(json.dumps(store.state))
                return
            while True:
                number = store.state[-1] + 1 if store.state else 1
                store.dispatch.sync({"type": "count", "n": number})
                log.when_durable(partial(report, number))
                await asyncio.sleep(0.001)


def fork(url: str, file: str, *, last: bool) -> tuple[int, int]:
    """Start a run; returns its process and where its output comes."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(writer, 1)
        asyncio.run(run(url, file, last=last))
        sys.stdout.flush()
        os._exit(0)
    os.close(writer)
    return child, reader


def main(url: str, file: str, runs: int, seed: int) -> None:
    random = Random(seed)
    reported = 0
    for _ in range(runs):
        child, reader = fork(url, file, last=False)
        if random.random() < 0.9:
            select.select([reader], [], [], 5)
        time.sleep(random.uniform(0, 0.1))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"it ended by itself with {status}"
        with open(reader, "rb") as output:
            *lines, _ = output.read().split(b"\n")
        if lines:
            assert int(lines[0]) > reported, "what was reported is gone"
            reported = int(lines[-1])
    child, reader = fork(url, file, last=True)
    with open(reader) as text:
        state = json.loads(text.read())
    assert os.waitpid(child, 0)[1] == 0
    assert state[:reported] == [*range(1, reported + 1)]
    print(json.dumps({"reported": reported, "state": state}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
