"""What the log has of objects, for this run and the next."""

from pathlib import Path

import pytest
from logux_adapters.sqlite import SQLiteStore

from logux_store import SyncMaps, UndoError, create_store_creator
from logux_store.testing import TestClient
from tests.client.sync_maps.tasks import LocalTask, OfflineTask, World, ids, virtual


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
    kept = [action["type"] for action, meta in ann.log.entries() if "ann:tasks/1" in meta.reasons]
    assert kept == ["tasks/changed"]


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
async def test_offline_maps_are_in_the_log_for_the_next_run(world: World) -> None:
    world.put("1", title="a", note="a")
    ann, tasks = await world.join("ann", OfflineTask)
    task = tasks.open("1")
    await task.loading
    await task.change({"title": "b"})
    await task.change({"title": "c"})
    await ann.disconnect()
    task.change({"title": "not sent"})
    assert [action["fields"] for action in ann.log.actions()] == [
        {"title": "a", "note": "a"},
        {"title": "c"},
        {"title": "not sent"},
    ]
    await ann.destroy()
    again = TestClient("ann", server=world.server, store=ann.log.store)
    tasks = OfflineTask(again)
    task = tasks.open("1")
    assert not task.is_loading
    await task.loading
    assert task.fields == {"title": "not sent", "note": "a"}
    await again.connect()
    await again.settle()
    assert world.stored("1") == {"title": "not sent", "note": "a"}
    assert [action["fields"] for action in again.log.actions()] == [
        {"note": "a"},
        {"title": "not sent"},
    ]


@virtual
async def test_a_deleted_map_leaves_nothing_in_the_log(world: World) -> None:
    world.put("1", title="a", note="a")
    world.put("2", title="a")
    ann, tasks = await world.join("ann", OfflineTask)
    for id in ("1", "2"):
        with tasks.open(id) as task:
            await task.loading
    await tasks.change("1", {"note": "b"})
    with pytest.raises(UndoError):
        await tasks.change("1", {"note": "c", "title": "bad"})
    assert {action["id"] for action in ann.log.actions()} == {"1", "2"}
    await tasks.delete("1")
    assert {action["id"] for action in ann.log.actions()} == {"2"}


@virtual
async def test_what_an_earlier_run_has_sent_is_confirmed_in_this_one(world: World) -> None:
    world.put("1", title="a")
    ann, tasks = await world.join("ann", OfflineTask)
    with tasks.open("1") as task:
        await task.loading
    await ann.disconnect()
    tasks.change("1", {"title": "b"})
    tasks.delete("1")
    await ann.destroy()
    again = TestClient("ann", server=world.server, store=ann.log.store)
    OfflineTask(again)
    await again.connect()
    await again.settle()
    assert world.database == {}
    assert again.log.actions() == []


@virtual
async def test_each_user_has_what_that_user_has_seen(world: World) -> None:
    world.put("1", title="shared")
    ann, tasks = await world.join("ann", OfflineTask)
    notes = LocalTask(ann)
    filter = tasks.create_filter()
    await filter.loading
    await ann.disconnect()
    tasks.create({"id": "2", "title": "not sent"})
    tasks.change("1", {"title": "not sent"})
    notes.create({"id": "3", "title": "private"})
    seen = filter.values
    assert [value["id"] for value in seen] == ["1", "2", "3"]

    ann.change_user("bob")
    assert filter.is_loading
    assert (filter.values, tasks.create_filter().values) == ([], [])
    with tasks.open("1") as one, notes.open("3") as three:
        assert one.fields == three.fields == {}
        assert not one.is_saving
    tasks.change("1", {"note": "bob's"})

    ann.change_user("ann")
    assert filter.values == seen
    with tasks.open("1") as one:
        assert one.is_saving
    await ann.connect()
    await ann.settle()
    assert world.stored("1") == {"title": "not sent"}
    assert not filter.maps["1"].is_saving
