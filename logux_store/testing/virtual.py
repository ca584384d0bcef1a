"""Time that passes when there is nothing else to do, so that a test of minutes takes milliseconds
and gives the same result each time.

A virtual loop has no sockets and no threads: whoever waits, waits for another coroutine or for a
timer. When nothing is ready its time jumps to the next timer.
"""

import asyncio
import linecache
import selectors
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

__all__ = ["VirtualClock", "VirtualLoop", "run_virtual", "virtual_time"]

P = ParamSpec("P")
T = TypeVar("T")


class Jumping(selectors.SelectSelector):
    """Lets time pass instead of waiting; `waiting` tells who waits where."""

    def __init__(self, waiting: Callable[[], str]) -> None:
        super().__init__()
        self.time = 0.0
        self.waiting = waiting

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError(
                "nothing can ever happen: every coroutine waits, and no timer is running\n"
                + self.waiting()
            )
        self.time += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time; `time()` begins at 0 seconds."""

    def __init__(self) -> None:
        self._jumping = Jumping(self._waiting)
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

    def run_until_complete(self, future: Any) -> Any:
        try:
            return super().run_until_complete(future)
        except RuntimeError:
            if self.ended_by is not None:
                raise self.ended_by from None
            raise

    def _waiting(self) -> str:
        """The lines at which the coroutines wait, those of the test among them."""
        frames = [frame for task in asyncio.all_tasks(self) for frame in task.get_stack()]
        places = [(f.f_code.co_filename, f.f_lineno, f.f_code.co_name) for f in frames]
        return "\n".join(
            f"  {file}:{line}, in {name}: {linecache.getline(file, line).strip()}"
            for file, line, name in sorted(places)
        )


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
        return runner.run(coroutine)


def virtual_time(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Decorate a coroutine function, such as a test, to run in virtual time:

        @virtual_time
        async def test_a_day_passes(logux_server):
            await asyncio.sleep(86400)

    What it gives is a plain function, with the same arguments; see `run_virtual`.
    """

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return run_virtual(test(*args, **kwargs))

    return run
