"""WebSockets on the `websockets` package, the default transport.

A client's is the package's asyncio client, with its proxies and redirects. A server's is built on
the Sans-I/O part of the package. Nearly all that a client sends are whole messages in one frame
each. Those are read here, by ten lines that take 1.5 µs where the package's parser takes 8;
everything else (the handshake, pings, fragments, goodbyes, what is wrong) is handed to the package,
frame by frame. Writing is a header and the text. So an idle connection needs none of the package's
objects, which are 6 KB.

Invariant: after the handshake the package gets whole frames only, so that it is always known here
where the next begins.
"""

import asyncio
import logging
import ssl as tls
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection as Socket
from websockets.asyncio.connection import broadcast
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from logux_store.connections.end import (
    CLOSE_TIMEOUT,
    ServerWebSocket,
    WebSocketEnd,
    frames,
    join_headers,
)

try:
    from websockets.speedups import apply_mask
except ImportError:  # Where the package comes without its C code.
    from websockets.utils import apply_mask

__all__ = ["accept", "dial"]

MAX_HEAD = 16_384

FINAL = MASKED = 0x80
MESSAGES = (FINAL | Opcode.TEXT, FINAL | Opcode.BINARY)

logger = logging.getLogger("logux_store.connections")


def accept(end: ServerWebSocket) -> asyncio.BaseProtocol:
    """A protocol for `create_server` that does the handshake and then is the link of `end`."""
    return ServerSocket(end)


async def dial(
    end: WebSocketEnd,
    url: str,
    headers: Mapping[str, str] | None,
    ssl: tls.SSLContext | None,
    options: Mapping[str, Any],
) -> "ClientSocket":
    """Connect to a server; `options` are those of `websockets.asyncio.client.connect`.

    Raises OSError, TimeoutError or WebSocketException when that fails.
    """
    wanted: dict[str, Any] = {
        "compression": None,
        "ping_interval": None,  # Nodes have their own.
        "additional_headers": headers,
        "max_size": 2 * end.max_size,
        **({} if ssl is None else {"ssl": ssl}),
        **options,
    }
    return ClientSocket(end, await connect(url, **wanted))


class ClientSocket:
    """A link of a client."""

    __slots__ = ("_end", "_goodbye", "_socket")

    def __init__(self, end: WebSocketEnd, socket: Socket) -> None:
        self._end = end
        self._socket = socket
        self._goodbye: asyncio.Task[None] | None = None

    def write(self, texts: Sequence[str]) -> None:
        for text in texts:
            broadcast((self._socket,), text)
        if self._socket.transport.get_write_buffer_size() > self._end.max_waiting:
            self._end.overflow(self)

    def close(self, code: int = 1000) -> None:
        self._goodbye = asyncio.get_running_loop().create_task(self._socket.close(code))

    def abort(self) -> None:
        # Python 3.11 fails at one that has closed by itself once its last bytes were written.
        with suppress(AttributeError):
            self._socket.transport.abort()

    async def run(self) -> None:
        """Read until the socket is closed."""
        error: ConnectionClosed | None = None
        try:
            while True:
                self._end.receive(self, await self._socket.recv(decode=False))
        except ConnectionClosed as closed:
            error = None if isinstance(closed, ConnectionClosedOK) else closed
        finally:
            self.abort()
            self._end.closed(self, error)
        if self._goodbye is not None:
            await self._goodbye


class Local(threading.local):
    """What is read is taken from here at once, so one buffer is enough for all sockets of a loop.
    Without it asyncio makes room for 256 KB at every read, which takes longer than the reading.
    """

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(65_536))


local = Local()


