"""Creating, changing and opening objects, and closing all of them."""

from typing import Any

import pytest

from logux_store import Client, ServerNode, UndoError
from logux_store.testing import TestClient, TestLog, TestPair
from tests.client.sync_maps.tasks import LocalTask, OfflineTask, World, ids, virtual


@virtual
async def test_a_filter_loads_fields_that_changed_at_different_times(world: World) -> None:
    world.put("1", title="a", list="x")
    _, others = await world.join("bob")
    await others.change("1", {"note": "b"})
    await others.change("1", {"title": "c"})
    await others.change("1", {"list": "y"})
    _, tasks = await world.join("ann")
    for wanted in ({"list": "y"}, {"note": "b", "list": "y"}):
        filter = tasks.create_filter(wanted)
        await filter.loading
        assert filter.values == [{"id": "1", "title": "c", "list": "y", "note": "b"}]
    assert world.loads == []


@virtual
async def test_an_undo_of_what_was_confirmed_loads_what_it_had_overwritten(world: World) -> None:
    world.put("1", title="a")
    ann, tasks = await world.join("ann")
    task = tasks.open("1")
    await task.loading
    outcome = tasks.change("1", {"title": "b"})
    await outcome
    world.put("1", title="a")
    undone = {"type": "tasks/change", "id": "1", "fields": {"title": "b"}}
    undo = {"type": "logux/undo", "id": outcome.id, "action": undone, "reason": "moderated"}
    world.server.log.add(undo, nodes=[ann.node_id])
    await ann.settle()
    assert task.fields == {"title": "a"}
    task.close()
    await ann.settle()
    assert not ann.subscribed("tasks/1")


@virtual
async def test_what_the_user_creates_is_there_without_being_loaded(world: World) -> None:
    ann, tasks = await world.join("ann")
    with pytest.raises(UndoError):
        await tasks.open("1").loading
    world.loads.clear()
    task = tasks.open("1")
    tasks.create({"id": "1", "title": "a"})
    assert not task.is_loading
    assert task.error is None
    await task.loading
    tasks.create({"id": "2", "title": "a"})
    assert not tasks.open("2").is_loading
    await ann.settle()
    assert ann.subscribed("tasks/1")
    assert ann.subscribed("tasks/2")
    assert "2" not in world.loads


@virtual
async def test_another_user_sees_nothing_of_the_former_one(world: World) -> None:
    world.put("1", title="a", list="x")
    ann, tasks = await world.join("ann")
    task, filter = tasks.open("1"), tasks.create_filter({"list": "x"})
    await filter.loading
    await task.loading
    waiting = tasks.open("3").loading, tasks.create_filter({"list": "y"}).loading
    ann.change_user("bob")
    for loading in waiting:
        with pytest.raises(ConnectionAbortedError, match="the user has changed"):
            loading.result()
    assert task.is_loading
    assert task.fields == {}
    assert filter.is_loading
    assert filter.is_empty
    world.refused.update({"1", "list"})
    await ann.connect()
    await ann.settle()
    for refused in (task, filter):
        assert refused.error is not None
        assert refused.error.reason == "denied"


@virtual
async def test_a_local_object_is_there_once_it_is_created(world: World) -> None:
    client = TestClient("ann")
    tasks = LocalTask(client)
    task, filter = tasks.open("1"), tasks.create_filter()
    assert task.error is not None
    tasks.create({"id": "1"})
    assert task.error is None
    await task.loading
    assert ids(filter) == ["1"]
    again = LocalTask(TestClient("ann", store=client.log.store))
    assert not again.open("1").is_loading


