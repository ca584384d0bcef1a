"""A Logux server as an ASGI application, by itself or mounted in FastAPI, Starlette and others.

    server = BaseServer(subprotocol=1, min_subprotocol=1)
    logux = LoguxApp(server)
    app = FastAPI(lifespan=logux.lifespan)
    app.mount("/logux", logux)  # clients connect to wss://example.com/logux/, with the last slash

WebSockets, the server's own HTTP pages and the lifespan go through the ASGI server; the
application's other routes are untouched. Run it with one worker process, since each has a log of
its own.

Invariants: messages leave in order, by one task for each connection; what a client does not read is
bounded by the server's limit `waiting`, in bytes.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias
from urllib.parse import quote

from logux_store import Emitter, LoguxError, decode, encode
from logux_store.server import BaseServer, Request

__all__ = ["ASGIConnection", "LoguxApp"]

Scope: TypeAlias = MutableMapping[str, Any]
Event: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Event]]
Send: TypeAlias = Callable[[Event], Awaitable[None]]

EVENTS = ("connecting", "connect", "message", "error", "disconnect")
CLOSE_CODES = {"timeout": 1011, "error": 1008, "slow": 1013, "destroy": 1001, "expired": 1008}


class LoguxApp:
    """The ASGI application of `server`, a `BaseServer` (or a `Server`, which need not listen)."""

    def __init__(self, server: BaseServer) -> None:
        if not isinstance(server, BaseServer):
            raise TypeError(f"LoguxApp takes a Logux server, not {server!r}")
        self.server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            raise ValueError(f"the ASGI scope {scope['type']!r} is not supported")

    @asynccontextmanager
    async def lifespan(self, _app: Any = None) -> AsyncIterator[None]:
        """The lifespan for the application that this one is mounted in, which alone is told when
        to start and stop: unfinished actions of a persistent log are taken up, and at the end the
        server is shut down gracefully.
        """
        self._start()
        try:
            yield
        finally:
            await self.server.destroy()

    def _start(self) -> None:
        self.server.check_ready()
        self.server.resume()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            self._start()
        except Exception as error:  # noqa: BLE001 - told to the ASGI server, which ends then
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.server.destroy()
        await send({"type": "lifespan.shutdown.complete"})

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        headers = read_headers(scope)
        if self.server.destroying or not self.server.allows_origin(headers.get("origin")):
            await send({"type": "websocket.close", "code": 1008})
            return
        await send({"type": "websocket.accept"})
        limits = self.server.limits
        connection = ASGIConnection(
            remote_address(scope),
            headers,
            max_size=limits.message_size or sys.maxsize,
            max_waiting=limits.waiting or sys.maxsize,
        )
        self.server.add_client(connection)
        await connection.run(receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = self.server.limits.message_size or sys.maxsize
        body = bytearray()
        more = True
        while more:
            event = await receive()
            if event["type"] == "http.disconnect":
                return
            body += event.get("body", b"")
            more = event.get("more_body", False)
            if len(body) > limit:
                await answer(send, 413, {}, f"A body has {limit} bytes at most\n".encode())
                return
        target = quote(local_path(scope))
        if scope.get("query_string"):
            target += f"?{scope['query_string'].decode('latin-1')}"
        request = Request(
            scope["method"], target, read_headers(scope), bytes(body), remote_address(scope)
        )
        response = await self.server.respond(request)
        await answer(send, response.status, response.headers, response.body)


async def answer(send: Send, status: int, headers: MutableMapping[str, str], body: bytes) -> None:
    """Send a whole HTTP response."""
    head = {**headers, "content-length": str(len(body))}
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in head.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def read_headers(scope: Scope) -> dict[str, str]:
    """The request's headers, their names in lower case, several of one name joined."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        separator = "; " if name == "cookie" else ", "
        headers[name] = f"{headers[name]}{separator}{value}" if name in headers else value
    return headers


