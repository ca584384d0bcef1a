"""One object, here and at the server."""

import pytest

from logux_store import UndoError
from logux_store.client.sync_maps import SyncMap
from tests.client.sync_maps.tasks import LocalTask, Task, World, virtual


def watch(map: SyncMap) -> list[dict[str, object]]:
    """What a map shows, each time that it changes."""
    seen: list[dict[str, object]] = []
    map.listen(lambda map: seen.append(map.value))
    return seen


@virtual
async def test_a_map_is_created_loaded_changed_and_deleted(world: World) -> None:
    ann, tasks = await world.join("ann")
    bob, bobs = await world.join("bob")
    await tasks.create({"id": "1", "title": "tea", "done": False})
    assert world.stored("1") == {"title": "tea", "done": False}
    with bobs.open("1") as task:
        assert task.is_loading
        assert task.value == {"id": "1"}
        await task.loading
        assert not task.is_loading
        assert task.value == {"id": "1", "title": "tea", "done": False}
        assert task["title"] == "tea"
        seen = watch(task)
        await tasks.change("1", {"done": True})
        await bob.settle()
        assert seen == [{"id": "1", "title": "tea", "done": True}]
        await tasks.delete("1")
        await bob.settle()
        assert task.deleted
        assert bob.subscribed("tasks/1")
    await bob.settle()
    assert not bob.subscribed("tasks/1")
    assert world.database == {}
    assert [*ann.log.store.entries("added")] == [*bob.log.store.entries("added")] == []


@virtual
async def test_a_change_shows_at_once_and_is_taken_back_when_it_fails(world: World) -> None:
    world.put("1", title="tea", done=False)
    _, tasks = await world.join("ann")
    task = tasks.open("1")
    await task.loading
    outcome = task.change({"title": "bad", "done": True})
    later = task.change({"done": "later"})
    assert task.value == {"id": "1", "title": "bad", "done": "later"}
    assert task.is_saving
    with pytest.raises(UndoError):
        await outcome
    assert task.value == {"id": "1", "title": "tea", "done": "later"}
    await later
    assert not task.is_saving
    assert world.stored("1") == {"title": "tea", "done": "later"}


@virtual
async def test_the_last_write_of_each_field_wins(world: World) -> None:
    world.put("1", title="a", note="a")
    ann, anns = await world.join("ann")
    bob, bobs = await world.join("bob")
    maps = [anns.open("1"), bobs.open("1")]
    for map in maps:
        await map.loading
    await ann.disconnect()
    early = maps[0].change({"title": "b", "note": "b"})
    await maps[1].change({"title": "c"})
    await ann.connect()
    await early
    await bob.settle()
    await ann.settle()
    expected = {"title": "c", "note": "b"}
    assert [map.fields for map in maps] == [expected, expected]
    assert world.stored("1") == expected


@virtual
async def test_what_comes_late_changes_only_what_is_older(world: World) -> None:
    world.put("1", title="a")
    ann, tasks = await world.join("ann")
    task = tasks.open("1")
    await task.loading
    seen = watch(task)
    for time, fields in ((100, {"title": "b"}), (50, {"title": "late", "note": "late"})):
        ann.log.add({"type": "tasks/changed", "id": "1", "fields": fields}, id=f"{time} server:x 0")
    assert seen == [
        {"id": "1", "title": "b"},
        {"id": "1", "title": "b", "note": "late"},
    ]
    ann.log.add({"type": "tasks/changed", "id": "1", "fields": "none"}, id="200 server:x 0")
    # What is written after a deletion has no effect, until the object is created again.
    ann.log.add({"type": "tasks/deleted", "id": "1"}, id="70 server:x 0")
    assert task.deleted
    assert task.fields == {}
    ann.log.add({"type": "tasks/created", "id": "1", "fields": {}}, id="90 server:x 0")
    assert not task.deleted
    assert task.fields == {"title": "b"}


@virtual
async def test_a_map_that_may_not_be_seen_or_is_not_there_says_so(world: World) -> None:
    ann, tasks = await world.join("ann")
    for id, reason in (("closed", "denied"), ("missing", "notFound")):
        task = tasks.open(id)
        with pytest.raises(UndoError) as caught:
            await task.loading
        assert caught.value.reason == reason
        assert task.error is not None
        assert task.error.reason == reason
        assert not task.is_loading
        with ann.sent() as sent:
            task.close()
        assert sent == []


