import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from logux_store.connections import Reconnect
from logux_store.events import Emitter, Listener, Unbind
from logux_store.sync import ClientNode, ServerNode
from logux_store.testing import TestPair, TestTime, run_virtual


class Line:
    """A connection that writes down when it is called, and connects if the test lets it."""

    def __init__(self) -> None:
        self.events = Emitter()
        self.connected = False
        self.up = False
        self.calls: list[tuple[float, str]] = []
        self.sent: list[Any] = []

    def on(self, event: str, listener: Listener) -> Unbind:
        return self.events.on(event, listener)

    def connect(self) -> None:
        self.note("connect")
        self.events.emit("connecting")
        if self.up:
            self.connected = True
            self.events.emit("connect")
        else:
            self.events.emit("disconnect", "error")

    def disconnect(self, reason: str = "user") -> None:
        self.note(reason)
        self.end(reason)

    def end(self, reason: str = "closed") -> None:
        if self.connected:
            self.connected = False
            self.events.emit("disconnect", reason)

    def send(self, message: Any) -> None:
        self.sent.append(message)

    def destroy(self) -> None:
        self.disconnect("destroy")

    def note(self, call: str) -> None:
        self.calls.append((round(asyncio.get_running_loop().time(), 6), call))

    def times(self) -> list[float]:
        return [time for time, call in self.calls if call == "connect"]


