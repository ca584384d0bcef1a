"""What can go wrong with the file, in words that say what to do about it.

Touches no file. Every error of SQLite that leaves this package is a `StoreError`.
"""

import errno
import sqlite3
from pathlib import Path

__all__ = ["StoreError", "TakenOverError", "damaged", "describe"]


class StoreError(Exception):
    """The log's file cannot be used, or could not be written.

    `path` is the file, `problem` what is wrong with it, `advice` the way out. The cause, an error
    of SQLite where there is one, is in `__cause__`.
    """

    def __init__(self, path: Path, problem: str, advice: str) -> None:
        super().__init__(f"{path} {problem}; {advice}")
        self.path = path
        self.problem = problem
        self.advice = advice

    def __reduce__(self) -> tuple[type["StoreError"], tuple[Path, str, str]]:
        return type(self), (self.path, self.problem, self.advice)


class TakenOverError(StoreError):
    """Another process has the log now."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path,
            "was taken over by another process",
            "what was not acknowledged before has to be done again, there or in a new run",
        )

    def __reduce__(self) -> tuple[type["TakenOverError"], tuple[Path]]:  # type: ignore[override]
        return type(self), (self.path,)


IN_USE = (
    "is in use by another process",
    "one process at a time may have a log open: end the other one, or give each its own path",
)
DAMAGED = (
    "is damaged, or is no log",
    "move it away, together with the files whose names go on with -wal and -shm, and start again: "
    "what the server has comes back from there",
)
READ_ONLY = (
    "cannot be written",
    "this user needs the right to write the file, those whose names go on with -wal and -shm, and "
    "the folder that they are in",
)
UNREACHABLE = (
    "cannot be opened",
    "its folder must exist, and this user needs the right to read and write in it",
)
FULL = (
    "cannot grow, because the disk is full",
    "free some space and start the program again",
)
BROKEN_DISK = (
    "cannot be read or written",
    "see what the system's log says of the disk, and start the program again",
)
OTHER = ("cannot be used", "start the program again; if that does not help, move the file away")

_BY_CODE = {
    sqlite3.SQLITE_BUSY: IN_USE,
    sqlite3.SQLITE_LOCKED: IN_USE,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_PERM: READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: UNREACHABLE,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_IOERR: BROKEN_DISK,
}


def describe(path: Path, error: BaseException) -> StoreError:
    """The StoreError that says what an error means for the file at `path`."""
    # Codes are extended with details in the higher bits; an error that Python's module raises by
    # itself has none.
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if isinstance(error, OSError):
        problem, advice = FULL if error.errno == errno.ENOSPC else UNREACHABLE
    elif isinstance(error, UnicodeDecodeError):
        problem, advice = DAMAGED
    elif code is None:
        # A text that is none is all that makes the module say that the operation has failed.
        problem, advice = DAMAGED if isinstance(error, sqlite3.OperationalError) else OTHER
    else:
        problem, advice = _BY_CODE.get(code & 0xFF, OTHER)
    return StoreError(path, f"{problem} ({error})", advice)


def damaged(path: Path, error: Exception) -> StoreError:
    """The StoreError for a file whose content makes no sense."""
    problem, advice = DAMAGED
    return StoreError(path, f"{problem} ({error})", advice)
