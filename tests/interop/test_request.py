"""This library's `request` on servers of both languages."""

from typing import Any

import pytest

from logux_store import LoguxError, UndoError, request
from tests.interop.conftest import World


async def ask(world: World, **options: Any) -> Any:
    fields = options.pop("fields", {})
    action = {"type": "room/append", "room": "1", "text": "once", **fields}
    defaults = {"server": world.wire.url, "subprotocol": 1, "user_id": "ann", "token": "secret"}
    return await request(action, **{**defaults, "allow_dangerous_protocol": True, **options})


async def test_our_request_gets_its_answer_or_hears_why_there_is_none(mixed: World) -> None:
    answer = await ask(mixed)
    assert answer["type"] == "logux/processed"
    assert [answer["id"]] == await mixed.server.processed()
    for fields, reason in (
        ({"forbidden": True}, "denied"),
        ({"fail": True}, "error"),
        ({"type": "unknown"}, "unknownType"),
    ):
        with pytest.raises(UndoError) as undone:
            await ask(mixed, fields=fields)
        assert undone.value.reason == reason
    for options, type in (
        ({"token": "wrong"}, "wrong-credentials"),
        ({"subprotocol": 0}, "wrong-subprotocol"),
    ):
        with pytest.raises(LoguxError) as refused:
            await ask(mixed, **options)
        assert refused.value.type == type
    assert [action["text"] for action in await mixed.server.room("1")] == ["once"]
