"""A client whose log is in a file: offline, restarted, and killed."""

import asyncio
import json
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from logux_adapters.sqlite import SQLiteStore

from logux_store import Client, Store, create_store_creator
from logux_store.server import Server
from logux_store.testing import TestPair, TestTime

Action = dict[str, Any]
RUNS = int(os.environ.get("LOGUX_CLIENT_CRASHES", "60"))


def trace(state: list[str] | None, action: Action) -> list[str]:
    return [*(state or []), action["name"]] if action["type"] == "add" else state or []


def add(name: str) -> Action:
    return {"type": "add", "name": name}


class Network:
    """A server without sockets, and clients of one user, one after the other, on one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.time = TestTime()
        self.processed: list[str] = []
        server = self.server = Server(subprotocol=1, min_subprotocol=1, id="x", clock=self.time)
        server.auth(lambda token: token == "secret")
        server.type("add", access=lambda ctx, action, meta: True, process=self.process)

    def process(self, ctx: Any, action: Action, meta: Any) -> None:
        self.processed.append(action["name"])

    def start(self) -> tuple[Client, Store[Any]]:
        self.pair = TestPair()
        self.log = SQLiteStore(self.path)
        client = Client(
            server=self.pair.left,
            subprotocol=1,
            user_id="10",
            token="secret",
            store=self.log,
            clock=self.time,
            ping=None,
            timeout=None,
        )
        self.client = client
        return client, create_store_creator(client)(trace)

    async def connect(self) -> None:
        self.server.add_client(self.pair.right)
        self.client.start()
        await self.client.wait_for("synchronized")

    def crash(self) -> None:
        """The process ends here: nothing more is written or sent."""
        self.pair.cut()
        self.log._database._close()


def syncing(client: Client) -> list[str]:
    entries = client.log.store.entries_with_reason("syncing")
    return [action["name"] for action, _ in entries]


async def test_what_was_done_offline_is_there_again_and_goes_out_once(tmp_path: Path) -> None:
    network = Network(tmp_path / "log.sqlite3")
    client, store = network.start()
    client.start(connect=False)
    for name in "abc":
        store.dispatch.sync(add(name))
    store.dispatch.cross_tab(add("own"))
    await asyncio.sleep(0)
    network.crash()

    client, store = network.start()
    assert store.state == ["a", "b", "c", "own"]
    outcomes = [client.track(meta.id) for _, meta in client.log.entries() if meta.sync]
    store.dispatch.sync(add("d"))
    await network.connect()
    for outcome in outcomes:
        await outcome
    assert network.processed == ["a", "b", "c", "d"]
    assert syncing(client) == []
    await client.destroy()
    network.log.close()

    client, store = network.start()
    assert store.state == ["a", "b", "c", "own", "d"]
    network.pair.clear()
    await network.connect()
    assert [message[0] for message in network.pair.left_sent] == ["connect"]
    assert network.processed == ["a", "b", "c", "d"]
    await client.destroy()
    network.log.close()


@pytest.mark.parametrize("moment", range(1, 7))
async def test_a_crash_between_sending_and_the_answer_loses_and_doubles_nothing(
    tmp_path: Path, moment: int
) -> None:
    network = Network(tmp_path / "log.sqlite3")
    client, store = network.start()
    store.dispatch.sync(add("a"))
    store.dispatch.sync(add("b"))
    network.server.add_client(network.pair.right)
    client.start()
    # Connection, connect, connected, sync, synced, processed: so many of them arrive.
    for _ in range(moment):
        await network.pair.wait()
    network.crash()

    client, store = network.start()
    assert store.state == ["a", "b"]
    waiting = [client.track(meta.id) for _, meta in client.log.store.entries_with_reason("syncing")]
    await network.connect()
    for outcome in waiting:
        await outcome
    assert network.processed == ["a", "b"]
    assert syncing(client) == []
    await client.destroy()
    network.log.close()


async def test_nothing_leaves_before_it_is_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network(tmp_path / "log.sqlite3")
    client, store = network.start()
    await network.connect()
    in_file: list[int] = []
    later = network.pair.later

    def watch(event: Callable[[], None]) -> None:
        with closing(sqlite3.connect(network.path)) as file:
            ((count,),) = file.execute("SELECT count(*) FROM entries")
        in_file.append(count)
        later(event)

    monkeypatch.setattr(network.pair, "later", watch)
    for name in "abc":
        outcome = store.dispatch.sync(add(name))
    await outcome
    assert in_file[0] == 3
    await client.destroy()
    network.log.close()


async def test_what_comes_from_the_server_is_acknowledged_when_it_is_in_the_file(
    tmp_path: Path,
) -> None:
    network = Network(tmp_path / "log.sqlite3")
    client, store = network.start()
    await network.connect()
    network.pair.clear()
    network.server.log.add(add("s"), clients=[client.client_id], status="processed")
    while store.state == []:
        await network.pair.wait("left")
    assert network.pair.left_sent == []
    # The disk fails before it is committed.
    connection = network.log._database._connection
    assert connection is not None
    connection.execute("DROP TABLE counters")
    errors: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, c: errors.append(c["exception"]))
    for _ in range(5):
        await asyncio.sleep(0)
    assert "no such table" in str(errors[0])
    assert network.pair.left_sent == []
    network.crash()

    client, store = network.start()
    assert store.state == []
    await network.connect()
    assert client.log.store.last_synced().received == 0
    await client.destroy()
    network.log.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it forks")
@pytest.mark.timeout(60 + 2 * RUNS)
async def test_a_client_that_is_killed_again_and_again_loses_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    processed: list[int] = []

    async def process(ctx: Any, action: Action, meta: Any) -> None:
        await asyncio.sleep(random.uniform(0, 0.003))
        processed.append(action["n"])

    server = Server(subprotocol=1, min_subprotocol=1, port=0, env="development")
    server.auth(lambda token: token == "secret")
    server.type("count", access=lambda ctx, action, meta: True, process=process)
    await server.listen()
    seed = random.randrange(10**6)
    script = [sys.executable, "-m", "tests.adapters.sqlite.crashing_client"]
    child = await asyncio.create_subprocess_exec(
        *script,
        server.url,
        tmp_path / "log.sqlite3",
        str(RUNS),
        str(seed),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    output, errors = await child.communicate()
    assert child.returncode == 0, f"seed {seed}: {errors.decode()}"
    done = json.loads(output)
    assert len(processed) == len(set(processed)), "one was processed twice"
    assert done["reported"] <= len(processed)
    assert sorted(processed) == [*range(1, len(processed) + 1)]
    assert done["state"] == sorted(processed)
    assert done["reported"] > RUNS, "it was never killed while it wrote"
    await server.destroy()
