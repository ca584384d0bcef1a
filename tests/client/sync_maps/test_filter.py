"""Lists of objects that follow what is created, changed and deleted."""

import pytest

from logux_store import UndoError
from logux_store.testing import TestClient
from tests.client.sync_maps.tasks import LocalTask, OfflineTask, World, ids, virtual


@virtual
async def test_a_filter_loads_and_follows(world: World) -> None:
    world.put("1", title="a", list="x")
    world.put("2", title="b", list="y")
    world.put("3", title="c", list="x")
    ann, tasks = await world.join("ann")
    _, others = await world.join("bob")
    filter = tasks.create_filter({"list": "x"})
    seen: list[list[str]] = []
    filter.listen(lambda filter: seen.append(ids(filter)))
    assert filter.is_loading
    assert filter.is_empty
    await filter.loading
    assert not filter.is_loading
    assert filter.values == [
        {"id": "1", "title": "a", "list": "x"},
        {"id": "3", "title": "c", "list": "x"},
    ]
    assert world.loads == []
    await others.create({"id": "4", "title": "d", "list": "x"})
    await others.create({"id": "5", "title": "e", "list": "y"})
    await others.change("1", {"list": "y"})
    await ann.settle()
    assert ids(filter) == ["3", "4"]
    assert not ann.subscribed("tasks/1")
    await others.change("2", {"list": "x"})
    await others.delete("3")
    await ann.settle()
    assert ids(filter) == ["2", "4"]
    assert filter.maps["2"]["title"] == "b"
    await others.change("4", {"title": "D"})
    await ann.settle()
    assert filter.maps["4"]["title"] == "D"
    assert seen == [
        ["1", "3"],
        ["1", "3", "4"],
        ["3", "4"],
        ["2", "3", "4"],
        ["2", "4"],
        ["2", "4"],
    ]
    assert repr(filter) == "<SyncMapFilter {'list': 'x'} of tasks: 2>"
    filter.close()
    filter.close()
    await ann.settle()
    assert not [name for name in ("tasks", "tasks/2", "tasks/4") if ann.subscribed(name)]
    assert ann.log.actions() == []


@virtual
async def test_own_changes_show_at_once_and_are_taken_back(world: World) -> None:
    world.put("1", title="a", list="x", locked=True)
    world.put("2", title="b", list="x")
    ann, tasks = await world.join("ann")
    filter = tasks.create_filter({"list": "x"})
    await filter.loading
    tasks.create({"id": "3", "title": "bad", "list": "x"})
    assert ids(filter) == ["1", "2", "3"]
    tasks.delete("1")
    assert ids(filter) == ["2", "3"]
    tasks.change("2", {"list": "y", "title": "bad"})
    assert ids(filter) == ["3"]
    await ann.settle()
    assert ids(filter) == ["1", "2"]
    await tasks.change("2", {"list": "y"})
    assert ids(filter) == ["1"]
    await ann.settle()
    assert not ann.subscribed("tasks/2")
    await tasks.create({"id": "4", "title": "good", "list": "x"})
    assert ids(filter) == ["1", "4"]
    with pytest.raises(UndoError):
        await tasks.change("4", {"title": "bad", "list": "z"})
    assert ids(filter) == ["1", "4"]


@virtual
async def test_a_filter_without_fields_has_everything(world: World) -> None:
    world.put("1", title="a")
    ann, tasks = await world.join("ann")
    _, others = await world.join("bob")
    with tasks.create_filter() as filter:
        await filter.loading
        await others.create({"id": "2", "title": "b"})
        await ann.settle()
        assert ids(filter) == ["1", "2"]
        with pytest.raises(UndoError):
            await tasks.create({"id": "3", "title": "bad"})
        assert ids(filter) == ["1", "2"]


@virtual
async def test_a_filter_follows_again_after_a_reconnection(world: World) -> None:
    world.put("1", title="a", list="x")
    world.put("2", title="b", list="x")
    ann, tasks = await world.join("ann")
    _, others = await world.join("bob")
    filter = tasks.create_filter({"list": "x"})
    await filter.loading
    own = tasks.open("2")
    await own.loading
    await ann.disconnect()
    await others.change("1", {"title": "A"})
    await others.create({"id": "3", "title": "c", "list": "x"})
    await ann.connect()
    await ann.settle()
    assert ids(filter) == ["1", "2", "3"]
    assert filter.maps["1"]["title"] == "A"
    # What is open by itself stays so, and others' changes come.
    filter.close()
    await others.change("2", {"title": "B"})
    await ann.settle()
    assert own["title"] == "B"
    assert ann.subscribed("tasks/2")


@virtual
async def test_a_filter_that_is_refused_says_so(world: World) -> None:
    world.put("1", title="a")
    ann, tasks = await world.join("ann")
    filter = tasks.create_filter({"secret": True})
    with pytest.raises(UndoError, match="denied"):
        await filter.loading
    assert filter.error is not None
    assert not filter.is_loading
    with ann.sent() as sent:
        filter.close()
    assert sent == []


@virtual
async def test_an_offline_filter_finds_what_the_log_has(world: World) -> None:
    world.put("1", title="a", list="x")
    world.put("2", title="b", list="y")
    ann, tasks = await world.join("ann", OfflineTask)
    with tasks.create_filter() as everything:
        await everything.loading
    await ann.disconnect()
    tasks.create({"id": "3", "title": "c", "list": "x"})
    await ann.destroy()
    world.put("4", title="d", list="x")
    again = TestClient("ann", server=world.server, store=ann.log.store)
    filter = OfflineTask(again).create_filter({"list": "x"})
    assert not filter.is_loading
    await filter.loading
    assert ids(filter) == ["1", "3"]
    await again.connect()
    await again.settle()
    assert ids(filter) == ["1", "3", "4"]
    assert world.stored("3") == {"title": "c", "list": "x"}


@virtual
async def test_a_local_filter_needs_no_server(world: World) -> None:
    ann, tasks = await world.join("ann", LocalTask)
    await ann.disconnect()
    tasks.create({"id": "1", "list": "x"})
    filter = tasks.create_filter({"list": "x"})
    await filter.loading
    tasks.create({"id": "2", "list": "x"})
    tasks.create({"id": "3", "list": "y"})
    assert ids(filter) == ["1", "2"]
    tasks.change("3", {"list": "x"})
    tasks.delete("1")
    assert ids(filter) == ["2", "3"]
