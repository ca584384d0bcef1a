"""Which file the log is in, and whose it is.

    log.sqlite3            the first generation
    log.sqlite3.2          the second: a copy, made by whoever took the log over from a process that
                           had the first open and did not answer
    log.sqlite3.2-copy     the second, before it is complete
    log.sqlite3.2-lock     locked by whoever has the second open, or makes it

A lock that a stopped process has on an SQLite file cannot be taken away, not even from the file's
content, which it may be about to change. So who takes over goes on with a copy, and what the other
one commits from then on it commits to a file that is no more. It finds out by looking, after each
commit, for a newer generation.

The locks are SQLite's own, on files that stay empty: they work on every system, and the operating
system frees them when their holder ends, however it ends.

Among the values of the log is the name of its owner, of whom several processes may act for one
another. From any other process that lives the log is not taken.

Invariants: the newest complete generation is the log; a file is read or written only by whoever has
its lock, but for the copying of it, and for looking who owns it; what was committed before a copy
was begun is in the copy, and what was committed afterwards is noticed by `is_superseded`.
"""

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from logux_adapters.sqlite.errors import StoreError, TakenOverError

__all__ = ["OWNER", "Generation", "connect", "create", "open_newest", "set_owner", "take_newest"]

OWNER = "owner"
"""The name of the value that says who has the log."""

PATIENCE = 1.0
"""Seconds to wait for a lock: one whose holder was just killed is free after milliseconds."""

SHORT_PATIENCE = 0.1
"""The same when the log is to be taken over from a holder that lives."""


class Generation:
    """The `number`th file of the log that began at `path`."""

    __slots__ = ("_draft", "_draft_text", "_lock", "_next", "_next_text", "_path", "file", "number")

    def __init__(self, path: Path, number: int) -> None:
        self._path = path
        self.number = number
        self.file = path if number == 1 else path.with_name(f"{path.name}.{number}")
        self._next = path.with_name(f"{path.name}.{number + 1}")
        self._draft = Path(f"{self._next}-copy")
        # Looked for at each commit, where making texts of paths would take most of the time.
        self._draft_text, self._next_text = str(self._draft), str(self._next)
        self._lock: sqlite3.Connection | None = None

    def acquire(self, patience: float) -> None:
        """Lock it. Raises sqlite3.OperationalError if another has it."""
        file = Path(f"{self.file}-lock")
        # Who could open it could lock it, too.
        create(file)
        lock = connect(file, patience)
        try:
            # Nothing is written, so a journal would only be one more file.
            lock.execute("PRAGMA journal_mode = MEMORY")
            lock.execute("BEGIN EXCLUSIVE")
        except BaseException:
            lock.close()
            raise
        self._lock = lock

    def release(self) -> None:
        """Unlock it, if it is locked."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def is_superseded(self) -> bool:
        """Whether another process has taken over, or is about to."""
        # In this order, since a draft becomes a generation by being renamed.
        return os.path.exists(self._draft_text) or os.path.exists(self._next_text)

    def copy(self, holds: Callable[[], bool]) -> "Generation":
        """The next generation, locked: all that is committed in this one.

        Raises TakenOverError when `holds` gives False: this process may have been stopped as well.
        """
        following = Generation(self._path, self.number + 1)
        following.acquire(SHORT_PATIENCE)
        try:
            if not holds():
                raise TakenOverError(self.file)
            # From here on whatever the owner of this generation commits it does not acknowledge.
            self._draft.unlink(missing_ok=True)
            create(self._draft)
            source, target = connect(self.file, SHORT_PATIENCE), connect(self._draft, 0)
            try:
                source.backup(target)
            finally:
                source.close()
                target.close()
            # To be written, since Windows lets nobody else wait for the disk.
            with open(self._draft, "r+b") as file:
                os.fsync(file.fileno())
            if not holds():
                raise TakenOverError(self.file)
            self._draft.rename(self._next)
        except BaseException:
            self._draft.unlink(missing_ok=True)
            following.release()
            raise
        return following

    def tidy(self) -> None:
        """Remove former generations that nobody has open any more, and a next one that was begun
        and never completed.
        """
        if self._draft.exists():
            self._remove(self.number + 1, self._draft)
        for number in numbers(self._path):
            if number < self.number:
                file = Generation(self._path, number).file
                ends = ("-wal", "-shm", "", "-lock")
                self._remove(number, *(Path(f"{file}{end}") for end in ends))

    def _remove(self, number: int, *files: Path) -> None:
        other = Generation(self._path, number)
        with suppress(sqlite3.OperationalError):
            other.acquire(0)
        if other._lock is not None:
            for file in files:
                # Windows does not remove the lock, which is open; it is in nobody's way.
                with suppress(PermissionError):
                    file.unlink(missing_ok=True)
            other.release()


def open_newest(path: Path) -> Generation:
    """The newest generation, locked. Raises sqlite3.OperationalError if another process has it."""
    while True:
        generation = newest(path)
        generation.acquire(PATIENCE)
        if generation.number == newest(path).number:
            return generation
        generation.release()


def take_newest(path: Path, owner: str, holds: Callable[[], bool]) -> Generation:
    """The same, but from another process of this owner it is taken over, as long as `holds` gives
    True. Raises StoreError if it is somebody else's.
    """
    while True:
        generation = newest(path)
        try:
            generation.acquire(SHORT_PATIENCE)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            other = owner_of(generation.file)
            if other is None:
                raise
            if other != owner:
                raise StoreError(
                    path,
                    f"is in use by the tabs of another user ({other})",
                    "end those, or give each user its own path",
                ) from error
            return generation.copy(holds)
        if generation.number == newest(path).number:
            return generation
        generation.release()


def owner_of(file: Path) -> str | None:
    """Who has the log, which is another process's; None if nobody is named, as while it is made, or
    if that cannot be seen.
    """
    # Not made if it is not there.
    uri = f"{file.as_uri()}?mode=rw"
    with (
        suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(uri, uri=True, timeout=SHORT_PATIENCE)) as reader,
    ):
        for (name,) in reader.execute("SELECT value FROM vals WHERE name = ?", (OWNER,)):
            return str(json.loads(name))
    return None


def set_owner(connection: sqlite3.Connection, owner: str | None) -> None:
    """Name the owner of a log that is open, or nobody."""
    if owner is None:
        connection.execute("DELETE FROM vals WHERE name = ?", (OWNER,))
    else:
        connection.execute(
            "INSERT OR REPLACE INTO vals (name, value) VALUES (?, ?)", (OWNER, json.dumps(owner))
        )


def newest(path: Path) -> Generation:
    """The generation with the highest number; the first if there is none."""
    return Generation(path, max(numbers(path), default=1))


def numbers(path: Path) -> list[int]:
    """The numbers of the generations that are there."""
    start = f"{path.name}."
    found = [name[len(start) :] for name in os.listdir(path.parent) if name.startswith(start)]
    return [1] * path.exists() + [int(rest) for rest in found if rest.isdecimal()]


def create(file: Path) -> None:
    """Make an empty file that only this user can read, unless it is there."""
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def connect(file: Path, patience: float = PATIENCE) -> sqlite3.Connection:
    """A connection that begins transactions only when told to."""
    return sqlite3.connect(file, timeout=patience, isolation_level=None, cached_statements=100)
