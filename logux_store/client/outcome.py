"""What became of an action that was sent to the server.

An `Outcome` can be awaited, by any number of tasks or by none, before or after it is decided, and
needs no running event loop until somebody awaits it. An undone action that nobody awaits is no
error: the undo itself is in the log.

Invariant: an outcome is decided once and does not change afterwards.
"""

import asyncio
from collections.abc import Generator
from typing import Any

from logux_store.meta import Meta

__all__ = ["Outcome", "Outcomes"]


class Outcome:
    """`await outcome` gives the meta of the server's `logux/processed`, or raises `UndoError`.

    `id` is the action's id.
    """

    __slots__ = ("_error", "_meta", "_waiting", "id")

    def __init__(self, id: str) -> None:
        self.id = id
        self._meta: Meta | None = None
        self._error: Exception | None = None
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def done(self) -> bool:
        """Whether the outcome is known."""
        return self._meta is not None or self._error is not None

    def result(self) -> Meta:
        """The meta of the answer; raises the error of an undone action, `asyncio.InvalidStateError`
        while the outcome is open.
        """
        if self._error is not None:
            raise self._error
        if self._meta is None:
            raise asyncio.InvalidStateError(f"the outcome of the action {self.id!r} is still open")
        return self._meta

    def decide(self, result: Meta | Exception) -> None:
        """Settle the outcome, unless it is settled already."""
        if self.done:
            return
        if isinstance(result, Exception):
            self._error = result
        else:
            self._meta = result
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    def __await__(self) -> Generator[Any, None, Meta]:
        if not self.done:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            try:
                yield from future
            finally:
                if future in self._waiting:
                    self._waiting.remove(future)
        return self.result()

    def __repr__(self) -> str:
        state = "open" if not self.done else "undone" if self._error else "processed"
        return f"<Outcome of {self.id!r}: {state}>"


class Outcomes:
    """The open outcomes of one client, by action id."""

    __slots__ = ("_failed", "_open")

    def __init__(self) -> None:
        self._open: dict[str, Outcome] = {}
        # Why there will be no answers any more.
        self._failed: Exception | None = None

    def track(self, id: str) -> Outcome:
        """The outcome of the action with this id: the open one, or a new one."""
        outcome = self._open.get(id)
        if outcome is None:
            outcome = Outcome(id)
            if self._failed is None:
                self._open[id] = outcome
            else:
                outcome.decide(self._failed)
        return outcome

    def open_ids(self) -> list[str]:
        """The ids of the actions whose outcomes are still open."""
        return [*self._open]

    def decide(self, id: str, result: Meta | Exception) -> None:
        """Settle the outcome of an action, if anybody asked for it."""
        outcome = self._open.pop(id, None)
        if outcome is not None:
            outcome.decide(result)

    def forget(self, outcome: Outcome) -> None:
        """Track an outcome no longer, because the caller was told of an error instead."""
        self._open.pop(outcome.id, None)

    def fail_all(self, error: Exception) -> None:
        """Settle all that are open, and all that are asked for later, with an error."""
        self._failed = error
        while self._open:
            self._open.popitem()[1].decide(error)
