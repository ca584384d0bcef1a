"""The server that does as the test says, and the client that is connected to it."""

from typing import Any

import pytest

from logux_store import UndoError, create_store_creator
from logux_store.testing import ServerDouble, TestClient, run_virtual

SUBSCRIBE = {"type": "logux/subscribe", "channel": "posts"}


def connected(*users: str, server: ServerDouble | None = None) -> list[TestClient]:
    """Clients of one double, connected with no event loop."""
    server = ServerDouble() if server is None else server
    clients = [TestClient(user, server=server) for user in users]
    for client in clients:
        server.join(client)
        client.start()
        client.pair.deliver()
    return clients


def deliver(*clients: TestClient) -> None:
    for _ in range(3):
        for client in clients:
            client.pair.deliver()


def test_actions_are_processed_at_once_and_no_loop_is_needed() -> None:
    (client,) = connected("10")
    outcome = client.sync({"type": "rename", "name": "Ann"})
    deliver(client)
    assert client.state == "synchronized"
    assert outcome.done
    assert isinstance(client.other, ServerDouble)
    assert client.other.connected.keys() == {client.node_id}


def test_the_next_action_or_one_like_this_is_undone() -> None:
    async def test() -> None:
        client = TestClient("10")
        await client.connect()
        assert isinstance(client.other, ServerDouble)
        client.other.undo_next("full", by=5)
        with pytest.raises(UndoError, match="full") as caught:
            await client.process({"type": "add"})
        assert caught.value.action["by"] == 5
        await client.process({"type": "add"})
        client.other.undo_action({"type": "add", "id": "1", "n": 2})
        for _ in range(2):
            with pytest.raises(UndoError, match="error"):
                await client.process({"n": 2, "id": "1", "type": "add"})
        await client.process({"type": "add", "id": "2", "n": 2})

    run_virtual(test())


def test_a_channel_answers_and_gets_what_is_resent_to_it() -> None:
    async def test() -> None:
        server = ServerDouble()
        server.on_channel(
            "posts", [{"type": "post", "n": 1}, ({"type": "post", "n": 2}, {"time": 5})]
        )
        server.on_channel("one", {"type": "post", "n": 3})
        server.resend("post", lambda action, meta: action["channel"])
        reader, writer = TestClient("10", server=server), TestClient("20", server=server)
        await reader.connect()
        await writer.connect()
        assert await reader.subscribe("posts") == [{"type": "post", "n": n} for n in (1, 2)]
        assert await reader.subscribe("one", filter={"a": 1}) == [{"type": "post", "n": 3}]
        assert reader.subscribed("posts")
        assert not writer.subscribed("posts")
        async with reader.received() as actions:
            await writer.process({"type": "post", "channel": "posts"})
            await writer.process({"type": "post", "channel": "other"})
            await writer.process({"type": "other"})
        assert [action["type"] for action in actions] == ["post", "other"]
        await reader.unsubscribe("posts")
        await reader.unsubscribe("one", filter={"a": 1})
        assert not reader.subscribed("posts")
        async with reader.received() as actions:
            await writer.process({"type": "post", "channel": "posts"})
        assert actions == []

    run_virtual(test())


def test_a_subscription_goes_with_the_connection() -> None:
    async def test() -> None:
        client = TestClient("10")
        await client.connect()
        await client.subscribe("posts")
        await client.disconnect()
        assert not client.subscribed("posts")
        assert client.state == "disconnected"
        await client.connect()
        await client.settle()
        assert client.subscribed("posts")

    run_virtual(test())


def test_processing_can_be_frozen() -> None:
    async def test() -> None:
        client = TestClient("10")
        await client.connect()
        assert isinstance(client.other, ServerDouble)
        with client.other.freeze_processing():
            outcome = client.sync({"type": "add"})
            await client.settle()
            assert client.state == "synchronized"
            assert not outcome.done
        await outcome

    run_virtual(test())


def test_everybody_can_be_sent_an_action() -> None:
    server = ServerDouble()
    clients = connected("10", "20", server=server)
    with clients[0].collect() as first, clients[1].collect() as second:
        server.send_all({"type": "news"})
        deliver(*clients)
    assert first == second == [{"type": "news"}]


def test_what_is_sent_can_be_collected() -> None:
    (client,) = connected("10")
    store: Any = create_store_creator(client)(lambda state, action: action["type"])
    with client.sent() as actions:
        store.dispatch.sync({"type": "one"})
        store.dispatch.local({"type": "two"})
    store.dispatch.sync({"type": "three"})
    assert actions == [{"type": "one"}]


def test_ending_a_subscription_that_is_none_fails_the_test() -> None:
    server = ServerDouble()
    (client,) = connected("10", server=server)
    with pytest.raises(AssertionError, match="unsubscribes from 'posts'"):
        server.log.add({**SUBSCRIBE, "type": "logux/unsubscribe"}, id=f"1 {client.node_id} 0")


def test_ids_and_times_are_the_same_each_time() -> None:
    def ids() -> list[str]:
        clients = connected("10", "20")
        return [client.log.generate_id() for client in clients]

    assert ids() == ids()
    assert len(set(ids())) == 2
    assert int(ids()[0].split(" ")[0]) < 100
