"""A pair of connections that shows what goes over it."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from logux_store.connections import LocalPair
from logux_store.sync import BaseNode, Message

__all__ = ["TestPair"]

Side = Literal["left", "right"]


class TestPair(LocalPair):
    """A `LocalPair` for tests. `left_sent` and `right_sent` are the messages that have arrived from
    that side; `left_node` and `right_node` are for the test to set. With `held`, nothing arrives
    before `deliver` or `step` is called, though an event loop runs.
    """

    __test__ = False

    def __init__(self, delay: float = 0.0, *, held: bool = False) -> None:
        super().__init__(delay)
        self.held = held
        self.left_node: BaseNode | None = None
        self.right_node: BaseNode | None = None
        self.left_sent: list[Message] = []
        self.right_sent: list[Message] = []
        self._waiters: list[tuple[Side | None, asyncio.Future[None]]] = []
        self.left.on("message", self.right_sent.append)
        self.right.on("message", self.left_sent.append)
        for event in ("connect", "message", "disconnect"):
            self.left.on(event, partial(self._heard, "left"))
            self.right.on(event, partial(self._heard, "right"))

    @property
    def busy(self) -> bool:
        """Whether something is on its way."""
        return bool(self._queue)

    def later(self, event: Callable[[], None]) -> None:
        """Let `event` happen after all that is on its way already."""
        if self.held:
            self._queue.append(event)
        else:
            super().later(event)

    def clear(self) -> None:
        """Forget the messages so far."""
        self.left_sent.clear()
        self.right_sent.clear()

    async def wait(self, receiver: Side | None = None) -> None:
        """Wait until the next thing (connection, message, disconnection) has reached that side, or
        any.
        """
        arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((receiver, arrived))
        await arrived

    def _heard(self, side: Side, *_event: Any) -> None:
        waiters, self._waiters = self._waiters, []
        for receiver, arrived in waiters:
            if receiver not in (None, side):
                self._waiters.append((receiver, arrived))
            elif not arrived.done():
                arrived.set_result(None)