def virtual(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    async def run() -> None:
        await test()

    return lambda: run_virtual(run())


@virtual
async def test_attempts_follow_at_doubling_delays_up_to_the_longest() -> None:
    line = Line()
    Reconnect(line, random=lambda: 0.0).connect()
    await asyncio.sleep(12)
    assert line.times() == [0, 2, 4.5, 7, 9.5, 12]
    line = Line()
    Reconnect(line, random=lambda: 0.5, min_delay=1.0, max_delay=100.0).connect()
    await asyncio.sleep(50)
    assert line.times() == [12, 15, 21, 33, 57]


@virtual
async def test_delays_differ_and_stay_in_their_range() -> None:
    line = Line()
    reconnect = Reconnect(line)
    line.up = True
    reconnect.connect()
    ends = []
    for _ in range(50):
        ends.append(asyncio.get_running_loop().time())
        line.end()
        await asyncio.sleep(10)
    delays = [round(time - end, 6) for time, end in zip(line.times()[1:], ends, strict=True)]
    assert all(1 <= delay <= 2 for delay in delays)
    assert len(set(delays)) > 1


@virtual
async def test_a_connection_that_was_there_begins_anew_with_the_shortest_delay() -> None:
    line = Line()
    reconnect = Reconnect(line, random=lambda: 0.0)
    reconnect.connect()
    await asyncio.sleep(8)
    line.up = True
    await asyncio.sleep(2)
    assert reconnect.connected
    line.calls.clear()
    line.end()
    await asyncio.sleep(1)
    assert line.times() == [11]


@virtual
async def test_attempts_end_after_so_many_in_a_row() -> None:
    line = Line()
    reconnect = Reconnect(line, attempts=3, random=lambda: 0.0)
    reconnect.connect()
    await asyncio.sleep(100)
    assert len(line.times()) == 3
    assert not reconnect.waiting
    reconnect.connect()
    await asyncio.sleep(100)
    assert len(line.times()) == 6


@virtual
async def test_a_thousand_failures_are_no_problem() -> None:
    line = Line()
    Reconnect(line, min_delay=0.001, max_delay=0.002).connect()
    await asyncio.sleep(5)
    assert len(line.times()) > 2000


@pytest.mark.parametrize("reason", ["user", "destroy"])
def test_nothing_is_attempted_after_a_deliberate_end(reason: str) -> None:
    async def test() -> None:
        for up in (True, False):
            line = Line()
            line.up = up
            reconnect = Reconnect(line)
            reconnect.connect()
            reconnect.disconnect(reason)
            await asyncio.sleep(100)
            assert [call for _, call in line.calls] == ["connect", reason]

    run_virtual(test())


@pytest.mark.parametrize("reason", ["timeout", "error"])
def test_a_node_that_hangs_up_because_of_a_fault_comes_back(reason: str) -> None:
    async def test() -> None:
        line = Line()
        line.up = True
        reconnect = Reconnect(line)
        reconnect.connect()
        reconnect.disconnect(reason)
        await asyncio.sleep(100)
        assert [call for _, call in line.calls] == ["connect", reason, "connect"]

    run_virtual(test())


@pytest.mark.parametrize("type", ["wrong-protocol", "wrong-subprotocol", "wrong-credentials"])
def test_nothing_is_attempted_after_an_error_that_would_come_again(type: str) -> None:
    async def test() -> None:
        line = Line()
        line.up = True
        reconnect = Reconnect(line)
        reconnect.connect()
        line.events.emit("message", ["error", type])
        line.end()
        await asyncio.sleep(100)
        assert len(line.times()) == 1
        reconnect.connect()
        line.end()
        await asyncio.sleep(100)
        assert len(line.times()) == 3

    run_virtual(test())


@pytest.mark.parametrize(
    "message", [[], ["error"], ["error", []], ["error", "timeout"], ["debug", "wrong-protocol"]]
)
def test_other_messages_do_not_keep_it_from_coming_back(message: list[Any]) -> None:
    async def test() -> None:
        line = Line()
        line.up = True
        Reconnect(line).connect()
        line.events.emit("message", message)
        line.end()
        await asyncio.sleep(100)
        assert len(line.times()) == 2

    run_virtual(test())


@virtual
async def test_connect_does_not_wait_for_the_timer() -> None:
    line = Line()
    reconnect = Reconnect(line, random=lambda: 0.0)
    reconnect.connect()
    assert reconnect.waiting
    line.up = True
    reconnect.connect()
    assert reconnect.connected
    assert not reconnect.waiting
    await asyncio.sleep(100)
    assert line.times() == [0, 0]


@virtual
async def test_a_connection_that_is_open_already_is_kept_up() -> None:
    line = Line()
    line.connected = line.up = True
    Reconnect(line)
    line.end()
    await asyncio.sleep(10)
    assert line.connected


@virtual
async def test_a_destroyed_one_does_nothing_any_more() -> None:
    line = Line()
    reconnect = Reconnect(line)
    reconnect.connect()
    reconnect.destroy()
    assert not reconnect.waiting
    line.connected = True
    line.end()
    await asyncio.sleep(100)
    assert [call for _, call in line.calls] == ["connect", "destroy"]


@virtual
async def test_it_is_a_connection_like_the_one_it_holds() -> None:
    line = Line()
    reconnect = Reconnect(line)
    heard: list[Any] = []
    reconnect.on("message", heard.append)
    reconnect.send(["ping", 1])
    line.events.emit("message", ["pong", 1])
    await reconnect.wait_closed()
    assert (line.sent, heard) == ([["ping", 1]], [["pong", 1]])


@virtual
async def test_nodes_find_each_other_again() -> None:
    time, pair = TestTime(), TestPair(delay=0.1)
    log, server_log = time.next_log(), time.next_log()
    log.keep_actions()
    server_log.keep_actions()
    reconnect = Reconnect(pair.left)
    client = ClientNode("test1", log, reconnect, fix_time=False)

    def serve() -> None:
        ServerNode("test2", server_log, pair.right).on("state", again)

    def again() -> None:
        if not pair.right.connected:
            serve()

    serve()
    reconnect.connect()
    for number in range(5):
        await client.wait_for("synchronized")
        pair.cut()
        log.add({"type": "a", "n": number})
        server_log.add({"type": "b", "n": number})
    await client.wait_for("synchronized")
    await asyncio.sleep(1)
    assert len(log.actions()) == 10
    assert log.actions() == server_log.actions()
    client.destroy()
    await asyncio.sleep(1)


@pytest.mark.parametrize(
    "options",
    [{"attempts": 0}, {"min_delay": -1.0}, {"min_delay": 6.0}, {"max_delay": 0.5}],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"delay|attempts"):
        Reconnect(Line(), **options)
