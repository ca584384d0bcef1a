"""The server without sockets: what a developer defines on it, and what it says and does.

What it does with connections, actions and subscriptions is in the modules beside this one; each is
one attribute here.

Invariant: what a developer's callback or listener raises reaches the `error` event, never a client
that had nothing to do with it.
"""

import asyncio
import logging
import os
import re
from collections.abc import Awaitable, Iterable, Mapping
from time import monotonic
from typing import Any, Literal

from logux_store.actions import Action
from logux_store.errors import LoguxError
from logux_store.events import Emitter, Listener, Unbind
from logux_store.ids import Clock, Random, parse_id, random_id, system_clock
from logux_store.log import Log, LogStore
from logux_store.meta import Meta
from logux_store.server.answers import Answers
from logux_store.server.auth import FailedLogins
from logux_store.server.context import Context
from logux_store.server.definitions import Definitions
from logux_store.server.flow import Flow
from logux_store.server.http import Request, Response
from logux_store.server.incoming import Incoming
from logux_store.server.options import (
    Limits,
    check_id,
    check_origins,
    check_subprotocols,
    environment,
)
from logux_store.server.processing import Processing
from logux_store.server.proxies import Network, check_proxies, client_address
from logux_store.server.queue import Job
from logux_store.server.reports import REPORTS, log_report
from logux_store.server.resend import Resend
from logux_store.server.server_client import ServerClient
from logux_store.server.subscribing import Subscribing
from logux_store.server.subscriptions import Subscriptions
from logux_store.sync import Connection, Turn

__all__ = ["EVENTS", "BaseServer"]

LOG_EVENTS = ("preadd", "add", "clean")
EVENTS = (
    "connected",
    "disconnected",
    "authenticated",
    "unauthenticated",
    "processed",
    "subscribing",
    "subscribed",
    "subscription_cancelled",
    "unsubscribed",
    "error",
    "client_error",
    "fatal",
    "report",
)


