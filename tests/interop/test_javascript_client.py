"""What only JavaScript clients do, on servers of both languages."""

from typing import Any

import pytest

from tests.interop.conftest import World
from tests.interop.reducer import EMPTY


async def request(world: World, action: dict[str, Any], **options: Any) -> Any:
    defaults = {"server": world.server.url, "subprotocol": 1, "userId": "ann", "token": "secret"}
    options = {**defaults, "allowDangerousProtocol": True, **options}
    return await world.node.call("client.request", action=action, options=options)


async def test_a_request_gets_its_answer(any_server: World) -> None:
    action = {"type": "room/append", "room": "1", "text": "once"}
    answer = await request(any_server, action)
    assert answer["type"] == "logux/processed"
    assert await any_server.server.room("1") == [action]
    assert [answer["id"]] == await any_server.server.processed()


@pytest.mark.parametrize(
    ("fields", "options", "reason"),
    [
        ({"forbidden": True}, {}, "denied"),
        ({"fail": True}, {}, "error"),
        ({"type": "unknown"}, {}, "unknownType"),
        ({}, {"token": "wrong"}, "wrong-credentials"),
        ({}, {"subprotocol": 0}, "wrong-subprotocol"),
    ],
)
async def test_a_request_hears_why_it_failed(
    any_server: World, fields: Any, options: Any, reason: str
) -> None:
    action = {"type": "room/append", "room": "1", "text": "no", **fields}
    assert await request(any_server, action, **options) == {"failed": reason}


async def test_encrypted_actions_pass_through_the_server_unread(any_server: World) -> None:
    ann = await any_server.join("ann", room="encrypted", key="the key")
    bob = await any_server.join("bob", room="encrypted", key="the key")
    eve = await any_server.join("eve", room="encrypted")
    # Long enough to be compressed.
    texts = ["short", "long " * 100]
    for text in texts:
        id = await ann.sync("room/append", text=text)
        assert await ann.outcome(id) == "processed"
        await eve.heard(type="0")
    await bob.until({**EMPTY, "lines": texts})
    assert await eve.state() == EMPTY
    action, _ = await eve.heard(type="0", z=True)
    assert set(action) == {"type", "d", "iv", "z"}


async def test_a_client_gives_up_after_its_attempts(any_server: World) -> None:
    ann = await any_server.join("ann", attempts=3)
    await any_server.server.stop()
    await any_server.node.call("client.gaveUp", name="peer 0")
    await any_server.server.start(env="production")
    await ann.connect()
    await ann.wait("synchronized")
    assert await any_server.server.nodes() == [ann.node_id]


async def test_a_token_may_be_a_function_that_is_asked_at_each_connection(
    any_server: World,
) -> None:
    ann = await any_server.join("ann", tokens=["secret", "wrong"])
    await ann.disconnect()
    await ann.connect()
    assert await ann.error() == "wrong-credentials"
