"""The tables, and how an older file becomes a newer one.

    entries     an entry a row; `added` is the number that it was given. Its place in the order is
                (time, node, counter, ms), where `node` is the node id in an encoding whose bytes
                compare as JavaScript compares the text
    reasons     which entries have a reason
    indexes     which entries are listed under an index, with their place in the order
    counters    one row: the last number given, and what was synced
    vals        the values that the library keeps with a log, as JSON
    remembered  ids of processed actions, in the order in which they were remembered
    clients     whose they are: how many, and which client was heard of last

Invariant: a file has the tables of the version that its `user_version` says, whatever was killed
meanwhile; a file of a newer version, or of another program, is not touched.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from logux_adapters.sqlite.errors import StoreError

__all__ = ["MIGRATIONS", "check_version", "migrate"]

APPLICATION = int.from_bytes(b"Lgux")
"""Says in the file's header whose it is."""

VERSION_1 = (
    """
    CREATE TABLE entries (
        added INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        time INTEGER NOT NULL,
        node BLOB NOT NULL,
        counter INTEGER NOT NULL,
        ms INTEGER NOT NULL,
        action TEXT NOT NULL,
        reasons TEXT NOT NULL,
        meta TEXT
    )
    """,
    "CREATE UNIQUE INDEX created ON entries (time, node, counter, ms)",
    """
    CREATE TABLE reasons (
        name TEXT NOT NULL,
        added INTEGER NOT NULL,
        PRIMARY KEY (name, added)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE indexes (
        name TEXT NOT NULL,
        added INTEGER NOT NULL,
        time INTEGER NOT NULL,
        node BLOB NOT NULL,
        counter INTEGER NOT NULL,
        ms INTEGER NOT NULL,
        PRIMARY KEY (name, added)
    ) WITHOUT ROWID
    """,
    "CREATE UNIQUE INDEX indexes_created ON indexes (name, time, node, counter, ms)",
    """
    CREATE TABLE counters (
        added INTEGER NOT NULL,
        sent INTEGER NOT NULL,
        received INTEGER NOT NULL
    )
    """,
    "INSERT INTO counters VALUES (0, 0, 0)",
    "CREATE TABLE vals (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE remembered (
        number INTEGER PRIMARY KEY,
        client TEXT NOT NULL,
        id TEXT NOT NULL UNIQUE
    )
    """,
    "CREATE INDEX remembered_client ON remembered (client, number)",
    """
    CREATE TABLE clients (
        client TEXT PRIMARY KEY,
        ids INTEGER NOT NULL,
        heard INTEGER NOT NULL UNIQUE
    ) WITHOUT ROWID
    """,
)

MIGRATIONS: Sequence[Sequence[str]] = (VERSION_1,)
"""What makes version 1 of nothing, version 2 of version 1, and so on. What is here stays as it is:
there are files of that version.
"""


def check_version(
    connection: sqlite3.Connection, path: Path, migrations: Sequence[Sequence[str]] = MIGRATIONS
) -> int:
    """The version of a file, 0 for a new one. Raises StoreError if it is none that is known here,
    and sqlite3.Error if the file cannot be read.
    """
    ((version,),) = connection.execute("PRAGMA user_version")
    ((application,),) = connection.execute("PRAGMA application_id")
    ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_schema")
    if application != APPLICATION and (tables or version or application):
        raise StoreError(
            path, "is an SQLite file of another program", "choose another path for the log"
        )
    if version > len(migrations):
        raise StoreError(
            path,
            f"was written by a newer version of logux-store (its schema is {version}, "
            f"known here is {len(migrations)})",
            "update logux-store, or choose another path for the log",
        )
    return int(version)


def migrate(
    connection: sqlite3.Connection, path: Path, migrations: Sequence[Sequence[str]] = MIGRATIONS
) -> None:
    """Bring a file to the newest version, all at once or not at all. Raises as `check_version`."""
    if check_version(connection, path, migrations) == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Looked at again: only now can nobody else change it.
        version = check_version(connection, path, migrations)
        for step in migrations[version:]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
