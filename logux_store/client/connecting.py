"""A client's way to its server: from a URL, or from a connection that the application has made.

Invariant: over `ws://`, where others can read along, a client stays only with a server that says to
be in development, unless the application allows it.
"""

from collections.abc import Mapping
from typing import Any

from logux_store.connections import Reconnect, TransportName, WebSocketConnection
from logux_store.sync import Connection

__all__ = ["DangerousProtocolError", "dangers_of", "make_connection"]


class DangerousProtocolError(Exception):
    """The server was reached over `ws://`, without encryption, and does not say that it is in
    development.
    """


def make_connection(
    server: "str | Connection",
    *,
    transport: TransportName,
    attempts: int | None,
    min_delay: float,
    max_delay: float,
) -> Connection:
    """A connection to a URL, which comes back when it is lost; any other is taken as it is.

    Raises ValueError for another URL, TypeError for what is no connection, and RuntimeError when
    the transport's package is missing.
    """
    if not isinstance(server, str):
        return check_connection(server)
    return Reconnect(
        WebSocketConnection(check_url(server), transport=transport),
        attempts=attempts,
        min_delay=min_delay,
        max_delay=max_delay,
    )


def dangers_of(
    server: "str | Connection", headers: Mapping[str, Any]
) -> DangerousProtocolError | None:
    """Why not to go on with a server that has sent these headers, if there is a reason."""
    if not isinstance(server, str) or not server.startswith("ws://"):
        return None
    if headers.get("env") == "development":
        return None
    return DangerousProtocolError(
        f"{server} is not encrypted and the server is not in development; use wss://, "
        "or set allow_dangerous_protocol=True where the network is trusted"
    )


def check_url(server: str) -> str:
    """Return the server's URL, or raise ValueError unless it is a WebSocket's."""
    if not server.startswith(("ws://", "wss://")):
        raise ValueError(f"server is a URL that begins with wss:// or ws://, not {server!r}")
    return server


def check_connection(server: Any) -> Connection:
    """Return the connection, or raise TypeError that says what it lacks."""
    missing = [
        name
        for name in ("connected", "connect", "disconnect", "send", "on", "destroy")
        if not hasattr(server, name)
    ]
    if missing:
        raise TypeError(
            f"server is a URL or an object of the Connection protocol; {server!r} lacks "
            + ", ".join(missing)
        )
    connection: Connection = server
    return connection
