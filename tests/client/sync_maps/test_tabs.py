"""Sync maps in several tabs, which share a log and a connection."""

import asyncio
from typing import Any

import pytest

from logux_store import CrossTabClient, UndoError, sync_map_template
from logux_store.server import NotFoundError
from logux_store.server.sync_map import ChangedAt, add_sync_map, add_sync_map_filter
from tests.client.crew import Crew, Disk, DiskStore, virtual

Task = sync_map_template("tasks")
OfflineTask = sync_map_template("tasks", offline=True)


def serve(crew: Crew) -> dict[str, dict[str, ChangedAt]]:
    """Let the crew's server have tasks; returns its database."""
    database = {"1": {"title": ChangedAt("a", 1), "list": ChangedAt("x", 1)}}

    def write(ctx: Any, id: str, fields: dict[str, Any], time: int) -> None:
        if fields.get("list") == "bad":
            raise ValueError("a bad list")
        task = database.setdefault(id, {})
        task.update({name: ChangedAt(value, time) for name, value in fields.items()})

    def load(ctx: Any, id: str) -> dict[str, Any]:
        if id not in database:
            raise NotFoundError(id)
        return {"id": id, **database[id]}

    add_sync_map(
        crew.server,
        "tasks",
        access=lambda: True,
        load=load,
        create=write,
        change=write,
    )
    add_sync_map_filter(
        crew.server,
        "tasks",
        access=lambda: True,
        initial=lambda: [{"id": id, **task} for id, task in database.items()],
    )
    return database


@virtual
async def test_each_tab_shows_what_others_change(crew: Crew) -> None:
    serve(crew)
    tabs = await crew.started(3)
    leader, follower, other = (Task(tab) for tab in tabs)
    with follower.open("1") as task, leader.create_filter({"list": "x"}) as filter:
        await task.loading
        await filter.loading
        assert task.fields == {"title": "a", "list": "x"}
        await other.change("1", {"title": "b"})
        await leader.create({"id": "2", "list": "x"})
        await asyncio.sleep(1)
        assert task["title"] == "b"
        assert filter.values == [{"id": "1", "title": "b", "list": "x"}, {"id": "2", "list": "x"}]
    await asyncio.sleep(1)
    assert not any("tasks" in channel for channel in crew.server.subscriptions.channels)


@virtual
async def test_the_tab_that_leads_keeps_what_another_has_open(crew: Crew) -> None:
    database = serve(crew)
    disk = Disk()
    first = await start(crew, disk)
    second = await start(crew, disk)
    assert second.client.role == "follower"
    task = second.open("1")
    await task.loading
    await task.change({"title": "b"})
    await asyncio.sleep(1)
    await second.client.destroy()
    await first.client.destroy()
    database.clear()
    third = OfflineTask(crew.tab(store=DiskStore(disk)))
    task, filter = third.open("1"), third.create_filter({"title": "b"})
    third.client.start(connect=False)
    await asyncio.sleep(1)
    assert task.fields == {"title": "b", "list": "x"}
    assert [*filter.maps] == ["1"]
    assert not task.is_loading
    assert not filter.is_loading


async def start(crew: Crew, disk: Disk) -> Any:
    tab: CrossTabClient = crew.tab(store=DiskStore(disk))
    maps = OfflineTask(tab)
    tab.start()
    await tab.wait_for("synchronized")
    return maps


@virtual
async def test_a_list_is_right_when_another_tab_takes_over(crew: Crew) -> None:
    database = serve(crew)
    first, second = await crew.started(2)
    with Task(second).create_filter({"list": "x"}) as filter, Task(second).open("1") as task:
        await filter.loading
        crew.kill(first)
        database["2"] = {"title": ChangedAt("b", 1), "list": ChangedAt("x", 1)}
        del database["1"]
        await asyncio.sleep(60)
        assert second.role == "leader"
        assert [*filter.maps] == ["2"]
        assert filter.maps["2"].fields == {"title": "b", "list": "x"}
        assert task.deleted


@virtual
async def test_what_one_tab_does_is_taken_back_in_all(crew: Crew) -> None:
    serve(crew)
    first, second, third = (Task(tab) for tab in await crew.started(3))
    with second.create_filter({"list": "x"}) as filter, third.open("1") as task:
        await filter.loading
        await task.loading
        outcome = first.change("1", {"list": "bad"})
        await asyncio.sleep(0.015)
        assert filter.is_empty
        assert task.is_saving
        with pytest.raises(UndoError):
            await outcome
        await asyncio.sleep(1)
        assert [*filter.maps] == ["1"]
        assert task.fields == {"title": "a", "list": "x"}
        assert not task.is_saving


@virtual
async def test_a_tab_shows_what_it_did_before_any_connection(crew: Crew) -> None:
    disk = Disk()
    database = serve(crew)
    first, second = (OfflineTask(crew.tab(store=DiskStore(disk))) for _ in range(2))
    filter = second.create_filter({"list": "x"})
    for tab in (first, second):
        tab.client.start(connect=False)
    await asyncio.sleep(1)
    first.create({"id": "2", "title": "b", "list": "x"})
    second.create({"id": "3", "title": "c", "list": "x"})
    await asyncio.sleep(1)
    assert sorted(filter.maps) == ["2", "3"]
    await first.client.destroy()
    await asyncio.sleep(60)
    second.client.start()
    await second.client.wait_for("synchronized")
    await asyncio.sleep(1)
    assert sorted(filter.maps) == ["1", "2", "3"]
    assert not any(map.is_saving for map in filter.maps.values())
    assert sorted(database) == ["1", "2", "3"]
