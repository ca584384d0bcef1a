"""The contract of every log store, across closing and opening; and what is special about a file."""

import asyncio
import itertools
import os
import sqlite3
import stat
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from logux_adapters.sqlite import SQLiteStore

from logux_store import LastSynced, Log, Meta
from logux_store.testing import LogStoreContract

# Thousands of files are made here, and a disk that is waited for makes none of them better.
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None


class TestSQLiteStore(LogStoreContract):
    machine_settings = settings(max_examples=settings().max_examples // 5)

    @pytest.fixture(autouse=True)
    def _folder(self) -> Iterator[None]:
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            self.paths = (Path(folder, f"{number}.sqlite3") for number in itertools.count())
            yield

    def make_store(self) -> SQLiteStore:
        return SQLiteStore(next(self.paths))

    def reopen(self, store: SQLiteStore) -> SQLiteStore:  # type: ignore[override]
        store.close()
        return SQLiteStore(store.path)

    def discard(self, store: SQLiteStore) -> None:  # type: ignore[override]
        store.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore(tmp_path / "log.sqlite3") as store:
        yield store


def fill(store: SQLiteStore, count: int, **keys: Any) -> None:
    async def add_all() -> None:
        for ms in range(count):
            store.add({"type": "t", "n": ms}, Meta(f"{ms} a 0", ms, ["r"], **keys))

    asyncio.run(add_all())


def numbers(store: SQLiteStore) -> list[int]:
    return [action["n"] for action, _ in store.entries("added")]


def test_the_file_is_opened_at_the_first_use_and_let_go_of_by_close(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite3"
    store = SQLiteStore(path)
    assert repr(store) == f"SQLiteStore({str(path)!r})"
    store.close()
    assert [*tmp_path.iterdir()] == []
    store.last_added()
    assert path.exists()
    store.close()
    with SQLiteStore(path) as other:
        fill(other, 1)
    assert store.last_added() == 1, "it is opened again"
    store.close()


def test_a_new_file_is_its_owners_only(store: SQLiteStore) -> None:
    fill(store, 1)
    files = [*store.path.parent.glob("log.sqlite3*")]
    assert len(files) == 4
    for file in files:
        assert not stat.S_IMODE(file.stat().st_mode) & 0o077


def test_a_relative_path_stays_where_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with SQLiteStore("log.sqlite3") as store:
        monkeypatch.chdir("/")
        store.last_added()
    assert (tmp_path / "log.sqlite3").exists()


def test_a_wrong_option_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'normal' or 'full', not 'off'"):
        SQLiteStore(tmp_path / "log.sqlite3", synchronous="off")  # type: ignore[arg-type]


@pytest.mark.parametrize(("synchronous", "level"), [("normal", 1), ("full", 2)])
def test_the_disk_is_waited_for_as_asked(tmp_path: Path, synchronous: Any, level: int) -> None:
    with SQLiteStore(tmp_path / "log.sqlite3", synchronous=synchronous) as store:
        assert store._database.read("PRAGMA synchronous") == [(level,)]
        assert store._database.read("PRAGMA journal_mode") == [("wal",)]


@pytest.mark.parametrize(
    ("action", "keys", "text"),
    [
        ({"type": "t", "day": date(2020, 1, 1)}, {}, "'t' cannot be kept in a file.*no JSON form"),
        ({"type": "t", "n": float("nan")}, {}, "'t' cannot be kept in a file"),
        ({"type": "t"}, {"own": {1, 2}}, "meta of '1 a 0' cannot be kept"),
        ({"type": "t"}, {"indexes": ["\ud800"]}, "no index; it has half a character"),
        ({"type": "t"}, {"reasons": ["r", "\ud800"]}, "no reason; it has half a character"),
        ({"type": "t"}, {"time": 2**63}, "is no time"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_anything_is_written(
    store: SQLiteStore, action: Any, keys: Any, text: str
) -> None:
    deep: Any = action
    meta = Meta(**{"id": "1 a 0", "time": 1, "reasons": ["r"], **keys})
    with pytest.raises((TypeError, ValueError), match=text):
        store.add(deep, meta)
    assert (meta.added, store.last_added(), [*store.entries()]) == (0, 0, [])
    fill(store, 3)
    assert numbers(store) == [0, 1, 2]


def test_an_action_that_is_nested_too_deep_is_refused(store: SQLiteStore) -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="cannot be kept in a file"):
        store.add({"type": "t", "deep": deep}, Meta("1 a 0", 1, ["r"]))


def test_a_change_that_cannot_be_kept_changes_nothing(store: SQLiteStore) -> None:
    fill(store, 1)
    with pytest.raises(TypeError, match="cannot be kept"):
        store.change_meta("0 a 0", {"own": object()})
    with pytest.raises(ValueError, match="no reason"):
        store.change_meta("0 a 0", {"reasons": ["\ud800"], "own": 1})
    with pytest.raises(ValueError, match="is no time"):
        store.set_time("0 a 0", -(2**63) - 1)
    with pytest.raises(TypeError, match="the value 'v' cannot be kept"):
        store.set_value("v", object())
    ((_, meta),) = store.entries()
    assert meta == Meta("0 a 0", 0, ["r"], added=1)
    assert store.value("v") is None


def test_what_cannot_be_kept_is_not_there(store: SQLiteStore) -> None:
    fill(store, 1)
    half = "1 \ud800:a:b 0"
    assert store.by_id(half) is store.remove(half) is store.value(half) is None
    assert not store.remembers(half)
    assert store.remove_reason(half) == store.remove_reason("r", id=half) == []
    assert [*store.entries(index=half)] == [*store.entries_with_reason(half)] == []


def test_names_are_any_text(store: SQLiteStore) -> None:
    names = ["", "a\0b", "é", "\U0001f600", "'; DROP TABLE entries"]
    store.add({"type": "t", "n": 0}, Meta("0 a 0", 0, names, indexes=names))
    for name in names:
        assert len([*store.entries(index=name)]) == 1
    for name in names[1:]:
        assert store.remove_reason(name) == []
    assert [meta.id for _, meta in store.remove_reason("")] == ["0 a 0"]


def test_metas_that_look_alike_are_told_apart(store: SQLiteStore) -> None:
    alike: list[Any] = [1, True, 1.0, "1", None]
    for ms, value in enumerate(alike):
        store.add({"type": "t"}, Meta(f"{ms} a 0", ms, ["r"], subprotocol=value))
        store.add({"type": "t"}, Meta(f"{ms} b 0", ms, ["r"], sync=value))
    found = [(meta.subprotocol, meta.sync) for _, meta in store.entries("added")]
    # A key that is None or False is as good as one that is not there.
    assert [repr(subprotocol) for subprotocol, _ in found[::2]] == [*map(repr, alike)]
    assert [repr(sync) for _, sync in found[1::2]] == [*map(repr, alike[:-1]), "False"]


def test_a_client_that_is_silent_is_forgotten_first(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite3"
    with SQLiteStore(path, remembered_per_client=3, remembered=4) as store:
        for id in ("1 10:a 0", "2 10:a 0", "1 20:b 0", "2 20:b 0", "3 10:a 0"):
            assert store.remember(id)
        assert not store.remembers("1 20:b 0")
    with SQLiteStore(path, remembered_per_client=3, remembered=4) as store:
        assert store.remember("4 10:a 0")
        assert not store.remembers("1 10:a 0"), "no client has more than its own bound"
        assert store.remember("1 30:c 0")
        assert store.remember("2 30:c 0")
        expected = {"2 20:b 0": False, "2 10:a 0": False, "3 10:a 0": True}
        assert {id: store.remembers(id) for id in expected} == expected
        tables = ("SELECT client, ids FROM clients ORDER BY heard", "SELECT id FROM remembered")
        assert store._database.read(tables[0]) == [("10:a", 2), ("30:c", 2)]
        assert len(store._database.read(tables[1])) == 4


def test_bounds_that_became_smaller_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite3"
    with SQLiteStore(path) as store:
        for ms in range(10):
            store.remember(f"{ms} 10:a 0")
            store.remember(f"{ms} 20:b 0")
    with SQLiteStore(path, remembered_per_client=3, remembered=4) as store:
        store.remember("10 20:b 0")
        assert [ms for ms in range(11) if store.remembers(f"{ms} 20:b 0")] == [8, 9, 10]
        assert [ms for ms in range(11) if store.remembers(f"{ms} 10:a 0")] == [9]


def test_a_heard_client_is_kept_though_it_says_nothing_new(tmp_path: Path) -> None:
    with SQLiteStore(tmp_path / "log.sqlite3", remembered=2) as store:
        store.remember("1 10:a 0")
        store.remember("1 20:b 0")
        assert not store.remember("1 10:a 0")
        store.remember("1 30:c 0")
        assert (store.remembers("1 10:a 0"), store.remembers("1 20:b 0")) == (True, False)


def test_entries_are_read_as_they_are_asked_for(store: SQLiteStore) -> None:
    fill(store, 5_000, indexes=["x"], filler="x" * 200)
    orders: Any = itertools.product(("created", "added"), (None, "x"), (False, True))
    for order, index, newest_first in orders:
        entries = store.entries(order, index=index, newest_first=newest_first)
        tracemalloc.start()
        first = [action["n"] for action, _ in islice(entries, 3)]
        few = tracemalloc.get_traced_memory()[1]
        count = sum(1 for _ in entries)
        many = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert first == ([4_999, 4_998, 4_997] if newest_first else [0, 1, 2])
        assert count == 4_997
        assert few < 50_000
        assert many < 1_000_000


def plans(store: SQLiteStore, call: Callable[[], object]) -> list[str]:
    """How SQLite goes about the queries that a call makes."""
    queries: list[str] = []
    connection = store._database._connection
    assert connection is not None
    connection.set_trace_callback(queries.append)
    call()
    connection.set_trace_callback(None)
    return [
        ", ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}"))
        for query in queries
        if query.startswith("SELECT")
    ]


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(
    ("order", "index", "first", "next"),
    [
        ("created", None, "SCAN e USING INDEX created", "SEARCH e USING INDEX created ((time,"),
        ("added", None, "SCAN e", "SEARCH e USING INTEGER PRIMARY KEY (rowid"),
        ("created", "x", "SEARCH n USING", "SEARCH n USING COVERING INDEX indexes_created (name=?"),
        ("added", "x", "SEARCH n USING", "SEARCH n USING PRIMARY KEY (name=? AND added"),
    ],
)
def test_each_order_is_read_by_its_sql_index(
    store: SQLiteStore, order: Any, index: Any, first: str, next: str, newest_first: bool
) -> None:
    fill(store, 30, indexes=["x"])
    found = plans(store, lambda: [*store.entries(order, index=index, newest_first=newest_first)])
    assert len(found) == 3
    assert found[0].startswith(first)
    assert all(plan.startswith(next) for plan in found[1:])
    assert not any("TEMP B-TREE" in plan for plan in found)


def test_a_reason_is_taken_off_without_looking_at_other_entries(store: SQLiteStore) -> None:
    fill(store, 10)
    bound = Meta("5 a 0", 5)
    by_reason = "SEARCH r USING PRIMARY KEY (name=?"
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, f"{by_reason}), SEARCH e USING INTEGER PRIMARY KEY (rowid=?)"),
        ({"max_added": 0, "min_added": 0}, f"{by_reason} AND added>? AND added<?)"),
        ({"older_than": bound, "younger_than": bound}, f"{by_reason}), SEARCH e USING INTEGER"),
        ({"id": "no", "older_than": bound}, "SEARCH e USING INDEX sqlite_autoindex_entries_1 (id"),
    ]
    for criteria, expected in cases[::-1]:
        (plan,) = plans(store, partial(store.remove_reason, "r", **criteria))
        assert plan.startswith(expected), plan
        assert "TEMP B-TREE" not in plan or "id" in criteria, "one row is sorted at once"


def test_nothing_is_left_of_what_was_removed(store: SQLiteStore) -> None:
    fill(store, 100, indexes=["x", "y"])
    store.change_meta("5 a 0", {"reasons": ["r", "s"]})
    store.remove("7 a 0")
    store.remove_reason("r")
    store.remove_reason("s")
    for table in ("entries", "reasons", "indexes"):
        assert store._database.read(f"SELECT count(*) FROM {table}") == [(0,)]


def test_an_iteration_ends_when_the_store_is_cleaned(store: SQLiteStore) -> None:
    fill(store, 30, indexes=["x"])
    orders: Any = itertools.product(("created", "added"), (None, "x"))
    iterators = [store.entries(order, index=index) for order, index in orders]
    for entries in iterators:
        next(entries)
    store.clean()
    assert [[*entries] for entries in iterators] == [[], [], [], []]


def test_an_entry_that_was_changed_before_its_turn_comes_as_it_is(store: SQLiteStore) -> None:
    fill(store, 5)
    seen = []
    for _, meta in store.entries():
        seen.append(meta.get("own"))
        store.change_meta(f"{meta.time + 1} a 0", {"own": meta.time})
    assert seen == [None, 0, 1, 2, 3]


def test_the_store_gives_out_copies(store: SQLiteStore) -> None:
    meta = Meta("0 a 0", 0, ["r"])
    store.add({"type": "t"}, meta)
    meta.reasons.append("not this one")
    ((_, first),) = store.entries()
    first.own = 1
    ((_, second),) = store.entries()
    assert (second.reasons, second.get("own")) == (["r"], None)


def test_what_the_library_keeps_is_readable_with_any_sqlite(store: SQLiteStore) -> None:
    fill(store, 1, own={"a": 1})
    store.set_last_synced(sent=1)
    store.close()
    with closing(sqlite3.connect(store.path)) as file:
        assert file.execute("SELECT id, time, action, reasons, meta FROM entries").fetchall() == [
            ("0 a 0", 0, '{"type":"t","n":0}', '["r"]', '{"own":{"a":1}}')
        ]
        assert file.execute("SELECT * FROM counters").fetchall() == [(1, 1, 0)]


def test_a_log_goes_on_where_an_earlier_one_ended(store: SQLiteStore) -> None:
    log = Log("10:a:b", store, lambda: 1000)
    log.offset = 300
    log.add({"type": "t"}, reasons=["r"])
    log.store.set_last_synced(sent=1)
    store.close()
    again = Log("10:a:c", SQLiteStore(store.path), lambda: 900)
    meta = again.add({"type": "t"}, reasons=["r"])
    assert meta is not None
    assert (meta.id, meta.added, again.offset) == ("1001 10:a:c 0", 2, 300)
    assert again.store.last_synced() == LastSynced(1, 0)
    assert isinstance(again.store, SQLiteStore)
    again.store.close()
