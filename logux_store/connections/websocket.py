"""A client's connection to a server over WebSocket.

Invariants: there is one current link or attempt at most, and only that is heard; every task is held
until it is done.
"""

import asyncio
import ssl as tls
from collections.abc import Mapping
from typing import Any

from websockets.exceptions import InvalidURI, WebSocketException
from websockets.uri import parse_uri

from logux_store.connections.end import WebSocketEnd, report
from logux_store.connections.transports import TransportName, find_transport

__all__ = ["WebSocketConnection"]

MAX_SIZE_FROM_SERVER = 16_000_000
MAX_WAITING_FOR_SERVER = 64_000_000


class WebSocketConnection(WebSocketEnd):
    """A client's connection to a Logux server.

    `url` begins with `ws://` or `wss://`; `headers` are sent with the handshake; `ssl` replaces the
    default TLS context. `max_size` bounds a message from the server, `max_waiting` what waits to be
    sent, both in bytes. `transport` is the package that moves the bytes, `"websockets"` or
    `"picows"` (the extra `fast`); `options` are those of its function to connect, that is
    `websockets.asyncio.client.connect` or `picows.ws_connect`, such as `open_timeout` (seconds) or
    `proxy`. Compression is off unless they say otherwise.

    An attempt that fails is a `disconnect` with the reason `error`; `last_error` says why.

    Raises ValueError for a URL that is none and for a transport that there is not, RuntimeError
    when its package is missing.
    """

    __slots__ = ("_attempt", "_headers", "_options", "_ssl", "_tasks", "_transport", "url")

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        ssl: tls.SSLContext | None = None,
        max_size: int = MAX_SIZE_FROM_SERVER,
        max_waiting: int = MAX_WAITING_FOR_SERVER,
        transport: TransportName = "websockets",
        **options: Any,
    ) -> None:
        super().__init__(max_size, max_waiting)
        try:
            parse_uri(url)
        except (InvalidURI, ValueError) as error:
            raise ValueError(
                f"a server's URL begins with ws:// or wss://, but {url!r} is none: {error}"
            ) from error
        self.url = url
        self._headers = headers
        self._ssl = ssl
        self._options = options
        self._transport = find_transport(transport)
        self._attempt: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def connect(self) -> None:
        if self._link is None and self._attempt is None:
            task = self._attempt = asyncio.get_running_loop().create_task(self._run())
            self._tasks.add(task)
            task.add_done_callback(self._done)
            self._events.emit("connecting")

    def disconnect(self, reason: str = "user") -> None:
        if self._attempt is None:
            super().disconnect(reason)
        else:
            self._attempt.cancel()
            self._attempt = None
            self._end(reason)

    async def wait_closed(self) -> None:
        """Wait until the sockets that were disconnected are closed."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _run(self) -> None:
        this = asyncio.current_task()
        try:
            link = await self._transport.dial(
                self, self.url, self._headers, self._ssl, self._options
            )
        except Exception as error:
            if self._attempt is this:
                self._attempt = None
                self.last_error = error
                self._end("error")
            if isinstance(error, OSError | WebSocketException):
                return
            raise
        self._attempt = None
        self._link = link
        self._emit("connect")
        await link.run()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            report("A WebSocket connection raised an exception", error)