def remote_address(scope: Scope) -> str:
    """The client's IP address; empty when the ASGI server does not know it."""
    return str(scope["client"][0]) if scope.get("client") else ""


def local_path(scope: Scope) -> str:
    """The path below the place where the application is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path.removeprefix(root) or "/" if root else path


def size_of(message: str | bytes) -> int:
    """How many bytes a message has on its way."""
    return (
        len(message) if isinstance(message, bytes) or message.isascii() else len(message.encode())
    )


class ASGIConnection:
    """A client's connection, as the server's node sees it."""

    def __init__(
        self, remote_address: str, http_headers: dict[str, str], *, max_size: int, max_waiting: int
    ) -> None:
        self.remote_address = remote_address
        self.http_headers = http_headers
        self.connected = True
        self._max_size = max_size
        self._max_waiting = max_waiting
        self._waiting = 0
        self._events = Emitter()
        # What is to be sent, and at last the code to close with.
        self._outgoing: asyncio.Queue[str | int] = asyncio.Queue()

    def on(self, event: str, listener: Callable[..., Any]) -> Callable[[], None]:
        """Call `listener` at every `event`; see `logux_store.Connection`."""
        if event not in EVENTS:
            raise ValueError(f"a connection has the events {', '.join(EVENTS)}; not {event!r}")
        return self._events.on(event, listener)

    def connect(self) -> None:
        """A server cannot call its clients: RuntimeError, unless it is connected."""
        if not self.connected:
            raise RuntimeError("a server's connection cannot be opened again; the client connects")

    def send(self, message: list[Any]) -> None:
        """Queue a message; a client that does not read is disconnected."""
        self.send_texts((encode(message),))

    def send_texts(self, texts: Sequence[str]) -> None:
        """Queue messages that are written already."""
        for text in texts:
            if not self.connected:
                return
            self._waiting += size_of(text)
            if self._waiting > self._max_waiting:
                self.disconnect("slow")
            else:
                self._outgoing.put_nowait(text)

    def disconnect(self, reason: str = "user") -> None:
        """Close the connection once what was queued is sent, or at once if nothing is read."""
        if self.connected:
            if reason == "slow":
                self._outgoing = asyncio.Queue()
            self._outgoing.put_nowait(CLOSE_CODES.get(reason, 1000))
            self._end(reason)

    def destroy(self) -> None:
        """Disconnect for good."""
        self.disconnect("destroy")

    async def run(self, receive: Receive, send: Send) -> None:
        """Read and write until the connection is closed."""
        writing = asyncio.ensure_future(self._write(send))
        try:
            while (event := await receive())["type"] != "websocket.disconnect":
                if self.connected:
                    self._receive(event)
        finally:
            writing.cancel()
            await asyncio.wait((writing,))
            if self.connected:
                self._end("closed")
        if not writing.cancelled() and (error := writing.exception()) is not None:
            raise error

    async def _write(self, send: Send) -> None:
        while isinstance(item := await self._outgoing.get(), str):
            await send({"type": "websocket.send", "text": item})
            self._waiting -= size_of(item)
        await send({"type": "websocket.close", "code": item})

    def _receive(self, event: Event) -> None:
        data: str | bytes = event.get("text") or event.get("bytes") or ""
        try:
            if (size := size_of(data)) > self._max_size:
                raise LoguxError("wrong-format", f"{size} bytes; {self._max_size} are allowed")
            message = decode(data)
        except LoguxError as error:
            self._emit("error", error)
        else:
            self._emit("message", message)

    def _emit(self, event: str, value: Any) -> None:
        try:
            self._events.emit(event, value)
        except Exception as error:  # noqa: BLE001 - goes to the loop's handler, the connection lives
            asyncio.get_running_loop().call_exception_handler(
                {"message": "What a Logux message caused raised an exception", "exception": error}
            )

    def _end(self, reason: str) -> None:
        self.connected = False
        self._events.emit("disconnect", reason)
