"""A connection that comes back.

Invariants: nothing is attempted after `disconnect` for another reason than `timeout` or `error`,
after an error that another attempt cannot cure, or after `attempts` attempts in a row that failed;
one timer at most is running, and only while disconnected.
"""

import asyncio
import random
from collections.abc import Callable, Sequence

from logux_store.events import Listener, Unbind
from logux_store.sync.connection import Connection
from logux_store.sync.messages import Message

__all__ = ["Reconnect"]

FATAL = ("wrong-protocol", "wrong-subprotocol", "wrong-credentials")
NOT_FINAL = ("timeout", "error")


class Reconnect:
    """Connects `connection` again when it ends by itself.

    `attempts` (None for no end) is how often in a row. The first attempt comes `min_delay` to twice
    `min_delay` seconds after the connection has ended; each further one waits twice as long, up to
    `max_delay`. Within that range `random`, which gives numbers from 0 to 1, decides, so that the
    clients of a server that restarts do not all come at once. `connect` does not wait.

    Raises ValueError unless `attempts` is positive and 0 <= `min_delay` <= `max_delay`.
    """

    __slots__ = (
        "_attempt",
        "_random",
        "_timer",
        "_unbind",
        "_wanted",
        "attempts",
        "connection",
        "max_delay",
        "min_delay",
    )

    def __init__(
        self,
        connection: Connection,
        *,
        attempts: int | None = None,
        min_delay: float = 1.0,
        max_delay: float = 5.0,
        random: Callable[[], float] = random.random,
    ) -> None:
        if attempts is not None and attempts < 1:
            raise ValueError(f"attempts is a positive number, or None for no end; not {attempts!r}")
        if not 0 <= min_delay <= max_delay:
            raise ValueError(
                f"0 <= min_delay <= max_delay, but got {min_delay!r} and {max_delay!r}"
            )
        self.connection = connection
        self.attempts = attempts
        self.min_delay = min_delay
        self.max_delay = max_delay
        self._random = random
        self._wanted = connection.connected
        # Attempts since the last connection.
        self._attempt = 0
        self._timer: asyncio.TimerHandle | None = None
        self._unbind = [
            connection.on("message", self._on_message),
            connection.on("connecting", self._on_connecting),
            connection.on("connect", self._on_connect),
            connection.on("disconnect", self._on_disconnect),
        ]

    @property
    def connected(self) -> bool:
        return self.connection.connected

    @property
    def waiting(self) -> bool:
        """Whether a next attempt is scheduled."""
        return self._timer is not None

    def on(self, event: str, listener: Listener) -> Unbind:
        return self.connection.on(event, listener)

    def send(self, message: Message) -> None:
        self.connection.send(message)

    @property
    def send_texts(self) -> Callable[[Sequence[str]], None] | None:
        """What the connection has, if it has it, to send messages that are written already."""
        return getattr(self.connection, "send_texts", None)

    def connect(self) -> None:
        self._stop_timer()
        self._wanted = True
        self.connection.connect()

    def disconnect(self, reason: str = "user") -> None:
        if reason not in NOT_FINAL:
            self._give_up()
        self.connection.disconnect(reason)

    def destroy(self) -> None:
        self._give_up()
        self.connection.destroy()
        for unbind in self._unbind:
            unbind()

    async def wait_closed(self) -> None:
        """Wait until what was disconnected is closed, if that takes time."""
        wait_closed = getattr(self.connection, "wait_closed", None)
        if wait_closed is not None:
            await wait_closed()

    def _on_message(self, message: Message) -> None:
        if message[:1] == ["error"] and len(message) > 1 and message[1] in FATAL:
            self._wanted = False

    def _on_connecting(self) -> None:
        self._attempt += 1

    def _on_connect(self) -> None:
        self._attempt = 0

    def _on_disconnect(self, _reason: str) -> None:
        if not self._wanted:
            return
        if self.attempts is not None and self._attempt >= self.attempts:
            self._give_up()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._delay(), self.connect)

    def _delay(self) -> float:
        # A large power of 2 is no float; 30 of them are more than any delay.
        longest = min(self.min_delay * (2 << min(self._attempt, 30)), self.max_delay)
        shortest = max(self.min_delay, longest / 2)
        return shortest + (longest - shortest) * self._random()

    def _give_up(self) -> None:
        self._wanted = False
        self._attempt = 0
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
