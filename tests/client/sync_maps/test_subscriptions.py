"""What objects and lists hear of the server, above all after a time without a connection."""

import asyncio
from typing import Any

from tests.client.sync_maps.tasks import OfflineTask, Task, World, ids, virtual


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
async def test_a_filter_that_is_closed_before_its_answer_leaves_nothing(world: World) -> None:
    world.put("1", title="a", list="x")
    ann, tasks = await world.join("ann")
    tasks.create_filter({"list": "x"}).close()
    await ann.settle()
    assert not ann.subscribed("tasks/1")
    assert not ann.subscribed("tasks")


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
async def test_what_was_created_on_a_lost_connection_is_loaded_on_the_next(world: World) -> None:
    ann, tasks = await world.join("ann")
    _, others = await world.join("bob")
    with tasks.create_filter() as filter, others.create_filter() as other:
        await filter.loading
        # The answer to the creator's subscription does not come.
        outcome = tasks.create({"id": "1", "title": "a"})

        def lose(action: Any, meta: Any) -> None:
            if action["id"] != outcome.id:
                lose_answer(action, meta)

        unbind = ann.type("logux/processed", lose, event="preadd")
        await outcome
        await ann.settle()
        unbind()
        await ann.disconnect()
        assert ids(other) == ["1"]
        await others.delete("1")
        await ann.connect()
        await ann.settle()
        assert ids(filter) == []
