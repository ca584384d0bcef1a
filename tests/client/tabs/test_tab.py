"""How tabs take over from each other, with and without a persistent store."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from logux_store.meta import Meta
from logux_store.testing import run_virtual
from tests.client.crew import Crew, Disk, DiskStore, make, role, store_of, virtual

# A leader goes.


@virtual
async def test_when_the_leader_closes_another_tab_leads_and_sends_what_waits(crew: Crew) -> None:
    tabs = await crew.started(3)
    await tabs[0].destroy()
    outcome = tabs[1].sync(make(1))
    assert tabs[1].role in ("candidate", "leader", "follower")
    await outcome
    await tabs[2].sync(make(2))
    assert sorted(tab.role for tab in tabs[1:]) == ["follower", "leader"]
    assert crew.processed == [1, 2]
    assert len(crew.connected) == 1


@virtual
async def test_a_killed_leader_loses_and_doubles_nothing(crew: Crew) -> None:
    tabs = await crew.started(3)
    stores = [store_of(tab) for tab in tabs]
    outcomes = [
        tab.sync(make(f"{number}{name}"))
        for number in range(3)
        for name, tab in zip("abc", tabs, strict=True)
    ]
    # Some are on their way to the leader, some to the server.
    await asyncio.sleep(0.015)
    crew.kill(tabs[0])
    outcomes += [tab.sync(make(f"later{name}")) for name, tab in zip("bc", tabs[1:], strict=True)]
    for outcome in outcomes:
        if tabs[0].node_id not in outcome.id:
            await outcome
    await asyncio.sleep(5)
    assert sorted(crew.processed) == sorted(set(crew.processed))
    assert {"0b", "1c", "laterb", "laterc"} <= set(crew.processed)
    assert stores[1].state == stores[2].state
    assert sorted(stores[1].state) == sorted(crew.processed)
    assert crew.values(tabs[1]) == crew.values(tabs[2])


@pytest.mark.parametrize("moment", range(0, 60, 3))
def test_whenever_the_leader_is_killed_each_outcome_comes_once(moment: int) -> None:
    async def run() -> None:
        crew = Crew()
        tabs = await crew.started(3)
        stores = [store_of(tab) for tab in tabs]
        outcome = tabs[1].sync(make("b"))
        decided: list[Any] = []

        async def follow() -> None:
            decided.append((await outcome).id)

        following = asyncio.ensure_future(follow())
        await asyncio.sleep(moment / 1000)
        crew.kill(tabs[0])
        await following
        await asyncio.sleep(2)
        assert len(decided) == 1
        assert crew.processed == ["b"]
        assert [store.state for store in stores[1:]] == [["b"], ["b"]]
        await crew.end()

    run_virtual(run())


@virtual
async def test_a_leader_whose_term_is_over_follows_and_hands_over_what_it_did(crew: Crew) -> None:
    tabs = await crew.started(3, tab_timeout=2.0)
    stores = [store_of(tab) for tab in tabs]
    roles: list[str] = []
    tabs[0].on("role", lambda: roles.append(tabs[0].role))
    # Another tab thought it hung.
    rogue = crew.space("10")
    assert rogue.claim(hung=rogue.term()) == 2
    rogue.resign()
    await role(tabs[0], "candidate")
    outcome = tabs[0].sync(make("a"))
    await outcome
    await tabs[1].sync(make("b"))
    await asyncio.sleep(5)
    assert roles[0] == "candidate"
    assert sorted(tab.role for tab in tabs) == ["follower", "follower", "leader"]
    assert crew.processed == ["a", "b"]
    assert all(store.state == ["a", "b"] for store in stores)
    assert len(crew.connected) == 1


@virtual
async def test_a_replaced_leader_steps_down_before_it_adds_anything(crew: Crew) -> None:
    tabs = await crew.started(2, tab_timeout=2.0)
    rogue = crew.space("10")
    rogue.claim(hung=rogue.term())
    # It did not run for a while, and the first thing that it does is to add an action.
    tabs[0]._tab._looked -= 10
    tabs[0].log.add(make("a"), reasons=["r"])
    assert tabs[0].role == "candidate"
    assert not tabs[0].node.connected
    rogue.resign()
    await asyncio.sleep(5)
    assert crew.values(tabs[0]) == crew.values(tabs[1]) == ["a"]


# A store that the tabs share.


@virtual
async def test_only_the_leader_opens_the_store_and_its_log_is_in_there(crew: Crew) -> None:
    disk = Disk()
    stores = [DiskStore(disk) for _ in range(3)]
    tabs = [crew.tab(store=store) for store in stores]
    states = [store_of(tab) for tab in tabs]
    assert all(store.opened == 0 for store in stores)
    before = tabs[0].sync(make("before"))
    for tab in tabs:
        tab.start()
    await before
    await tabs[1].sync(make(1))
    await asyncio.sleep(1)
    assert [store.opened for store in stores] == [1, 0, 0]
    assert [action["value"] for action, _ in disk.store.entries()] == ["before", 1]
    assert all(state.state == ["before", 1] for state in states)
    crew.kill(tabs[0])
    await tabs[1].sync(make(2))
    await asyncio.sleep(1)
    assert sum(store.opened for store in stores) == 2
    assert [action["value"] for action, _ in disk.store.entries()] == ["before", 1, 2]
    assert [crew.values(tab) for tab in tabs[1:]] == [["before", 1, 2]] * 2
    assert crew.processed == ["before", 1, 2]


@virtual
async def test_a_client_started_offline_has_its_state_back_and_sends_what_waits_once(
    crew: Crew,
) -> None:
    disk = Disk()
    first = crew.tab(store=DiskStore(disk))
    first.start(connect=False)
    for number in range(3):
        first.sync(make(number))
    await asyncio.sleep(1)
    crew.kill(first)
    second = crew.tab(store=DiskStore(disk))
    store = store_of(second)
    second.start(connect=False)
    assert store.state == [0, 1, 2]
    third = crew.tab(store=DiskStore(disk))
    joined = store_of(third)
    third.start()
    await third.wait_for("synchronized")
    await asyncio.sleep(2)
    assert crew.processed == [0, 1, 2]
    assert joined.state == store.state == [0, 1, 2]


@virtual
async def test_a_replaced_leader_leaves_the_store_with_all_that_it_knew(crew: Crew) -> None:
    disk = Disk()
    tabs = await crew.started(2, store=None)
    await tabs[0].destroy()
    await tabs[1].destroy()
    stores = [DiskStore(disk), DiskStore(disk)]
    tabs = [crew.tab(store=store, tab_timeout=2.0) for store in stores]
    states = [store_of(tab) for tab in tabs]
    for tab in tabs:
        tab.start()
        await tab.wait_for("synchronized")
    await tabs[0].sync(make(1))
    states[0].dispatch(make("own"))
    rogue = crew.space("10")
    rogue.claim(hung=rogue.term())
    rogue.resign()
    await role(tabs[0], "candidate")
    assert crew.values(tabs[0]) == [1, "own"]
    await tabs[0].sync(make(2))
    await tabs[1].sync(make(3))
    await asyncio.sleep(5)
    assert states[0].state == [1, "own", 2, 3]
    assert states[1].state == [1, 2, 3]
    assert crew.processed == [1, 2, 3]


@virtual
async def test_a_store_that_cannot_be_opened_is_an_error_of_start(crew: Crew) -> None:
    class Broken(DiskStore):
        def take_over(self, holds: Callable[[], bool], owner: str) -> None:
            raise OSError("the disk is gone")

    tab = crew.tab(store=Broken(Disk()))
    with pytest.raises(OSError, match="the disk is gone"):
        tab.start()
    assert tab.role == "candidate"
    other = crew.tab()
    other.start()
    assert other.role == "leader"
    # A follower that cannot lead says so, and lets others try.
    tab.start()
    await role(tab, "follower")
    await tab.wait_for("synchronized")
    crew.kill(other)
    await role(tab, "candidate")
    with pytest.raises(OSError, match="the disk is gone"):
        await tab.wait_for("synchronized")
    third = crew.tab()
    third.start()
    await role(tab, "follower")
    await tab.wait_for("synchronized")


@virtual
async def test_a_log_that_was_cleaned_begins_anew_for_the_next_leader(crew: Crew) -> None:
    disk = Disk()
    tabs = [crew.tab(store=DiskStore(disk)) for _ in range(3)]
    for tab in tabs:
        tab.start()
    for number in range(5):
        await tabs[1].sync(make(number))
    await tabs[2].clean()
    await asyncio.sleep(1)
    crew.kill(tabs[0])
    # As if the former leader had kept something that it had no time to tell of.
    disk.store.add(make("late"), Meta("1 20:b:c 0", 1, ["kept"]))
    await role(tabs[1], "leader")
    assert crew.values(tabs[1]) == ["late"]
