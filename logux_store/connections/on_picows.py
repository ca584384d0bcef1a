"""WebSockets on the `picows` package, which is written in Cython: the faster transport.

Invariant: a message that comes in several frames is put together here, and bounded like any other.
"""

import asyncio
import logging
import ssl as tls
from collections.abc import Mapping, Sequence
from typing import Any

from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSError,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from logux_store.connections.end import (
    CLOSE_TIMEOUT,
    ServerWebSocket,
    WebSocketEnd,
    frames,
    join_headers,
)

__all__ = ["accept", "dial"]

# Enough for what most clients send at a time; it grows, and every connection has one.
READ_BUFFER = 2048
# Above 8 KB picows sends the header and the text by themselves.
SHORT = 8000
HANDSHAKE_TIMEOUT = 30.0

TEXT = WSMsgType.TEXT
BINARY = WSMsgType.BINARY
CONTINUATION = WSMsgType.CONTINUATION
CLOSE = WSMsgType.CLOSE
# What a goodbye begins with that is nobody's error: no code, or one of these.
FINE = (b"", WSCloseCode.OK.value.to_bytes(2), WSCloseCode.GOING_AWAY.value.to_bytes(2))

# An adapter, because picows gives each connection a logger of its own, of 1 KB, otherwise.
logger = logging.LoggerAdapter(logging.getLogger("logux_store.connections"), {})


def accept(end: ServerWebSocket) -> asyncio.BaseProtocol:
    """A protocol for `create_server` that does the handshake and then is the link of `end`."""
    protocol: asyncio.BaseProtocol = WSProtocol(
        None,  # host and port
        None,  # path
        False,  # is a client
        lambda _: ServerListener(end),
        logger,
        False,  # disconnect on exceptions
        HANDSHAKE_TIMEOUT,
        False,  # pings, since nodes have their own, and what belongs to them
        0,
        0,
        WSAutoPingStrategy.PING_WHEN_IDLE,
        True,  # pongs
        2 * end.max_size,
        None,  # headers
        READ_BUFFER,
    )
    return protocol


async def dial(
    end: WebSocketEnd,
    url: str,
    headers: Mapping[str, str] | None,
    ssl: tls.SSLContext | None,
    options: Mapping[str, Any],
) -> "ClientListener":
    """Connect to a server; `options` are those of `picows.ws_connect`.

    Raises OSError or TimeoutError when that fails.
    """
    try:
        _, link = await ws_connect(
            lambda: ClientListener(end),
            url,
            extra_headers=headers,
            ssl_context=ssl,
            max_frame_size=2 * end.max_size,
            **{"disconnect_on_exception": False, "logger_name": logger, **options},
        )
    except WSError as error:
        raise ConnectionError(str(error)) from error
    assert isinstance(link, ClientListener)
    return link


class Listener(WSListener):
    """A link of either side."""

    __slots__ = ("_end", "_fine", "_parts", "_timer", "_transport")

    def __init__(self, end: WebSocketEnd) -> None:
        self._end = end
        self._transport: WSTransport
        self._parts: bytearray | None = None
        self._timer: asyncio.TimerHandle | None = None
        # Whether the other side has said goodbye.
        self._fine = False

    # What the end asks for.

    def write(self, texts: Sequence[str]) -> None:
        for text in texts:
            self._transport.send(TEXT, text)

    def close(self, code: int = 1000) -> None:
        transport = self._transport
        if not transport.is_close_frame_sent and not transport.is_disconnected:
            transport.send_close(WSCloseCode(code))
            self._timer = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT, self.abort)

    def abort(self) -> None:
        self._transport.disconnect(False)

    # What picows tells.

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        # Above this picows calls `pause_writing`.
        transport.underlying_transport.set_write_buffer_limits(high=self._end.max_waiting)

    def pause_writing(self) -> None:
        self._end.overflow(self)

    def resume_writing(self) -> None:
        """What was aborted writes no more."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        type = frame.msg_type
        if type is TEXT or type is BINARY or type is CONTINUATION:
            if transport.is_close_frame_sent:
                return
            if frame.fin and self._parts is None and type is not CONTINUATION and not frame.rsv1:
                self._receive(frame.get_payload_as_bytes())
            else:
                self._put_together(transport, frame)
        elif type is CLOSE:
            self._fine = frame.get_payload_as_bytes()[:2] in FINE
            if not transport.is_close_frame_sent:
                transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    def on_ws_disconnected(self, _: WSTransport) -> None:
        if self._timer is not None:
            self._timer.cancel()
        error = None if self._fine else ConnectionError("the connection broke off")
        self._end.closed(self, error)

    def _put_together(self, transport: WSTransport, frame: WSFrame) -> None:
        begun = self._parts is not None
        # Compression, which has the reserved bit, is not agreed on.
        if begun != (frame.msg_type is CONTINUATION) or frame.rsv1:
            self._refuse(transport, WSCloseCode.PROTOCOL_ERROR)
            return
        parts = self._parts = self._parts or bytearray()
        parts += frame.get_payload_as_memoryview()
        if len(parts) > 2 * self._end.max_size:
            self._refuse(transport, WSCloseCode.MESSAGE_TOO_BIG)
        elif frame.fin:
            self._parts = None
            self._receive(bytes(parts))

    def _refuse(self, transport: WSTransport, code: WSCloseCode) -> None:
        self._parts = None
        transport.send_close(code)
        transport.disconnect()

    def _receive(self, data: bytes) -> None:
        self._end.receive(self, data)


class ServerListener(Listener):
    """A link of a server."""

    __slots__ = ()

    _end: ServerWebSocket

    def write(self, texts: Sequence[str]) -> None:
        transport = self._transport
        if len(texts) == 1 and len(texts[0]) < SHORT:
            transport.send(TEXT, texts[0])
        elif not transport.is_close_frame_sent and not transport.is_disconnected:
            transport.underlying_transport.write(frames(texts))

    def on_ws_connected(self, transport: WSTransport) -> None:
        super().on_ws_connected(transport)
        headers = join_headers(transport.request.headers.items())
        # Nobody reads these any more, and picows keeps them.
        transport.request.headers.clear()
        transport.response.headers.clear()
        address = transport.underlying_transport.get_extra_info("peername")
        self._end.opened(self, address, headers)


class ClientListener(Listener):
    """A link of a client."""

    __slots__ = ("_early",)

    def __init__(self, end: WebSocketEnd) -> None:
        super().__init__(end)
        # What came before the end knew that it is connected; None from then on.
        self._early: list[bytes] | None = []

    async def run(self) -> None:
        """Wait until the socket is closed."""
        early, self._early = self._early or (), None
        for data in early:
            super()._receive(data)
        try:
            await self._transport.wait_disconnected()
        finally:
            self.abort()

    def _receive(self, data: bytes) -> None:
        if self._early is None:
            super()._receive(data)
        else:
            self._early.append(data)
