import asyncio
from typing import Any

import pytest

from logux_store.connections import LocalPair
from logux_store.connections.local_pair import LocalConnection
from logux_store.sync import Connection
from logux_store.testing import run_virtual


def watch(pair: LocalPair) -> list[tuple[Any, ...]]:
    heard: list[tuple[Any, ...]] = []
    sides: dict[str, Connection] = {"left": pair.left, "right": pair.right}
    for name, side in sides.items():
        for event in ("connecting", "connect", "message", "error", "disconnect"):
            side.on(event, lambda *args, name=name, event=event: heard.append((name, event, *args)))
    return heard


def connected() -> tuple[LocalPair, list[tuple[Any, ...]]]:
    pair = LocalPair()
    heard = watch(pair)
    pair.left.connect()
    pair.deliver()
    heard.clear()
    return pair, heard


def test_one_side_connects_both_and_the_other_is_ready_first() -> None:
    pair = LocalPair()
    heard = watch(pair)
    pair.left.connect()
    pair.left.connect()
    assert not pair.left.connected
    pair.deliver()
    pair.right.connect()
    pair.deliver()
    assert pair.left.connected
    assert pair.right.connected
    assert heard == [("left", "connecting"), ("right", "connect"), ("left", "connect")]


def test_both_sides_may_connect_at_once() -> None:
    pair = LocalPair()
    heard = watch(pair)
    pair.right.connect()
    pair.left.connect()
    pair.deliver()
    assert [event[1] for event in heard].count("connect") == 2


def test_messages_arrive_in_order_and_not_before_send_returns() -> None:
    pair, heard = connected()
    pair.left.send(["ping", 1])
    pair.right.send(["pong", 2])
    pair.left.send(["ping", 3])
    assert heard == []
    pair.deliver()
    assert heard == [
        ("right", "message", ["ping", 1]),
        ("left", "message", ["pong", 2]),
        ("right", "message", ["ping", 3]),
    ]


def test_the_two_sides_never_share_an_object() -> None:
    pair, heard = connected()
    headers = {"a": [1]}
    pair.left.send(["headers", headers])
    headers["a"].append(2)
    pair.deliver()
    assert heard[0][2] == ["headers", {"a": [1]}]


def test_what_cannot_be_written_is_an_error_of_the_sender() -> None:
    pair, _ = connected()
    with pytest.raises(TypeError):
        pair.left.send(["headers", {"a": object()}])


def test_what_was_sent_before_a_disconnection_arrives_before_it() -> None:
    pair, heard = connected()
    pair.left.send(["ping", 1])
    pair.left.disconnect("timeout")
    assert heard == [("left", "disconnect", "timeout")]
    pair.right.send(["ping", 2])
    pair.deliver()
    assert heard[1:] == [("right", "message", ["ping", 1]), ("right", "disconnect", "closed")]
    assert not pair.left.connected
    assert not pair.right.connected


def test_nothing_of_an_ended_connection_arrives_in_the_next() -> None:
    pair, heard = connected()
    pair.right.send(["ping", 1])
    pair.left.disconnect()
    pair.left.connect()
    pair.right.send(["ping", 2])
    pair.deliver()
    assert [event for event in heard if event[1] == "message"] == []
    assert pair.left.connected
    pair.right.send(["ping", 3])
    pair.deliver()
    assert heard[-1] == ("left", "message", ["ping", 3])


def test_an_attempt_can_be_given_up() -> None:
    pair = LocalPair()
    heard = watch(pair)
    pair.left.connect()
    pair.left.disconnect()
    pair.deliver()
    assert heard == [("left", "connecting"), ("left", "disconnect", "user")]
    pair.left.connect()
    pair.deliver()
    assert pair.right.connected


def test_what_is_sent_or_ended_without_a_connection_is_nothing() -> None:
    pair = LocalPair()
    heard = watch(pair)
    pair.left.send(["ping", 1])
    pair.left.disconnect()
    pair.left.destroy()
    pair.cut()
    pair.deliver()
    assert heard == []


def test_a_broken_connection_loses_what_is_on_its_way() -> None:
    pair, heard = connected()
    pair.left.send(["ping", 1])
    pair.cut()
    pair.deliver()
    assert heard == [("left", "disconnect", "closed"), ("right", "disconnect", "closed")]


def test_things_can_be_let_arrive_one_by_one() -> None:
    pair, heard = connected()
    pair.left.send(["ping", 1])
    pair.left.send(["ping", 2])
    assert pair.step()
    assert len(heard) == 1
    assert pair.step()
    assert not pair.step()


def test_what_listeners_raise_is_raised_when_all_is_quiet() -> None:
    pair, heard = connected()
    pair.right.on("message", lambda message: 1 / message[1])
    pair.left.send(["ping", 0])
    pair.left.send(["ping", 1])
    with pytest.raises(ZeroDivisionError):
        pair.deliver()
    assert len(heard) == 2
    for side in (pair.left, pair.right):
        side.on("disconnect", lambda _: 1 / 0)
    with pytest.raises(ExceptionGroup):
        pair.cut()
    assert not pair.right.connected


def test_on_a_loop_things_arrive_after_the_delay_and_in_order() -> None:
    async def test() -> None:
        pair = LocalPair(delay=0.5)
        heard = watch(pair)
        loop = asyncio.get_running_loop()
        pair.left.connect()
        await asyncio.sleep(0.6)
        assert pair.right.connected
        heard.clear()
        for number in range(100):
            pair.left.send(["ping", number])
        await asyncio.sleep(0.4)
        assert heard == []
        await asyncio.sleep(0.2)
        assert [message[1] for _, _, message in heard] == list(range(100))
        assert loop.time() == pytest.approx(1.2)

    run_virtual(test())


def test_an_unknown_event_is_refused() -> None:
    with pytest.raises(ValueError, match="disconnect"):
        LocalConnection(LocalPair()).on("close", print)
