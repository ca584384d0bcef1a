"""What moves the bytes of a WebSocket: the `websockets` package, or `picows`, which is written in
Cython and has to be installed besides (the extra `fast`).

Both are modules with the functions of `Transport`. That of `picows` is loaded when it is asked for.
"""

import asyncio
import ssl as tls
from collections.abc import Callable, Coroutine, Mapping
from importlib import import_module
from typing import Any, Literal, Protocol, TypeAlias, cast

from logux_store.connections import on_websockets
from logux_store.connections.end import Link, ServerWebSocket, WebSocketEnd

__all__ = [
    "ClientLink",
    "Transport",
    "TransportName",
    "find_loop",
    "find_transport",
    "hand_over",
]

TransportName: TypeAlias = Literal["websockets", "picows"]


class ClientLink(Link, Protocol):
    """A link that a client has opened."""

    async def run(self) -> None:
        """Read until the link is closed, and everything that belongs to it."""
        ...


class Transport(Protocol):
    """See `on_websockets`."""

    def accept(self, end: ServerWebSocket) -> asyncio.BaseProtocol: ...

    def dial(
        self,
        end: WebSocketEnd,
        url: str,
        headers: Mapping[str, str] | None,
        ssl: tls.SSLContext | None,
        options: Mapping[str, Any],
    ) -> Coroutine[Any, Any, ClientLink]: ...


def find_transport(name: TransportName) -> Transport:
    """The transport of this name.

    Raises ValueError for a name that there is not, RuntimeError for a package that is missing.
    """
    if name == "websockets":
        return on_websockets
    if name != "picows":
        raise ValueError(f"transport is 'websockets' or 'picows', not {name!r}")
    try:
        return cast(Transport, import_module("logux_store.connections.on_picows"))
    except ModuleNotFoundError as error:
        if error.name != "picows":
            raise
        raise RuntimeError(
            "the transport 'picows' needs a package: pip install 'logux-store[fast]'"
        ) from error


def find_loop(name: TransportName) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the event loop that goes well with a transport, None for asyncio's own: picows is
    a fifth faster in uvloop, if that is installed.
    """
    if name != "picows":
        return None
    try:
        module = import_module("uvloop")
    except ModuleNotFoundError:
        return None
    return cast(Callable[[], asyncio.AbstractEventLoop], module.new_event_loop)


def hand_over(
    transport: asyncio.Transport, protocol: asyncio.BaseProtocol, received: bytes
) -> None:
    """Give a socket to another protocol, with what has come already."""
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    if isinstance(protocol, asyncio.BufferedProtocol):
        while received:
            buffer = memoryview(protocol.get_buffer(-1))
            size = min(len(buffer), len(received))
            buffer[:size] = received[:size]
            protocol.buffer_updated(size)
            received = received[size:]
    else:
        cast(asyncio.Protocol, protocol).data_received(received)