class ServerSocket(asyncio.BufferedProtocol):
    """A link of a server."""

    __slots__ = (
        "_buffer",
        "_closing",
        "_end",
        "_fragmented",
        "_fragments",
        "_open",
        "_protocol",
        "_rest",
        "_timer",
        "_transport",
    )

    def __init__(self, end: ServerWebSocket) -> None:
        self._end = end
        self._buffer = local.buffer
        self._transport: asyncio.Transport
        # Exists only when something unusual has happened.
        self._protocol: ServerProtocol | None = None
        # The beginning of a frame, or before the handshake of the request.
        self._rest: bytes | bytearray = b""
        self._open = False
        self._closing = False
        # Whether a message has begun and not ended, and what there is of it.
        self._fragmented = False
        self._fragments: bytearray | None = None
        self._timer: asyncio.TimerHandle | None = None

    # What the end asks for.

    def write(self, texts: Sequence[str]) -> None:
        if not self._closing:
            self._transport.write(frames(texts))

    def close(self, code: int = 1000) -> None:
        if not self._closing:
            protocol = self._unusual()
            protocol.send_close(code)
            self._send(protocol)

    def abort(self) -> None:
        self._closing = True
        self._transport.abort()

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # Above this it calls `pause_writing`.
        self._transport.set_write_buffer_limits(high=self._end.max_waiting)

    def pause_writing(self) -> None:
        self._closing = True
        self._end.overflow(self)

    def get_buffer(self, _: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, size: int) -> None:
        if self._closing and not self._open:
            return
        data = bytes(self._buffer[:size])
        if self._rest:
            # Appending to a bytearray costs the same however long it is.
            if isinstance(self._rest, bytes):
                self._rest = bytearray(self._rest)
            self._rest += data
            buffer: bytes | bytearray = self._rest
        else:
            buffer = data
        start = 0 if self._open else self._shake_hands(buffer)
        if self._open:
            start = self._read(buffer, start)
        if start == len(buffer):
            self._rest = b""
        elif start or buffer is data:
            self._rest = buffer[start:]

    def eof_received(self) -> None:
        if self._open:
            protocol = self._unusual()
            protocol.receive_eof()
            self._send(protocol)

    def connection_lost(self, error: Exception | None) -> None:
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        if not self._open:
            return
        protocol = self._unusual()
        protocol.receive_eof()
        closed = protocol.close_exc
        closed.__cause__ = error
        self._end.closed(self, None if isinstance(closed, ConnectionClosedOK) else closed)

    # The handshake, and what is unusual.

    def _unusual(self) -> ServerProtocol:
        if self._protocol is None:
            self._protocol = self._new_protocol(State.OPEN)
        return self._protocol

    def _new_protocol(self, state: State) -> ServerProtocol:
        return ServerProtocol(state=state, max_size=2 * self._end.max_size, logger=logger)

    def _shake_hands(self, head: bytes | bytearray) -> int:
        """Answer the request; gives its length, or 0 if it is not complete."""
        end = head.find(b"\r\n\r\n") + 4
        if end < 4 and len(head) < MAX_HEAD:
            return 0
        protocol = self._new_protocol(State.CONNECTING)
        protocol.receive_data(bytes(head[:end] if end >= 4 else head))
        for event in protocol.events_received():
            request = cast(Request, event)
            protocol.send_response(protocol.accept(request))
            if protocol.state is State.OPEN:
                self._open = True
                self._send(protocol)
                headers = join_headers(request.headers.raw_items())
                self._end.opened(self, self._transport.get_extra_info("peername"), headers)
                return end
        self._closing = True
        self._send(protocol)
        self._transport.close()
        return len(head)

    def _read(self, buffer: bytes | bytearray, start: int) -> int:
        """Take the whole frames from the buffer; gives the place of the first that is not whole."""
        size = len(buffer)
        while size - start >= 6:
            first, second = buffer[start], buffer[start + 1]
            length = second & 127
            body = start + 6
            if length == 126:
                length = int.from_bytes(buffer[start + 2 : start + 4])
                body += 2
            elif length == 127:
                length = int.from_bytes(buffer[start + 2 : start + 10])
                body += 8
            if not second & MASKED or length > 2 * self._end.max_size:
                # Wrong already, whatever follows.
                self._hand_over(first, buffer[start:])
                return size
            end = body + length
            if end > size:
                break
            if first in MESSAGES and not self._fragmented and not self._closing:
                self._end.receive(self, apply_mask(buffer[body:end], buffer[body - 4 : body]))
            else:
                self._hand_over(first, buffer[start:end])
            start = end
        return start

    def _hand_over(self, first: int, frame: bytes | bytearray) -> None:
        protocol = self._unusual()
        if first & 0x0F < Opcode.CLOSE:
            self._fragmented = not first & FINAL
        protocol.receive_data(frame)
        self._send(protocol)
        for event in protocol.events_received():
            part = cast(Frame, event)
            if part.opcode < Opcode.CLOSE:
                message = self._fragments = self._fragments or bytearray()
                message += part.data
                if part.fin:
                    self._fragments = None
                    self._end.receive(self, bytes(message))

    def _send(self, protocol: ServerProtocol) -> None:
        """Write what `websockets` has to say."""
        for data in protocol.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()
        if protocol.state is not State.OPEN and not self._closing:
            self._closing = True
            self._timer = asyncio.get_running_loop().call_later(
                CLOSE_TIMEOUT, self._transport.abort
            )
