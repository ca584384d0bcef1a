"""Time that passes when there is nothing else to do, so that a test of minutes takes milliseconds
and gives the same result each time.

A virtual loop has no sockets and no threads: whoever waits, waits for another coroutine or for a
timer. When nothing is ready its time jumps to the next timer.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["VirtualClock", "VirtualLoop", "run_virtual"]

T = TypeVar("T")


class Jumping(selectors.SelectSelector):
    """Lets time pass instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError(
                "nothing can ever happen: every coroutine waits, and no timer is running"
            )
        self.time += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time; `time()` begins at 0 seconds."""

    def __init__(self) -> None:
        self._jumping = Jumping()
        self.ended_by: BaseException | None = None
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.time

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Report an error as any loop does, but end the run for what is no `Exception`: a test's
        time is up in whatever callback happens to run then, and virtual time would go on for ever.
        """
        error = context.get("exception")
        if isinstance(error, BaseException) and not isinstance(error, Exception):
            self.ended_by = error
            self.stop()
        else:
            super().call_exception_handler(context)


class VirtualClock:
    """A wall clock in milliseconds that follows the running loop.

    `start` is what it shows when the loop begins, and without a running loop. Clocks with different
    starts are wrong by the difference.
    """

    def __init__(self, start: int = 1_700_000_000_000) -> None:
        self.start = start

    def __call__(self) -> int:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return self.start
        return self.start + round(loop.time() * 1000)


def run_virtual(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time, and return what it returns.

    Raises RuntimeError when nothing can ever happen any more. What is still running when the
    coroutine has ended is cancelled.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        try:
            return runner.run(coroutine)
        except RuntimeError:
            if isinstance(loop, VirtualLoop) and loop.ended_by is not None:
                raise loop.ended_by from None
            raise
