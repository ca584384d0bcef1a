"""A server whose log is in a file: what it has accepted it processes, though it is killed."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from logux_adapters.sqlite import SQLiteStore

from logux_store import Client, MemoryStore, Meta
from logux_store.server import Server
from logux_store.testing import TestPair, TestTime

Action = dict[str, Any]


class Program:
    """A server without sockets that can be started again over the same file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.time = TestTime()
        self.processed: list[str] = []
        self.start()

    def start(self) -> None:
        # What waits for it in a run that has crashed waits for ever.
        self.go_on = go_on = asyncio.Event()

        async def process_slowly(ctx: Any, action: Action, meta: Meta) -> None:
            await go_on.wait()
            self.process(ctx, action, meta)

        self.log = SQLiteStore(self.path)
        self.server = server = Server(
            subprotocol=1, min_subprotocol=1, id="x", store=self.log, clock=self.time
        )
        server.auth(lambda token: token == "secret")
        server.type("add", access=lambda ctx, action, meta: True, process=self.process)
        server.type("slow", access=lambda ctx, action, meta: True, process=process_slowly)
        self.pair = TestPair()

    def process(self, ctx: Any, action: Action, meta: Meta) -> None:
        self.processed.append(action["name"])

    def crash(self) -> None:
        self.pair.cut()
        self.log._database._close()

    def client(self, **options: Any) -> Client:
        self.server.add_client(self.pair.right)
        return Client(
            server=self.pair.left,
            subprotocol=1,
            user_id="10",
            token="secret",
            clock=self.time,
            ping=None,
            timeout=None,
            **options,
        )


async def test_what_was_accepted_is_processed_after_a_crash(tmp_path: Path) -> None:
    program = Program(tmp_path / "log.sqlite3")
    client = program.client()
    client.start()
    await client.wait_for("synchronized")
    client.sync({"type": "slow", "name": "a"})
    # It is acknowledged, so the client will not send it again.
    while client.node.last_sent == 0:
        await program.pair.wait()
    program.crash()
    assert program.processed == []

    program.start()
    program.go_on.set()
    program.server.resume()
    while not program.processed:
        await asyncio.sleep(0)
    await program.server.destroy()
    assert program.processed == ["a"]
    program.log.close()

    program.start()
    program.server.resume()
    await program.server.destroy()
    assert program.processed == ["a"]
    program.log.close()


async def test_what_was_processed_is_answered_but_not_processed_again_after_a_crash(
    tmp_path: Path,
) -> None:
    program = Program(tmp_path / "log.sqlite3")
    client = program.client()
    client.start()
    outcome = client.sync({"type": "add", "name": "a"})
    await outcome
    assert [*program.server.log.entries()] == [], "nothing keeps it"
    await client.destroy()
    program.crash()

    # The client has crashed too, before it got the answer or wrote it down.
    store = MemoryStore()
    store.set_value("client 10", client.client_id.removeprefix("10:"))
    store.add({"type": "add", "name": "a"}, Meta(outcome.id, 5, ["syncing"], sync=True))
    program.start()
    again = program.client(store=store)
    again.start()
    await again.track(outcome.id)
    assert program.processed == ["a"]
    await again.destroy()
    await program.server.destroy()
    program.log.close()


SERVER = """
import asyncio, os, sys
from logux_adapters.sqlite import SQLiteStore
from logux_store.server import Server

port, log, effects = int(sys.argv[1]), sys.argv[2], os.open(sys.argv[3], os.O_APPEND | os.O_WRONLY)
server = Server(
    subprotocol=1, min_subprotocol=1, port=port, store=SQLiteStore(log), env="development"
)
server.auth(lambda token: token == "secret")

async def process(ctx, action, meta):
    await asyncio.sleep(0.002)
    os.write(effects, b"%d\\n" % action["n"])

server.type("count", access=lambda ctx, action, meta: True, process=process)

async def main():
    await server.listen()
    print(server.port, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.timeout(120)
async def test_a_server_that_is_killed_processes_all_and_nothing_that_it_has_answered_again(
    tmp_path: Path,
) -> None:
    random = Random()
    effects = tmp_path / "effects"
    effects.touch()

    async def start(port: int) -> tuple[asyncio.subprocess.Process, int]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            SERVER,
            str(port),
            tmp_path / "log.sqlite3",
            effects,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        return process, int(await process.stdout.readline())

    def done() -> list[int]:
        return [int(line) for line in effects.read_text().split()]

    process, port = await start(0)
    client = Client(
        server=f"ws://127.0.0.1:{port}",
        subprotocol=1,
        user_id="10",
        token="secret",
        min_delay=0.02,
        max_delay=0.05,
    )
    answered: dict[int, int] = {}

    async def send(n: int) -> None:
        await client.sync({"type": "count", "n": n})
        answered[n] = len(done())

    async with client:
        tasks = []
        for n in range(400):
            tasks.append(asyncio.create_task(send(n)))
            await asyncio.sleep(0.002)
            if n % 50 == 25:
                await asyncio.sleep(random.uniform(0, 0.05))
                process.send_signal(signal.SIGKILL)
                await process.wait()
                process, _ = await start(port)
        await asyncio.gather(*tasks)
    process.kill()
    await process.wait()
    order = done()
    assert {*order} == {*range(400)}
    for n, place in answered.items():
        assert n not in order[place:], f"{n} was answered, and then processed again"
    again = [n for n, count in Counter(order).items() if count > 1]
    # At each kill one may have been in the middle of its callback.
    assert len(again) <= 8
