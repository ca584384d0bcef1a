"""The door to a port that WebSocket and HTTP share.

The first request on a TCP connection decides. If it asks for a WebSocket, the connection is handed
with all that has come to the WebSocket's protocol, as if that had been there from the start.
Otherwise h11, which knows the rules of HTTP/1.1 and does nothing else, reads the request, the
server answers it, and the connection is closed.

Invariants: a request is complete in `REQUEST_TIMEOUT` seconds and its answer read in as many, its
head and its body are bounded; what is wrong with one is answered by 4xx.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

import h11

from logux_store.connections import hand_over
from logux_store.server.http import Request, Response

__all__ = ["Front"]

REQUEST_TIMEOUT = 30.0
LINGER = 2.0
MAX_HEAD = 16_384


class Front(asyncio.Protocol):
    """One TCP connection, until it is known what it is for.

    `open_websocket` makes the protocol that it is handed to, if `allows_origin` lets the page
    connect; `respond` answers other requests, in a
    task that `spawn` makes, `max_body` bounds their bodies (bytes). `fronts` has all that are open.
    """

    def __init__(
        self,
        open_websocket: Callable[[], asyncio.BaseProtocol],
        allows_origin: Callable[[str | None], bool],
        respond: Callable[[Request], Awaitable[Response]],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        max_body: int,
        fronts: set["Front"],
    ) -> None:
        self._open_websocket = open_websocket
        self._allows_origin = allows_origin
        self._respond = respond
        self._spawn = spawn
        self._max_body = max_body
        self._fronts = fronts
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._received = b""
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._refused = False
        self._answer: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._fronts.add(self)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(REQUEST_TIMEOUT, self._refuse, 408, "Request timeout\n")

    def data_received(self, data: bytes) -> None:
        if self._answer is not None or self._refused:
            return
        if self._request is None:
            self._received += data
        try:
            self._http.receive_data(data)
            self._read()
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint, f"{error}\n")

    def eof_received(self) -> bool:
        # Who has sent all may still wait for the answer; TLS knows no half-closed connections.
        return self._answer is not None and self._transport.can_write_eof()

    def connection_lost(self, _: Exception | None) -> None:
        self._leave()

    def close(self) -> None:
        """Close the connection, unless it is just being answered; what nobody reads is lost."""
        if self._answer is None:
            self._transport.close()
        elif self._answer.done():
            self._transport.abort()

    def _leave(self) -> None:
        self._fronts.discard(self)
        self._timer.cancel()

    def _read(self) -> None:
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED:
                if self._http.they_are_waiting_for_100_continue:
                    self._send(h11.InformationalResponse(status_code=100, headers=[]))
                return
            if isinstance(event, h11.Request):
                self._request = event
                if is_websocket(event):
                    if b"\r\n\r\n" not in self._received:
                        # h11 takes other ends of lines, too; a transport would wait for these.
                        self._refuse(400, "Lines end with CR and LF\n")
                    elif not self._allows_origin(origin_of(event)):
                        self._refuse(403, "Pages of this origin may not connect\n")
                    else:
                        self._leave()
                        hand_over(self._transport, self._open_websocket(), self._received)
                    return
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > self._max_body:
                    self._refuse(413, f"A body has {self._max_body} bytes at most\n")
                    return
            elif isinstance(event, h11.EndOfMessage):
                self._timer.cancel()
                self._answer = self._spawn(self._serve())
                return
            else:
                return

    async def _serve(self) -> None:
        assert self._request is not None
        headers: dict[str, str] = {}
        for raw_name, raw_value in self._request.headers:
            name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        peer = self._transport.get_extra_info("peername")
        try:
            try:
                request = Request(
                    self._request.method.decode("ascii"),
                    self._request.target.decode("latin-1"),
                    headers,
                    bytes(self._body),
                    str(peer[0]) if isinstance(peer, tuple) else "",
                )
            except ValueError:
                self._write(Response("Bad request\n", 400))
            else:
                self._write(await self._respond(request))
        finally:
            self._transport.close()
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(REQUEST_TIMEOUT, self._transport.abort)

    def _refuse(self, status: int, text: str) -> None:
        """Answer, and read on for a moment what nobody wants: a connection that is closed with
        something unread is reset, and the answer lost.
        """
        self._refused = True
        self._timer.cancel()
        self._write(Response(text, status))
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._timer = asyncio.get_running_loop().call_later(LINGER, self._transport.close)

    def _write(self, response: Response) -> None:
        if not self._transport.is_closing() and self._http.our_state in (
            h11.IDLE,
            h11.SEND_RESPONSE,
        ):
            head = self._request is not None and self._request.method == b"HEAD"
            headers = {
                **response.headers,
                "content-length": str(len(response.body)),
                "connection": "close",
            }
            raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
            self._send(h11.Response(status_code=response.status, headers=raw))
            if response.body and not head:
                self._send(h11.Data(data=response.body))
            self._send(h11.EndOfMessage())

    def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            self._transport.write(data)


def is_websocket(request: h11.Request) -> bool:
    """Whether a request asks for a WebSocket."""
    return any(
        name == b"upgrade" and value.strip().lower() == b"websocket"
        for name, value in request.headers
    )


def origin_of(request: h11.Request) -> str | None:
    """The origin of the page that asks; None if it is no page."""
    for name, value in request.headers:
        if name == b"origin":
            return value.decode("latin-1")
    return None
