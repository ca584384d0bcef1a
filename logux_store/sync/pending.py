"""Values that may have to be waited for: what a callback gives, or promises.

Invariants: nothing that was begun before `clear` goes on after it; a task is held until it is done,
and what it raises is always handled; with values that are there at once no event loop is needed.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

__all__ = ["Pending"]

T = TypeVar("T")


class Pending:
    """What one node waits for on one connection. `failed` gets what a callback raises."""

    __slots__ = ("_failed", "_round", "_tasks")

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        self._failed = failed
        self._tasks: set[asyncio.Future[Any]] = set()
        self._round = 0

    def resolve(self, call: Callable[[], T | Awaitable[T]], then: Callable[[T], None]) -> None:
        """Go on with what `call` gives: now, or when it has come, unless `clear` comes first."""
        round = self._round
        try:
            value = call()
        except Exception as error:  # noqa: BLE001 - handled by the owner
            self._failed(error)
            return
        if inspect.isawaitable(value):
            task = asyncio.ensure_future(value, loop=asyncio.get_running_loop())
            self._tasks.add(task)
            task.add_done_callback(partial(self._done, then))
        elif round == self._round:
            then(value)

    def clear(self) -> None:
        """Wait for nothing any more; what is under way is cancelled."""
        self._round += 1
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()

    def _done(self, then: Callable[[Any], None], task: asyncio.Future[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if task not in self._tasks:
            return
        self._tasks.discard(task)
        if isinstance(error, Exception):
            self._failed(error)
        elif not task.cancelled():
            then(task.result())
