"""What the objects of a client hear of the server, of users and of earlier runs."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from logux_adapters.sqlite import SQLiteStore

from logux_store import Client, ServerNode, SyncMaps, UndoError, create_store_creator
from logux_store.client.sync_maps.checks import MAX_ATTEMPTS
from logux_store.testing import TestClient, TestLog, TestPair
from tests.client.sync_maps.tasks import LocalTask, OfflineTask, Task, World, virtual


def ids(filter: Any) -> list[str]:
    return sorted(filter.maps)


@virtual
async def test_what_was_deleted_while_nothing_was_heard_is_gone_afterwards(world: World) -> None:
    for id in ("1", "2", "3"):
        world.put(id, title="a", list="x")
    ann, tasks = await world.join("ann", OfflineTask)
    _, others = await world.join("bob")
    task, filter = tasks.open("1"), tasks.create_filter({"list": "x"})
    await filter.loading
    await ann.disconnect()
    await others.delete("1")
    await others.delete("2")
    await others.change("3", {"list": "y"})
    assert ids(filter) == ["1", "2", "3"]
    await ann.connect()
    await ann.settle()
    assert task.deleted
    assert task.error is not None
    assert task.error.reason == "notFound"
    assert ids(filter) == []
    assert [action["id"] for action in ann.log.actions()] == ["3", "3"]
    # Somebody creates it again.
    await others.create({"id": "1", "title": "b", "list": "x"})
    await ann.settle()
    assert ids(filter) == ["1"]
    assert task.error is None
    await others.change("1", {"title": "c"})
    await ann.settle()
    assert task.fields == {"title": "c", "list": "x"}


@virtual
async def test_what_was_created_again_while_nothing_was_heard_is_there(world: World) -> None:
    world.put("1", title="a", note="a")
    ann, tasks = await world.join("ann")
    _, others = await world.join("bob")
    task = tasks.open("1")
    await task.loading
    await others.delete("1")
    await ann.settle()
    assert task.deleted
    await ann.disconnect()
    await others.create({"id": "1", "title": "b"})
    await ann.connect()
    await ann.settle()
    assert not task.deleted
    assert task.fields == {"title": "b"}


@virtual
async def test_what_is_new_in_a_list_after_a_reconnection_has_its_old_fields(world: World) -> None:
    world.put("1", title="a", list="y")
    ann, tasks = await world.join("ann")
    _, others = await world.join("bob")
    with tasks.create_filter({"list": "x"}) as filter:
        await filter.loading
        await ann.disconnect()
        await others.change("1", {"list": "x"})
        await ann.connect()
        await ann.settle()
        assert filter.values == [{"id": "1", "title": "a", "list": "x"}]
    await ann.settle()
    assert not ann.subscribed("tasks/1")


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
async def test_what_the_user_may_not_see_any_more_says_so(world: World) -> None:
    world.put("1", title="a", list="x")
    ann, tasks = await world.join("ann")
    task, filter = tasks.open("1"), tasks.create_filter({"list": "x"})
    await filter.loading
    await ann.disconnect()
    world.refused.update({"1", "list"})
    await ann.connect()
    await ann.settle()
    for refused in (task, filter):
        assert refused.error is not None
        assert refused.error.reason == "denied"
    assert filter.is_empty
    # Who asks again may be told otherwise.
    world.refused.clear()
    assert tasks.open("1") is task
    assert task.is_loading
    await task.loading
    assert task.error is None


@virtual
async def test_what_fails_to_load_again_is_asked_for_until_it_comes(world: World) -> None:
    world.put("1", title="a")
    ann, tasks = await world.join("ann")
    _, others = await world.join("bob")
    with tasks.open("1") as task:
        await task.loading
        await ann.disconnect()
        world.failures = 2
        await others.change("1", {"title": "b"})
        await ann.connect()
        await ann.settle()
        assert world.failures == 0
        assert task.error is None
        assert task["title"] == "b"
    await ann.settle()
    assert not ann.subscribed("tasks/1")


@virtual
async def test_an_answer_that_was_lost_with_its_connection_comes_on_the_next(world: World) -> None:
    world.put("1", title="a", list="x")
    ann, tasks = await world.join("ann")
    unbind = ann.type("logux/processed", lose_answer, event="preadd")
    task, filter = tasks.open("1"), tasks.create_filter({"list": "x"})
    await ann.settle()
    assert task.is_loading
    assert filter.is_loading
    unbind()
    await ann.disconnect()
    await ann.connect()
    await ann.settle()
    assert not task.is_loading
    assert not filter.is_loading
    assert ids(filter) == ["1"]


def lose_answer(action: Any, meta: Any) -> None:
    """Let an answer be about something else."""
    action["id"] = "1 nobody 0"


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
async def test_a_filter_that_is_closed_before_its_answer_leaves_nothing(world: World) -> None:
    world.put("1", title="a", list="x")
    ann, tasks = await world.join("ann")
    tasks.create_filter({"list": "x"}).close()
    await ann.settle()
    assert not ann.subscribed("tasks/1")
    assert not ann.subscribed("tasks")


@virtual
async def test_another_user_sees_nothing_of_the_former_one(world: World) -> None:
    world.put("1", title="a", list="x")
    ann, tasks = await world.join("ann")
    task, filter = tasks.open("1"), tasks.create_filter({"list": "x"})
    await filter.loading
    await task.loading
    ann.change_user("bob")
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
async def test_a_store_keeps_what_was_undone_to_itself(world: World) -> None:
    world.put("1", title="a")
    ann, tasks = await world.join("ann", OfflineTask)
    create_store_creator(ann)(lambda state, action: state)
    with tasks.open("1") as task:
        await task.loading
    with pytest.raises(UndoError):
        await tasks.change("1", {"title": "bad"})
    assert "logux/undo" in [action["type"] for action in ann.log.actions()]
    assert tasks.open("1").fields == {"title": "a"}
    kept = [action["type"] for action, meta in ann.log.entries() if "tasks/1" in meta.reasons]
    assert kept == ["tasks/changed"]


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


def test_a_file_has_the_objects_before_there_is_a_network(tmp_path: Path) -> None:
    @virtual
    async def run(world: World) -> None:
        world.put("1", title="a", list="x")
        world.put("2", title="b", list="x")

        def start() -> tuple[TestClient, SyncMaps]:
            client = TestClient("ann", server=world.server, store=SQLiteStore(tmp_path / "log.db"))
            return client, OfflineTask(client)

        ann, tasks = start()
        await ann.connect()
        with tasks.create_filter({"list": "x"}) as filter:
            await filter.loading
        await close(ann)
        _, others = await world.join("bob")
        await others.change("1", {"title": "A", "note": "A"})

        # Without a network.
        ann, tasks = start()
        filter = tasks.create_filter({"list": "x"})
        assert not filter.is_loading
        assert [value["title"] for value in filter.values] == ["a", "b"]
        tasks.change("1", {"note": "mine"})
        tasks.create({"id": "3", "title": "c", "list": "x"})
        tasks.delete("2")
        assert ids(filter) == ["1", "3"]
        await close(ann)

        ann, tasks = start()
        filter = tasks.create_filter({"list": "x"})
        assert ids(filter) == ["1", "3"]
        assert filter.maps["1"].is_saving
        await ann.connect()
        await ann.settle()
        assert not filter.maps["1"].is_saving
        assert filter.maps["1"].fields == {"title": "A", "list": "x", "note": "mine"}
        assert {id: world.stored(id) for id in world.database} == {
            "1": {"title": "A", "list": "x", "note": "mine"},
            "3": {"title": "c", "list": "x"},
        }
        assert {action["id"] for action in ann.log.actions()} == {"1", "3"}
        await close(ann)

    run()


async def close(client: TestClient) -> None:
    await client.destroy()
    store = client.log.store
    assert isinstance(store, SQLiteStore)
    store.close()


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
async def test_what_comes_into_a_list_and_cannot_be_loaded_is_asked_for_again(world: World) -> None:
    for id in ("1", "2", "3"):
        world.put(id, title="a", list="y")
    ann, tasks = await world.join("ann")
    _, others = await world.join("bob")
    filter = tasks.create_filter({"list": "x"})
    await filter.loading
    world.failures = 3
    await others.change("1", {"list": "x"})
    await others.change("2", {"list": "x"})
    await ann.settle()
    assert [value["title"] for value in filter.values] == ["a", "a"]
    world.failures = 1000
    await others.change("3", {"list": "x"})
    await ann.settle()
    assert ids(filter) == ["1", "2"]
    assert 1000 - world.failures == MAX_ATTEMPTS
    filter.close()
    await ann.settle()
    assert not any(ann.subscribed(f"tasks/{id}") for id in ("1", "2", "3"))


@virtual
async def test_what_was_done_offline_and_comes_late_is_not_missed_by_who_was_away(
    world: World,
) -> None:
    world.put("1", title="a")
    ann, _ = await world.join("ann")
    bob, bobs = await world.join("bob")
    await ann.disconnect()
    late = Task(ann).change("1", {"title": "b"})
    with bobs.open("1") as task:
        await task.loading
        await bob.disconnect()
        await ann.connect()
        await late
        await bob.connect()
        await bob.settle()
        assert task["title"] == "b"


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


@virtual
async def test_what_the_log_has_of_a_list_comes_with_the_list_alone(world: World) -> None:
    world.put("1", title="a", list="x")
    world.put("2", title="b", list="y")
    ann, tasks = await world.join("ann", OfflineTask)
    with tasks.create_filter() as everything:
        await everything.loading
    await ann.disconnect()
    _, others = await world.join("bob")
    await others.change("2", {"list": "x"})
    with tasks.create_filter({"list": "x"}) as filter, ann.sent() as sent:
        assert ids(filter) == ["1"]
        await ann.connect()
        await ann.settle()
        assert ids(filter) == ["1", "2"]
        assert sent == []


@virtual
async def test_what_is_deleted_while_the_server_loads_it_stays_deleted(world: World) -> None:
    world.put("1", title="a")
    _, tasks = await world.join("ann")
    _, others = await world.join("bob")
    world.seconds = 10
    task = tasks.open("1")
    await asyncio.sleep(1)
    await others.delete("1")
    assert task.deleted
    assert task.is_loading
    await task.loading
    assert task.deleted
    assert task.fields == {}


@virtual
async def test_a_refused_change_of_what_is_not_known_leaves_no_subscription(world: World) -> None:
    ann, tasks = await world.join("ann")
    with tasks.create_filter() as filter:
        await filter.loading
        with pytest.raises(UndoError):
            await tasks.change("closed", {"title": "a"})
        assert filter.is_empty
        await ann.settle()
        with ann.sent() as sent:
            with pytest.raises(UndoError):
                await tasks.delete("closed")
            await ann.settle()
        assert [action["type"] for action in sent] == ["tasks/delete"]
        assert not ann.subscribed("tasks/closed")
