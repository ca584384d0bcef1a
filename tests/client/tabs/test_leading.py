"""What a leader does with what a follower says, word for word."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from logux_store import CrossTabClient, ServerNode
from logux_store.actions import to_json
from logux_store.client.tabs import MemorySpace
from logux_store.client.tabs.leading import Leading
from logux_store.client.tabs.memory_space import MemoryChannel
from logux_store.testing import TestLog, TestPair, run_virtual

NOW, AHEAD = 1_000_000, 5000


class Talk:
    """A leader whose clock is ahead, with a server that it is not connected to, and the channel of
    a follower whose words are the test's.
    """

    def __init__(self) -> None:
        self.pair = TestPair()
        self.server = TestLog("server:x", None, lambda: NOW)
        self.node = ServerNode("server:x", self.server, self.pair.right, ping=None, timeout=None)
        space = MemorySpace()
        self.leader = CrossTabClient(
            server=self.pair.left,
            subprotocol=1,
            user_id="10",
            clock=lambda: NOW + AHEAD,
            space=lambda _: space,
        )
        self.space = MemorySpace(space)
        self.node_id = f"{self.leader.client_id}:follower"
        self.seq = 0
        self.heard: list[Any] = []

    async def __aenter__(self) -> "Talk":
        self.leader.start(connect=False)
        self.space.enter("follower")
        self.channel = await self.space.connect(1)
        self.channel.on_text = lambda text: self.heard.append(json.loads(text))
        self.channel.start()
        hello = {
            "version": 1,
            "tab_id": "follower",
            "node_id": self.node_id,
            "subprotocol": 1,
            "epoch": None,
            "position": 0,
        }
        self.say("hello", hello)
        await asyncio.sleep(0.1)
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.channel.close()
        await self.leader.destroy()

    def say(self, *message: Any) -> None:
        self.channel.send(to_json([*message]))

    async def add(self, *offset: int, **keys: Any) -> str:
        """Hand over an action; returns its id."""
        self.seq += 1
        id = f"{NOW + AHEAD + self.seq} {self.node_id} 0"
        meta = {"id": id, "time": NOW + AHEAD + self.seq, "added": 0, "reasons": ["r"], **keys}
        self.say("ops", [[self.seq, ["add", {"type": "a"}, meta], *offset]])
        await asyncio.sleep(0.1)
        return id

    async def connect(self) -> None:
        self.leader.start()
        await self.leader.wait_for("synchronized")

    def time(self, id: str) -> int:
        entry = self.leader.log.by_id(id)
        assert entry is not None
        return entry[1].time


@pytest.mark.parametrize("connected", [False, True])
def test_what_a_former_leader_may_have_sent_keeps_its_time(connected: bool) -> None:
    async def test() -> None:
        async with Talk() as talk:
            if connected:
                await talk.connect()
            # Of the first the follower knows that nobody has sent it, and by which offset it has
            # its time.
            unsent = await talk.add(0, sync=True)
            sent = await talk.add(sync=True)
            if not connected:
                await talk.connect()
            assert talk.leader.log.offset == AHEAD
            assert talk.time(unsent) == NOW + 1
            assert talk.time(sent) == NOW + AHEAD + 2

    run_virtual(test())


def test_a_follower_that_hands_over_what_was_dropped_is_told_so() -> None:
    async def test() -> None:
        async with Talk() as talk:
            id = await talk.add()
            talk.leader.log.remove_reason("r")
            await asyncio.sleep(0.1)
            talk.heard.clear()
            talk.seq -= 1
            assert await talk.add() == id
            ops = [op for name, _, some in talk.heard if name == "ops" for op in some]
            assert ops == [["own", 1], ["drop", [id]]]

    run_virtual(test())


def test_the_state_is_told_after_what_came_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with Talk() as talk:
            await talk.connect()
            await asyncio.sleep(0.1)
            waiting: list[Callable[[], None]] = []
            monkeypatch.setattr(talk.leader.log.store, "when_durable", waiting.append)
            talk.heard.clear()
            talk.server.add({"type": "answer"})
            await asyncio.sleep(0.1)
            talk.pair.cut()
            await asyncio.sleep(0.1)
            assert talk.heard == []
            for callback in waiting:
                callback()
            monkeypatch.undo()
            await asyncio.sleep(0.1)
            assert [message[0] for message in talk.heard] == ["ops", "state"]
            assert talk.heard[1] == ["state", "disconnected"]

    run_virtual(test())


def test_a_slow_store_delays_neither_signs_of_life_nor_the_next_leader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        async with Talk() as talk:
            leader = talk.leader
            monkeypatch.setattr(leader.log.store, "when_durable", lambda callback: None)
            meta = leader.log.add({"type": "a"}, reasons=["r"])
            assert meta is not None
            leader.log.move(meta.id, 5)
            talk.heard.clear()
            await asyncio.sleep(10)
            assert talk.heard
            assert all(message == ["beat"] for message in talk.heard)
            # The next leader gets the action, and has its own opinion of the time.
            part = leader._tab.part
            assert isinstance(part, Leading)
            assert [op[0] for op in part.undurable()] == ["add"]
            monkeypatch.undo()

    run_virtual(test())


def test_who_is_accepted_in_the_moment_in_which_the_leader_leaves_is_let_go() -> None:
    async def test() -> None:
        async with Talk() as talk:
            accept = talk.space.meeting.accept
            assert accept is not None
            await talk.leader.destroy()
            mine, its = MemoryChannel(0), MemoryChannel(0)
            mine.other, its.other = its, mine
            closed = asyncio.Event()
            mine.on_close = closed.set
            mine.start()
            accept(its)
            await closed.wait()

    run_virtual(test())


def test_a_leader_that_cannot_see_its_term_for_once_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        errors: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, error: errors.append(error))
        async with Talk() as talk:
            space = talk.leader._tab.space
            assert isinstance(space, MemorySpace)
            with monkeypatch.context() as patch:
                patch.setattr(space, "term", broken)
                await asyncio.sleep(1)
            assert errors
            errors.clear()
            talk.heard.clear()
            await asyncio.sleep(3)
            assert talk.heard.count(["beat"]) >= 3
            assert errors == []

    def broken() -> int:
        raise OSError("Too many open files")

    run_virtual(test())


def test_a_follower_that_reads_slowly_gets_the_log_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        busy = True
        monkeypatch.setattr(MemoryChannel, "busy", property(lambda _: busy))
        async with Talk() as talk:
            names = {message[0] for message in talk.heard}
            assert "welcome" in names
            assert not names & {"log", "joined"}
            busy = False
            await asyncio.sleep(0.1)
            assert "joined" in {message[0] for message in talk.heard}

    run_virtual(test())