@virtual
async def test_what_comes_together_is_told_once(world: World) -> None:
    for number in range(100):
        world.put(str(number), title="a", list="x")
    ann, tasks = await world.join("ann")
    filter = tasks.create_filter({"list": "x"})
    told: list[int] = []
    filter.listen(lambda filter: told.append(len(filter.maps)))
    await filter.loading
    await ann.settle()
    assert told == [100]
    with world.server.log.batch():
        for number in range(100):
            action = {"type": "tasks/changed", "id": str(number), "fields": {"title": "b"}}
            world.server.log.add(action, channels=["tasks"])
    await ann.settle()
    assert {value["title"] for value in filter.values} == {"b"}
    assert told == [100, 100]


@virtual
async def test_the_server_hears_of_a_creation_before_the_subscription_to_it(world: World) -> None:
    ann, tasks = await world.join("ann")
    with tasks.create_filter():
        await ann.settle()
        sent = len(ann.pair.left_sent)
        await tasks.create({"id": "1", "title": "a"})
        await ann.settle()
        messages = ann.pair.left_sent[sent:]
        types = [part["type"] for m in messages if m[0] == "sync" for part in m[2::2]]
        assert types == ["tasks/create", "logux/subscribe"]


@virtual
async def test_a_change_comes_after_what_the_user_saw_whatever_the_clocks_say(world: World) -> None:
    world.put("1", title="a")
    _, others = await world.join("bob", clock=lambda: world.server.time() + 50)
    ann, tasks = await world.join("ann")
    with tasks.open("1") as task:
        await others.change("1", {"title": "b"})
        await ann.settle()
        assert task["title"] == "b"
        first = task.change({"title": "c"})
        second = tasks.change("1", {"title": "d"})
        assert task["title"] == "d"
        await first
        await second
    assert world.stored("1") == {"title": "d"}


def test_changes_that_are_made_offline_by_a_wrong_clock_are_corrected_with_it() -> None:
    pair, log = TestPair(), TestLog("server:x", None, lambda: 1000)
    ServerNode("server:x", log, pair.right, ping=None, timeout=None)
    client = Client(
        server=pair.left,
        subprotocol=1,
        user_id="ann",
        clock=lambda: 5000,
        ping=None,
        timeout=None,
    )
    tasks = OfflineTask(client)
    tasks.create({"id": "1", "title": "a"})
    for title in ("b", "c"):
        tasks.change("1", {"title": title})
    client.start()
    pair.deliver()
    made = [meta.time for _, meta in client.log.entries() if meta.sync]
    assert made == [1000, 1000, 1000]
    with tasks.open("1") as task:
        assert task["title"] == "c"


@virtual
async def test_nothing_is_left_when_all_is_closed(world: World) -> None:
    for id in ("1", "2", "3", "4"):
        world.put(id, title="a", list="x", locked=id == "4")
    ann, tasks = await world.join("ann")
    _, others = await world.join("bob")
    for round in range(3):
        opened: list[Any] = [tasks.open("1"), tasks.open("closed"), tasks.open(f"new{round}")]
        opened += [tasks.create_filter({"list": "x"}), tasks.create_filter({"secret": 1})]
        tasks.create({"id": f"new{round}", "title": "a", "list": "x"})
        tasks.change("2", {"title": "bad"})
        tasks.change("3", {"list": "y"})
        tasks.delete("4")
        await ann.settle()
        await ann.disconnect()
        await others.change("3", {"list": "x"})
        await others.delete(f"new{round}")
        tasks.change("1", {"title": str(round)})
        opened.append(tasks.create_filter({"title": "nobody's"}))
        await ann.connect()
        await ann.settle()
        for one in opened:
            one.close()
        tasks.create_filter().close()
        await ann.settle()
        for part, names in ((tasks, STATE), (tasks.subscriptions, ASKED)):
            assert [getattr(part, name) for name in names if getattr(part, name)] == []
        assert tasks.kept.pending == {}
        assert ann.log.actions() == []
        channels = [*world.server.subscriptions.channels]
        assert [name for name in channels if ann.subscribed(name)] == []
        assert ann.subscriptions.missing() == []


STATE = ("_open", "_filters", "_changed")
ASKED = ("_asked", "_asking", "brought")
