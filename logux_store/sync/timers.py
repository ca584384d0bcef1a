"""The two timers of a node: how long an answer may take, and when to ask whether anybody is there.

Each is one timer of the running loop at most, however many messages pass: it is not moved at every
message, but looks, when it goes off, whether it was meant. Without a duration nothing is scheduled
and no loop is needed. A cleared timer does not go off.
"""

import asyncio
from collections.abc import Callable
from time import monotonic

__all__ = ["Deadlines", "Idle"]


class Deadlines:
    """Answers that are awaited, the oldest first, each within `seconds` of its `start`; `expired`
    is called, once, when one does not come, and all are forgotten then.
    """

    __slots__ = ("_due", "_expired", "_seconds", "_time", "_timer")

    def __init__(self, seconds: float | None, expired: Callable[[], None]) -> None:
        self._seconds = seconds
        self._expired = expired
        # Seldom more than a few: a list is a tenth of an empty deque.
        self._due: list[float] = []
        self._timer: asyncio.TimerHandle | None = None
        # The clock of the loop that the timer belongs to.
        self._time: Callable[[], float]

    def start(self) -> None:
        """Await one more answer."""
        if self._seconds is None:
            return
        if self._timer is not None:
            due = self._time() + self._seconds
        else:
            loop = asyncio.get_running_loop()
            self._time = clock_of(loop)
            due = loop.time() + self._seconds
            self._timer = loop.call_at(due, self._check)
        self._due.append(due)

    def end(self) -> None:
        """The answer that was awaited longest has come."""
        if self._due:
            del self._due[0]

    def clear(self) -> None:
        """Await nothing any more."""
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        timer, self._timer = self._timer, None
        if not self._due or timer is None:
            return
        if self._due[0] > timer.when():
            self._timer = asyncio.get_running_loop().call_at(self._due[0], self._check)
            return
        self.clear()
        self._expired()


class Idle:
    """Calls `quiet` whenever `seconds` have passed since the last `touch`."""

    __slots__ = ("_last", "_quiet", "_seconds", "_time", "_timer")

    def __init__(self, seconds: float | None, quiet: Callable[[], None]) -> None:
        self._seconds = seconds
        self._quiet = quiet
        self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None
        # The clock of the loop that the timer belongs to.
        self._time: Callable[[], float]

    def touch(self) -> None:
        """Something has happened now."""
        if self._timer is not None:
            self._last = self._time()
        elif self._seconds is not None:
            loop = asyncio.get_running_loop()
            self._time = clock_of(loop)
            self._last = loop.time()
            self._timer = loop.call_at(self._last + self._seconds, self._check)

    def clear(self) -> None:
        """Stop until the next `touch`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        timer, self._timer = self._timer, None
        if timer is None or self._seconds is None:
            return
        due = self._last + self._seconds
        quiet = due <= timer.when()
        if quiet:
            self._last = due = timer.when()
            due += self._seconds
        self._timer = asyncio.get_running_loop().call_at(due, self._check)
        if quiet:
            self._quiet()


def clock_of(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """The loop's clock. It is read three times for each message; asyncio's own loops look at this
    one by a method, which takes three times as long.
    """
    return monotonic if type(loop).time is asyncio.BaseEventLoop.time else loop.time
