"""Logux messages over WebSocket, on the `websockets` package: the client's end and the server's.

Writing is a plain call: the text goes to the socket's buffer, and a connection whose buffer
outgrows `max_waiting` is ended, because its other side does not read. Reading is one task for each
connection. What the receiver of a message raises goes to the loop's exception handler, and the next
message is read.

Invariants: there is one current socket or attempt at most, and only that is heard; every task is
held until it is done.
"""

import asyncio
import ssl as tls
from collections.abc import Coroutine, Mapping
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection as Socket
from websockets.asyncio.server import ServerConnection, broadcast
from websockets.exceptions import (
    ConnectionClosed,
    ConnectionClosedOK,
    InvalidURI,
    WebSocketException,
)
from websockets.uri import parse_uri

from logux_store.errors import LoguxError
from logux_store.events import Emitter, Listener, Unbind
from logux_store.sync.connection import EVENTS
from logux_store.sync.messages import Message, decode, encode

__all__ = ["MAX_SIZE", "ServerWebSocket", "WebSocketConnection"]

MAX_SIZE = 1_000_000
"""Bytes of one message from a client. A server should let twice as much into the socket, so that a
message above the limit can be answered with the protocol's error; more ends the connection.
"""

MAX_SIZE_FROM_SERVER = 16_000_000
MAX_WAITING = 4_000_000
MAX_WAITING_FOR_SERVER = 64_000_000


class WebSocketEnd:
    """What both ends have in common.

    `last_error` is the exception that ended the connection or the attempt last, if one did.
    """

    __slots__ = ("_events", "_socket", "_tasks", "last_error", "max_size", "max_waiting")

    def __init__(self, max_size: int, max_waiting: int) -> None:
        self.max_size = max_size
        self.max_waiting = max_waiting
        self.last_error: Exception | None = None
        self._events = Emitter()
        self._socket: Socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        return self._socket is not None

    def on(self, event: str, listener: Listener) -> Unbind:
        if event not in EVENTS:
            raise ValueError(f"a connection has the events {', '.join(EVENTS)}; not {event!r}")
        return self._events.on(event, listener)

    def send(self, message: Message) -> None:
        socket = self._socket
        if socket is None:
            return
        broadcast((socket,), encode(message))
        if socket.transport.get_write_buffer_size() > self.max_waiting:
            socket.transport.abort()
            self._end("slow")

    def disconnect(self, reason: str = "user") -> None:
        socket = self._socket
        if socket is not None:
            self._start(socket.close())
            self._end(reason)

    def destroy(self) -> None:
        self.disconnect("destroy")

    async def wait_closed(self) -> None:
        """Wait until the sockets that were disconnected are closed."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _end(self, reason: str) -> None:
        self._socket = None
        self._events.emit("disconnect", reason)

    async def _read(self, socket: Socket) -> None:
        try:
            while True:
                data = await socket.recv(decode=False)
                # A socket that was disconnected is read to its end, or it could not be closed.
                if socket is self._socket:
                    self._receive(data)
        except ConnectionClosed as error:
            self.last_error = None if isinstance(error, ConnectionClosedOK) else error
        finally:
            socket.transport.abort()
            if socket is self._socket:
                self._end("closed")

    def _receive(self, data: bytes) -> None:
        try:
            if len(data) > self.max_size:
                raise LoguxError("wrong-format", f"{len(data)} bytes; {self.max_size} are allowed")
            message = decode(data)
        except LoguxError as error:
            self._emit("error", error)
        else:
            self._emit("message", message)

    def _emit(self, event: str, *values: Any) -> None:
        try:
            self._events.emit(event, *values)
        except Exception as error:  # noqa: BLE001 - goes to the loop's handler
            report("What a Logux message caused raised an exception", error)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            report("A WebSocket connection raised an exception", error)


def report(message: str, error: BaseException) -> None:
    """Tell the running loop's exception handler."""
    asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})


class WebSocketConnection(WebSocketEnd):
    """A client's connection to a Logux server.

    `url` begins with `ws://` or `wss://`; `headers` are sent with the handshake; `ssl` replaces the
    default TLS context. `max_size` bounds a message from the server, `max_waiting` what waits to be
    sent, both in bytes. `options` are those of `websockets.asyncio.client.connect`, such as
    `open_timeout` (seconds) or `proxy`; compression is off unless it is among them.

    An attempt that fails is a `disconnect` with the reason `error`; `last_error` says why.

    Raises ValueError for a URL that is none.
    """

    __slots__ = ("_attempt", "_options", "url")

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        ssl: tls.SSLContext | None = None,
        max_size: int = MAX_SIZE_FROM_SERVER,
        max_waiting: int = MAX_WAITING_FOR_SERVER,
        **options: Any,
    ) -> None:
        super().__init__(max_size, max_waiting)
        try:
            parse_uri(url)
        except InvalidURI as error:
            raise ValueError(f"a server's URL begins with ws:// or wss://; {error}") from error
        self.url = url
        self._options = {
            "compression": None,
            "ping_interval": None,  # Nodes have their own.
            "additional_headers": headers,
            "max_size": 2 * max_size,
            **({} if ssl is None else {"ssl": ssl}),
            **options,
        }
        self._attempt: asyncio.Task[None] | None = None

    def connect(self) -> None:
        if self._socket is None and self._attempt is None:
            self._attempt = self._start(self._run())
            self._events.emit("connecting")

    def disconnect(self, reason: str = "user") -> None:
        if self._attempt is None:
            super().disconnect(reason)
        else:
            self._attempt.cancel()
            self._attempt = None
            self._end(reason)

    async def _run(self) -> None:
        this = asyncio.current_task()
        try:
            socket = await connect(self.url, **self._options)
        except Exception as error:
            if self._attempt is this:
                self._attempt = None
                self.last_error = error
                self._end("error")
            if isinstance(error, OSError | WebSocketException):
                return
            raise
        self._attempt = None
        self._socket = socket
        self._emit("connect")
        await self._read(socket)


class ServerWebSocket(WebSocketEnd):
    """A server's connection to one client, over a socket that `websockets` has accepted.

    Give the node this connection, then `await run()`. Let `websockets.asyncio.server.serve` have
    `compression=None`, `ping_interval=None`, since nodes have their own, and twice `max_size`.
    """

    __slots__ = ("_accepted",)

    def __init__(
        self,
        socket: ServerConnection,
        *,
        max_size: int = MAX_SIZE,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        super().__init__(max_size, max_waiting)
        self._socket = self._accepted = socket

    def connect(self) -> None:
        """A server cannot call its clients: RuntimeError, unless it is connected."""
        if self._socket is None:
            raise RuntimeError("a server's connection cannot be opened again; the client connects")

    async def run(self) -> None:
        """Read until the connection is closed."""
        await self._read(self._accepted)

    @property
    def remote_address(self) -> str:
        """The client's IP address; empty if the socket has none."""
        address = self._accepted.remote_address
        return str(address[0]) if isinstance(address, tuple) else ""

    @property
    def http_headers(self) -> dict[str, str]:
        """The headers of the handshake, their names in lower case."""
        headers: dict[str, str] = {}
        request = self._accepted.request
        for name, value in request.headers.raw_items() if request else ():
            key = name.lower()
            separator = "; " if key == "cookie" else ", "
            headers[key] = f"{headers[key]}{separator}{value}" if key in headers else value
        return headers
