"""Files of all versions."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from logux_adapters.sqlite import SQLiteStore, StoreError
from logux_adapters.sqlite.schema import MIGRATIONS, migrate

from logux_store import Meta


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite3"


@pytest.fixture
def file(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        yield file


def make(path: Path) -> None:
    with SQLiteStore(path) as store:
        store.add({"type": "t"}, Meta("1 a 0", 1, ["r"]))


def version(file: sqlite3.Connection) -> int:
    ((number,),) = file.execute("PRAGMA user_version")
    return int(number)


def test_a_new_file_has_the_newest_version(path: Path, file: sqlite3.Connection) -> None:
    make(path)
    assert version(file) == len(MIGRATIONS)


def test_an_older_file_is_brought_up_to_date_and_keeps_what_it_has(
    path: Path, file: sqlite3.Connection
) -> None:
    make(path)
    colour = ("ALTER TABLE entries ADD COLUMN colour TEXT", "UPDATE entries SET colour = 'red'")
    newer = (*MIGRATIONS, colour, ("CREATE TABLE more (name TEXT)",))
    migrate(file, path, newer)
    assert version(file) == len(MIGRATIONS) + 2
    assert file.execute("SELECT id, colour FROM entries").fetchall() == [("1 a 0", "red")]
    assert file.execute("SELECT count(*) FROM more").fetchall() == [(0,)]
    migrate(file, path, newer)
    assert version(file) == len(MIGRATIONS) + 2


def test_a_step_that_fails_leaves_the_file_at_the_version_that_it_had(
    path: Path, file: sqlite3.Connection
) -> None:
    make(path)
    step = ("ALTER TABLE entries ADD COLUMN colour TEXT", "CREATE TABLE entries (twice TEXT)")
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate(file, path, (*MIGRATIONS, step))
    assert version(file) == len(MIGRATIONS)
    with pytest.raises(sqlite3.OperationalError, match="no such column"):
        file.execute("SELECT colour FROM entries")
    make(path)


def test_a_newer_file_is_not_touched(path: Path, file: sqlite3.Connection) -> None:
    make(path)
    file.execute("PRAGMA user_version = 7")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"newer version .*schema is 7.*update logux-store") as e:
        make(path)
    assert (e.value.path, path.read_bytes()) == (path, before)


@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE t (a)", "PRAGMA user_version = 1", "PRAGMA application_id = 7"],
)
def test_a_file_of_another_program_is_not_touched(
    path: Path, file: sqlite3.Connection, statement: str
) -> None:
    file.execute(statement)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="file of another program; choose another path"):
        make(path)
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_log(path: Path, file: sqlite3.Connection) -> None:
    path.touch()
    make(path)
    assert version(file) == len(MIGRATIONS)
