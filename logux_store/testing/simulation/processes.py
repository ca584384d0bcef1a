"""Processes of a simulated world: each node runs in one, and what it has begun ends when it crashes.

All processes share one event loop in virtual time. The loop knows, for each callback, timer and
step of a task, which process began it: a context variable says so. What a dead process began is
dropped.

Invariant: after `crash` not one line of the process's code runs.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, ContextVar
from typing import Any, TypeVar
from weakref import WeakSet

from logux_store.testing.virtual import VirtualLoop

__all__ = ["Process", "SimulatedLoop"]

T = TypeVar("T")

START = 1_700_000_000_000
"""What a right clock shows when the world begins (ms)."""


class Process:
    """One run of a program on one machine. `name` is the machine's; `ahead` is what its clock is
    ahead of the right time, in milliseconds.
    """

    __slots__ = ("ahead", "alive", "loop", "name", "tasks")

    def __init__(self, loop: "SimulatedLoop", name: str, ahead: int = 0) -> None:
        self.loop = loop
        self.name = name
        self.ahead = ahead
        self.alive = True
        self.tasks: WeakSet[asyncio.Task[Any]] = WeakSet()

    def clock(self) -> int:
        """What the clock of the machine shows (ms)."""
        return START + round(self.loop.time() * 1000) + self.ahead

    def run(self, call: Callable[..., T], *args: Any) -> T:
        """Call something as this process."""
        token = _current.set(self)
        try:
            return call(*args)
        finally:
            _current.reset(token)

    def crash(self) -> None:
        """Let the process end between two steps."""
        self.alive = False
        self.loop.bury([*self.tasks])


_current: ContextVar[Process | None] = ContextVar("process", default=None)


class SimulatedLoop(VirtualLoop):
    """A loop in virtual time in which processes can die."""

    def __init__(self) -> None:
        super().__init__()
        self._buried: list[asyncio.Task[Any]] = []

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        process = _process(context)
        if process is None:
            return super().call_soon(callback, *args, context=context)
        return super().call_soon(_run, process, callback, args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        process = _process(context)
        if process is None:
            return super().call_at(when, callback, *args, context=context)
        return super().call_at(when, _run, process, callback, args, context=context)

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = super().create_task(coro, **options)
        process = _current.get()
        if process is not None:
            process.tasks.add(task)
        return task

    def bury(self, tasks: list[asyncio.Task[Any]]) -> None:
        """Nobody will step these tasks again. They are held, or their `finally` would run."""
        self._buried += tasks

    def close(self) -> None:
        super().close()
        for task in self._buried:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            coroutine: Any = task.get_coro()
            # What a dead program does at its end concerns nobody.
            with suppress(Exception):
                coroutine.close()
        self._buried = []


def _process(context: Context | None) -> Process | None:
    return _current.get() if context is None else context.get(_current)


def _run(process: Process, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
    if process.alive:
        callback(*args)
