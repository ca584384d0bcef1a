"""What tabs share: subscriptions, time, and what the log keeps."""

import asyncio
from typing import Any

import pytest

from logux_store.testing import VirtualClock
from tests.client.crew import START, Crew, Disk, DiskStore, make, role, store_of, virtual

SUBSCRIBE = {"type": "logux/subscribe", "channel": "all"}


# Subscriptions.


async def server_says(crew: Crew, value: Any) -> None:
    crew.server.log.add(make(value), channels=["all"])
    await asyncio.sleep(1)


@virtual
async def test_the_next_leader_has_the_subscriptions_of_the_tabs_that_live(crew: Crew) -> None:
    tabs = await crew.started(4)
    asked: list[Any] = []
    crew.server.on(
        "add",
        lambda action, meta: (
            asked.append((action, meta)) if action["type"] == "logux/subscribe" else None
        ),
    )
    for tab in tabs[:3]:
        await tab.sync(SUBSCRIBE)
    await server_says(crew, 1)
    assert [crew.values(tab) for tab in tabs] == [[1]] * 4
    assert len(crew.server.subscriptions.channels["all"]) == 3
    crew.kill(tabs[0])
    await role(tabs[1], "leader") if tabs[1].role != "leader" else None
    await asyncio.sleep(2)
    assert set(crew.server.subscriptions.channels["all"]) == {tab.node_id for tab in tabs[1:3]}
    assert all("since" in action for action, _ in asked[3:])
    assert len(asked) == 5
    await server_says(crew, 2)
    assert [crew.values(tab) for tab in tabs[1:]] == [[1, 2]] * 3


@virtual
async def test_the_subscriptions_of_a_tab_end_with_it(crew: Crew) -> None:
    tabs = await crew.started(3)
    for tab in tabs:
        await tab.sync({**SUBSCRIBE, "filter": {"a": 1}})
    await tabs[1].destroy()
    crew.kill(tabs[2])
    await asyncio.sleep(1)
    assert [*crew.server.subscriptions.channels["all"]] == [tabs[0].node_id]


@virtual
async def test_each_tab_ends_its_own_subscriptions(crew: Crew) -> None:
    tabs = await crew.started(2)
    for tab in tabs:
        await tab.sync(SUBSCRIBE)
    await tabs[1].sync({"type": "logux/unsubscribe", "channel": "all"})
    assert [*crew.server.subscriptions.channels["all"]] == [tabs[0].node_id]
    await tabs[0].sync({"type": "logux/unsubscribe", "channel": "all"})
    assert not crew.server.subscriptions.channels


@virtual
async def test_a_subscription_without_answer_is_made_by_the_next_leader(crew: Crew) -> None:
    tabs = await crew.started(2)
    outcome = tabs[1].sync(SUBSCRIBE)
    await asyncio.sleep(0.015)
    crew.kill(tabs[0])
    await outcome
    assert [*crew.server.subscriptions.channels["all"]] == [tabs[1].node_id]


# Time.


HOUR = 3_600_000


@virtual
async def test_all_tabs_give_actions_the_servers_time(crew: Crew) -> None:
    await check_times(crew, HOUR)


@virtual
async def test_so_they_do_with_a_clock_that_is_late(crew: Crew) -> None:
    await check_times(crew, -HOUR)


async def check_times(crew: Crew, ahead: int) -> None:
    """The clock of this machine is so much ahead of the server's."""
    tabs = [crew.tab(clock=VirtualClock(START + ahead)) for _ in range(3)]
    stores = [store_of(tab) for tab in tabs]
    for tab in tabs:
        tab.start(connect=False)
    await role(tabs[2], "follower")
    outcomes = [tabs[number % 3].sync(make(number)) for number in range(6)]
    await asyncio.sleep(1)
    tabs[1].start()
    for outcome in outcomes:
        await outcome
    outcomes = [tab.sync(make(f"later {number}")) for number, tab in enumerate(tabs)]
    for outcome in outcomes:
        await outcome
    await asyncio.sleep(1)
    times = [
        {meta.id: meta.time for action, meta in log.entries() if action["type"] == "set"}
        for log in (crew.server.log, *(tab.log for tab in tabs))
    ]
    assert times[0] == times[1] == times[2] == times[3]
    assert all(START <= time < START + 10_000 for time in times[0].values())
    assert {tab.log.offset for tab in tabs} == {ahead}
    assert stores[0].state == stores[1].state == stores[2].state
    later = crew.tab(clock=VirtualClock(START + ahead))
    early = later.sync(make("before it joined"))
    later.start()
    await early
    assert {tab.log.by_id(early.id)[1].time for tab in crew.tabs} == {  # type: ignore[index]
        crew.server.log.by_id(early.id)[1].time  # type: ignore[index]
    }


