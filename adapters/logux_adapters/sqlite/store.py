"""The log store itself: each method of `LogStore` as SQL.

Invariants: an entry's reasons and indexes are in the tables `reasons` and `indexes` as well, for as
long as the entry is there; `counters` is written with each transaction that has changed them, so
the numbers in memory are those in the file after each commit.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Literal

from logux_adapters.sqlite.database import Database, Execute
from logux_adapters.sqlite.errors import StoreError, damaged
from logux_adapters.sqlite.generations import OWNER
from logux_adapters.sqlite.remembered import Remembered
from logux_adapters.sqlite.rows import (
    COLUMNS,
    Row,
    from_row,
    meta_json,
    reasons_json,
    to_key,
    to_row,
    value_json,
)
from logux_store import (
    REMEMBERED,
    REMEMBERED_PER_CLIENT,
    Action,
    Entry,
    LastSynced,
    Meta,
    Order,
    OrderKey,
    Timed,
    order_key,
)

__all__ = ["SQLiteStore"]

CREATED = ("time", "node", "counter", "ms")

INSERT = """
    INSERT INTO entries (added, id, time, node, counter, ms, action, reasons, meta)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
"""
INSERT_REASON = "INSERT INTO reasons (name, added) VALUES (?, ?)"
DELETE_REASON = "DELETE FROM reasons WHERE name = ? AND added = ?"
INSERT_INDEX = """
    INSERT INTO indexes (name, added, time, node, counter, ms) VALUES (?, ?, ?, ?, ?, ?)
