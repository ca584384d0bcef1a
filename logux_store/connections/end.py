"""The ends of a WebSocket connection, whatever library moves the bytes.

A transport gives an end its `Link`, tells it what comes in and when the link is gone. Writing is a
plain call: the text goes to the socket or its buffer, and a link whose buffer outgrows
`max_waiting` is ended, because its other side does not read. What the receiver of a message raises
goes to the loop's exception handler, and the next message is read.

Invariant: there is one current link at most, and only that is heard.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from logux_store.errors import LoguxError
from logux_store.events import Emitter, Listener, Unbind
from logux_store.sync.connection import EVENTS
from logux_store.sync.messages import Message, decode, encode

__all__ = [
    "CLOSE_TIMEOUT",
    "MAX_SIZE",
    "Link",
    "ServerWebSocket",
    "WebSocketEnd",
    "frames",
    "join_headers",
    "report",
]

CLOSE_TIMEOUT = 10.0
"""Seconds that the other side may take to say goodbye, before the socket is closed without it."""


MAX_SIZE = 1_000_000
"""Bytes of one message from a client. A link lets twice as much in, so that a message above the
limit can be answered with the protocol's error; more ends the connection.
"""

MAX_WAITING = 4_000_000


class Link(Protocol):
    """An open WebSocket, as a transport gives it."""

    def write(self, texts: Sequence[str]) -> None:
        """Send text messages; nothing is sent any more once the link is closing."""
        ...

    def close(self, code: int = 1000) -> None:
        """Say goodbye and close; what was written before still leaves."""
        ...

    def abort(self) -> None:
        """Close at once."""
        ...


class WebSocketEnd:
    """What the ends of clients and servers have in common; a `Connection`.

    `max_size` bounds an incoming message, `max_waiting` what waits to be sent, both in bytes.
    `last_error` is the exception that ended the connection or the attempt last, if one did.
    """

    __slots__ = ("_events", "_link", "last_error", "max_size", "max_waiting")

    def __init__(self, max_size: int, max_waiting: int) -> None:
        self.max_size = max_size
        self.max_waiting = max_waiting
        self.last_error: BaseException | None = None
        self._events = Emitter()
        self._link: Link | None = None

    @property
    def connected(self) -> bool:
        return self._link is not None

    def on(self, event: str, listener: Listener) -> Unbind:
        if event not in EVENTS:
            raise ValueError(f"a connection has the events {', '.join(EVENTS)}; not {event!r}")
        return self._events.on(event, listener)

    def send(self, message: Message) -> None:
        if self._link is not None:
            self._link.write((encode(message),))

    def send_texts(self, texts: Sequence[str]) -> None:
        """Send messages that are written already."""
        if self._link is not None:
            self._link.write(texts)

    def disconnect(self, reason: str = "user") -> None:
        link = self._link
        if link is not None:
            link.close()
            self._end(reason)

    def destroy(self) -> None:
        self.disconnect("destroy")

    # What the link tells.

    def receive(self, link: Link, data: bytes) -> None:
        """A message has come."""
        # A socket that was disconnected is read to its end, or it could not be closed.
        if link is not self._link:
            return
        try:
            if len(data) > self.max_size:
                raise LoguxError("wrong-format", f"{len(data)} bytes; {self.max_size} are allowed")
            message = decode(data)
        except LoguxError as error:
            self._emit("error", error)
            return
        try:
            self._events.emit("message", message)
        except Exception as error:  # noqa: BLE001 - as in _emit, without the call
            report("What a Logux message caused raised an exception", error)

    def overflow(self, link: Link) -> None:
        """More waits to be sent than may wait."""
        link.abort()
        if link is self._link:
            self._end("slow")

    def closed(self, link: Link, error: BaseException | None) -> None:
        """The link is gone; `error` says why, if it was not meant to be."""
        if link is self._link:
            self.last_error = error
            self._end("closed")

    def _end(self, reason: str) -> None:
        self._link = None
        self._events.emit("disconnect", reason)

    def _emit(self, event: str, *values: Any) -> None:
        try:
            self._events.emit(event, *values)
        except Exception as error:  # noqa: BLE001 - goes to the loop's handler
            report("What a Logux message caused raised an exception", error)


class ServerWebSocket(WebSocketEnd):
    """A server's connection to one client.

    `opened` is called with it and its link when the handshake is done, `gone` with the link when
    the socket is closed. `remote_address` is the client's IP address, empty if the socket has none;
    `http_headers` are the headers of the handshake, their names in lower case.
    """

    __slots__ = ("_gone", "_opened", "http_headers", "remote_address")

    def __init__(
        self,
        opened: Callable[["ServerWebSocket", Link], None],
        gone: Callable[[Link], None] = lambda _: None,
        *,
        max_size: int = MAX_SIZE,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        super().__init__(max_size, max_waiting)
        self._opened = opened
        self._gone = gone
        self.remote_address = ""
        self.http_headers: dict[str, str] = {}

    def connect(self) -> None:
        """A server cannot call its clients: RuntimeError, unless it is connected."""
        if self._link is None:
            raise RuntimeError("a server's connection cannot be opened again; the client connects")

    def opened(self, link: Link, address: object, headers: dict[str, str]) -> None:
        """The handshake is done; `address` is what the socket says of the other side."""
        self.remote_address = str(address[0]) if isinstance(address, tuple) else ""
        self.http_headers = headers
        self._link = link
        self._opened(self, link)

    def closed(self, link: Link, error: BaseException | None) -> None:
        self._gone(link)
        super().closed(link, error)


def frames(texts: Sequence[str]) -> bytes:
    """Text messages of a server as they go over the socket, each in one frame.

    Together they take one call of the operating system, which is 5 µs.
    """
    parts: list[bytes] = []
    for text in texts:
        data = text.encode()
        size = len(data)
        if size < 126:
            parts.append(SHORT[size])
        elif size < 65536:
            parts.append(b"\x81\x7e" + size.to_bytes(2))
        else:
            parts.append(b"\x81\x7f" + size.to_bytes(8))
        parts.append(data)
    return b"".join(parts)


SHORT = [bytes((0x81, size)) for size in range(126)]
"""The headers of short frames: final, text, not masked, their size."""


def report(message: str, error: BaseException) -> None:
    """Tell the running loop's exception handler."""
    asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})


def join_headers(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers as a dict, their names in lower case, several of one name joined.

    Strings that many connections have in common are kept once.
    """
    headers: dict[str, str] = {}
    for name, value in items:
        key = sys.intern(name.lower())
        if key in headers:
            separator = "; " if key == "cookie" else ", "
            headers[key] = f"{headers[key]}{separator}{value}"
        else:
            headers[key] = sys.intern(value)
    return headers
