"""Two connections in one process, for tests and for nodes that live side by side.

Messages are written and read on the way, as on a socket, so the two sides never share an object.

Invariants: what happens on one side reaches the other in order, and never before the function that
caused it has returned; what was sent before a disconnection arrives before it does; nothing of an
ended connection arrives in the next one.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from logux_store.events import Emitter, Listener, Unbind, raise_all
from logux_store.sync.connection import EVENTS
from logux_store.sync.messages import Message, decode, encode

__all__ = ["LocalConnection", "LocalPair"]


class LocalConnection:
    """One side of a `LocalPair`."""

    __slots__ = ("_connecting", "_events", "_number", "_pair", "connected")

    def __init__(self, pair: "LocalPair") -> None:
        self._pair = pair
        self._events = Emitter()
        self._connecting = False
        # Counts what this side has begun and ended, so that what is on its way can be told apart.
        self._number = 0
        self.connected = False

    def on(self, event: str, listener: Listener) -> Unbind:
        if event not in EVENTS:
            raise ValueError(f"a connection has the events {', '.join(EVENTS)}; not {event!r}")
        return self._events.on(event, listener)

    def connect(self) -> None:
        """Connect both sides; one call is enough."""
        if self.connected or self._connecting:
            return
        self._connecting = True
        number = self._number
        self._pair.later(lambda: self._open(number))
        self._events.emit("connecting")

    def _open(self, number: int) -> None:
        if not self._connecting or number != self._number:
            return
        both = (self._pair.other(self), self)
        for side in both:
            side.connected = True
            side._connecting = False
            side._number += 1
        # The side that is asked must be ready before the other asks.
        raise_all([error for side in both for error in side._events.collect("connect")])

    def disconnect(self, reason: str = "user") -> None:
        if self.connected:
            other = self._pair.other(self)
            number = other._number
            self._pair.later(lambda: other.end(number, "closed"))
        self.end(self._number, reason)

    def end(self, number: int, reason: str) -> None:
        """This side's part of the connection with this number is over."""
        if number != self._number or not (self.connected or self._connecting):
            return
        self.connected = self._connecting = False
        self._number += 1
        self._events.emit("disconnect", reason)

    def destroy(self) -> None:
        self.disconnect("destroy")

    def send(self, message: Message) -> None:
        if self.connected:
            text = encode(message)
            other = self._pair.other(self)
            number = other._number
            self._pair.later(lambda: other._receive(number, text))

    def _receive(self, number: int, text: str) -> None:
        if self.connected and number == self._number:
            self._events.emit("message", decode(text))


class LocalPair:
    """Two sides, `left` and `right`, of one connection.

    With an event loop running, what one side sends reaches the other `delay` seconds later. With
    none it waits until `deliver` or `step` is called.
    """

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay
        self.left = LocalConnection(self)
        self.right = LocalConnection(self)
        self._queue: deque[Callable[[], None]] = deque()

    def other(self, side: LocalConnection) -> LocalConnection:
        """The side across from this one."""
        return self.right if side is self.left else self.left

    def later(self, event: Callable[[], None]) -> None:
        """Let `event` happen after all that is on its way already."""
        self._queue.append(event)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        # Timers of one moment go off in any order, so each lets happen what is first in the queue.
        loop.call_later(self.delay, self.step)

    def step(self) -> bool:
        """Let the next thing on its way arrive now; False if there was none."""
        if not self._queue:
            return False
        self._queue.popleft()()
        return True

    def deliver(self) -> None:
        """Let everything arrive that is on its way, and what follows from it, until all is quiet.

        Raises afterwards what listeners raised meanwhile.
        """
        errors: list[Exception] = []
        while self._queue:
            try:
                self.step()
            except Exception as error:  # noqa: BLE001 - raised below, when all is quiet
                errors.append(error)
        raise_all(errors)

    def cut(self) -> None:
        """Break the connection: both sides notice it now, and all that is on its way is lost."""
        errors: list[Exception] = []
        for side in (self.left, self.right):
            try:
                side.end(side._number, "closed")
            except Exception as error:  # noqa: BLE001 - raised below, when the other side knows
                errors.append(error)
        raise_all(errors)
