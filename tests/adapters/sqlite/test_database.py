"""When it is committed, and what happens when it cannot be."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from logux_adapters.sqlite import SQLiteStore, StoreError

from logux_store import LastSynced, Meta
from logux_store.testing import run_virtual


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(path)
    yield store
    store._database._close()


def add(store: SQLiteStore, *numbers: int) -> None:
    for n in numbers:
        assert store.add({"type": "t"}, Meta(f"{n} a 0", n, ["r"]))


def committed(path: Path) -> list[int]:
    """What somebody else finds in the file."""
    with closing(sqlite3.connect(path)) as file:
        return [time for (time,) in file.execute("SELECT time FROM entries ORDER BY time")]


def test_without_a_loop_each_change_is_committed_at_once(store: SQLiteStore, path: Path) -> None:
    called: list[int] = []
    add(store, 1)
    assert committed(path) == [1]
    store.when_durable(lambda: called.append(1))
    assert called == [1]


async def test_with_a_loop_one_turn_is_one_transaction(store: SQLiteStore, path: Path) -> None:
    called: list[str] = []
    store.when_durable(lambda: called.append("nothing to wait for"))
    add(store, 1, 2)
    store.when_durable(lambda: called.append("first"))
    add(store, 3)
    store.set_last_synced(sent=3)
    store.when_durable(lambda: called.append("second"))
    assert [meta.time for _, meta in store.entries()] == [1, 2, 3]
    assert store.last_synced() == LastSynced(3, 0)
    assert called == ["nothing to wait for"]
    assert committed(path) == []
    await asyncio.sleep(0)
    assert called == ["nothing to wait for", "first", "second"]
    assert committed(path) == [1, 2, 3]


async def test_it_is_committed_before_anything_that_was_scheduled_later(
    store: SQLiteStore, path: Path
) -> None:
    found: list[list[int]] = []
    add(store, 1)
    asyncio.get_running_loop().call_soon(lambda: found.append(committed(path)))
    await asyncio.sleep(0)
    assert found == [[1]]


async def test_a_thousand_changes_are_one_commit(store: SQLiteStore) -> None:
    add(store, 0)
    await asyncio.sleep(0)
    statements: list[str] = []
    connection = store._database._connection
    assert connection is not None
    connection.set_trace_callback(statements.append)
    add(store, *range(1, 1001))
    await asyncio.sleep(0)
    assert statements.count("COMMIT") == statements.count("BEGIN IMMEDIATE") == 1


async def test_callbacks_may_write_and_wait_again(store: SQLiteStore, path: Path) -> None:
    called: list[str] = []

    def again() -> None:
        add(store, 2)
        store.when_durable(lambda: called.append("second"))
        called.append("first")

    add(store, 1)
    store.when_durable(again)
    await asyncio.sleep(0)
    assert (called, committed(path)) == (["first"], [1])
    await asyncio.sleep(0)
    assert (called, committed(path)) == (["first", "second"], [1, 2])


@pytest.mark.parametrize("count", [1, 2])
async def test_callbacks_that_raise_keep_no_other_from_being_called(
    store: SQLiteStore, count: int
) -> None:
    called: list[int] = []

    def fail() -> None:
        raise ZeroDivisionError

    add(store, 1)
    for _ in range(count):
        store.when_durable(fail)
    store.when_durable(lambda: called.append(1))
    with pytest.raises(ZeroDivisionError if count == 1 else ExceptionGroup):
        store.close()
    assert called == [1]


def test_what_a_stopped_loop_left_is_committed_at_the_next_use(
    store: SQLiteStore, path: Path
) -> None:
    called: list[int] = []

    async def leave() -> None:
        add(store, 1)
        store.when_durable(lambda: called.append(1))
        asyncio.get_running_loop().stop()

    loop = asyncio.new_event_loop()
    task = loop.create_task(leave())
    loop.run_forever()
    assert (committed(path), called) == ([], [])
    store.when_durable(lambda: called.append(2))
    assert (committed(path), called) == ([1], [1, 2])
    loop.run_until_complete(task)
    loop.close()
    add(store, 2)
    assert committed(path) == [1, 2]


def test_the_next_loop_commits_what_the_last_one_left(store: SQLiteStore, path: Path) -> None:
    async def leave() -> None:
        add(store, 1)
        asyncio.get_running_loop().stop()

    loop = asyncio.new_event_loop()
    task = loop.create_task(leave())
    loop.run_forever()

    async def go_on() -> list[int]:
        add(store, 2)
        return committed(path)

    assert asyncio.run(go_on()) == [1]
    assert committed(path) == [1, 2]
    loop.run_until_complete(task)
    loop.close()


def test_a_loop_in_virtual_time_commits_too(store: SQLiteStore, path: Path) -> None:
    async def write() -> list[int]:
        add(store, 1)
        await asyncio.sleep(3600)
        return committed(path)

    assert run_virtual(write()) == [1]


async def test_close_commits_and_calls_back(store: SQLiteStore, path: Path) -> None:
    called: list[int] = []
    add(store, 1)
    store.when_durable(lambda: called.append(1))
    store.close()
    assert (called, committed(path)) == ([1], [1])
    await asyncio.sleep(0)
    store.close()


# -- errors --


def fill_disk(store: SQLiteStore) -> None:
    """Let the file grow no more: SQLite then says what it says when a disk is full."""
    connection = store._database._connection
    assert connection is not None
    ((pages,),) = connection.execute("PRAGMA page_count")
    connection.execute(f"PRAGMA max_page_count = {pages}")


def big(n: int) -> tuple[dict[str, Any], Meta]:
    return {"type": "t", "text": "x" * 10_000}, Meta(f"{n} a 0", n, ["r"])


def add_all(store: SQLiteStore, entries: Iterable[tuple[dict[str, Any], Meta]]) -> None:
    for entry in entries:
        store.add(*entry)


def test_a_full_disk_is_told_to_who_writes(store: SQLiteStore, path: Path) -> None:
    add(store, 1)
    fill_disk(store)
    with pytest.raises(StoreError, match=r"disk is full.*free some space") as caught:
        store.add(*big(2))
    assert caught.value.path == path
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    assert committed(path) == [1]


async def test_a_full_disk_acknowledges_nothing_and_ends_the_store(
    store: SQLiteStore, path: Path
) -> None:
    called: list[str] = []
    add(store, 1)
    store.when_durable(lambda: called.append("first"))
    await asyncio.sleep(0)
    assert called == ["first"]
    fill_disk(store)
    add(store, 2)
    store.when_durable(lambda: called.append("second"))
    with pytest.raises(StoreError, match="disk is full"):
        add_all(store, map(big, range(3, 1000)))
    for _ in range(3):
        await asyncio.sleep(0)
    assert called == ["first"]
    assert committed(path) == [1]
    uses: list[Any] = [
        lambda: add(store, 3),
        lambda: store.by_id("1 a 0"),
        lambda: [*store.entries()],
        store.last_added,
        store.last_synced,
        lambda: store.when_durable(lambda: called.append("third")),
        lambda: store.remember("1 a 0"),
    ]
    for use in uses:
        with pytest.raises(StoreError, match=r"could not be written before.*disk is full"):
            use()
    store.close()
    with pytest.raises(StoreError, match="start the program again"):
        store.last_added()
    with SQLiteStore(path) as again:
        add(again, 4)
        assert [meta.added for _, meta in again.entries()] == [1, 2]


async def test_an_error_while_committing_is_told_to_the_loop_and_acknowledges_nothing(
    store: SQLiteStore, path: Path
) -> None:
    told: list[BaseException] = []
    called: list[int] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, c: told.append(c["exception"]))
    add(store, 1)
    await asyncio.sleep(0)
    add(store, 2)
    store.when_durable(lambda: called.append(2))
    # The table that is written at last is gone, as if it were damaged.
    connection = store._database._connection
    assert connection is not None
    connection.execute("DROP TABLE counters")
    await asyncio.sleep(0)
    assert [type(error) for error in told] == [StoreError]
    assert called == []
    with pytest.raises(StoreError, match="could not be written before"):
        add(store, 3)
    assert committed(path) == [1]


def test_an_interrupted_change_is_not_half_written(store: SQLiteStore, path: Path) -> None:
    add(store, 1)

    class Interrupting(list[str]):
        """Is read twice before anything is written, and then while it is."""

        reads = 0

        def __iter__(self) -> Any:
            self.reads += 1
            yield "r"
            if self.reads == 3:
                raise KeyboardInterrupt

    meta = Meta("2 a 0", 2, ["r"])
    meta.reasons = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        store.add({"type": "t"}, meta)
    assert committed(path) == [1]
    with pytest.raises(StoreError, match="start the program again"):
        add(store, 3)


async def test_a_change_that_wrote_nothing_leaves_the_others_of_the_turn(
    store: SQLiteStore, path: Path
) -> None:
    add(store, 1)
    with pytest.raises(UnicodeEncodeError):
        store.set_value("half a character: \ud800", 1)
    add(store, 2)
    await asyncio.sleep(0)
    assert committed(path) == [1, 2]


def test_another_connection_that_writes_makes_a_clear_error(store: SQLiteStore, path: Path) -> None:
    add(store, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="in use by another process"):
            add(store, 2)
    add(store, 3)
    assert committed(path) == [1, 3]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked there")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
async def test_a_forked_process_can_neither_write_nor_commit(
    store: SQLiteStore, path: Path
) -> None:
    add(store, 1)
    refused = 0
    changes: tuple[Callable[[], None], ...] = (lambda: add(store, 2), store.close)
    for change in changes:
        child = os.fork()
        if not child:
            try:
                change()
            except StoreError as error:
                os._exit("forked" in str(error))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        refused += os.waitstatus_to_exitcode(status)
        await asyncio.sleep(0)
        add(store, 2 + refused)
    assert refused == 2
    store.close()
    assert committed(path) == [1, 3, 4]


def test_use_in_another_thread_is_refused(store: SQLiteStore) -> None:
    add(store, 1)

    async def use() -> None:
        await asyncio.to_thread(store.by_id, "1 a 0")

    with pytest.raises(StoreError, match="created in a thread"):
        asyncio.run(use())
