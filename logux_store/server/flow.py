"""How an action goes through callbacks that may be plain or async, without a task for plain ones.

The steps of processing are coroutines. `Flow.start` runs such a coroutine at once, in the caller's
turn, until a callback gives something to wait for; only then the rest becomes a task. So an action
whose callbacks are plain functions is processed when `start` returns, and costs no task, while a
callback that waits runs in a task of its own from its first line on, as asyncio's timeouts and task
groups need it.

Invariant: what is awaited inside these coroutines goes through `Flow.settled` or `Flow.to_task`
first.
"""

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar, cast, overload

__all__ = ["Flow"]

T = TypeVar("T")


@coroutine
def _step_aside() -> Generator[None, None, None]:
    yield


class Flow:
    """Runs coroutines at once as far as they come, and keeps the tasks of those that wait."""

    __slots__ = ("_at_once", "tasks")

    def __init__(self) -> None:
        self._at_once = False
        self.tasks: set[asyncio.Task[None]] = set()

    def start(self, steps: Coroutine[Any, Any, None]) -> None:
        """Run `steps` now; if they have to wait for something, let a task do the rest."""
        outer, self._at_once = self._at_once, True
        try:
            steps.send(None)
        except StopIteration:
            return
        finally:
            self._at_once = outer
        # It was started already; its first step in the task goes on from there.
        self.spawn(steps)

    def spawn(self, steps: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `steps` in a task of their own, that is held until it is done."""
        task = asyncio.get_running_loop().create_task(steps)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def to_task(self) -> None:
        """Make sure that what follows runs in a task."""
        if self._at_once:
            await _step_aside()

    @overload
    async def settled(self, value: Awaitable[T]) -> T: ...

    @overload
    async def settled(self, value: T | Awaitable[T]) -> T: ...

    async def settled(self, value: T | Awaitable[T]) -> T:
        """The value, or what the awaitable gives; a coroutine that gives another, for want of an
        `await`, must not count as a yes.

        Raises RuntimeError for what somebody else than the server has cancelled: that concerns one
        action, not this task.
        """
        while hasattr(value, "__await__"):
            if self._at_once:
                await _step_aside()
            try:
                value = await cast(Awaitable[T], value)
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                raise RuntimeError("what a callback waited for was cancelled") from error
        return value