@virtual
async def test_a_map_is_open_as_long_as_somebody_needs_it(world: World) -> None:
    world.put("1", title="a")
    ann, tasks = await world.join("ann")
    first, second = tasks.open("1"), tasks.open("1")
    assert first is second
    await first.loading
    first.close()
    assert ann.subscribed("tasks/1")
    second.close()
    second.close()
    await ann.settle()
    assert not ann.subscribed("tasks/1")
    assert tasks.open("1") is not first
    assert repr(first) == "<SyncMap tasks/1: {'title': 'a'}>"


@virtual
async def test_a_map_follows_again_after_a_reconnection(world: World) -> None:
    world.put("1", title="a")
    ann, tasks = await world.join("ann")
    _, others = await world.join("bob")
    with tasks.open("1") as task:
        await task.loading
        await ann.disconnect()
        await others.change("1", {"title": "b"})
        assert task["title"] == "a"
        await ann.connect()
        await ann.settle()
        assert task["title"] == "b"


@virtual
async def test_what_is_created_offline_is_not_loaded_but_followed(world: World) -> None:
    ann, tasks = await world.join("ann")
    _, others = await world.join("bob")
    await ann.disconnect()
    outcome = tasks.create({"id": "1", "title": "a"})
    task = tasks.open("1")
    assert task.fields == {"title": "a"}
    assert task.is_saving
    await ann.connect()
    await outcome
    assert not task.is_saving
    await others.change("1", {"title": "b"})
    await ann.settle()
    assert task["title"] == "b"


@virtual
async def test_a_deletion_that_fails_is_taken_back(world: World) -> None:
    world.put("1", title="a", locked=True)
    _, tasks = await world.join("ann")
    task = tasks.open("1")
    await task.loading
    outcome = task.delete()
    assert task.deleted
    assert task.fields == {}
    with pytest.raises(UndoError):
        await outcome
    assert not task.deleted
    assert task.fields == {"title": "a", "locked": True}


@virtual
async def test_local_maps_are_nobodys_but_the_clients(world: World) -> None:
    ann, tasks = await world.join("ann", LocalTask)
    with ann.sent() as sent:
        await tasks.create({"id": "1", "title": "a", "done": False})
        task = tasks.open("1")
        await task.loading
        assert task.change({"title": "b"}).done
        task.change({"title": "c"})
        assert task.fields == {"title": "c", "done": False}
        assert len(ann.log.actions()) == 2
        task.delete()
        assert task.deleted
        task.close()
    assert sent == ann.log.actions() == []
    missing = tasks.open("1")
    with pytest.raises(UndoError, match="notFound"):
        await missing.loading


@virtual
async def test_what_cannot_be_meant_is_refused(world: World) -> None:
    _, tasks = await world.join("ann")
    with pytest.raises(ValueError, match="never the id"):
        tasks.change("1", {})
    with pytest.raises(ValueError, match="never the id"):
        tasks.change("1", {"id": "2"})
    with pytest.raises(ValueError, match="not empty"):
        tasks.create({"title": "a"})


@virtual
async def test_maps_are_heard_of_until_they_are_closed(world: World) -> None:
    world.put("1", title="a")
    ann, tasks = await world.join("ann")
    task, filter = tasks.open("1"), tasks.create_filter()
    await filter.loading
    tasks.close()
    await ann.settle()
    assert not ann.subscribed("tasks/1")
    assert not ann.subscribed("tasks")
    ann.log.add({"type": "tasks/changed", "id": "1", "fields": {"title": "b"}})
    assert task.fields == {"title": "a"}


@virtual
async def test_a_move_of_an_action_may_change_which_one_is_last(world: World) -> None:
    ann, tasks = await world.join("ann", Task)
    await ann.disconnect()
    tasks.create({"id": "1", "title": "a"})
    task = tasks.open("1")
    first = task.change({"title": "b"})
    task.change({"title": "c"})
    seen = watch(task)
    ann.log.move(first.id, 1_000_000)
    assert seen == [{"id": "1", "title": "b"}]
