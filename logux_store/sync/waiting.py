"""The messages that come before the other side is accepted, and wait for that.

Invariant: they are as many and as large as the limits say, at most, since whoever sends them may be
anybody.
"""

from logux_store.actions import to_json
from logux_store.sync.messages import Message

__all__ = ["MAX_WAITING", "MAX_WAITING_SIZE", "Waiting"]

MAX_WAITING = 100
"""How many messages may wait for authentication; one more is answered with `missed-auth`."""

MAX_WAITING_SIZE = 4_000_000
"""How many bytes of JSON those may have that wait already when one more comes."""


class Waiting:
    """Messages in the order in which they came."""

    __slots__ = ("_size", "messages")

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._size = 0

    def add(self, message: Message) -> bool:
        """Let one more wait; False if that are too many."""
        if len(self.messages) >= MAX_WAITING or self._size >= MAX_WAITING_SIZE:
            return False
        self.messages.append(message)
        self._size += len(to_json(message))
        return True
