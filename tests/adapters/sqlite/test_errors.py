"""Each thing that can be wrong with a file gives an error that says what to do."""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from logux_adapters.sqlite import SQLiteStore, StoreError

from logux_store import Meta


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite3"


def fill(path: Path, count: int = 1) -> None:
    with SQLiteStore(path) as store:
        for n in range(count):
            store.add({"type": "t", "text": "x" * 100}, Meta(f"{n} a 0", n, ["r"]))


@contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    """The administrator may write everything; so somebody else tries."""
    if os.geteuid() != 0:
        yield
        return
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(parent.stat().st_mode | 0o055)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_second_process_is_told_that_the_file_is_in_use(path: Path) -> None:
    script = (
        "import sys; from logux_adapters.sqlite import SQLiteStore\n"
        "SQLiteStore(sys.argv[1]).last_added()"
    )
    with SQLiteStore(path) as store:
        store.last_added()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        result = subprocess.run(
            [sys.executable, "-c", script, path], env=environment, capture_output=True, text=True
        )
    assert result.returncode == 1
    assert f"StoreError: {path} is in use by another process" in result.stderr
    assert "end the other one, or give each its own path" in result.stderr


def test_a_second_store_in_the_process_is_told_too(path: Path) -> None:
    with SQLiteStore(path) as store, SQLiteStore(path) as other:
        store.last_added()
        with pytest.raises(StoreError, match="is in use"):
            other.last_added()
        store.close()
        assert other.last_added() == 0


def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    path.write_text("not a database, but long enough to be looked at by SQLite " * 20)
    with pytest.raises(StoreError, match=r"is damaged, or is no log.*move it away"):
        fill(path)
    assert path.read_text().startswith("not a database"), "it is left as it was"


def test_a_damaged_file_is_named(path: Path) -> None:
    fill(path, 1000)
    data = bytearray(path.read_bytes())
    for page in range(1, len(data) // 4096):
        data[page * 4096 : page * 4096 + 2000] = b"\xff" * 2000
    path.write_bytes(data)
    store = SQLiteStore(path)
    with pytest.raises(StoreError, match=r"is damaged, or is no log.*move it away") as caught:
        list(store.entries())
    store.close()
    assert caught.value.path == path


def test_so_is_one_whose_tables_are_damaged(path: Path) -> None:
    fill(path)
    path.write_bytes(path.read_bytes().replace(b"TABLE entries", b"TABLE \xffntries"))
    with pytest.raises(StoreError, match=r"is damaged, or is no log.*move it away"):
        SQLiteStore(path).last_added()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET action = '{'",
        "UPDATE entries SET meta = '{'",
        "UPDATE entries SET reasons = '7'",
        "UPDATE entries SET node = x'ff'",
        "UPDATE entries SET action = CAST(x'ff' AS TEXT)",
    ],
)
def test_an_entry_that_makes_no_sense_is_damage(path: Path, statement: str) -> None:
    fill(path)
    with SQLiteStore(path) as store:
        store.last_added()
        store._database.read(statement)
        with pytest.raises(StoreError, match="is damaged"):
            store.by_id("0 a 0")
        with pytest.raises(StoreError, match="is damaged"):
            store.remove_reason("r")
        assert store.last_added() == 1, "the rest can be used"


def test_a_value_that_makes_no_sense_is_damage(path: Path) -> None:
    with SQLiteStore(path) as store:
        store.set_value("name", 1)
        store._database.read("UPDATE vals SET value = '{'")
        with pytest.raises(StoreError, match="is damaged"):
            store.value("name")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot be opened.*its folder must exist"):
        SQLiteStore(tmp_path / "missing" / "log.sqlite3").last_added()


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="cannot be opened"):
        SQLiteStore(tmp_path / "folder").last_added()


@pytest.mark.skipif(sys.platform == "win32", reason="rights are others there")
def test_a_read_only_file_is_named(path: Path) -> None:
    fill(path)
    path.chmod(0o444)
    path.parent.chmod(0o777)
    (path.parent / "log.sqlite3-lock").chmod(0o666)
    with as_nobody(path.parent), pytest.raises(StoreError, match=r"cannot be written.*the right"):
        fill(path)


@pytest.mark.skipif(sys.platform == "win32", reason="rights are others there")
def test_a_read_only_folder_is_named(path: Path) -> None:
    path.parent.chmod(0o555)
    with as_nobody(path.parent), pytest.raises(StoreError, match="write in it"):
        fill(path)


def test_an_error_can_be_sent_to_another_process() -> None:
    error = StoreError(Path("/a"), "is wrong", "mend it")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.path) == ("/a is wrong; mend it", Path("/a"))
