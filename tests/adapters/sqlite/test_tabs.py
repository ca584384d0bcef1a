"""Tabs that share an SQLite log: one has it open, and with it goes the state that was saved."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial, wraps
from pathlib import Path
from typing import Any

import pytest
from logux_adapters.sqlite import SQLiteStore, StoreError

from logux_store import Client, CrossTabClient, LocalPair, Meta, Store, create_store_creator
from logux_store.testing import run_virtual
from tests.client.crew import START, Crew, reducer, role


def virtual(test: Callable[[Crew, Path], Awaitable[None]]) -> Callable[[Path], None]:
    """The test in virtual time, with a crew; nothing may be left to the handler of errors."""

    async def run(path: Path) -> None:
        crew = Crew()
        errors: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, error: errors.append(error))
        try:
            await test(crew, path)
        finally:
            await crew.end()
        assert errors == []

    @wraps(test)
    def synchronous(tmp_path: Path) -> None:
        run_virtual(run(tmp_path / "log.sqlite3"))

    del synchronous.__wrapped__
    return synchronous


def store_of(tab: CrossTabClient, **options: Any) -> Store[Any]:
    return create_store_creator(tab, **{"snapshot": "1", "reasonless_history": 30, **options})(
        reducer
    )


def make(value: Any) -> dict[str, Any]:
    return {"type": "set", "value": value}


class CountingStore(SQLiteStore):
    """Counts the entries that are read."""

    read = 0

    def _entry(self, row: Any) -> Any:
        self.read += 1
        return super()._entry(row)


def drop(crew: Crew, tab: CrossTabClient) -> CrossTabClient:
    """Let only history keep the actions of a tab."""

    def forget(action: dict[str, Any], meta: Any) -> None:
        meta.reasons = [reason for reason in meta.reasons if reason != "kept"]

    tab.on("preadd", forget)
    return tab


@virtual
async def test_the_next_leader_goes_on_with_what_the_killed_one_had_committed(
    crew: Crew, path: Path
) -> None:
    tabs = await crew.started(3, store=None)
    for tab in tabs:
        await tab.destroy()
    tabs = [crew.tab(store=SQLiteStore(path)) for _ in range(3)]
    stores = [store_of(tab, snapshot=None) for tab in tabs]
    for tab in tabs:
        tab.start()
        await tab.wait_for("synchronized")
    await asyncio.gather(*(tab.sync(make(n)) for n, tab in enumerate(tabs)))
    crew.kill(tabs[0])
    await asyncio.gather(*(tab.sync(make(n)) for n, tab in enumerate(tabs[1:], 3)))
    await asyncio.sleep(1)
    crew.kill(tabs[1])
    await tabs[2].sync(make(5))
    await asyncio.sleep(1)
    assert sorted(stores[2].state) == [0, 1, 2, 3, 4, 5]
    assert sorted(crew.processed) == [0, 1, 2, 3, 4, 5]
    await tabs[2].destroy()
    with SQLiteStore(path) as log:
        kept = [a["value"] for a, _ in log.entries() if a["type"] == "set"]
    assert sorted(kept) == [0, 1, 2, 3, 4, 5]


@virtual
async def test_a_leader_that_was_replaced_while_it_hung_hands_over_what_it_had_not_committed(
    crew: Crew, path: Path
) -> None:
    tabs = [crew.tab(store=SQLiteStore(path), tab_timeout=2.0) for _ in range(2)]
    stores = [store_of(tab, snapshot=None) for tab in tabs]
    for tab in tabs:
        tab.start()
        await tab.wait_for("synchronized")
    await tabs[0].sync(make(1))
    rogue = crew.space("10")
    rogue.claim(hung=rogue.term())
    rogue.resign()
    late = tabs[0].sync(make(2))
    await role(tabs[0], "candidate")
    await late
    await tabs[1].sync(make(3))
    await asyncio.sleep(5)
    assert stores[0].state == stores[1].state == [1, 2, 3]
    assert crew.processed == [1, 2, 3]
    assert {tab.role for tab in tabs} == {"leader", "follower"}


@virtual
async def test_what_history_has_dropped_is_in_the_state_of_the_next_run(
    crew: Crew, path: Path
) -> None:
    for run in range(3):
        tab = drop(crew, crew.tab(store=SQLiteStore(path)))
        store = store_of(tab)
        tab.start(connect=False)
        assert store.state == [*range(200 * run)]
        for n in range(200):
            store.dispatch.cross_tab(make(200 * run + n))
        assert store.state == [*range(200 * run + 200)]
        await asyncio.sleep(1)
        assert len([*tab.log.entries()]) <= 120
        await tab.destroy()


@pytest.mark.parametrize("persistent", [True, False])
def test_a_tab_that_joins_has_the_state_that_the_log_alone_would_not_give(
    tmp_path: Path, persistent: bool
) -> None:
    async def test() -> None:
        crew = Crew()
        path = tmp_path / "log.sqlite3"

        def new() -> tuple[CrossTabClient, Store[Any]]:
            tab = drop(crew, crew.tab(store=SQLiteStore(path) if persistent else None))
            return tab, store_of(tab)

        tabs = []
        count = 0
        for run in range(4):
            tab, store = new()
            tabs.append((tab, store))
            tab.start(connect=False)
            await role(tab, "follower" if run else "leader")
            await asyncio.sleep(1)
            assert store.state == [*range(count)]
            # Those that come from a follower are as good as the leader's.
            for writer in (tabs[0][1], store):
                for _ in range(110):
                    writer.dispatch.cross_tab(make(count))
                    count += 1
                    await asyncio.sleep(0.001)
                await asyncio.sleep(1)
            assert [s.state == [*range(count)] for _, s in tabs] == [True] * len(tabs)
            assert len([*tabs[0][0].log.entries()]) <= 120
            if run:
                leader, _ = tabs.pop(0)
                crew.kill(leader) if run % 2 else await leader.destroy()
                await role(tabs[0][0], "leader")
        await crew.end()

    run_virtual(test())


@virtual
async def test_a_program_that_starts_reads_only_what_is_not_in_the_snapshot(
    crew: Crew, path: Path
) -> None:
    with SQLiteStore(path) as log:
        for n in range(500):
            log.add(make(n), Meta(f"{n} 20:a:b 0", n, ["kept"]))
        client = Client(server=LocalPair().left, subprotocol=1, user_id="10", store=log)
        assert create_store_creator(client, snapshot="1", reasonless_history=30)(reducer).state
    for snapshot, most in (("1", 130), (None, 700)):
        counting = CountingStore(path)
        tab = crew.tab(store=counting)
        store = store_of(tab, snapshot=snapshot)
        store.dispatch.cross_tab(make("before"))
        told: list[int] = []
        store.subscribe(partial(told.append, 1))
        heard: list[Any] = []
        tab.on("add", lambda *entry, heard=heard: heard.append(entry))
        tab.start(connect=False)
        assert store.state[:500] == [*range(500)]
        assert store.state[-1] == "before"
        assert told == [1]
        assert heard == [], "as in a client without tabs"
        assert counting.read <= most
        await tab.destroy()


@virtual
async def test_a_follower_lets_nothing_be_dropped_that_the_leader_has_not_saved(
    crew: Crew, path: Path
) -> None:
    leader = drop(crew, crew.tab(store=SQLiteStore(path)))
    leader.start(connect=False)
    follower = drop(crew, crew.tab(store=SQLiteStore(path)))
    store = store_of(follower)
    follower.start(connect=False)
    await role(follower, "follower")
    for n in range(300):
        store.dispatch.cross_tab(make(n))
    await asyncio.sleep(1)
    assert len([*leader.log.entries()]) == 300
    await leader.destroy()
    await role(follower, "leader")
    for n in range(300, 330):
        store.dispatch.cross_tab(make(n))
    await asyncio.sleep(1)
    assert len([*follower.log.entries()]) <= 120
    await follower.destroy()
    tab = crew.tab(store=SQLiteStore(path))
    again = store_of(tab)
    tab.start(connect=False)
    assert again.state == [*range(330)]


@virtual
async def test_the_offset_of_an_earlier_run_is_used_before_the_first_connection(
    crew: Crew, path: Path
) -> None:
    def ahead() -> int:
        return START + 5000 + round(asyncio.get_running_loop().time() * 1000)

    first = crew.tab(store=SQLiteStore(path), clock=ahead)
    first.start()
    await first.sync(make(1))
    measured = first.log.offset
    assert abs(measured - 5000) < 50
    await first.destroy()
    tabs = [crew.tab(store=SQLiteStore(path), clock=ahead) for _ in range(2)]
    tabs[0].sync(make("before"))
    for tab in tabs:
        tab.start(connect=False)
    tabs[0].sync(make("after"))
    await role(tabs[1], "follower")
    tabs[1].sync(make("follower"))
    await asyncio.sleep(1)
    now = START + round(asyncio.get_running_loop().time() * 1000)
    for tab in tabs:
        assert tab.log.offset == measured
        assert len([*tab.log.entries()]) == 4
        assert all(meta.time <= now for _, meta in tab.log.entries())


@virtual
async def test_tabs_of_another_user_are_told_that_the_file_is_in_use(
    crew: Crew, path: Path
) -> None:
    first = crew.tab(store=SQLiteStore(path))
    first.start()
    await first.sync(make(1))
    second = crew.tab(store=SQLiteStore(path), user_id="20")
    with pytest.raises(StoreError, match="in use by the tabs of another user"):
        second.start()
    await asyncio.sleep(10)
    await first.sync(make(2))
    assert first.role == "leader"
    # One that changes the user while its leader dies, and another tab leads, can wait for it.
    follower = crew.tab(store=SQLiteStore(path))
    follower.start()
    await role(follower, "follower")
    crew.kill(first)
    follower.change_user("20", "secret")
    await asyncio.sleep(1)
    next_leader = SQLiteStore(path)
    next_leader.take_over(lambda: True, first.client_id)
    with pytest.raises(StoreError, match="in use by the tabs of another user"):
        await follower.wait_for("synchronized")
    next_leader.release()
    await role(follower, "leader")
    await follower.sync(make(3))
    assert crew.processed == [1, 2, 3]


@virtual
async def test_what_a_tab_does_after_its_end_keeps_the_file_from_nobody(
    crew: Crew, path: Path
) -> None:
    tab = crew.tab(store=SQLiteStore(path))
    store = store_of(tab, snapshot=None)
    tab.start()
    await tab.sync(make(1))
    await tab.destroy()
    late = tab.sync(make("late"))
    assert store.state == [1, "late"]
    with pytest.raises(ConnectionAbortedError):
        await late
    with SQLiteStore(path) as log:
        assert [action["value"] for action, _ in log.entries()] == [1]


@virtual
async def test_a_tab_that_cannot_read_the_file_lets_go_of_it(crew: Crew, path: Path) -> None:
    with SQLiteStore(path) as log:
        log.add(make(1), Meta("1 20:a:b 0", 1, ["kept"]))
        log._database.read("UPDATE entries SET action = '{'")
    tab = crew.tab(store=SQLiteStore(path))
    tab.sync(make(2))
    store_of(tab)
    with pytest.raises(StoreError, match="is damaged"):
        tab.start()
    with SQLiteStore(path) as log:
        assert log.last_added() == 1


class FullStore(SQLiteStore):
    """A file on a disk that is full, as long as `full` says so."""

    full = False

    def _committing(self, execute: Any) -> None:
        if self.full:
            raise sqlite3.OperationalError("database or disk is full")
        super()._committing(execute)


def test_what_could_not_be_committed_is_when_the_disk_has_space_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        crew = Crew()
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        tabs = [crew.tab(store=FullStore(tmp_path / "log.sqlite3")) for _ in range(3)]
        stores = [store_of(tab, snapshot=None) for tab in tabs]
        for tab in tabs:
            tab.start()
            await tab.wait_for("synchronized")
        for n, tab in enumerate(tabs):
            await tab.sync(make(n))
        monkeypatch.setattr(FullStore, "full", True)
        made = [0, 1, 2]
        durable: list[int] = []
        for n in range(3, 60):
            with suppress(StoreError):
                tabs[n % 3].sync(make(n))
                made.append(n)
                tabs[n % 3].log.store.when_durable(partial(durable.append, n))
            await asyncio.sleep(0.2)
        assert durable == []
        monkeypatch.setattr(FullStore, "full", False)
        await asyncio.sleep(10)
        assert sorted(crew.processed) == made
        assert [store.state for store in stores] == [made] * 3
        assert set(durable) <= {*made}
        await crew.end()

    run_virtual(test())
