"""Processes of a simulated world: each node runs in one, and what it began ends when it crashes.

All processes share one event loop in virtual time. The loop knows, for each callback, timer and
step of a task, which process began it: a context variable says so. What a dead process began is
dropped.

A process can also be stopped for a while, as by SIGSTOP or the lid of a laptop: what should have
happened meanwhile happens, in order, when it goes on.

Invariant: after `crash` not one line of the process's code runs, and none while it is stopped.
"""

import asyncio
import warnings
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar
from weakref import WeakSet

from logux_store.testing.virtual import VirtualLoop

__all__ = ["Process", "SimulatedLoop", "right_time"]

T = TypeVar("T")

START = 1_700_000_000_000
"""What a right clock shows when the world begins (ms)."""


def right_time(loop: asyncio.AbstractEventLoop) -> int:
    """What a right clock shows (ms)."""
    return START + round(loop.time() * 1000)


class Process:
    """One run of a program on one machine. `name` is the machine's; `ahead` is what its clock is
    ahead of the right time, in milliseconds.
    """

    __slots__ = ("_held_up", "ahead", "alive", "loop", "name", "stopped", "tasks")

    def __init__(self, loop: "SimulatedLoop", name: str, ahead: int = 0) -> None:
        self.loop = loop
        self.name = name
        self.ahead = ahead
        self.alive = True
        self.tasks: WeakSet[asyncio.Task[Any]] = WeakSet()
        self.stopped = False
        self._held_up: list[tuple[Context, Callable[..., object], tuple[Any, ...]]] = []

    def __repr__(self) -> str:
        return f"<Process {self.name}>"

    def clock(self) -> int:
        """What the clock of the machine shows (ms)."""
        return right_time(self.loop) + self.ahead

    def run(self, call: Callable[..., T], *args: Any) -> T:
        """Call something as this process."""
        token = _current.set(self)
        try:
            return call(*args)
        finally:
            _current.reset(token)

    def step(self, call: Callable[..., object], *args: Any) -> None:
        """Something that the process has waited for happens: now, or when it goes on."""
        if self.stopped:
            self._held_up.append((copy_context(), call, args))
        elif self.alive:
            call(*args)

    def stop(self) -> None:
        """Let no code of the process run until `go_on`."""
        self.stopped = True

    def go_on(self) -> None:
        """Let happen what was held up."""
        self.stopped = False
        held_up, self._held_up = self._held_up, []
        for context, call, args in held_up:
            self.loop.call_soon(call, *args, context=context)

    def crash(self) -> None:
        """Let the process end between two steps."""
        self.alive = False
        self.loop.bury([*self.tasks])


_current: ContextVar[Process | None] = ContextVar("process", default=None)


class Step:
    """Something that a process has asked its loop for, and may take back as long as it has not
    happened to it, even if its time has come.
    """

    __slots__ = ("args", "callback", "handle", "process")

    def __init__(
        self, process: Process, callback: Callable[..., object], args: tuple[Any, ...]
    ) -> None:
        self.process = process
        self.callback = callback
        self.args = args
        self.handle: asyncio.Handle | None = None

    def __call__(self) -> None:
        self.process.step(self._happen)

    def _happen(self) -> None:
        handle, self.handle = self.handle, None
        if handle is not None and not handle.cancelled():
            self.callback(*self.args)


class SimulatedLoop(VirtualLoop):
    """A loop in virtual time in which processes can die."""

    def __init__(self) -> None:
        super().__init__()
        self._buried: list[asyncio.Task[Any]] = []

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        process = _process(context)
        if process is None:
            return super().call_soon(callback, *args, context=context)
        step = Step(process, callback, args)
        step.handle = super().call_soon(step, context=context)
        return step.handle

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        process = _process(context)
        if process is None:
            return super().call_at(when, callback, *args, context=context)
        step = Step(process, callback, args)
        step.handle = timer = super().call_at(when, step, context=context)
        return timer

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
        with warnings.catch_warnings():
            # It may have died between making a coroutine and awaiting it.
            warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
            for task in self._buried:
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                coroutine: Any = task.get_coro()
                # What a dead program does at its end concerns nobody.
                with suppress(Exception):
                    coroutine.close()
        self._buried = []


def _process(context: Context | None) -> Process | None:
    return _current.get() if context is None else context.get(_current)
