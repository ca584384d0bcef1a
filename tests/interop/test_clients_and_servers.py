"""The same conversations between clients and servers of both languages."""

from time import time
from typing import Any

import pytest

from tests.interop.conftest import World
from tests.interop.reducer import EMPTY, fold


async def test_a_client_with_the_right_token_is_let_in(world: World) -> None:
    client = await world.join("ann")
    assert await world.server.nodes() == [client.node_id]


@pytest.mark.parametrize("options", [{"token": "wrong"}, {"userId": "nobody"}])
async def test_a_client_with_wrong_credentials_is_refused(world: World, options: Any) -> None:
    client = await world.open(**options)
    await client.start()
    assert await client.error() == "wrong-credentials"
    await client.wait("disconnected")
    assert await world.server.nodes() == []


async def test_headers_reach_the_server_before_it_decides(world: World) -> None:
    headers = {"token": "secret", "language": "fr"}
    client = await world.join("ann", token=None, headers=headers)
    assert await world.server.headers(client.client_id) == headers


async def test_an_old_subprotocol_is_refused(world: World) -> None:
    await world.server.stop()
    await world.server.start(subprotocol=3, minSubprotocol=2)
    client = await world.open("ann", subprotocol=1)
    await client.start()
    assert await client.error() == "wrong-subprotocol"
    await client.wait("disconnected")


async def test_an_action_is_processed_and_comes_to_the_others_in_the_room(world: World) -> None:
    ann = await world.join("ann", room="1")
    bob = await world.join("bob", room="1")
    eve = await world.join("eve", room="2")
    id = await ann.sync("room/append", room="1", text="hello")
    assert await ann.outcome(id) == "processed"
    await bob.until({**EMPTY, "lines": ["hello"]})
    assert await ann.state() == {**EMPTY, "lines": ["hello"]}
    _, meta = await bob.heard(type="room/append")
    assert meta["id"] == id
    last = await eve.sync("room/append", room="2", text="alone")
    assert await eve.outcome(last) == "processed"
    assert await eve.state() == {**EMPTY, "lines": ["alone"]}


async def test_who_comes_later_gets_what_was_said(world: World) -> None:
    ann = await world.join("ann", room="1")
    actions = [{"type": "room/append", "room": "1", "text": text} for text in "abc"]
    for action in actions:
        assert await ann.outcome(await ann.sync(**action)) == "processed"
    bob = await world.join("bob", room="1")
    await bob.until(fold(actions))


async def test_a_filter_lets_only_some_actions_through(world: World) -> None:
    ann = await world.join("ann", room="1")
    first = await ann.sync("room/append", room="1", text="old", author="ann")
    assert await ann.outcome(first) == "processed"
    bob = await world.join("bob")
    subscription = {"channel": "rooms/1", "filter": {"author": "ann"}}
    assert await bob.outcome(await bob.sync("logux/subscribe", **subscription)) == "processed"
    for text, author in [("one", "ann"), ("two", "ted"), ("three", "ann")]:
        await ann.sync("room/append", room="1", text=text, author=author)
    await bob.until({**EMPTY, "lines": ["old", "one", "three"]})


async def test_after_unsubscribing_nothing_more_comes(world: World) -> None:
    ann = await world.join("ann", room="1")
    bob = await world.join("bob", room="1")
    id = await bob.sync("logux/unsubscribe", channel="rooms/1")
    assert await bob.outcome(id) == "processed"
    assert await ann.outcome(await ann.sync("room/append", room="1", text="x")) == "processed"
    # Whatever the server sent to bob because of that came before this answer.
    assert await bob.outcome(await bob.sync("room/append", room="2", text="y")) == "processed"
    assert await bob.state() == {**EMPTY, "lines": ["y"]}


async def test_a_denied_action_is_undone(world: World) -> None:
    ann = await world.join("ann", room="1")
    bob = await world.join("bob", room="1")
    id = await ann.sync("room/append", room="1", text="no", forbidden=True)
    assert await ann.outcome(id) == "denied"
    await ann.until(EMPTY)
    assert await ann.outcome(await ann.sync("room/append", room="1", text="yes")) == "processed"
    await bob.until({**EMPTY, "lines": ["yes"]})
    assert await world.server.room("1") == [{"type": "room/append", "room": "1", "text": "yes"}]


async def test_an_action_that_fails_is_undone_for_all_who_got_it(world: World) -> None:
    ann = await world.join("ann", room="1")
    bob = await world.join("bob", room="1")
    assert await ann.outcome(await ann.sync("room/calc", room="1", by=3, plus=1)) == "processed"
    id = await ann.sync("room/calc", room="1", by=5, plus=2, fail=True)
    assert await ann.outcome(id) == "error"
    await bob.heard(type="logux/undo", id=id)
    for client in (ann, bob):
        await client.until({**EMPTY, "number": 4})