class BaseServer(Definitions):
    """A server whose connections somebody else makes; see `Server` for the arguments and events.

    Attributes to read: `node_id`, `log`, `env`, `limits`, `logger`; `connected` (ServerClient by
    key), `client_ids`, `node_ids` (ServerClient by id) and `user_ids` (list of ServerClient by user
    id) of those that are connected; `destroying`.
    """

    def __init__(
        self,
        *,
        subprotocol: int,
        min_subprotocol: int,
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
        clock: Clock = system_clock,
        random: Random = os.urandom,
    ) -> None:
        check_subprotocols(subprotocol, min_subprotocol)
        if future not in ("deny", "clamp"):
            raise ValueError(f"future is 'deny' or 'clamp', not {future!r}")
        self.subprotocol = subprotocol
        self.min_subprotocol = min_subprotocol
        self.env = environment(env)
        self.node_id = f"server:{check_id(random_id(random=random) if id is None else id)}"
        self.ping = ping
        self.timeout = timeout
        self.limits = Limits() if limits is None else limits
        self.future = future
        self.origins = None if origins is None else check_origins(origins)
        self.trusted_proxies = check_proxies(trusted_proxies)
        self.shutdown_timeout = shutdown_timeout
        self.clock = clock
        self._events = Emitter()
        self.logger = logging.getLogger("logux_store.server")
        self.log = Log(self.node_id, store, clock)

        self.connected: dict[str, ServerClient] = {}
        self.client_ids: dict[str, ServerClient] = {}
        self.node_ids: dict[str, ServerClient] = {}
        self.user_ids: dict[str, list[ServerClient]] = {}
        self.destroying = False

        super().__init__()
        self.subscriptions = Subscriptions()
        self.flow = Flow()
        self.turn = Turn()
        self.logins = FailedLogins(self.limits.logins, self.limits.login_memory, now)
        self.resend = Resend(self)
        self.answers = Answers(self)
        self.processing = Processing(self, self._events.listeners)
        self.subscribing = Subscribing(self)
        self.incoming = Incoming(self)

        self._last_key = 0
        self._resumed = False
        self._results: dict[str, asyncio.Future[Meta]] = {}

    # What a developer does

    def on(self, event: str, listener: Listener) -> Unbind:
        """Call `listener` at every event; returns the function that unbinds it.

        Events: `connected`, `disconnected` (client); `authenticated`, `unauthenticated` (client,
        seconds); `preadd`, `add`, `clean` (action, meta), of the log; `processed` (action, meta,
        seconds); `subscribing` (action, meta), `subscribed` (action, meta, seconds),
        `unsubscribed` (action, meta, node id), `subscription_cancelled` (); `error` (error, action
        or None, meta or None), of the developer's callbacks; `client_error` (error), wrong
        behaviour of a client; `fatal` (error), which ends the server; `report` (name, details).
        """
        if event in LOG_EVENTS:
            return self.log.on(event, listener)
        if event == "clientError":
            event = "client_error"
        if event not in EVENTS:
            raise ValueError(
                f"a server has the events {', '.join((*LOG_EVENTS, *EVENTS))}; not {event!r}"
            )
        return self._events.on(event, listener)

    def process(self, action: Action, /, **meta: Any) -> "asyncio.Future[Meta]":
        """Add an action of the server, at once; the future is done when it is resent and processed
        and gives its meta, or what a callback raised.

        Raises what `server.log.add` raises.
        """
        id = meta.setdefault("id", self.log.generate_id())
        result: asyncio.Future[Meta] = asyncio.get_running_loop().create_future()
        self._results[id] = result
        try:
            if self.log.add(action, **meta) is None:
                raise ValueError(f"the log has an action with the id {id!r} already")
        except BaseException:
            del self._results[id]
            raise
        return result

    def undo(self, action: Action, meta: Meta, reason: str = "error", **extra: Any) -> Meta | None:
        """Undo an action for the client that sent it and for all who got it. `reason` and the
        further fields of the `logux/undo` action tell the client why.
        """
        job = self._job(meta.id)
        if job is not None:
            job.undone = True
        return self.answers.undo(action, meta, reason, extra)

    def unknown_type(self, action: Action, meta: Meta) -> None:
        """Undo an action as one whose type nobody knows; for callbacks of `other_type`."""
        self.log.change_meta(meta.id, status="error")
        self.report("unknown_type", action_id=meta.id, type=action["type"])
        if parse_id(meta.id).user_id != "server":
            self.undo(action, meta, "unknownType")
        self._debug_back(meta, f"Action with unknown type {action['type']}")

    def wrong_channel(self, action: Action, meta: Meta) -> None:
        """Undo a subscription to a channel that there is not; for callbacks of `other_channel`."""
        self.report("wrong_channel", action_id=meta.id, channel=action.get("channel"))
        self.undo(action, meta, "wrongChannel")
        self._debug_back(meta, f"Wrong channel name {action.get('channel')}")

    def subscribe(self, node_id: str, channel: str) -> None:
        """Subscribe a connected node, without access and load, and tell it with
        `logux/subscribed`; does nothing if it is subscribed.
        """
        self.subscribing.begin(node_id, channel)

    def add_client(self, connection: Connection) -> ServerClient:
        """Take a connection from whatever transport: the server's end of it."""
        self.check_ready()
        self.resume()
        self._last_key += 1
        key = str(self._last_key)
        client = ServerClient(self, connection, key)
        self.connected[key] = client
        self.emit("connected", client)
        self.report("connect", connection_id=key, remote_address=client.remote_address)
        return client

    def check_ready(self) -> None:
        """Raise RuntimeError unless the server can take connections."""
        if self._authenticator is None:
            raise RuntimeError(
                "nobody could connect: say who may with server.auth(), "
                "for example server.auth(jwt_auth(secret))"
            )

    def resume(self) -> None:
        """Take up the actions that the log has accepted but not processed, from before a restart.
        Called by the first of `listen` and `add_client`; later calls do nothing.
        """
        if not self._resumed:
            self._resumed = True
            self.incoming.resume()

    async def destroy(self) -> None:
        """Shut down: take nothing new, finish what is being processed and what waits for it, but
        no longer than `shutdown_timeout` seconds, then close all connections.

        Actions that were not finished are sent again by their clients or, if they were accepted,
        taken up from a persistent store at the next start.
        """
        if self.destroying:
            return
        self.destroying = True
        self.report("destroy")
        deadline = now() + self.shutdown_timeout
        # A callback may be who shuts down, and does not wait for itself.
        this = {asyncio.current_task()}
        while (tasks := self.flow.tasks - this) and (left := deadline - now()) > 0:
            await asyncio.wait(tasks, timeout=left)
        for task in self.flow.tasks - this:
            task.cancel()
        await self.close_connections()

    async def close_connections(self) -> None:
        """Close what is still open; the end of `destroy`."""
        for client in [*self.connected.values()]:
            client.destroy()

    # What the modules beside this one need

    async def respond(self, request: Request) -> Response:
        """Answer an HTTP request, whoever has read it."""
        if self.destroying:
            return Response("The server is shutting down\n", 503)
        request.remote_address = self.address_of(request.remote_address, request.headers)
        try:
            return await self.routes.respond(request)
        except Exception as error:  # noqa: BLE001 - a developer's handler may raise anything
            self.emit_error(error)
            return Response("Internal server error\n", 500)

    def allows_origin(self, origin: str | None) -> bool:
        """Whether a page of this origin may connect. What is no browser has no origin."""
        if self.origins is None or origin is None:
            return True
        return any(
            allowed.fullmatch(origin) if isinstance(allowed, re.Pattern) else allowed == origin
            for allowed in self.origins
        )

    def address_of(self, peer: str, headers: Mapping[str, str]) -> str:
        """The address of the client whose connection comes from `peer`: another one, if `peer` is
        a trusted proxy. The names of `headers` are in lower case.
        """
        return client_address(peer, headers, self.trusted_proxies)

    def context(self, node_id: str, subprotocol: int | None) -> Context:
        """The context of a node, not of an action."""
        return Context(self, node_id, subprotocol)

    def authenticate(
        self, client: ServerClient, token: str | None, headers: dict[str, Any]
    ) -> bool | Awaitable[bool]:
        """Ask the developer's authenticator."""
        assert self._authenticator is not None
        values = {
            "user_id": client.user_id,
            "token": token,
            "cookie": client.cookie,
            "headers": headers,
            "client": client,
        }
        return self._authenticator(**{name: values[name] for name in self._auth_arguments})

    def deny(self, action: Action, meta: Meta) -> None:
        """Undo an action that its client may not do."""
        self.report("denied", action_id=meta.id)
        self.undo(action, meta, "denied")
        self._debug_back(meta, f'Action "{meta.id}" was denied')

    def deny_back(self, client: ServerClient, action: Action, meta: Meta, why: str) -> None:
        """Undo an action that a client may not even send; nobody else hears of it."""
        self.report("denied", action_id=meta.id, why=why)
        self.answers.undo_back(client.client_id, action, meta, "denied")
        client.send_debug(f'Action "{meta.id}" was denied: {why}')

    def fail(self, error: Exception, action: Action, meta: Meta) -> None:
        """Undo an action because a callback raised, and tell."""
        job = self._job(meta.id)
        if job is None or not job.undone:
            try:
                self.undo(action, meta, "error")
            except Exception as second:  # noqa: BLE001 - a listener, or what a callback did to the action
                self.emit_error(second, action, meta)
        self.emit_error(error, action, meta)

    def emit(self, event: str, *args: Any) -> None:
        """Tell the listeners of an event."""
        if not self._events.has(event):
            return
        try:
            self._events.emit(event, *args)
        except Exception as error:
            if event == "error":
                self.logger.exception("A listener of the error event raised", exc_info=error)
            else:
                self.emit_error(error)

    def emit_error(
        self,
        error: Exception,
        action: Action | None = None,
        meta: Meta | None = None,
        client: ServerClient | None = None,
    ) -> None:
        """Tell of what a developer's callback raised."""
        self.emit("error", error, action, meta)
        details = {} if meta is None else {"action_id": meta.id}
        if client is not None:
            details["connection_id"] = client.key
        self.report("error", error=error, **details)
        if meta is not None:
            self._debug_back(meta, f"{type(error).__name__}: {error}")

    def client_error(self, error: LoguxError, client: ServerClient) -> None:
        """Tell of what a client did wrong."""
        self.emit("client_error", error)
        self.report("client_error", error=error, **client.name())

    def emit_processed(
        self, action: Action, meta: Meta, seconds: float, error: Exception | None = None
    ) -> None:
        """Tell that an action is done with."""
        result = self._results.pop(meta.id, None) if self._results else None
        if result is not None and not result.done():
            if error is None:
                result.set_result(meta)
            else:
                result.set_exception(error)
                # The error event has told of it, even if nobody awaits the future.
                result.exception()
        if self._events.has("processed"):
            self.emit("processed", action, meta, seconds)

    def report(self, name: str, **details: Any) -> None:
        """Tell what happens: to the listeners of `report`, and to the logger."""
        if not self.tells(name):
            return
        if self._events.has("report"):
            self.emit("report", name, details)
        if self.logger.isEnabledFor(REPORTS[name][0]):
            log_report(self.logger, name, details)

    def tells(self, name: str) -> bool:
        """Whether anybody would hear of a report."""
        return self._events.has("report") or self.logger.isEnabledFor(REPORTS[name][0])

    def _job(self, id: str) -> Job | None:
        return self.incoming.queues.jobs.get(id) or self.processing.own.get(id)

    def _debug_back(self, meta: Meta, text: str) -> None:
        client = self.client_ids.get(parse_id(meta.id).client_id)
        if client is not None:
            client.send_debug(text)


def now() -> float:
    """Seconds on the loop's clock, or without one on the machine's; they do not go back."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return monotonic()