"""
FIRST_CHUNK, LARGEST_CHUNK = 8, 512


class SQLiteStore:
    """A `LogStore` in the file `path`, made when it is first used.

    The file is opened at the first use, not before, and belongs to this object until `close`; a
    process that opens it meanwhile gets a StoreError. What is written in one turn of the running
    event loop is committed together.

    `synchronous="normal"` keeps what was committed when the process is killed, and leaves the file
    whole, but for the last moments, when the power fails. `"full"` waits for the disk at each
    commit, so that it is kept then too; that takes milliseconds instead of microseconds.

    `remembered_per_client` and `remembered` bound the ids of processed actions, as in MemoryStore.

    Every method may raise StoreError, which says what to do. When something that was written
    cannot be committed, nothing is acknowledged and the store refuses to go on: the program starts
    again with what the file has.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        synchronous: Literal["normal", "full"] = "normal",
        remembered_per_client: int = REMEMBERED_PER_CLIENT,
        remembered: int = REMEMBERED,
    ) -> None:
        self._database = Database(path, synchronous, self._opened, self._committing)
        self._remembered = Remembered(self._database, remembered_per_client, remembered)
        self._last_added = 0
        self._last_synced = LastSynced(0, 0)
        # Whether these two differ from what the file has.
        self._counted = False
        # Changes when an entry was changed or removed, so that what was read ahead is stale.
        self._version = 0

    @property
    def path(self) -> Path:
        """The file, as an absolute path."""
        return self._database.path

    def close(self) -> None:
        """Commit what was written and let go of the file. The next use opens it again."""
        self._database.close()

    @property
    def identity(self) -> str:
        """What two objects for the same file have in common: its path."""
        return str(self.path)

    def take_over(self, holds: Callable[[], bool], owner: str) -> None:
        """Open the file for this object, also if another process of the same `owner` has it open.

        That one, which may be stopped and go on later, can commit nothing any more; it finds out
        when it tries. Raises StoreError if somebody else has the file open.

        `holds` is asked before each commit; when it gives False nothing is committed any more here
        either, and whoever it asks has to look after that: the turn's commit raises no error in the
        loop.
        """
        self._database.take_over(holds, owner)

    def release(self) -> None:
        """Commit what can be committed and let go of the file. What cannot is not acknowledged."""
        with suppress(StoreError):
            self._database.close()

    def __enter__(self) -> "SQLiteStore":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self._database.path)!r})"

    def _opened(self, execute: Execute) -> None:
        ((self._last_added, sent, received),) = execute("SELECT * FROM counters")
        self._last_synced = LastSynced(sent, received)
        self._remembered.opened(execute)
        self._counted = False
        self._version += 1

    def _committing(self, execute: Execute) -> None:
        if self._counted:
            execute(
                "UPDATE counters SET added = ?, sent = ?, received = ?",
                (self._last_added, *self._last_synced),
            )
            self._counted = False

    # Entries.

    def add(self, action: Action, meta: Meta) -> bool:
        row = to_row(action, meta)
        with self._database.change() as execute:
            added = self._last_added + 1
            if not execute(INSERT, (added, *row)).rowcount:
                return False
            for reason in meta.reasons:
                execute(INSERT_REASON, (reason, added))
            for index in meta.indexes or ():
                execute(INSERT_INDEX, (index, added, *row[1:5]))
            self._last_added = meta.added = added
            self._counted = True
        return True

    def by_id(self, id: str) -> Entry | None:
        rows = self._database.read(f"SELECT {COLUMNS} FROM entries e WHERE e.id = ?", (id,))
        return self._entry(rows[0]) if rows else None

    def change_meta(self, id: str, diff: Mapping[str, Any]) -> bool:
        entry = self.by_id(id)
        if entry is None:
            return False
        meta = entry[1]
        old = meta.reasons
        meta.update(diff)
        reasons, others = reasons_json(meta), meta_json(meta)
        with self._database.change() as execute:
            self._version += 1
            execute(
                "UPDATE entries SET reasons = ?, meta = ? WHERE added = ?",
                (reasons, others, meta.added),
            )
            if meta.reasons != old:
                for reason in old:
                    execute(DELETE_REASON, (reason, meta.added))
                for reason in meta.reasons:
                    execute(INSERT_REASON, (reason, meta.added))
        return True

    def set_time(self, id: str, time: int) -> tuple[OrderKey, Entry] | None:
        entry = self.by_id(id)
        if entry is None:
            return None
        meta = entry[1]
        old = meta.key
        meta.key = order_key(id, time)
        meta.time, *_ = to_key(meta.key)
        with self._database.change() as execute:
            self._version += 1
            for table in ("entries", "indexes") if meta.indexes else ("entries",):
                execute(f"UPDATE {table} SET time = ? WHERE added = ?", (time, meta.added))
        return old, entry

    def remove(self, id: str) -> Entry | None:
        entry = self.by_id(id)
        if entry is not None:
            with self._database.change() as execute:
                for reason in entry[1].reasons:
                    execute(DELETE_REASON, (reason, entry[1].added))
                self._drop(execute, entry[1])
        return entry

    def remove_reason(
        self,
        reason: str,
        *,
        id: str | None = None,
        older_than: Timed | None = None,
        younger_than: Timed | None = None,
        min_added: int | None = None,
        max_added: int | None = None,
    ) -> list[Entry]:
        conditions: list[tuple[str, tuple[Any, ...]]] = [("r.name = ?", (reason,))]
        if id is not None:
            conditions.append(("e.id = ?", (id,)))
        if min_added is not None:
            conditions.append(("r.added >= ?", (min_added,)))
        if max_added is not None:
            conditions.append(("r.added <= ?", (max_added,)))
        for bound, sign in ((older_than, "<"), (younger_than, ">")):
            if bound is not None:
                place = to_key(order_key(bound.id, bound.time))
                conditions.append((f"{columns('e', CREATED)} {sign} (?, ?, ?, ?)", place))
        # A cross join is done from left to right: first the table that has few rows to offer.
        tables = ("reasons r", "entries e") if id is None else ("entries e", "reasons r")
        rows = self._database.read(
            f"SELECT {COLUMNS} FROM {' CROSS JOIN '.join(tables)} WHERE r.added = e.added AND "
            f"{' AND '.join(text for text, _ in conditions)} ORDER BY r.added",
            [value for _, values in conditions for value in values],
        )
        entries = [self._entry(row) for row in rows]
        if not entries:
            return []
        removed: list[Entry] = []
        with self._database.change() as execute:
            self._version += 1
            for entry in entries:
                meta = entry[1]
                meta.reasons.remove(reason)
                execute(DELETE_REASON, (reason, meta.added))
                if meta.reasons:
                    execute(
                        "UPDATE entries SET reasons = ? WHERE added = ?",
                        (reasons_json(meta), meta.added),
                    )
                else:
                    self._drop(execute, meta)
                    removed.append(entry)
        return removed

    def _drop(self, execute: Execute, meta: Meta) -> None:
        """Remove an entry whose reasons are removed already."""
        self._version += 1
        execute("DELETE FROM entries WHERE added = ?", (meta.added,))
        for index in meta.indexes or ():
            execute("DELETE FROM indexes WHERE name = ? AND added = ?", (index, meta.added))

    def entries(
        self, order: Order = "created", *, index: str | None = None, newest_first: bool = False
    ) -> Iterator[Entry]:
        if order not in ("created", "added"):
            raise ValueError(f"order is 'created' or 'added', not {order!r}")
        if index is None:
            return self._iterate(order, queries(order, None, newest_first))
        return self._iterate(order, queries(order, "indexes", newest_first), index)

    def entries_with_reason(self, reason: str) -> Iterator[Entry]:
        return self._iterate("added", queries("added", "reasons", False), reason)

    def _iterate(self, order: Order, queries: tuple[str, str], *names: str) -> Iterator[Entry]:
        """Read chunk after chunk, each from where the last entry was. What was read ahead is read
        again when it may have changed.
        """
        first, rest = queries
        place: tuple[Any, ...] = ()
        size = FIRST_CHUNK
        while True:
            rows: list[Row] = self._database.read(rest if place else first, (*names, *place, size))
            version = self._version
            for row in rows:
                place = row[2:6] if order == "created" else row[:1]
                yield self._entry(row)
                if version != self._version:
                    size = FIRST_CHUNK
                    break
            else:
                if len(rows) < size:
                    return
                size = min(2 * size, LARGEST_CHUNK)

    def _entry(self, row: Row) -> Entry:
        try:
            return from_row(row)
        except (TypeError, ValueError) as error:
            raise damaged(self._database.file, error) from error

    # What else is kept.

    def last_added(self) -> int:
        self._database.open()
        return self._last_added

    def last_synced(self) -> LastSynced:
        self._database.open()
        return self._last_synced

    def set_last_synced(self, *, sent: int | None = None, received: int | None = None) -> None:
        with self._database.change():
            last = self._last_synced
            self._last_synced = LastSynced(
                last.sent if sent is None else sent, last.received if received is None else received
            )
            self._counted = True

    def value(self, name: str) -> Any:
        rows = self._database.read("SELECT value FROM vals WHERE name = ?", (name,))
        try:
            return json.loads(rows[0][0]) if rows else None
        except ValueError as error:
            raise damaged(self._database.file, error) from error

    def set_value(self, name: str, value: Any) -> None:
        text = value_json(name, value)
        with self._database.change() as execute:
            if value is None:
                execute("DELETE FROM vals WHERE name = ?", (name,))
            else:
                execute("INSERT OR REPLACE INTO vals (name, value) VALUES (?, ?)", (name, text))

    def remember(self, id: str) -> bool:
        return self._remembered.add(id)

    def remembers(self, id: str) -> bool:
        return id in self._remembered

    def when_durable(self, callback: Callable[[], None]) -> None:
        self._database.when_durable(callback)

    def clean(self) -> None:
        with self._database.change() as execute:
            for table in ("entries", "reasons", "indexes"):
                execute(f"DELETE FROM {table}")
            execute("DELETE FROM vals WHERE name != ?", (OWNER,))
            self._remembered.clear(execute)
            self._last_added = 0
            self._last_synced = LastSynced(0, 0)
            self._counted = True
            self._version += 1


@cache
def queries(
    order: Order, names_table: Literal["indexes", "reasons"] | None, newest_first: bool
) -> tuple[str, str]:
    """The query of the first entries in an order, and of those that follow a place in it; all, or
    those with a name in a table. Their parameters are the name, the place, and how many.
    """
    table = "e" if names_table is None else "n"
    names = CREATED if order == "created" else ("added",)
    direction, sign = ("DESC", "<") if newest_first else ("ASC", ">")
    source, conditions = "entries e", []
    if names_table is not None:
        source = f"{names_table} n CROSS JOIN entries e ON e.added = n.added"
        conditions = ["n.name = ?"]
    after = f"{columns(table, names)} {sign} ({', '.join('?' * len(names))})"
    sorting = ", ".join(f"{table}.{name} {direction}" for name in names)

    def query(conditions: list[str]) -> str:
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"SELECT {COLUMNS} FROM {source} {where} ORDER BY {sorting} LIMIT ?"

    return query(conditions), query([*conditions, after])


def columns(table: str, names: tuple[str, ...]) -> str:
    return f"({', '.join(f'{table}.{name}' for name in names)})"
