"""A client's half of the application, with a server that does as the test says."""

from collections.abc import Callable
from typing import Any

import pytest

from examples.kanban.board import DOING, DONE, add, move, reducer, titles
from logux_store import Store, UndoError, create_store_creator
from logux_store.testing import ServerDouble, TestClient, virtual_time

LOGO = add(board="design", id="1", title="logo", by="ann")
FONTS = add(board="design", id="2", title="fonts", by="ann")


def open_store(client: TestClient) -> Store[Any]:
    return create_store_creator(client)(reducer)


@virtual_time
async def test_the_board_is_loaded_with_the_subscription(
    logux_client: Callable[..., TestClient], logux_double: ServerDouble
) -> None:
    logux_double.on_channel("boards/design", [LOGO, FONTS])
    ann = logux_client("ann")
    store = open_store(ann)
    await ann.connect()
    assert await ann.subscribe("boards/design") == [LOGO, FONTS]
    assert titles(store.state, "design")["todo"] == ["logo", "fonts"]
    assert "ann" in next(iter(logux_double.subscriptions["boards/design"]))


@virtual_time
async def test_what_the_server_undoes_disappears(
    logux_client: Callable[..., TestClient], logux_double: ServerDouble
) -> None:
    ann = logux_client("ann")
    store = open_store(ann)
    await ann.connect()
    await store.dispatch.sync(LOGO)
    logux_double.undo_next("full")
    outcome = store.dispatch.sync(move(board="design", id="1", column=DOING))
    assert titles(store.state, "design")["doing"] == ["logo"]
    with pytest.raises(UndoError, match="full"):
        await outcome
    assert titles(store.state, "design") == {"todo": ["logo"], "doing": [], "done": []}


@virtual_time
async def test_work_done_offline_is_sent_later(
    logux_client: Callable[..., TestClient], logux_double: ServerDouble
) -> None:
    ann = logux_client("ann")
    store = open_store(ann)
    with ann.sent() as actions:
        store.dispatch.sync(LOGO)
        moving = store.dispatch.sync(move(board="design", id="1", column=DONE))
    assert titles(store.state, "design")["done"] == ["logo"]
    assert logux_double.log.actions() == []
    # Nothing is kept by this server, so the test looks at what comes.
    came: list[Any] = []
    logux_double.log.on("add", lambda action, meta: came.append(action))
    await ann.connect()
    await moving
    assert [action for action in came if action["type"].startswith("cards/")] == actions


@virtual_time
async def test_what_others_did_before_goes_before(
    logux_client: Callable[..., TestClient], logux_double: ServerDouble
) -> None:
    ann = logux_client("ann")
    store = open_store(ann)
    await ann.connect()
    earlier = logux_double.time()
    await store.dispatch.sync(FONTS)
    async with ann.received():
        logux_double.send_all(LOGO, time=earlier)
    assert titles(store.state, "design")["todo"] == ["logo", "fonts"]


@virtual_time
async def test_nothing_is_lost_while_the_server_thinks(
    logux_client: Callable[..., TestClient], logux_double: ServerDouble
) -> None:
    ann = logux_client("ann")
    store = open_store(ann)
    await ann.connect()
    with logux_double.freeze_processing():
        outcome = store.dispatch.sync(LOGO)
        await ann.disconnect()
        await ann.connect()
        assert not outcome.done
    await outcome
    assert titles(store.state, "design")["todo"] == ["logo"]
