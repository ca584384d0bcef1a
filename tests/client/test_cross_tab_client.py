"""Tabs of one user in virtual time, with a server on the other side."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from functools import partial, wraps
from pathlib import Path
from typing import Any

import pytest

from logux_store import (
    Client,
    CrossTabClient,
    LocalPair,
    LoguxError,
    UndoError,
    status,
)
from logux_store.client.tabs import FileSpace, UnsafeDirectoryError
from logux_store.client.tabs.state_dir import tabs_directory
from logux_store.testing import VirtualClock, run_virtual
from tests.client.crew import START, Crew, Disk, DiskStore, role, store_of

SUBSCRIBE = {"type": "logux/subscribe", "channel": "all"}


def virtual(
    test: Callable[[Crew], Coroutine[Any, Any, None]],
) -> Callable[[], None]:
    """A test of a crew in virtual time."""

    async def run() -> None:
        crew = Crew()
        await test(crew)
        await crew.end()

    @wraps(test)
    def wrapper() -> None:
        run_virtual(run())

    del wrapper.__wrapped__
    return wrapper


def make(value: Any) -> dict[str, Any]:
    return {"type": "set", "value": value}


# Alone.


def test_before_it_starts_a_tab_has_its_own_log_and_needs_no_loop(tmp_path: Path) -> None:
    client = CrossTabClient(
        server=LocalPair().left, subprotocol=1, user_id="10", state_dir=tmp_path
    )
    store = store_of(client)
    client.sync(make(1))
    store.dispatch(make(2))
    assert store.state == [1, 2]
    assert (client.role, client.state) == ("candidate", "disconnected")
    with pytest.raises(RuntimeError, match="no running event loop"):
        client.start()


def test_tabs_share_a_client_id_that_is_kept_or_given(tmp_path: Path) -> None:
    options: dict[str, Any] = {"server": LocalPair().left, "subprotocol": 1, "state_dir": tmp_path}
    one, two = (CrossTabClient(user_id="10", **options) for _ in range(2))
    assert one.client_id == two.client_id
    assert one.tab_id != two.tab_id
    assert CrossTabClient(user_id="20", **options).client_id.partition(":")[2] not in one.client_id
    given = CrossTabClient(user_id="10", client_id="mine", **options)
    assert given.client_id == "10:mine"


def test_a_wrong_option_is_refused(tmp_path: Path) -> None:
    options: dict[str, Any] = {"server": LocalPair().left, "subprotocol": 1, "user_id": "10"}
    with pytest.raises(ValueError, match="tab_timeout"):
        CrossTabClient(tab_timeout=0, state_dir=tmp_path, **options)
    with pytest.raises(ValueError, match="no colon"):
        CrossTabClient(client_id="a:b", state_dir=tmp_path, **options)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(UnsafeDirectoryError, match="chmod go-w"):
        CrossTabClient(state_dir=tmp_path / "open", **options)


@virtual
async def test_the_only_tab_leads_when_start_returns(crew: Crew) -> None:
    client = crew.tab()
    roles: list[str] = []
    client.on("role", lambda: roles.append(client.role))
    client.start()
    assert (client.role, client.state, roles) == ("leader", "connecting", ["leader"])
    await client.wait_for("synchronized")
    assert crew.connected == [client.node_id]
    await client.sync(make(1))
    assert crew.processed == [1]
    await client.destroy()
    assert client.role == "follower"
    with pytest.raises(RuntimeError, match="destroyed"):
        client.start()


@virtual
async def test_a_tab_need_not_connect(crew: Crew) -> None:
    client, other = crew.tab(), crew.tab()
    client.start(connect=False)
    other.start(connect=False)
    await role(other, "follower")
    assert client.state == other.state == "disconnected"
    other.start()
    await other.wait_for("synchronized")
    await client.wait_for("synchronized")
    other.node.connection.disconnect()
    await client.wait_for("disconnected")
    await other.wait_for("disconnected")
    client.node.connection.connect()
    await other.wait_for("synchronized")


# Together.


@virtual
async def test_one_tab_leads_and_the_others_follow(crew: Crew) -> None:
    tabs = [crew.tab() for _ in range(3)]
    states: list[list[str]] = [[], [], []]
    for tab, seen in zip(tabs, states, strict=True):
        tab.on("state", lambda tab=tab, seen=seen: seen.append(tab.state))
        tab.start()
    for tab in tabs:
        await tab.wait_for("synchronized")
    assert [tab.role for tab in tabs] == ["leader", "follower", "follower"]
    assert [tab.node.state for tab in tabs] == ["synchronized", "disconnected", "disconnected"]
    assert crew.connected == [tabs[0].node_id]
    assert all(seen[-2:] == ["connecting", "synchronized"] for seen in states)
    outcome = tabs[1].sync(make(1))
    await outcome
    assert all(seen[-2:] == ["sending", "synchronized"] for seen in states)


@virtual
async def test_actions_reach_every_tab_but_those_of_one_tab(crew: Crew) -> None:
    tabs = await crew.started(3)
    stores = [store_of(tab) for tab in tabs]
    stores[0].dispatch.cross_tab(make("leader's"))
    await asyncio.sleep(0.1)
    stores[1].dispatch.cross_tab(make("follower's"))
    await asyncio.sleep(0.1)
    stores[2].dispatch(make("own"))
    stores[2].dispatch.local(make("local"), reasons=["mine"])
    await asyncio.sleep(1)
    assert stores[0].state == stores[1].state == ["leader's", "follower's"]
    assert stores[2].state == ["leader's", "follower's", "own", "local"]
    assert crew.values(tabs[0]) == crew.values(tabs[1]) == ["leader's", "follower's"]


@virtual
async def test_an_action_without_reasons_is_announced_in_every_tab(crew: Crew) -> None:
    tabs = await crew.started(3)
    heard: list[tuple[int, str]] = []

    def hear(number: int, action: Any, meta: Any) -> None:
        heard.append((number, action["from"]))

    for number, tab in enumerate(tabs):
        tab.type("hello", partial(hear, number))
    tabs[1].log.add({"type": "hello", "from": "follower"})
    await asyncio.sleep(1)
    tabs[0].log.add({"type": "hello", "from": "leader"})
    await asyncio.sleep(1)
    assert sorted(heard) == [(n, who) for n in range(3) for who in ("follower", "leader")]


@virtual
async def test_a_follower_awaits_what_became_of_its_action(crew: Crew) -> None:
    _, follower, third = await crew.started(3)
    store = store_of(third)
    meta = await follower.sync(make(1))
    assert meta.id.split(" ")[1].startswith("server:")
    denied = follower.sync(make("denied"))
    with pytest.raises(UndoError, match="denied"):
        await denied
    await asyncio.sleep(1)
    assert store.state == [1]
    assert crew.processed == [1]
    assert all("syncing" not in meta.reasons for tab in crew.tabs for _, meta in tab.log.entries())


@virtual
async def test_a_status_is_the_same_in_a_follower(crew: Crew) -> None:
    tabs = [crew.tab() for _ in range(2)]
    told: list[list[Any]] = [[], []]

    def hear(values: list[Any], value: Any, details: Any) -> None:
        values.append(value)

    for tab, values in zip(tabs, told, strict=True):
        status(tab, partial(hear, values), duration=0.1)
        tab.start(connect=False)
    await role(tabs[1], "follower")
    outcome = tabs[1].sync(make(1))
    await asyncio.sleep(1)
    tabs[1].start()
    await outcome
    await asyncio.sleep(2)
    with pytest.raises(UndoError):
        await tabs[1].sync(make("denied"))
    await asyncio.sleep(2)
    assert told[0] == told[1]
    assert told[0] == [
        "disconnected",
        "wait",
        "sendingAfterWait",
        "synchronizedAfterWait",
        "synchronized",
        "sending",
        "denied",
        "synchronized",
    ]


@virtual
async def test_a_tab_that_joins_gets_the_log_and_what_it_did_before_goes_to_the_others(
    crew: Crew,
) -> None:
    [leader] = await crew.started(1)
    await leader.sync(make("old"))
    joining = crew.tab()
    store = store_of(joining)
    early = joining.sync(make("early"))
    assert store.state == ["early"]
    changes: list[Any] = []
    store.subscribe(lambda: changes.append(store.state))
    joining.start()
    await early
    assert changes[0] == ["early", "old"] or changes[0] == ["old", "early"]
    assert crew.values(leader) == crew.values(joining) == store.state
    assert sorted(crew.processed) == ["early", "old"]


@virtual
async def test_a_long_log_is_handed_over_while_it_changes(crew: Crew) -> None:
    [leader] = await crew.started(1)
    for number in range(1700):
        leader.log.add(make(number), reasons=["r"])
    joining = crew.tab()
    added: list[Any] = []
    joining.on("add", lambda action, meta: added.append(action.get("value")))
    joining.start()
    await asyncio.sleep(crew.delay)
    while joining.role != "follower":
        leader.log.add(make("meanwhile"), reasons=["r"])
        leader.log.add(make("passing"))
        for _, meta in leader.log.entries("added"):
            leader.log.change_meta(meta.id, reasons=[])
            break
        await asyncio.sleep(0.001)
    await asyncio.sleep(1)
    assert crew.values(joining) == crew.values(leader)
    assert added.count("passing") > 0
    assert added.count("meanwhile") > 0


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


@virtual
async def test_all_tabs_give_actions_the_servers_time(crew: Crew) -> None:
    # The clock of this machine is an hour ahead of the server's.
    hour = 3_600_000
    tabs = [crew.tab(clock=VirtualClock(START + hour)) for _ in range(3)]
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
    assert all(time < START + hour for time in times[0].values())
    assert {tab.log.offset for tab in tabs} == {hour}
    assert stores[0].state == stores[1].state == stores[2].state
    later = crew.tab(clock=VirtualClock(START + hour))
    early = later.sync(make("before it joined"))
    later.start()
    await early
    assert {tab.log.by_id(early.id)[1].time for tab in crew.tabs} == {  # type: ignore[index]
        crew.server.log.by_id(early.id)[1].time  # type: ignore[index]
    }


# What concerns all tabs.


@virtual
async def test_changing_the_user_in_one_tab_changes_the_others(crew: Crew) -> None:
    tabs = await crew.started(3)
    users: list[list[str]] = [[], [], []]
    for tab, seen in zip(tabs, users, strict=True):
        tab.on("user", seen.append)
    await tabs[0].sync(make(1))
    tabs[1].change_user("20", "secret")
    assert tabs[1].user_id == "20"
    for tab in tabs:
        await tab.wait_for("synchronized") if tab.user_id == "20" else None
    await asyncio.sleep(2)
    assert users == [["20"]] * 3
    assert len({tab.client_id for tab in tabs}) == 1
    assert sorted(tab.role for tab in tabs) == ["follower", "follower", "leader"]
    assert len(crew.connected) == 1
    assert crew.connected[0].startswith("20:")
    await tabs[2].sync(make(2))
    await asyncio.sleep(1)
    assert [crew.values(tab) for tab in tabs] == [[1, 2]] * 3


@virtual
async def test_each_tab_has_its_own_callable_that_gives_tokens(crew: Crew) -> None:
    tabs = await crew.started(2, token=lambda: "secret")
    tabs[0].change_user("20", lambda: "secret")
    await asyncio.sleep(2)
    await tabs[1].sync(make(1))
    assert {tab.user_id for tab in tabs} == {"20"}


@virtual
async def test_a_newer_subprotocol_is_an_error_in_the_older_tabs(crew: Crew) -> None:
    old = [crew.tab() for _ in range(2)]
    errors: list[list[Any]] = [[], [], []]
    for tab, seen in zip(old, errors, strict=False):
        tab.node.on("error", seen.append)
        tab.start()
        await tab.wait_for("synchronized")
    new = crew.tab(subprotocol=2)
    new.node.on("error", errors[2].append)
    new.start()
    await asyncio.sleep(1)
    for seen in errors[:2]:
        assert [(error.type, error.options) for error in seen] == [
            ("wrong-subprotocol", {"supported": 2, "used": 1})
        ]
    assert errors[2] == []
    late = crew.tab()
    late.node.on("error", errors[2].append)
    late.start()
    await asyncio.sleep(1)
    assert [error.type for error in errors[2]] == ["wrong-subprotocol"]


@virtual
async def test_errors_of_the_leader_are_every_tabs(crew: Crew) -> None:
    tabs = [crew.tab(token="wrong") for _ in range(2)]
    errors: list[list[Any]] = [[], []]
    for tab, seen in zip(tabs, errors, strict=True):
        tab.node.on("error", seen.append)
        tab.start(connect=False)
    await role(tabs[1], "follower")
    tabs[1].start()
    with pytest.raises(LoguxError, match="wrong-credentials"):
        await tabs[1].wait_for("synchronized")
    assert [[error.type for error in seen] for seen in errors] == [["wrong-credentials"]] * 2
    late = crew.tab(token="wrong")
    late.start(connect=False)
    with pytest.raises(LoguxError, match="wrong-credentials"):
        await late.wait_for("synchronized")


@virtual
async def test_debug_messages_of_the_server_reach_every_tab(crew: Crew) -> None:
    tabs = await crew.started(2)
    heard: list[Any] = []
    tabs[1].node.on("debug", lambda type, text: heard.append(text))
    with pytest.raises(UndoError):
        await tabs[0].sync(make("denied"))
    await asyncio.sleep(1)
    assert len(heard) == 1
    assert "denied" in heard[0]


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
        def take_over(self, holds: Callable[[], bool]) -> None:
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


# Real places.


async def test_tabs_in_one_process_meet_in_a_directory(tmp_path: Path) -> None:
    crew = Crew(0.0)

    def space(user_id: str) -> FileSpace:
        return FileSpace(tabs_directory("test", user_id, tmp_path))

    tabs = await crew.started(3, space=space, clock=lambda: START)
    stores = [store_of(tab) for tab in tabs]
    await asyncio.gather(*(tab.sync(make(number)) for number, tab in enumerate(tabs)))
    await tabs[0].destroy()
    await asyncio.gather(*(tab.sync(make("later")) for tab in tabs[1:]))
    assert sorted(tab.role for tab in tabs[1:]) == ["follower", "leader"]
    async with asyncio.timeout(5):
        while stores[1].state != stores[2].state:
            await asyncio.sleep(0)
    assert len(stores[1].state) == 5
    await crew.end()


def test_it_is_a_client_wherever_one_is_wanted(tmp_path: Path) -> None:
    client = CrossTabClient(
        server=LocalPair().left, subprotocol=1, user_id="10", state_dir=tmp_path
    )
    assert isinstance(client, Client)
    assert re.fullmatch(r"10:[\w-]{8}:[\w-]{8}", client.node_id)
