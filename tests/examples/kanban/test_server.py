"""The server's rules, with clients that are connected in memory."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from examples.kanban.board import DOING, DONE, add, move, remove, rename
from examples.kanban.server import authenticate, define
from logux_store.testing import TestClient, TestServer, virtual_time

Action = dict[str, Any]


@pytest.fixture
def server(logux_server: TestServer) -> TestServer:
    define(logux_server)
    return logux_server


async def fill(client: TestClient, *ids: str) -> list[Action]:
    """Put cards on the design board."""
    cards = [add(board="design", id=id, title=f"card {id}", by=client.user_id) for id in ids]
    for card in cards:
        await client.process(card)
    return cards


@virtual_time
async def test_members_see_what_the_others_do(server: TestServer) -> None:
    ann, bob = await server.connect("ann"), await server.connect("bob")
    (card,) = await fill(ann, "1")
    assert await bob.subscribe("boards/design") == [card]
    moving = move(board="design", id="1", column=DOING)
    async with bob.received() as actions:
        await ann.process(moving)
    assert actions == [moving]
    await bob.unsubscribe("boards/design")
    async with bob.received() as actions:
        await ann.process(rename(board="design", id="1", title="logo"))
    assert actions == []


@virtual_time
async def test_nobody_else_sees_or_changes_a_board(server: TestServer) -> None:
    eve = await server.connect("eve")
    with server.expect_denied():
        await eve.subscribe("boards/design")
    with server.expect_undo("notFound"):
        await eve.subscribe("boards/nothing")
    with server.expect_denied():
        await fill(eve, "1")
    assert not eve.subscribed("boards/design")


@virtual_time
async def test_nobody_adds_cards_in_the_name_of_another(server: TestServer) -> None:
    ann = await server.connect("ann")
    with server.expect_denied():
        await ann.process(add(board="design", id="1", title="logo", by="bob"))


@virtual_time
async def test_who_added_a_card_may_remove_it(server: TestServer) -> None:
    ann, bob = await server.connect("ann"), await server.connect("bob")
    await fill(ann, "1")
    with server.expect_denied():
        await bob.process(remove(board="design", id="1"))
    await ann.process(remove(board="design", id="1"))


@virtual_time
async def test_a_card_needs_a_title(server: TestServer) -> None:
    ann = await server.connect("ann")
    await fill(ann, "1")
    with server.expect_error("a card needs a title"):
        await ann.process(add(board="design", id="2", title=" ", by="ann"))
    with server.expect_error(re.compile("title")):
        await ann.process(rename(board="design", id="1", title=""))


@virtual_time
async def test_three_cards_are_in_progress_at_most(server: TestServer) -> None:
    ann, bob = await server.connect("ann"), await server.connect("bob")
    await bob.subscribe("boards/design")
    await fill(ann, *"1234")
    for id in "123":
        await ann.process(move(board="design", id=id, column=DOING))
    async with bob.received() as actions:
        with server.expect_undo("full"):
            await ann.process(move(board="design", id="4", column=DOING))
    # Bob has seen the card move, and then move back.
    assert [action["type"] for action in actions] == ["cards/move", "logux/undo"]
    await ann.process(move(board="design", id="4", column=DONE))
    await ann.process(move(board="design", id="1", column=DONE))
    await bob.process(move(board="design", id="4", column=DOING))


@virtual_time
async def test_what_is_undone_later_makes_room(server: TestServer) -> None:
    ann = await server.connect("ann")
    await fill(ann, *"1234")
    for id in "123":
        await ann.process(move(board="design", id=id, column=DOING))
    last = [*server.log.entries(index="design")][-1]
    async with ann.received() as actions:
        server.undo(*last, reason="moderated")
    assert [action["type"] for action in actions] == ["logux/undo"]
    await ann.process(move(board="design", id="4", column=DOING))


@virtual_time
async def test_what_was_undone_is_loaded_with_its_undo(server: TestServer) -> None:
    ann, bob = await server.connect("ann"), await server.connect("bob")
    cards = await fill(ann, "1")
    with server.expect_error():
        await ann.process(add(board="design", id="2", title="", by="ann"))
    loaded = await bob.subscribe("boards/design")
    undone = {action["id"] for action in loaded if action["type"] == "logux/undo"}
    assert len(undone) == 1
    assert loaded[0] == cards[0]


@virtual_time
async def test_a_token_is_needed(server: TestServer) -> None:
    server.auth(authenticate)
    for token in ("token of bob", None):
        with server.expect_wrong_credentials():
            await server.connect("ann", token=token)
    ann = await server.connect("ann", token="token of ann")
    assert ann.connected


def test_the_pages_of_the_server_are_there(server: TestServer) -> None:
    @virtual_time
    async def health() -> int:
        return (await server.fetch("/health")).status

    assert health() == 200


def test_other_boards_can_be_defined(logux_server: TestServer) -> None:
    boards: Mapping[str, Any] = {"garden": ["eve"]}
    define(logux_server, boards)

    @virtual_time
    async def test() -> None:
        eve = await logux_server.connect("eve")
        assert await eve.subscribe("boards/garden") == []

    test()
