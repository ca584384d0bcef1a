"""Tabs as real processes, which are killed and stopped, with a server and another user."""

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logux_store import Client, create_store_creator
from logux_store.server import Server

ROOT = Path(__file__).parent.parent.parent
PROGRAM = Path(__file__).parent / "tab_program.py"
PATIENCE = 60.0


def reducer(state: dict[str, Any] | None, action: dict[str, Any]) -> dict[str, Any]:
    state = state or {"applied": 0, "last": {}}
    if action["type"] != "set":
        return state
    last = {**state["last"], action["key"]: action["value"]}
    return {"applied": state["applied"] + 1, "last": last}


class World:
    """A server on a port, and what it has processed."""

    def __init__(self) -> None:
        self.processed: Counter[str] = Counter()
        self.arrived: list[tuple[int, Any, Any]] = []
        self.connected: asyncio.Queue[str] = asyncio.Queue()
        server = self.server = Server(subprotocol=1, min_subprotocol=1, port=0)
        server.auth(lambda user_id, token: token == "secret")
        server.type("set", access=self.allow, resend=self.to_all, process=self.process)
        server.channel("all", access=self.allow, load=self.load)
        server.on("preadd", self.keep)
        server.on("authenticated", lambda client, _: self.connected.put_nowait(client.node_id))

    def allow(self, ctx: Any, action: Any, meta: Any) -> bool:
        return True

    def to_all(self, ctx: Any, action: Any, meta: Any) -> str:
        return "all"

    def keep(self, action: Any, meta: Any) -> None:
        if action["type"] == "set":
            meta.reasons.append("kept")

    def process(self, ctx: Any, action: Any, meta: Any) -> None:
        self.processed[meta.id] += 1
        self.arrived.append((self.server.clock(), action, meta))

    def load(self, ctx: Any, action: Any, meta: Any) -> list[Any]:
        since = action.get("since", {"time": 0})["time"]
        return [(action, meta) for time, action, meta in self.arrived if time >= since - 1000]

    @property
    def state(self) -> dict[str, Any]:
        state = reducer(None, {"type": "none"})
        for action, _ in self.server.log.entries():
            state = reducer(state, action)
        return state

    async def leader_among(self, tabs: list["TabProcess"]) -> "TabProcess":
        """The one of these tabs that is connected, once one is."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for tab in tabs:
                    if tab.node_id in self.server.node_ids:
                        return tab
                await self.connected.get()


class TabProcess:
    """A process that runs `tab_program.py`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.told: list[dict[str, Any]] = []
        self.node_id = ""
        self.changed = asyncio.Event()
        self.listening = asyncio.ensure_future(self.listen())

    @classmethod
    async def start(cls, **options: Any) -> "TabProcess":
        return cls(
            await asyncio.create_subprocess_exec(
                *(sys.executable, str(PROGRAM), json.dumps(options)),
                env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'adapters'}"},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        )

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                continue  # the rest of a line that was being written when it was killed
            self.told.append(event)
            if event["event"] == "here":
                self.node_id = event["node_id"]
            self.changed.set()
        self.changed.set()

    def say(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n".encode())

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def until(self, wanted: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not wanted():
                assert self.process.returncode is None, f"it ended; {self.told[-5:]}"
                self.changed.clear()
                await self.changed.wait()

    async def event(self, event: str, since: int = 0, **fields: Any) -> dict[str, Any]:
        """Wait for an event among those after the first `since`."""
        expected = {"event": event, **fields}.items()
        found: list[dict[str, Any]] = []

        def came() -> bool:
            found[:] = [told for told in self.told[since:] if expected <= told.items()]
            return bool(found)

        await self.until(came)
        return found[0]

    def ids(self, event: str) -> list[str]:
        return [told["id"] for told in self.told if told["event"] == event]

    async def report(self) -> dict[str, Any]:
        before = len(self.told)
        self.say("report")
        return await self.event("report", since=before)

    async def end(self) -> None:
        if self.process.returncode is None:
            self.signal(signal.SIGKILL)
        await self.process.wait()
        await self.listening
        assert self.process.stderr is not None
        assert (await self.process.stderr.read()).decode() == "", "a tab has nothing to complain of"


class OtherUser:
    """The client of another user, in this process, that writes as well."""

    def __init__(self, url: str) -> None:
        self.client = Client(
            server=url, subprotocol=1, user_id="20", token="secret", min_delay=0.01, max_delay=0.05
        )
        self.client.on("preadd", self.keep)
        self.store = create_store_creator(self.client)(reducer)
        self.sent = 0

    def keep(self, action: Any, meta: Any) -> None:
        if action["type"] == "set":
            meta.reasons.append("kept")

    async def write(self) -> None:
        await self.client.wait_for("synchronized")
        await self.client.sync({"type": "logux/subscribe", "channel": "all"})
        while True:
            self.sent += 1
            value = f"other {self.sent}"
            await self.store.dispatch.sync(
                {"type": "set", "key": f"k{self.sent % 7}", "value": value}
            )
            await asyncio.sleep(0.01)


async def converge(world: World, tabs: list[TabProcess], other: OtherUser | None) -> None:
    """Wait until all replicas are equal to the server's."""
    reports: list[Any] = []
    async with asyncio.timeout(PATIENCE):
        while True:
            expected = world.state
            reports = [(await tab.report())["state"] for tab in tabs]
            if other is not None:
                reports.append(other.store.state)
            if all(report == expected for report in reports):
                return
            await asyncio.sleep(0.05)


async def kill_leaders(
    world: World, times: int, seed: int, state_dir: Path, **options: Any
) -> list[TabProcess]:
    """Kill the leader of five tabs that are all busy, again and again, each time replacing it by a
    new one. Returns all tabs that there were.
    """
    chance = random.Random(seed)
    options = {"url": world.server.url, "state_dir": str(state_dir), "every": 0.04, **options}
    tabs = [await TabProcess.start(**options) for _ in range(5)]
    everybody = [*tabs]
    other = OtherUser(world.server.url)
    other.client.start()
    writing = asyncio.ensure_future(other.write())
    try:
        for tab in tabs:
            await tab.event("ready")
        for _ in range(times):
            await asyncio.sleep(chance.random() * 0.3)
            # Some tab must know what the leader knows; the file may do without.
            for tab in tabs[:3]:
                await tab.event("ready")
            killed = await world.leader_among(tabs)
            killed.signal(signal.SIGKILL)
            tabs.remove(killed)
            tabs.append(await TabProcess.start(**options))
            everybody.append(tabs[-1])
        for tab in tabs:
            await tab.event("ready")
        writing.cancel()
        for tab in tabs:
            tab.say("quiet")
        for tab in tabs:
            await tab.event("quiet")
        await converge(world, tabs, other)
    finally:
        writing.cancel()
        for tab in everybody:
            await tab.end()
        await other.client.destroy()
    for tab in tabs:
        assert tab.ids("sent")
        assert Counter(tab.ids("outcome")) == Counter(tab.ids("sent"))
    outcomes = [told for tab in everybody for told in tab.told if told["event"] == "outcome"]
    assert {told["result"] for told in outcomes} == {"processed"}
    assert max(world.processed.values()) == 1
    assert {told["id"] for told in outcomes} <= world.processed.keys()
    return everybody


async def test_killing_the_leader_loses_and_doubles_nothing(tmp_path: Path) -> None:
    world = World()
    async with world.server:
        await kill_leaders(world, 8, 1, tmp_path / "state")


async def test_nothing_that_the_file_had_is_lost_when_the_leader_is_killed(tmp_path: Path) -> None:
    world = World()
    async with world.server:
        tabs = await kill_leaders(world, 20, 2, tmp_path, store=str(tmp_path / "log.sqlite3"))
        durable = {id for tab in tabs for id in tab.ids("durable")}
        assert durable <= world.processed.keys()


@pytest.mark.parametrize("store", [False, True])
async def test_a_leader_that_hangs_is_replaced_and_follows_when_it_wakes(
    store: bool, tmp_path: Path
) -> None:
    world = World()
    async with world.server:
        options = {
            "url": world.server.url,
            "state_dir": str(tmp_path),
            "every": 0.02,
            "tab_timeout": 1.0,
            "store": str(tmp_path / "log.sqlite3") if store else None,
        }
        tabs = [await TabProcess.start(**options) for _ in range(3)]
        try:
            for tab in tabs:
                await tab.event("ready")
            hung = await world.leader_among(tabs)
            others = [tab for tab in tabs if tab is not hung]
            hung.signal(signal.SIGSTOP)
            await world.leader_among(others)
            before = len(world.processed)
            for tab in others:
                await tab.until(lambda: len(world.processed) > before + 50)
            heard = len(hung.told)
            hung.signal(signal.SIGCONT)
            await hung.event("role", since=heard, role="follower")
            assert hung.node_id not in world.server.node_ids
            for tab in tabs:
                tab.say("quiet")
            for tab in tabs:
                await tab.event("quiet")
            await converge(world, tabs, None)
            assert [(await tab.report())["role"] for tab in others].count("leader") == 1
        finally:
            for tab in tabs:
                tab.signal(signal.SIGCONT) if tab.process.returncode is None else None
                await tab.end()
        for tab in tabs:
            assert Counter(tab.ids("outcome")) == Counter(tab.ids("sent"))
        assert max(world.processed.values()) == 1


async def test_tabs_talk_over_loopback_tcp_where_there_are_no_unix_sockets(tmp_path: Path) -> None:
    world = World()
    async with world.server:
        await kill_leaders(world, 2, 3, tmp_path, transport="tcp")
        assert not [*(tmp_path / "user-10").glob("socket.*")]
