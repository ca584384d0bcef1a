"""Tabs of one user in virtual time, with a server on the other side."""

import asyncio
import re
from functools import partial
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
from tests.client.crew import START, Crew, Disk, DiskStore, make, role, store_of, virtual

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


@pytest.mark.parametrize("asking", [1, 2])
@pytest.mark.parametrize("when", ["follower", "candidate"])
def test_a_wish_to_connect_outlives_the_leader_that_it_was_told(when: str, asking: int) -> None:
    @virtual
    async def test(crew: Crew) -> None:
        tabs = [crew.tab() for _ in range(3)]
        for tab in tabs:
            tab.start(connect=False)
            await role(tab, "follower" if tab is not tabs[0] else "leader")
        crew.kill(tabs[0])
        await role(tabs[asking], when)
        tabs[asking].start()
        async with asyncio.timeout(10):
            for tab in tabs[1:]:
                await tab.wait_for("synchronized")
        tabs[asking].node.connection.disconnect()
        async with asyncio.timeout(10):
            for tab in tabs[1:]:
                await tab.wait_for("disconnected")

    test()


@virtual
async def test_a_wish_to_connect_outlives_another_that_the_leader_heard_before(crew: Crew) -> None:
    leader, one, two = tabs = [crew.tab() for _ in range(3)]
    for tab in tabs:
        tab.start(connect=False)
        await role(tab, "follower" if tab is not leader else "leader")
    await asyncio.sleep(1)
    one.node.connection.disconnect()
    await asyncio.sleep(1.5 * crew.delay)
    two.start()
    await asyncio.sleep(0.7 * crew.delay)
    # Two has heard of one's wish, and the leader not yet of that of two.
    crew.kill(leader)
    async with asyncio.timeout(10):
        await two.wait_for("synchronized")


@pytest.mark.parametrize("on_disk", [False, True])
def test_an_action_that_was_given_a_time_keeps_it_in_all_tabs(on_disk: bool) -> None:
    @virtual
    async def test(crew: Crew) -> None:
        disk = Disk()

        def ahead() -> int:
            return START + 5000 + round(asyncio.get_running_loop().time() * 1000)

        def tab() -> CrossTabClient:
            return crew.tab(store=DiskStore(disk) if on_disk else None, clock=ahead)

        tabs = [tab(), tab()]
        given: list[str] = []
        made: list[str] = []

        def act(n: int) -> None:
            for client in tabs:
                store = store_of(client)
                given.append(store.dispatch.sync(make(n), time=START + n).id)
                made.append(client.sync(make(n)).id)

        act(-1)
        for client in tabs:
            client.start(connect=False)
        await role(tabs[1], "follower")
        act(-2)
        await asyncio.sleep(1)
        # One that joins has the log, too, and leads when the first is gone.
        tabs.append(tab())
        tabs[2].start(connect=False)
        await role(tabs[2], "follower")
        crew.kill(tabs.pop(0))
        for client in tabs:
            client.start()
            await client.wait_for("synchronized")
        act(-3)
        await asyncio.sleep(1)
        tabs[0].node.connection.disconnect()
        await asyncio.sleep(1)
        act(-4)
        tabs[0].start()
        await asyncio.sleep(2)
        times = {meta.id: meta.time for _, meta in crew.server.log.entries() if meta.id in given}
        assert [times[id] - START for id in given] == [-1, -1, -2, -2, -3, -3, -4, -4]
        now = START + asyncio.get_running_loop().time() * 1000
        for log in (crew.server.log, *(client.log for client in tabs)):
            entries = {meta.id: meta.time for _, meta in log.entries()}
            assert {id: entries[id] for id in given} == times
            assert all(START <= entries[id] <= now for id in made)

    test()


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


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("count", [1, 2])
def test_what_a_user_has_not_sent_is_sent_when_that_user_is_back(
    count: int, on_disk: bool, once: bool
) -> None:
    @virtual
    async def test(crew: Crew) -> None:
        if not once:
            crew.server.on("connected", lambda client: client.node.set_local_headers({}))
        disk = Disk()
        tabs = [crew.tab(store=DiskStore(disk) if on_disk else None) for _ in range(count)]
        for tab in tabs:
            tab.start()
            await tab.wait_for("synchronized")
        await tabs[0].sync(make(1))
        tabs[0].node.connection.disconnect()
        await asyncio.sleep(1)
        for tab in tabs:
            tab.sync(make("of 10"))
        await asyncio.sleep(1)
        for user_id, value in (("20", 2), ("10", 3)):
            tabs[-1].change_user(user_id, "secret")
            await asyncio.sleep(5)
            assert {tab.user_id for tab in tabs} == {user_id}
            tabs[0].start()
            await asyncio.sleep(1)
            await tabs[-1].sync(make(value))
            await asyncio.sleep(1)
            if value == 2:
                assert crew.processed == [1, 2]
                tabs[0].node.connection.disconnect()
                await asyncio.sleep(1)
        assert crew.processed == [1, 2, *["of 10"] * count, 3]

    test()


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


@virtual
async def test_a_listener_that_raises_does_not_keep_a_tab_from_its_part(crew: Crew) -> None:
    reported: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: reported.append(type(context["exception"]).__name__)
    )
    disk = Disk()
    [first] = await crew.started(1, store=DiskStore(disk))
    await first.sync(make(1))
    await first.destroy()

    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    tab, other = crew.tab(store=DiskStore(disk)), crew.tab(store=DiskStore(disk))
    for event in ("role", "state", "add"):
        tab.on(event, fail)
    tab.start()
    other.start()
    assert tab.role == "leader"
    await other.wait_for("synchronized")
    await other.sync(make(2))
    assert crew.values(tab) == crew.values(other) == [1, 2]
    assert set(reported) == {"ZeroDivisionError"}


@virtual
async def test_what_the_leaders_token_raises_is_raised_once(crew: Crew) -> None:
    raised: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: raised.append(context["exception"])
    )

    async def broken() -> str:
        raise OSError("the keychain is locked")

    leader, follower = crew.tab(token=broken), crew.tab()
    for tab in (leader, follower):
        tab.start()
        await asyncio.sleep(1)
    assert (leader.role, follower.role) == ("leader", "follower")
    leader.start()
    await asyncio.sleep(1)
    assert [str(error) for error in raised] == ["the keychain is locked"] * 2
    told: list[Any] = []
    follower.node.on("error", told.append)
    leader.start()
    await asyncio.sleep(1)
    assert [str(error) for error in told] == ["OSError: the keychain is locked"]
