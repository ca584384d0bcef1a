"""Tabs: how long the user is without a connection when the leader is killed.

Three tabs, each a process; the one that leads gets `kill -9`. The time runs until the server has
accepted the next leader. As a module, `python -m benchmarks.leader OPTIONS` is one of the tabs.
"""

import asyncio
import json
import os
import signal
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
from logux_store import Client, CrossTabClient, Log
from logux_store.server import Server

__all__ = ["cases"]

ROOT = Path(__file__).parent.parent
TABS = 3


def cases(stack: ExitStack) -> Iterator[Case]:
    """Logs of different lengths, in memory and in a file."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="logux-benchmark-")))
    places = (folder / str(number) for number in count())
    for actions in (100, 10_000):
        for name, in_file in (("memory", False), ("a file", True)):
            yield Case(
                f"the leader of {actions:,} actions in {name} is killed",
                "ms",
                killed(lambda: next(places), actions, in_file),
                {"connecting alone": alone(actions)},
                better="lower",
            )


def killed(place: Callable[[], Path], actions: int, in_file: bool) -> Side:
    """From the leader's death to the next leader's connection."""

    def run() -> Run:
        return asyncio.run(kill(place(), actions, in_file))

    return run


async def kill(place: Path, actions: int, in_file: bool) -> Run:
    connected: asyncio.Queue[str] = asyncio.Queue()
    async with make_server() as server:
        server.on("authenticated", lambda client, _: connected.put_nowait(client.node_id))
        options = {"url": server.url, "state_dir": str(place), "actions": actions}
        if in_file:
            options["store"] = str(place.with_suffix(".sqlite3"))
        tabs = [await start_tab(**options) for _ in range(TABS)]
        try:
            ids = {await told(tab): tab for tab in tabs}
            for tab in tabs:
                assert int(await told(tab)) == actions
            leader = ids[(await connected.get()).rpartition(":")[2]]
            begun = perf_counter()
            leader.send_signal(signal.SIGKILL)
            await connected.get()
            return Run((perf_counter() - begun) * 1000, actions)
        finally:
            for tab in tabs:
                if tab.returncode is None:
                    tab.kill()
                await tab.communicate()


def alone(actions: int) -> Side:
    """From `start` to the connection of a client that has no other tabs, and runs already."""

    async def connect() -> float:
        async with make_server() as server:
            client = Client(server=server.url, subprotocol=1, user_id="10")
            begun = perf_counter()
            client.start()
            await client.wait_for("synchronized")
            taken = perf_counter() - begun
            await client.destroy()
            return taken * 1000

    return lambda: Run(asyncio.run(connect()), actions)


def make_server() -> Server:
    server = Server(subprotocol=1, min_subprotocol=1, port=0, env="development")
    server.auth(lambda: True)
    return server


async def start_tab(**options: Any) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.leader", json.dumps(options)),
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'adapters'}"},
        stdout=asyncio.subprocess.PIPE,
    )


async def told(tab: asyncio.subprocess.Process) -> str:
    assert tab.stdout is not None
    line = await tab.stdout.readline()
    if not line:
        raise RuntimeError("a tab ended before it was to")
    return line.decode().strip()


async def be_tab(url: str, state_dir: str, actions: int, store: str | None = None) -> None:
    client = CrossTabClient(
        server=url,
        subprotocol=1,
        user_id="10",
        state_dir=state_dir,
        store=SQLiteStore(store) if store else None,
        # On a busy machine, filling the log may take longer than a leader may be silent.
        tab_timeout=30.0,
    )
    client.start()
    print(client.tab_id, flush=True)
    if client.role == "leader":
        with client.log.batch():
            fill(client.log, actions)
    await client.wait_for("synchronized")
    while (found := sum(1 for _ in client.log.entries())) < actions:
        await asyncio.sleep(0.01)
    print(found, flush=True)
    await asyncio.Event().wait()


def fill(log: Log, actions: int) -> None:
    for number in range(actions):
        log.add({"type": "item", "number": number, "text": "as long as most"}, reasons=["bench"])


if __name__ == "__main__":
    asyncio.run(be_tab(**json.loads(sys.argv[1])))
