"""The server on a port: WebSocket and HTTP, TLS, signals.

    server = Server(subprotocol=1, min_subprotocol=1)
    server.auth(jwt_auth(secret))
    server.type("users/rename", access=may_rename, resend=channel_of_user, process=save_name)
    server.channel("users/:id", access=may_see, load=user_as_action)
    server.run()

What it does with what comes in is `BaseServer`'s matter.
"""

import asyncio
import errno
import os
import re
import signal
import socket
import ssl
import sys
from collections.abc import Iterable
from typing import Literal, Self

from logux_store.connections import (
    Link,
    ServerWebSocket,
    TransportName,
    find_loop,
    find_transport,
)
from logux_store.ids import Clock, Random, system_clock
from logux_store.log import LogStore
from logux_store.server.base_server import BaseServer
from logux_store.server.front import Front
from logux_store.server.logger import configure_logging
from logux_store.server.options import Limits, check_address
from logux_store.server.proxies import Network

__all__ = ["Server"]

GOING_AWAY = 1001
# Connections that wait to be accepted: after a restart, all clients come at once.
BACKLOG = 1000
# No limit: as many bytes as fit into any library's integers, twice.
MANY = 2**61


class Server(BaseServer):
    """A Logux server.

    `subprotocol` and `min_subprotocol` (whole numbers) are the application's version and the oldest
    one of a client that may connect. `host` and `port` are where to listen, port 0 is any free one;
    `cert` and `key` (paths of PEM files) make it `wss://`. `store` keeps the log, in memory if it
    is None. `id` is the server's part of its node id, random if it is None. `env` is
    `"development"` or `"production"`, else what `LOGUX_ENV` says, else development: then errors
    are told to clients, and clients accept `ws://`.

    `ping` and `timeout` (seconds): after so much silence a client is asked for a sign of life, and
    it is disconnected when it does not answer. `limits` bounds what a client may cost. `future`
    says what happens to actions from further in the future than `limits.ahead`: `"deny"`, or
    `"clamp"`, which gives them the present time. `origins` are the origins (strings, or compiled
    regular expressions for the whole of one) of the pages whose browsers may connect, None for
    all; what is no browser has none and may always try. `trusted_proxies` are the addresses or
    networks (strings, or those of `ipaddress`) of reverse proxies: of connections that come from
    one, the header `X-Forwarded-For` says the address. `shutdown_timeout` (seconds) is how long
    `destroy` waits for what is being processed. `transport` is the package that moves the bytes of
    WebSockets: `"websockets"`, or `"picows"`, which is faster and has to be installed besides (the
    extra `fast`). `clock` gives milliseconds since 1970, `random` random bytes.

    Raises TypeError or ValueError for a wrong option, RuntimeError for a missing package. See
    `BaseServer` for what can be defined.
    """

    def __init__(
        self,
        *,
        subprotocol: int,
        min_subprotocol: int,
        host: str = "127.0.0.1",
        port: int = 31337,
        cert: str | None = None,
        key: str | None = None,
        store: LogStore | None = None,
        id: str | None = None,
        env: str | None = None,
        ping: float | None = 20.0,
        timeout: float | None = 70.0,
        limits: Limits | None = None,
        future: Literal["deny", "clamp"] = "deny",
        origins: Iterable[str | re.Pattern[str]] | None = None,
        trusted_proxies: Iterable[str | Network] = (),
        shutdown_timeout: float = 10.0,
        transport: TransportName = "websockets",
        clock: Clock = system_clock,
        random: Random = os.urandom,
    ) -> None:
        super().__init__(
            subprotocol=subprotocol,
            min_subprotocol=min_subprotocol,
            store=store,
            id=id,
            env=env,
            ping=ping,
            timeout=timeout,
            limits=limits,
            future=future,
            origins=origins,
            trusted_proxies=trusted_proxies,
            shutdown_timeout=shutdown_timeout,
            clock=clock,
            random=random,
        )
        check_address(host, port, cert, key)
        self.host = host
        self.port = port
        self.cert = cert
        self.key = key
        find_transport(transport)
        self.transport = transport
        self._listening: asyncio.Server | None = None
        self._fronts: set[Front] = set()
        self._links: set[Link] = set()
        # Set when the last of the links is gone.
        self._alone = asyncio.Event()

    @property
    def url(self) -> str:
        """Where clients connect to."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        if ":" in host:
            host = f"[{host}]"
        return f"{'ws' if self.cert is None else 'wss'}://{host}:{self.port}"

    async def listen(self) -> None:
        """Start to listen; with port 0, `port` and `url` tell the one that was found.

        Raises RuntimeError without `auth` or when it listens already, OSError when the port cannot
        be had, and what is wrong with the certificate.
        """
        self.check_ready()
        if self._listening is not None or self.destroying:
            raise RuntimeError("a server listens once; make another one to listen again")
        check_address(self.host, self.port, self.cert, self.key)
        loop = asyncio.get_running_loop()
        try:
            self._listening = await loop.create_server(
                self._open, self.host, self.port, ssl=self._tls(), backlog=BACKLOG
            )
        except OSError as error:
            explained = explain(error, self.host, self.port)
            self.emit("fatal", explained)
            self.report("fatal", error=explained)
            raise explained from error
        self.port = self._listening.sockets[0].getsockname()[1]
        self.resume()
        self.report(
            "listen",
            url=self.url,
            environment=self.env,
            node_id=self.node_id,
            subprotocol=self.subprotocol,
            min_subprotocol=self.min_subprotocol,
        )

    async def destroy(self) -> None:
        """Shut down gracefully: take no new connections, finish what is being processed within
        `shutdown_timeout` seconds, close the connections with the code 1001.
        """
        listening = self._listening
        if listening is not None and not self.destroying:
            listening.close()
        await super().destroy()
        if listening is not None:
            await listening.wait_closed()

    async def close_connections(self) -> None:
        for front in [*self._fronts]:
            front.close()
        # What was sent last leaves in the loop's next turn.
        await asyncio.sleep(0)
        for link in [*self._links]:
            link.close(GOING_AWAY)
        while self._links:
            self._alone.clear()
            await self._alone.wait()
        await super().close_connections()

    def _open(self) -> Front:
        return Front(
            self._accept,
            self.allows_origin,
            self.respond,
            self.flow.spawn,
            self.limits.message_size or sys.maxsize,
            self._fronts,
        )

    def _accept(self) -> asyncio.BaseProtocol:
        limits = self.limits
        end = ServerWebSocket(
            self._opened,
            self._gone,
            max_size=limits.message_size or MANY,
            max_waiting=limits.waiting or MANY,
        )
        return find_transport(self.transport).accept(end)

    def _opened(self, connection: ServerWebSocket, link: Link) -> None:
        self._links.add(link)
        self.add_client(connection)

    def _gone(self, link: Link) -> None:
        self._links.discard(link)
        if not self._links:
            self._alone.set()

    def _tls(self) -> ssl.SSLContext | None:
        if self.cert is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self.cert, self.key)
        except OSError as error:
            raise OSError(
                error.errno,
                f"the certificate {self.cert!r} and the key {self.key!r} cannot be used: "
                f"{error.strerror or error}",
            ) from error
        return context

    def run(self) -> None:
        """Listen until SIGINT or SIGTERM, then shut down gracefully. Logs for people, unless
        logging is configured already. With the transport `"picows"` in uvloop, if that is
        installed.
        """
        configure_logging()
        with asyncio.Runner(loop_factory=find_loop(self.transport)) as runner:
            runner.run(self.serve_until_signal())

    async def serve_until_signal(self) -> None:
        """What `run` does, inside an event loop of yours."""
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()

        def end(*_: object) -> None:
            loop.call_soon_threadsafe(stop.set)

        # Not the loop's own handlers, which Windows does not have.
        former = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            async with self:
                await stop.wait()
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.destroy()


def explain(error: OSError, host: str, port: int) -> OSError:
    """The error with what can be done about it."""
    if error.errno == errno.EADDRINUSE:
        text = f"port {port} of {host} is in use; stop the other program or take another port"
    elif error.errno == errno.EACCES:
        text = f"port {port} may not be used without special rights; take one from 1024 on"
    elif error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        text = (
            f"{host} is no address of this machine; take 127.0.0.1 for programs on it, "
            "or 0.0.0.0 for everybody"
        )
    else:
        text = error.strerror or str(error)
    return OSError(error.errno, text)
