"""Sync maps of `@logux/client` on servers of both languages."""

import asyncio
from typing import Any

import pytest

from tests.interop.conftest import World


class Maps:
    """The tasks as one JavaScript client sees them."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name

    async def __call__(self, function: str, **arguments: Any) -> Any:
        return await self._world.node.call(f"maps.{function}", name=self._name, **arguments)

    async def until(self, id: str, **fields: Any) -> None:
        value = {"id": id, "isLoading": False, **fields}
        try:
            await self("untilMap", id=id, value=value)
        except AssertionError:
            map = await self("map", id=id)
            raise AssertionError(f"{map} does not become {value}") from None


@pytest.fixture
async def maps(any_server: World) -> list[Maps]:
    """Of two connected clients."""
    for user in ("ann", "bob"):
        await any_server.join(user, fixTime=False)
    return [Maps(any_server, "peer 0"), Maps(any_server, "peer 1")]


async def test_a_map_is_created_loaded_changed_and_deleted(
    any_server: World, maps: list[Maps]
) -> None:
    ann, bob = maps
    fields = {"title": "tea", "done": False}
    assert await ann("create", id="1", fields=fields) == "processed"
    assert await bob("load", id="1") == "processed"
    await bob.until("1", **fields)
    assert await bob("change", id="1", fields={"done": True}) == "processed"
    assert await ann("load", id="1") == "processed"
    await ann.until("1", title="tea", done=True)
    assert await ann("change", id="1", fields={"title": "coffee"}) == "processed"
    await bob.until("1", title="coffee", done=True)
    assert await any_server.server.tasks() == {"1": {"title": "coffee", "done": True}}
    assert await ann("delete", id="1") == "processed"
    assert await any_server.server.tasks() == {}


async def test_the_last_write_of_each_field_wins(any_server: World, maps: list[Maps]) -> None:
    ann, bob = maps
    assert await ann("create", id="1", fields={"title": "a", "note": "a"}) == "processed"
    for client in maps:
        assert await client("load", id="1") == "processed"
    await any_server.peers[0].disconnect()
    # Of what ann does offline, bob's later title wins when she is back; her note stays.
    change = asyncio.create_task(ann("change", id="1", fields={"title": "b", "note": "b"}))
    await ann.until("1", title="b", note="b")
    # Of two writes in one millisecond, ids decide.
    await any_server.node.call("clock.set", skew=1000)
    assert await bob("change", id="1", fields={"title": "c"}) == "processed"
    await any_server.peers[0].connect()
    assert await change == "processed"
    for client in maps:
        await client.until("1", title="c", note="b")
    assert await any_server.server.tasks() == {"1": {"title": "c", "note": "b"}}


async def test_a_change_that_fails_is_taken_back(maps: list[Maps]) -> None:
    ann, _ = maps
    assert await ann("create", id="1", fields={"title": "good"}) == "processed"
    assert await ann("load", id="1") == "processed"
    assert await ann("change", id="1", fields={"title": "bad"}) == "error"


@pytest.mark.parametrize(("id", "reason"), [("closed", "denied"), ("missing", "notFound")])
async def test_a_map_may_be_refused(maps: list[Maps], id: str, reason: str) -> None:
    assert await maps[0]("load", id=id) == reason


async def test_a_filter_follows_what_is_created_changed_and_deleted(maps: list[Maps]) -> None:
    ann, bob = maps
    assert await ann("create", id="1", fields={"title": "a", "list": "x"}) == "processed"
    assert await ann("create", id="2", fields={"title": "b", "list": "y"}) == "processed"
    assert await bob("filter", fields={"list": "x"}) == "processed"
    await bob("untilListed", ids=["1"])
    assert await ann("create", id="3", fields={"title": "c", "list": "x"}) == "processed"
    await bob("untilListed", ids=["1", "3"])
    assert await ann("change", id="1", fields={"list": "y"}) == "processed"
    await bob("untilListed", ids=["3"])
    assert await ann("delete", id="3") == "processed"
    await bob("untilListed", ids=[])
