import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logux_store.errors import LoguxError
from logux_store.log import Log, MemoryStore
from logux_store.sync import ClientNode, ServerNode
from logux_store.testing import TestPair, TestTime, run_virtual
from tests.sync.nodes import Other

A, B = {"type": "a"}, {"type": "b"}


def test_the_defaults_are_the_protocols() -> None:
    async def test() -> None:
        node = ServerNode("server:x", Log("server:x"), TestPair().right)
        assert (node.ping, node.timeout, node.state) == (20.0, 70.0, "connecting")

    run_virtual(test())


def test_a_connection_that_is_open_already_is_used() -> None:
    pair = TestPair()
    pair.left.connect()
    pair.deliver()
    node = ServerNode("server:x", Log("server:x"), pair.right, ping=None, timeout=None)
    assert node.connected
    pair.left.send(["connect", 5, "1:a:b", 0])
    pair.deliver()
    assert node.authenticated


@pytest.mark.parametrize("greets", [False, True])
def test_a_client_that_is_not_accepted_in_time_is_disconnected(greets: bool) -> None:
    async def test() -> None:
        never = asyncio.get_running_loop().create_future()
        other = Other(timeout=70.0, auth=lambda *_: never)
        errors: list[str] = []
        other.node.on("error", lambda error: errors.append(error.type))
        await asyncio.sleep(30)
        if greets:
            other.greet()
        await other.node.wait_for("disconnected")
        assert asyncio.get_running_loop().time() == 70
        assert errors == ["timeout"]

    run_virtual(test())


def test_a_client_that_is_accepted_in_time_stays() -> None:
    async def test() -> None:
        other = Other(timeout=70.0)
        await asyncio.sleep(60)
        other.greet()
        await asyncio.sleep(1000)
        assert other.node.state == "synchronized"
        other.node.destroy()

    run_virtual(test())


def test_it_lives_as_long_as_its_connection() -> None:
    other = Other()
    other.greet()
    other.pair.left.disconnect()
    other.pair.deliver()
    other.pair.left.connect()
    other.pair.deliver()
    other.log.add(A)
    assert other.greet() == []
    assert not other.node.connected


def test_it_sends_what_came_after_the_clients_number() -> None:
    other = Other()
    other.log.add(A)
    other.log.add(B)
    assert [message[2::2] for message in other.greet(1)[1:]] == [[B]]
    assert other.node.last_sent == 1


def test_numbers_of_one_client_are_not_stored_in_the_log_of_all() -> None:
    other = Other()
    other.log.add(A)
    other.greet()
    other.say("synced", 1)
    other.say("sync", 9, {"type": "b"}, {"id": 1, "time": 1})
    assert (other.node.last_sent, other.node.last_received) == (1, 9)
    assert other.log.store.last_synced() == MemoryStore().last_synced()
    assert (
        ServerNode("server:x", other.log, TestPair().right, ping=None, timeout=None).last_sent == 0
    )


def test_several_clients_share_the_servers_log() -> None:
    first = Other()
    second = TestPair()
    ServerNode("server:x", first.log, second.right, ping=None, timeout=None)
    second.left.connect()
    second.deliver()
    second.left.send(["connect", 5, "2:c:d", 0])
    second.deliver()
    first.greet()
    first.say("sync", 1, A, {"id": 1, "time": 1})
    second.deliver()
    assert second.right_sent[-1] == ["sync", 1, A, {"id": [1, "1:a:b", 0], "time": 1}]
    assert [message[0] for message in first.pair.right_sent] == ["synced"]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=5)
    | st.sampled_from(["a", "1:a:b", "error", "timeout"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["type", "id", "time", "token", "subprotocol"]), inner)
    ),
    max_leaves=10,
)
names = st.sampled_from(
    ["connect", "connected", "sync", "synced", "ping", "pong", "headers", "error", "debug", "other"]
)
entry = st.tuples(
    st.builds(lambda type: {"type": type}, st.text(st.characters(), max_size=3)),
    st.builds(
        lambda id, time: {"id": id, "time": time},
        st.integers(-200, 10**15 - 1)
        | st.tuples(st.integers(-100, 5), st.just("a"), st.just(0)).map(list),
        st.integers(-200, 5),
    ),
)
messages = (
    st.just(["connect", 5, "1:a:b", 0])
    | st.builds(lambda name, rest: [name, *rest], names, st.lists(json_values, max_size=4))
    | st.builds(
        lambda added, entries: ["sync", added, *(part for entry in entries for part in entry)],
        st.integers(0, 5),
        st.lists(entry, max_size=3),
    )
    | json_values
)


@given(st.lists(messages, max_size=8))
def test_whatever_a_client_says_the_server_stands_and_answers_with_the_protocols_errors(
    said: list[Any],
) -> None:
    other = Other()
    pair, log = TestPair(), TestTime().next_log(node_id="9:z:z")
    log.keep_actions()
    ServerNode("server:x", other.log, pair.right, ping=None, timeout=None)
    bystander = ClientNode("9:z:z", log, pair.left, ping=None, timeout=None)
    pair.left.connect()
    pair.deliver()
    errors: list[LoguxError] = []
    other.node.on("error", errors.append)
    for message in said:
        before = other.log.metas()
        other.pair.clear()
        # Not through the pair's codec: the node itself must stand whatever it is given.
        other.node.receive(message)
        other.pair.deliver()
        refused = [answer for answer in other.pair.right_sent if answer[0] == "error"]
        if refused:
            assert refused[0][1] in ("wrong-format", "unknown-message", "wrong-protocol")
            assert not other.node.connected
            # What waited for the greeting, and was right, is taken before what was wrong.
            if not isinstance(message, list) or message[:1] != ["connect"]:
                assert other.log.metas() == before
    assert all(isinstance(error, LoguxError) and error.received for error in errors)
    assert all(0 <= meta.time < 10**15 for meta in other.log.metas())
    pair.deliver()
    assert bystander.state == "synchronized"
    assert [meta.id for meta in log.metas()] == [meta.id for meta in other.log.metas()]
