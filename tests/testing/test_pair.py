import asyncio

from logux_store.sync import ClientNode, ServerNode
from logux_store.testing import TestPair, TestTime, run_virtual


def test_it_shows_what_has_arrived_from_each_side() -> None:
    pair = TestPair()
    pair.left.connect()
    pair.left.send(["ping", 1])
    pair.deliver()
    pair.left.send(["ping", 2])
    assert pair.left_sent == []
    pair.right.send(["pong", 3])
    pair.deliver()
    assert pair.left_sent == [["ping", 2]]
    assert pair.right_sent == [["pong", 3]]
    pair.clear()
    assert pair.left_sent == pair.right_sent == []


def test_it_holds_the_nodes_of_a_test() -> None:
    time, pair = TestTime(), TestPair()
    assert pair.left_node is pair.right_node is None
    pair.left_node = ClientNode("a", time.next_log(), pair.left, ping=None, timeout=None)
    pair.right_node = ServerNode("b", time.next_log(), pair.right, ping=None, timeout=None)


def test_what_reaches_a_side_can_be_waited_for() -> None:
    async def test() -> None:
        pair = TestPair(delay=1.0)
        loop = asyncio.get_running_loop()
        pair.left.connect()
        await pair.wait("left")
        assert pair.left.connected
        pair.right.send(["pong", 1])
        given_up = asyncio.ensure_future(pair.wait("left"))
        await asyncio.sleep(0.5)
        given_up.cancel()
        pair.left.send(["ping", 1])
        await pair.wait("right")
        assert (pair.left_sent, pair.right_sent) == ([["ping", 1]], [["pong", 1]])
        assert loop.time() == 2.5
        pair.right.disconnect()
        await pair.wait()
        assert pair.left.connected is False

    run_virtual(test())


def test_waiting_for_one_side_goes_on_while_the_other_hears_something() -> None:
    async def test() -> None:
        pair = TestPair()
        pair.left.connect()
        await pair.wait("left")
        waiting = asyncio.ensure_future(pair.wait("left"))
        await asyncio.sleep(0)
        pair.left.send(["ping", 1])
        await pair.wait("right")
        assert not waiting.done()
        pair.right.send(["pong", 1])
        await waiting
        assert pair.right_sent == [["pong", 1]]

    run_virtual(test())


def test_a_held_pair_delivers_when_it_is_told_though_a_loop_runs() -> None:
    async def test() -> None:
        pair = TestPair(held=True)
        pair.left.connect()
        await asyncio.sleep(10)
        assert not pair.right.connected
        pair.deliver()
        assert pair.right.connected

    run_virtual(test())
