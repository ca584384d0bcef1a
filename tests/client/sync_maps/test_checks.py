"""What a list has to ask the server for once more."""

import pytest

from logux_store import UndoError
from logux_store.client.sync_maps.checks import MAX_ATTEMPTS
from tests.client.sync_maps.tasks import World, ids, virtual


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
