"""A log is taken over from a process that has it open, also in the middle of a transaction."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from logux_adapters.sqlite import SQLiteStore, StoreError, generations
from logux_adapters.sqlite.generations import Generation, connect, open_newest, take_newest

from logux_store import Meta

OWNER = "10:a"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite3"


def add(store: SQLiteStore, n: int) -> None:
    store.add({"type": "t"}, Meta(f"{n} a 0", n, ["r"]))


def ids(store: SQLiteStore) -> list[int]:
    return [meta.time for _, meta in store.entries()]


def always() -> bool:
    return True


def files(path: Path) -> set[str]:
    return {file.name for file in path.parent.iterdir()}


@contextmanager
def stopped_writer(path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that has one entry committed and another written, and stands still."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.adapters.sqlite.stopping", path],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="no process can be stopped there")
def test_what_a_stopped_process_had_not_committed_fails_and_changes_nothing(path: Path) -> None:
    with stopped_writer(path) as writer:
        with SQLiteStore(path) as other, pytest.raises(StoreError, match="in use"):
            other.last_added()
        store = SQLiteStore(path)
        store.take_over(always, OWNER)
        assert ids(store) == [1]
        add(store, 4)
        writer.send_signal(signal.SIGCONT)
        output, _ = writer.communicate(timeout=20)
        assert output.splitlines() == ["acknowledged 1", "refused", "closed"]
        assert ids(store) == [1, 4]
        assert store.last_added() == 2
        store.close()
        with SQLiteStore(path) as again:
            assert ids(again) == [1, 4]
            assert again.identity == store.identity == str(path)
            assert files(path) == {f"log.sqlite3.2{end}" for end in ("", "-wal", "-shm", "-lock")}


@pytest.mark.skipif(sys.platform == "win32", reason="no process can be stopped there")
def test_a_log_can_be_taken_over_again_and_again(path: Path) -> None:
    with stopped_writer(path):
        stores = []
        for n in range(2, 6):
            store = SQLiteStore(path)
            store.take_over(always, OWNER)
            stores.append(store)
            add(store, n)
        assert ids(stores[-1]) == [1, 2, 3, 4, 5]
        for former in stores[:-1]:
            with pytest.raises(StoreError, match="taken over"):
                add(former, 9)
        assert ids(stores[-1]) == [1, 2, 3, 4, 5]
        stores[-1].release()
        assert "log.sqlite3" in files(path), "the stopped process has it open"
    with SQLiteStore(path) as store:
        assert ids(store) == [1, 2, 3, 4, 5]
        assert "log.sqlite3" not in files(path)


def test_a_log_that_nobody_has_open_is_just_opened(path: Path) -> None:
    with SQLiteStore(path) as store:
        store.take_over(always, OWNER)
        add(store, 1)
        assert "log.sqlite3.2" not in files(path)
    with SQLiteStore(path) as store:
        store.take_over(always, OWNER)
        assert ids(store) == [1]
        assert "log.sqlite3.2" not in files(path)


def test_a_store_that_has_the_log_may_take_it_over_itself(path: Path) -> None:
    with SQLiteStore(path) as store:
        add(store, 1)
        store.take_over(always, OWNER)
        assert ids(store) == [1]
        assert "log.sqlite3.2" not in files(path)


async def test_nothing_is_committed_when_the_log_is_not_held_any_more(path: Path) -> None:
    held, called = [True], []
    store = SQLiteStore(path)
    store.take_over(lambda: held[0], OWNER)
    add(store, 1)
    await asyncio.sleep(0)
    held[0] = False
    add(store, 2)
    store.when_durable(lambda: called.append(2))
    with pytest.raises(StoreError, match="taken over"):
        store.close()
    assert called == []
    with SQLiteStore(path) as other:
        assert ids(other) == [1]
    with pytest.raises(StoreError, match="could not be written before"):
        add(store, 3)
    store.take_over(always, OWNER)
    add(store, 3)
    store.when_durable(lambda: called.append(3))
    assert ids(store) == [1, 3]
    store.release()
    assert called == [3], "what was lost is not acknowledged later"


@pytest.mark.parametrize("asked", [True, False])
async def test_only_who_is_not_asked_whether_it_holds_the_log_hears_of_it_from_the_loop(
    path: Path, asked: bool
) -> None:
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    answers = [True, False]
    with SQLiteStore(path) as store:
        if asked:
            store.take_over(lambda: answers.pop(0), OWNER)
        add(store, 1)
        # After the transaction was committed, so that it is asked once more.
        (path.parent / "log.sqlite3.2-copy").touch()
        await asyncio.sleep(0)
        assert len(told) == (not asked)
        assert answers == [] if asked else [True, False]
        with pytest.raises(StoreError, match="taken over"):
            add(store, 2)


async def test_release_lets_go_also_of_what_cannot_be_committed(path: Path) -> None:
    store = SQLiteStore(path)
    store.take_over(always, OWNER)
    add(store, 1)
    store.release()
    store.take_over(lambda: False, OWNER)
    add(store, 2)
    store.release()
    with SQLiteStore(path) as other:
        assert ids(other) == [1]


def test_who_opens_normally_is_not_asked_whether_it_holds(path: Path) -> None:
    with SQLiteStore(path) as store:
        store.take_over(lambda: False, OWNER)
        store.release()
        add(store, 1)
        assert ids(store) == [1]


def test_a_copy_that_was_never_finished_is_removed(path: Path) -> None:
    with SQLiteStore(path) as store:
        add(store, 1)
    (path.parent / "log.sqlite3.2-copy").write_text("half")
    with SQLiteStore(path) as store:
        add(store, 2)
        assert ids(store) == [1, 2]
    assert "log.sqlite3.2-copy" not in files(path)


def test_the_owner_knows_as_soon_as_a_copy_is_begun(path: Path) -> None:
    with SQLiteStore(path) as store:
        add(store, 1)
        (path.parent / "log.sqlite3.2-copy").touch()
        with pytest.raises(StoreError, match="taken over"):
            add(store, 2)


def test_only_one_can_take_over(path: Path) -> None:
    with SQLiteStore(path) as store, SQLiteStore(path) as taker:
        store.take_over(always, OWNER)
        add(store, 1)
        with closing(sqlite3.connect(path.parent / "log.sqlite3.2-lock")) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(StoreError, match="in use"):
                taker.take_over(always, OWNER)
        add(store, 2)
        assert ids(store) == [1, 2]


def test_a_copy_that_fails_leaves_the_log_to_its_owner(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = Generation(path, 1)
    owner.acquire(0)
    monkeypatch.setattr(generations, "owner_of", lambda _: OWNER)
    path.write_text("no database " * 500)
    with pytest.raises(StoreError, match="no log"):
        SQLiteStore(path).take_over(always, OWNER)
    assert not owner.is_superseded()
    assert "log.sqlite3.2-copy" not in files(path)
    owner.release()


@pytest.mark.parametrize("choose", [open_newest, partial(take_newest, owner=OWNER, holds=always)])
def test_who_waited_for_a_lock_looks_again_which_generation_is_the_newest(
    path: Path, monkeypatch: pytest.MonkeyPatch, choose: Callable[[Path], Generation]
) -> None:
    acquire = Generation.acquire

    def wait(generation: Generation, patience: float) -> None:
        acquire(generation, patience)
        Generation(path, 2).file.touch()

    monkeypatch.setattr(Generation, "acquire", wait)
    generation = choose(path)
    assert generation.number == 2
    monkeypatch.undo()
    former = Generation(path, 1)
    former.acquire(0)
    former.release()
    generation.release()


def test_a_copy_is_announced_before_it_is_made_and_only_its_owner_can_read_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = path.parent / "log.sqlite3.2-copy"
    seen: list[bool] = []

    def spy(file: Path, patience: float = 0) -> sqlite3.Connection:
        if file == path:
            seen.append(draft.exists() and draft.stat().st_mode & 0o077 == 0)
        return connect(file, patience)

    with SQLiteStore(path) as store, SQLiteStore(path) as taker:
        store.take_over(always, OWNER)
        add(store, 1)
        monkeypatch.setattr(generations, "connect", spy)
        taker.take_over(always, OWNER)
        assert seen == [True]
        assert ids(taker) == [1]
        assert taker._database.file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("other", [None, "10:b", "20:a"])
def test_a_log_is_not_taken_from_somebody_else(path: Path, other: str | None) -> None:
    with SQLiteStore(path) as store, SQLiteStore(path) as taker:
        # What an earlier owner has left is of no importance.
        store.take_over(always, OWNER)
        store.close()
        text = "in use by another process"
        if other is not None:
            text = rf"in use by the tabs of another user \({other}\)"
            store.take_over(always, other)
        add(store, 1)
        with pytest.raises(StoreError, match=text):
            taker.take_over(always, OWNER)
        add(store, 2)
        assert ids(store) == [1, 2]
        store.close()
        taker.take_over(always, OWNER)
        assert ids(taker) == [1, 2]
    assert not any(name.startswith("log.sqlite3.2") for name in files(path))


@pytest.mark.parametrize("answers", [[False], [True, False]], ids=["before", "after copying"])
def test_who_was_replaced_while_it_took_the_log_over_takes_it_from_nobody(
    path: Path, answers: list[bool]
) -> None:
    with SQLiteStore(path) as store, SQLiteStore(path) as taker:
        store.take_over(always, OWNER)
        add(store, 1)
        with pytest.raises(StoreError, match="taken over"):
            taker.take_over(lambda: answers.pop(0), OWNER)
        assert answers == []
        add(store, 2)
        assert ids(store) == [1, 2]
    assert "log.sqlite3.2" not in files(path)


def test_a_lock_that_cannot_be_removed_is_in_nobodys_way(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where what a program has open stays."""
    unlink = Path.unlink

    def refuse(file: Path, missing_ok: bool = False) -> None:
        if file.name.endswith("-lock"):
            raise PermissionError(f"{file} is used by another process")
        unlink(file, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    with SQLiteStore(path) as store, SQLiteStore(path) as taker:
        store.take_over(always, OWNER)
        add(store, 1)
        taker.take_over(always, OWNER)
        store.close()
        taker.close()
        assert ids(taker) == [1]
        assert "log.sqlite3" not in files(path)


def test_a_log_that_was_cleaned_is_still_its_owners(path: Path) -> None:
    with SQLiteStore(path) as store, SQLiteStore(path) as taker:
        store.take_over(always, OWNER)
        store.set_value("x", 1)
        store.clean()
        taker.take_over(always, OWNER)
        assert taker.value("x") is None


def test_a_log_that_is_just_being_made_is_not_taken(path: Path) -> None:
    maker = Generation(path, 1)
    maker.acquire(0)
    for made in (False, True):
        if made:
            path.touch()
        with pytest.raises(StoreError, match="in use"):
            SQLiteStore(path).take_over(always, OWNER)
    assert files(path) == {"log.sqlite3", "log.sqlite3-lock"}
    maker.release()


def test_files_that_only_look_like_generations_do_not_count(path: Path) -> None:
    for name in ("log.sqlite3.bak", "log.sqlite3.2-lock", "log.sqlite3.", "other.sqlite3.9"):
        (path.parent / name).touch()
    generation = open_newest(path)
    assert (generation.number, generation.file) == (1, path)
    generation.release()
    Generation(path, 12).file.touch()
    generation = open_newest(path)
    assert generation.number == 12
    generation.release()
