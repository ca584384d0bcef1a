"""Sync maps of clients of both languages, on servers of both languages."""

import asyncio
import time
from typing import Any

import pytest

from logux_store import Client, MemoryStore, sync_map_template
from logux_store.log import LogStore
from tests.interop.conftest import World
from tests.interop.maps import JavaScriptMaps, Maps, PythonMaps, until
from tests.interop.peers import PythonPeer


class Clock:
    """This machine's clock, for clients of this library; it can be put forward."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead


async def join(world: World, user: str, language: str, **options: Any) -> Maps:
    """The tasks of a new client, which is connected."""
    if language == "javascript":
        options = {"fixTime": False}
    peer = await world.join(user, language=language, **options)
    if isinstance(peer, PythonPeer):
        return PythonMaps(peer)
    return JavaScriptMaps(world.node, f"peer {len(world.peers) - 1}")


@pytest.fixture
def clock() -> Clock:
    return Clock()


# The pair of originals comes along to show that the tests ask for what they do.
@pytest.fixture(
    params=[("python", "javascript"), ("javascript", "python"), ("javascript", "javascript")],
    ids=" and ".join,
)
async def maps(mixed: World, clock: Clock, request: pytest.FixtureRequest) -> list[Maps]:
    """Of two connected clients."""
    pairs = zip(("ann", "bob"), request.param, strict=True)
    return [await join(mixed, user, language, clock=clock) for user, language in pairs]


@pytest.fixture
async def ours(mixed: World) -> PythonMaps:
    """Of a client of this library, which is connected, as `mixed.peers[0]`."""
    maps = await join(mixed, "ann", "python")
    assert isinstance(maps, PythonMaps)
    return maps


@pytest.fixture
async def theirs(mixed: World, ours: PythonMaps) -> Maps:
    """Of a JavaScript client, which is connected too."""
    return await join(mixed, "bob", "javascript")


@pytest.fixture
async def originals(mixed: World) -> list[Maps]:
    """Of two connected JavaScript clients."""
    return [await join(mixed, user, "javascript") for user in ("ann", "bob")]


async def test_a_map_is_created_loaded_changed_and_deleted(mixed: World, maps: list[Maps]) -> None:
    ann, bob = maps
    assert await ann.create("1", title="tea", done=False) == "processed"
    assert await bob.load("1") == "processed"
    await bob.until("1", title="tea", done=False)
    assert await bob.change("1", done=True) == "processed"
    assert await ann.load("1") == "processed"
    await ann.until("1", title="tea", done=True)
    assert await ann.change("1", title="coffee") == "processed"
    await bob.until("1", title="coffee", done=True)
    assert await mixed.server.tasks() == {"1": {"title": "coffee", "done": True}}
    assert await ann.delete("1") == "processed"
    assert await mixed.server.tasks() == {}
    if isinstance(bob, PythonMaps):
        await until(bob.open["1"], lambda: bob.open["1"].deleted, "deleted")


async def test_the_last_write_of_each_field_wins(
    mixed: World, maps: list[Maps], clock: Clock
) -> None:
    ann, bob = maps
    assert await ann.create("1", title="a", note="a") == "processed"
    for client in maps:
        assert await client.load("1") == "processed"
    await mixed.peers[0].disconnect()
    # Of what ann does offline, bob's later title wins when she is back; her note stays.
    change = asyncio.create_task(ann.change("1", title="b", note="b"))
    await ann.until("1", title="b", note="b")
    # Of two writes in one millisecond, ids would decide; and the server's time is not measured
    # better than that.
    clock.ahead = 10_000
    await mixed.node.call("clock.set", skew=clock.ahead)
    assert await bob.change("1", title="c") == "processed"
    await mixed.peers[0].connect()
    assert await change == "processed"
    for client in maps:
        await client.until("1", title="c", note="b")
    assert await mixed.server.tasks() == {"1": {"title": "c", "note": "b"}}


async def test_a_change_that_fails_is_taken_back(maps: list[Maps]) -> None:
    ann, _ = maps
    assert await ann.create("1", title="good") == "processed"
    assert await ann.load("1") == "processed"
    assert await ann.change("1", title="bad") == "error"
    await ann.until("1", title="good")


@pytest.mark.parametrize(("id", "reason"), [("closed", "denied"), ("missing", "notFound")])
async def test_a_map_may_be_refused(maps: list[Maps], id: str, reason: str) -> None:
    assert await maps[0].load(id) == reason


async def test_what_access_rules_forbid_is_taken_back(mixed: World, maps: list[Maps]) -> None:
    ann, _ = maps
    assert await ann.filter() == "processed"
    assert await ann.create("1", title="a") == "processed"
    assert await ann.create("closed", title="a") == "denied"
    await ann.until_listed("1")
    if isinstance(ann, PythonMaps):
        # The original lists what it may not change.
        assert await ann.change("closed", title="b") == "denied"
        assert await ann.delete("closed") == "denied"
        await ann.until_listed("1")
    assert await mixed.server.tasks() == {"1": {"title": "a"}}


async def test_a_filter_follows_what_is_created_changed_and_deleted(maps: list[Maps]) -> None:
    ann, bob = maps
    assert await ann.create("1", title="a", list="x") == "processed"
    assert await ann.create("2", title="b", list="y") == "processed"
    assert await bob.filter(list="x") == "processed"
    await bob.until_listed("1")
    assert await ann.create("3", title="c", list="x") == "processed"
    await bob.until_listed("1", "3")
    # The original's list never lets go of what is gone before its subscription to it arrives.
    assert await bob.load("3") == "processed"
    assert await ann.change("1", list="y") == "processed"
    await bob.until_listed("3")
    assert await ann.delete("3") == "processed"
    await bob.until_listed()


async def test_maps_follow_again_after_a_reconnection(mixed: World, maps: list[Maps]) -> None:
    ann, bob = maps
    assert await ann.create("1", title="a", note="a") == "processed"
    assert await ann.load("1") == "processed"
    assert await ann.filter(note="a") == "processed"
    await mixed.peers[0].disconnect()
    assert await bob.change("1", title="b") == "processed"
    assert await bob.create("2", title="b", note="a") == "processed"
    await mixed.peers[0].connect()
    await ann.until("1", title="b", note="a")
    await ann.until_listed("1", "2")
    # They say since when they know the rest.
    assert max(await mixed.server.task_sinces()) > 0
    assert await bob.change("1", title="c") == "processed"
    await ann.until("1", title="c", note="a")


async def test_a_list_has_nothing_that_went_while_the_client_was_away(
    mixed: World, ours: PythonMaps, theirs: Maps
) -> None:
    for id in ("1", "2", "3"):
        assert await theirs.create(id, title="a", list="x") == "processed"
    assert await theirs.create("4", title="old", list="y") == "processed"
    assert await ours.filter(list="x") == "processed"
    await ours.until_listed("1", "2", "3")
    await mixed.peers[0].disconnect()
    assert await theirs.delete("1") == "processed"
    assert await theirs.change("2", list="y") == "processed"
    assert await theirs.change("4", list="x") == "processed"
    await mixed.peers[0].connect()
    await ours.until_listed("3", "4")
    assert ours.list.maps["4"].fields == {"title": "old", "list": "x"}


async def test_a_list_loads_fields_that_changed_at_different_times(
    ours: PythonMaps, theirs: Maps
) -> None:
    assert await theirs.create("1", title="a", list="x") == "processed"
    assert await theirs.change("1", list="y") == "processed"
    assert await ours.filter(list="y") == "processed"
    assert ours.list.values == [{"id": "1", "title": "a", "list": "y"}]


async def test_maps_are_kept_offline_for_the_next_run(mixed: World) -> None:
    template = sync_map_template("tasks", offline=True)
    store = MemoryStore()
    theirs = await join(mixed, "bob", "javascript")
    for id in ("1", "2"):
        assert await theirs.create(id, title="a", list="x") == "processed"

    async with our_client(mixed, store) as client:
        with template(client).create_filter({"list": "x"}) as filter:
            await filter.loading
    assert await theirs.change("1", title="b") == "processed"
    assert await theirs.delete("2") == "processed"

    client = our_client(mixed, store)
    tasks = template(client)
    filter = tasks.create_filter({"list": "x"})
    assert [value["title"] for value in filter.values] == ["a", "a"]
    tasks.change("1", {"note": "mine"})
    created = tasks.create({"id": "3", "title": "c", "list": "x"})
    async with client:
        await created
        expected = {"1": {"title": "b", "list": "x", "note": "mine"}}
        expected["3"] = {"title": "c", "list": "x"}
        await until(
            filter,
            lambda: {id: map.fields for id, map in filter.maps.items()} == expected,
            expected,
        )
        assert await mixed.server.tasks() == expected


def our_client(world: World, store: LogStore) -> Client:
    return Client(
        server=world.wire.url,
        subprotocol=1,
        user_id="ann",
        token="secret",
        store=store,
        allow_dangerous_protocol=True,
    )


async def test_the_original_lists_what_went_while_it_was_away(
    mixed: World, originals: list[Maps]
) -> None:
    ann, bob = originals
    for id in ("1", "2", "3"):
        assert await bob.create(id, title="a", list="x") == "processed"
    assert await ann.filter(list="x") == "processed"
    await mixed.peers[0].disconnect()
    assert await bob.delete("1") == "processed"
    assert await bob.change("2", list="y") == "processed"
    assert await bob.create("4", title="a", list="x") == "processed"
    await mixed.peers[0].connect()
    await ann.until_listed("1", "2", "3", "4")


async def test_the_original_loses_what_changed_before_the_field_of_its_list(
    originals: list[Maps],
) -> None:
    ann, bob = originals
    assert await bob.create("1", title="a", list="x") == "processed"
    assert await bob.change("1", list="y") == "processed"
    assert await ann.filter(list="y") == "processed"
    await ann.until_listed("1")
    await ann.until("1", list="y")