# Reasons.


@virtual
async def test_what_one_tab_cleans_is_clean_in_all(crew: Crew) -> None:
    tabs = await crew.started(3)
    for number in range(6):
        tabs[number % 3].log.add({"type": "x"}, id=f"{number + 1} 10:a:b 0", reasons=["r", "s"])
    tabs[0].log.add({"type": "x"}, id="9 10:a:b 0", reasons=["r"])
    await asyncio.sleep(1)
    ids = [f"{number + 1} 10:a:b 0" for number in range(6)]
    tabs[1].log.remove_reason("r", id=ids[0])
    entry = tabs[2].log.by_id(ids[3])
    assert entry is not None
    tabs[2].log.remove_reason("s", younger_than=entry[1])
    tabs[0].log.change_meta(ids[1], reasons=[])
    tabs[1].log.change_meta(ids[2], note="changed")
    tabs[1].log.remove_reason("r", max_added=tabs[1].log.store.last_added())
    await asyncio.sleep(1)
    logs = [
        [(meta.id, sorted(meta.reasons), meta.get("note")) for _, meta in tab.log.entries()]
        for tab in tabs
    ]
    assert [[entry[0] for entry in log] for log in logs] == [[ids[0], ids[2], ids[3]]] * 3
    assert logs[1] == [(ids[0], ["s"], None), (ids[2], ["s"], "changed"), (ids[3], ["s"], None)]
    assert logs[0][1][2] == logs[2][1][2] == "changed"


@virtual
async def test_only_the_last_action_is_kept_in_all_tabs(crew: Crew) -> None:
    tabs = await crew.started(3)
    for number in range(9):
        tabs[number % 3].log.add({"type": "at", "n": number}, keep_last="place")
        if number % 2:
            await asyncio.sleep(0.1)
    await asyncio.sleep(1)
    assert [[action["n"] for action, _ in tab.log.entries()] for tab in tabs] == [[8]] * 3


@virtual
async def test_actions_of_tabs_that_died_are_cleaned(crew: Crew) -> None:
    disk = Disk()
    tab = crew.tab(store=DiskStore(disk))
    store = store_of(tab)
    tab.start()
    store.dispatch(make("of the dead"))
    tab.log.add(make("too"), reasons=[f"tab{tab.tab_id}"], tab=tab.tab_id, no_auto_reason=True)
    store.dispatch.cross_tab(make("for all"))
    await asyncio.sleep(1)
    crew.kill(tab)
    following = crew.tab(store=DiskStore(disk))
    following.start()
    await following.wait_for("synchronized")
    assert crew.values(following) == ["for all"]


@virtual
async def test_cleaning_forgets_the_log_in_all_tabs(crew: Crew) -> None:
    tabs = await crew.started(3)
    await tabs[0].sync(make(1))
    await asyncio.sleep(1)
    await tabs[1].clean()
    await asyncio.sleep(1)
    assert [crew.values(tab) for tab in (tabs[0], tabs[2])] == [[], []]


@virtual
async def test_what_cannot_go_to_other_tabs_is_refused(crew: Crew) -> None:
    [tab] = await crew.started(1)
    with pytest.raises(TypeError, match="cannot be sent"):
        tab.log.add({"type": "x", "value": object()}, reasons=["r"])
    with pytest.raises(TypeError, match="no JSON form"):
        tab.log.add({"type": "x"}, reasons=["r"], note=object())
    with pytest.raises(ValueError, match="leave out sync or tab"):
        tab.sync({"type": "x"}, tab=tab.tab_id)
    assert [*tab.log.entries()] == []
    tab.log.add({"type": "x", "value": object()}, reasons=["r"], tab=tab.tab_id)
    assert len([*tab.log.entries()]) == 1
