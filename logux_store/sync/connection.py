"""What a node needs of the way to the other node; sockets and pairs in memory both are one.

Events: `connecting` (), `connect` (), `message` (message), `error` (exception), `disconnect`
(reason). Text that came in and is no message is the event `error` with a `wrong-format`
LoguxError.

A connection may also have `send_texts(texts: Sequence[str])`, which sends messages that are JSON
already. A node that finds it writes its syncs itself, which is several times as fast.

Invariants: messages arrive in the order in which they were sent, each once, or the connection ends;
between a `connect` and its `disconnect` `connected` is true; after `disconnect` nothing of that
connection is heard any more.
"""

from typing import Protocol

from logux_store.events import Listener, Unbind
from logux_store.sync.messages import Message

__all__ = ["EVENTS", "Connection"]

EVENTS = ("connecting", "connect", "message", "error", "disconnect")


class Connection(Protocol):
    """The way to one other node. Any object with these methods can be given to a node."""

    @property
    def connected(self) -> bool:
        """Whether messages can be sent now."""
        ...

    def connect(self) -> None:
        """Start to connect; `connect` or `disconnect` says what came of it. Does nothing when that
        has begun already.
        """
        ...

    def disconnect(self, reason: str = "user") -> None:
        """End the connection, or the attempt. What was sent before may still arrive.

        Reasons: `user`, `timeout` (no answer), `error`, `destroy` (for good). A connection that
        ends by itself says `closed`, or `slow` when the other side does not read.
        """
        ...

    def send(self, message: Message) -> None:
        """Send a message; it is lost, like all that is on its way then, when the connection has
        ended.
        """
        ...

    def destroy(self) -> None:
        """Disconnect for good, with the reason `destroy`."""
        ...

    def on(self, event: str, listener: Listener) -> Unbind:
        """Call `listener` at every `event`; returns the unbind function."""
        ...