async def test_the_server_can_undo_what_it_has_processed(world: World) -> None:
    ann = await world.join("ann", room="1")
    bob = await world.join("bob", room="1")
    ids = [await ann.sync("room/append", room="1", text=text) for text in "abc"]
    for id in ids:
        assert await ann.outcome(id) == "processed"
    await bob.until({**EMPTY, "lines": ["a", "b", "c"]})
    await world.server.undo(ids[1], "late")
    for client in (ann, bob):
        await client.until({**EMPTY, "lines": ["a", "c"]})
        action, _ = await client.heard(type="logux/undo")
        assert (action["id"], action["reason"]) == (ids[1], "late")


async def test_a_type_that_nobody_knows_is_undone(world: World) -> None:
    ann = await world.join("ann")
    assert await ann.outcome(await ann.sync("unknown", text="?")) == "unknownType"


@pytest.mark.parametrize(
    ("channel", "reason"),
    [("rooms/closed", "denied"), ("rooms/missing", "notFound"), ("nowhere", "wrongChannel")],
)
async def test_a_subscription_can_be_refused(world: World, channel: str, reason: str) -> None:
    ann = await world.join("ann")
    assert await ann.outcome(await ann.sync("logux/subscribe", channel=channel)) == reason


async def test_work_done_offline_is_sent_when_the_connection_is_back(world: World) -> None:
    ann = await world.join("ann", room="1")
    bob = await world.join("bob", room="1")
    await ann.disconnect()
    await ann.wait("disconnected")
    ids = [await ann.sync("room/append", room="1", text=text) for text in "abc"]
    assert await ann.state() == {**EMPTY, "lines": ["a", "b", "c"]}
    assert await world.server.processed() == []
    await ann.connect()
    for id in ids:
        assert await ann.outcome(id) == "processed"
    await bob.until({**EMPTY, "lines": ["a", "b", "c"]})
    assert await world.server.processed() == ids


async def test_a_cut_connection_comes_back_with_its_subscriptions(world: World) -> None:
    ann = await world.join("ann", room="1")
    bob = await world.join("bob", room="1")
    await ann.disconnect()
    await ann.wait("disconnected")
    assert await bob.outcome(await bob.sync("room/append", room="1", text="a")) == "processed"
    await ann.connect()
    await ann.until({**EMPTY, "lines": ["a"]})
    world.wire.cut()
    await bob.until({**EMPTY, "lines": ["a"]})
    for client, text in ((ann, "b"), (bob, "c")):
        id = await client.sync("room/append", room="1", text=text)
        assert await client.outcome(id) == "processed"
    for client in (ann, bob):
        await client.until({**EMPTY, "lines": ["a", "b", "c"]})
    assert len(await world.server.room("1")) == 3


async def test_a_client_says_since_when_it_knows_the_room(world: World) -> None:
    ann = await world.join("ann")
    id = await ann.sync("logux/subscribe", channel="rooms/1")
    _, answer = await ann.heard(type="logux/processed", id=id)
    await ann.disconnect()
    bob = await world.join("bob", room="1")
    assert await bob.outcome(await bob.sync("room/append", room="1", text="b")) == "processed"
    await ann.connect()
    await ann.until({**EMPTY, "lines": ["b"]})
    since = {"id": answer["id"], "time": answer["time"]}
    assert await world.server.sinces() == [None, None, since]


async def test_a_server_that_restarts_finds_its_clients_again(world: World) -> None:
    ann = await world.join("ann", room="1")
    bob = await world.join("bob", room="1")
    await world.server.stop()
    for client in (ann, bob):
        await client.wait("connecting")
    # Seconds apart, so that what clocks are measured to be off does not matter.
    start = round(time() - 10) * 1000
    ids = [
        await client.sync("room/append", room="1", text=text, time=start + after)
        for client, text, after in ((ann, "a", 0), (bob, "b", 1000), (ann, "c", 2000))
    ]
    await world.server.start()
    for client, id in zip((ann, bob, ann), ids, strict=True):
        assert await client.outcome(id) == "processed"
    for client in (ann, bob):
        await client.until({**EMPTY, "lines": ["a", "b", "c"]})


async def test_an_action_of_the_server_goes_where_its_meta_says(world: World) -> None:
    ann = await world.join("ann", room="1")
    bob = await world.join("bob")
    action = {"type": "room/set", "key": "x", "value": [None, "é😀", 1.5]}
    await world.server.say(action, channels=["rooms/1"])
    await ann.until(fold([action]))
    await world.server.say({"type": "room/set", "key": "y", "value": 1}, users=["bob"])
    await bob.until({**EMPTY, "values": {"y": 1}})
    assert await ann.state() == fold([action])


async def test_a_newer_connection_of_the_same_client_replaces_the_older(world: World) -> None:
    ann = await world.join("ann")
    # The server does not notice that the first connection is dead.
    world.wire.cut_silently()
    id = await ann.sync("room/append", room="1", text="a")
    assert await ann.outcome(id) == "processed"
    assert await world.server.nodes() == [ann.node_id]
    assert await world.server.connections() == 1
