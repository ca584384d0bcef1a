"""The file: who may open it, and when what was written is committed.

    nothing open --first use--> open --close--> nothing open
                                  | an error in writing
                                  v
                                broken, until it is taken over

While an event loop runs, everything that is written in one of its turns is one transaction, which
is committed in the next turn, before anything that was scheduled later. With no loop running each
change is committed at once.

Invariants: a change is written as a whole or not at all; what is read includes what is not yet
committed; `when_durable` calls back only after a commit that succeeded. When something that was
written cannot be committed, the program knows of things that the file does not; so from then on
every use is refused, until the program starts again from what the file has.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

from logux_adapters.sqlite.errors import StoreError, TakenOverError, describe
from logux_adapters.sqlite.generations import (
    Generation,
    connect,
    create,
    open_newest,
    set_owner,
    take_newest,
)
from logux_adapters.sqlite.schema import check_version, migrate

__all__ = ["Database", "Execute", "Synchronous"]

Execute: TypeAlias = Callable[..., sqlite3.Cursor]

Synchronous: TypeAlias = Literal["normal", "full"]

CHECKPOINT = 4000
"""After how many pages of 4 KB the write-ahead log is moved into the file, which waits for the
disk. Four times SQLite's own number: small commits rewrite the same few pages again and again.
"""


class Database:
    """A log's file, opened when it is needed. `opened(execute)` is called then, and
    `committing(execute)` in each transaction, as its last part.
    """

    __slots__ = (
        "_broken",
        "_callbacks",
        "_change",
        "_committing",
        "_connection",
        "_execute",
        "_generation",
        "_holds",
        "_opened",
        "_process",
        "_synchronous",
        "_turn",
        "file",
        "path",
    )

    def __init__(
        self,
        path: str | os.PathLike[str],
        synchronous: Synchronous,
        opened: Callable[[Execute], None],
        committing: Callable[[Execute], None],
    ) -> None:
        if synchronous not in ("normal", "full"):
            raise ValueError(f"synchronous is 'normal' or 'full', not {synchronous!r}")
        # Absolute, since it may be opened when the program's folder has changed. `file` is that
        # of the generation that was open last.
        self.path = self.file = Path(path).absolute()
        self._synchronous = synchronous
        self._opened = opened
        self._committing = committing
        self._connection: sqlite3.Connection | None = None
        self._generation: Generation | None = None
        self._holds: Callable[[], bool] = always
        self._process = 0
        self._execute: Execute = self._open_and_execute
        # The loop in whose turn the transaction was begun; None when there is no transaction.
        self._turn: object = None
        self._callbacks: list[Callable[[], None]] = []
        self._broken: BaseException | None = None
        self._change = Change(self)

    # Use.

    def open(self) -> None:
        """Open the file, unless it is open."""
        if self._connection is None:
            if self._broken is not None:
                self._refuse()
            self._open(open_newest)

    def read(self, sql: str, parameters: Iterable[Any] = ()) -> list[Any]:
        """All rows of a query."""
        try:
            return self._execute(sql, parameters).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise describe(self.file, error) from error
        except UnicodeEncodeError:
            # Half a character, as can be in the action of another: SQLite has no such text.
            return []

    def change(self) -> "Change":
        """What is written within this context is one change; it gives the function to write with.

        Everything that can go wrong with the values has to be found out before.
        """
        return self._change

    def when_durable(self, callback: Callable[[], None]) -> None:
        """Call back when all that was written so far is committed: now, if it is."""
        if self._broken is not None:
            self._refuse()
        if self._turn is not None and self._turn is not running_loop():
            # That loop was stopped before it came to commit.
            self.commit()
        if self._turn is None:
            callback()
        else:
            self._callbacks.append(callback)

    def commit(self) -> None:
        """Commit what was written, if anything was, and call back who waits for that.

        Raises StoreError when it cannot be committed, and what the callbacks raise when all were
        called.
        """
        if self._turn is None:
            return
        self._check_process()
        try:
            self._committing(self._execute)
            if not self._holds():
                raise TakenOverError(self.file)
            self._execute("COMMIT")
            if self._generation is None or self._generation.is_superseded():
                # Perhaps it was taken over since: let whoever is asked read it once more.
                self._holds()
                raise TakenOverError(self.file)
        except sqlite3.Error as error:
            self._break(error)
            raise describe(self.file, error) from error
        except BaseException as error:
            self._break(error)
            raise
        self._turn = None
        callbacks, self._callbacks = self._callbacks, []
        errors: list[Exception] = []
        for callback in callbacks:
            try:
                callback()
            except Exception as error:  # noqa: BLE001 - raised below, when all were called
                errors.append(error)
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise ExceptionGroup("several callbacks raised", errors)

    def _commit_turn(self) -> None:
        watched = self._holds is not always
        try:
            self.commit()
        except TakenOverError:
            # Who is asked whether it holds the log knows what to do when it does not.
            if not watched:
                raise

    def close(self) -> None:
        """Commit, and let go of the file; the next use opens it again. Nothing happens if it is not
        open.
        """
        try:
            if self._broken is None:
                self.commit()
        finally:
            self._close()

    # One change.

    def begin(self) -> Execute:
        """Begin a change: in the transaction of this turn of the loop, or in one of its own."""
        loop = running_loop()
        if self._turn is not None and self._turn is not loop:
            self.commit()
        if self._turn is None:
            self._check_process()
            try:
                self._execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                raise describe(self.file, error) from error
            if loop is None:
                self._turn = NO_LOOP
            else:
                self._turn = loop
                loop.call_soon(self._commit_turn)
        return self._execute

    def _check_process(self) -> None:
        """Refuse to write what the process that this one was forked from has open."""
        if self._connection is not None and self._process != os.getpid():
            raise StoreError(
                self.file,
                "is still open in the process that this one was forked from",
                "write in one of the two only, or use the log for the first time after forking",
            )

    def end(self, written: int, error: BaseException | None) -> None:
        """End a change that began when `written` rows had been written."""
        connection = self._connection
        assert connection is not None
        if error is not None and (
            connection.total_changes != written or not connection.in_transaction
        ):
            # It may be half written, or what was written before it is lost.
            self._break(error)
        elif self._turn is NO_LOOP:
            self.commit()
        if isinstance(error, sqlite3.Error | UnicodeDecodeError):
            raise describe(self.file, error) from error

    @property
    def written(self) -> int:
        """How many rows were written since the file was opened."""
        return 0 if self._connection is None else self._connection.total_changes

    # Opening and closing.

    def take_over(self, holds: Callable[[], bool], owner: str) -> None:
        """Open the file for `owner`, also if another process of this owner has it; that one can
        commit nothing any more. Raises StoreError if somebody else has it.

        This object can commit as long as `holds` gives True. That another has taken over is then
        told to nobody but by `holds`, and by the error that each further use raises.
        """
        self._close()
        self._broken = None
        self._open(partial(take_newest, owner=owner, holds=holds), owner)
        self._holds = holds

    def _open_and_execute(self, sql: str, parameters: Iterable[Any] = ()) -> sqlite3.Cursor:
        """Stands for the connection's `execute` until there is a connection."""
        self.open()
        return self._execute(sql, parameters)

    def _open(self, choose: Callable[[Path], Generation], owner: str | None = None) -> None:
        try:
            # Before anything else: SQLite's locks are lost when this process closes the file
            # otherwise than through the connection that has them.
            self._generation = choose(self.path)
            self._generation.tidy()
            self.file = self._generation.file
            create(self.file)
            connection = self._connection = connect(self.file)
            check_version(connection, self.file)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
            migrate(connection, self.file)
            set_owner(connection, owner)
            self._opened(connection.execute)
        except BaseException as error:
            self._close()
            if isinstance(error, sqlite3.Error | OSError | UnicodeDecodeError):
                raise describe(self.file, error) from error
            raise
        self._execute = connection.execute
        self._process = os.getpid()

    def _close(self) -> None:
        self._execute = self._open_and_execute
        self._turn = None
        self._callbacks = []
        self._holds = always
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._generation is not None:
            self._generation.release()
            self._generation = None

    # Errors.

    def _break(self, error: BaseException) -> None:
        """Take back the transaction, and refuse any further use."""
        self._broken = error
        self._close()

    def _refuse(self) -> None:
        error = self._broken
        raise StoreError(
            self.file,
            f"could not be written before ({error})",
            "it has all that was acknowledged; start the program again to go on from there",
        ) from error


class Change:
    """The context of a change."""

    __slots__ = ("_database", "_written")

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written = 0

    def __enter__(self) -> Execute:
        execute = self._database.begin()
        self._written = self._database.written
        return execute

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        self._database.end(self._written, error)


NO_LOOP = object()
"""Stands for the loop when none is running."""


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The loop that is running in this thread."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def always() -> bool:
    """Nobody else can become the owner of a log that was not taken over for somebody."""
    return True
