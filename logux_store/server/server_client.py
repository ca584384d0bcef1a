"""One connection of a client, from its opening to its end: who it is, and what waits for it.

Invariants: a client that is authenticated is in the server's `client_ids`, `node_ids` and
`user_ids`, and no other connection is there under the same client id; a destroyed one is in none
and has no subscriptions.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from inspect import CORO_CREATED, getcoroutinestate, iscoroutine
from time import perf_counter
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from logux_store.actions import Action, check_action, check_sendable, to_json
from logux_store.errors import LoguxError
from logux_store.ids import parse_id
from logux_store.meta import Entry, Meta
from logux_store.server.answers import Unconfirmed
from logux_store.server.node import FilteredNode
from logux_store.sync import Connection, NodeState
from logux_store.sync.states import SYNCHRONIZED

if TYPE_CHECKING:
    from logux_store.server.base_server import BaseServer

__all__ = ["Held", "ServerClient"]


class Held:
    """An action that waits for its turn; `wanted` is None until a filter has decided."""

    __slots__ = ("action", "meta", "wanted")

    def __init__(self, action: Action, meta: Meta, wanted: bool | None) -> None:
        self.action = action
        self.meta = meta
        self.wanted = wanted


class ServerClient:
    """A connected client.

    `key` numbers the connections of a server. `user_id`, `client_id` and `node_id` are None until
    the client says who it is, and only to be trusted when `authenticated`. `remote_address` is the
    address of the other end, beyond the server's trusted proxies; `http_headers` are those of the
    WebSocket's request; `zombie` says that a newer connection of the same client has replaced this
    one.
    """

    def __init__(self, server: "BaseServer", connection: Connection, key: str) -> None:
        self.server = server
        self.connection = connection
        self.key = key
        self.http_headers: Mapping[str, str] = getattr(connection, "http_headers", None) or {}
        peer = getattr(connection, "remote_address", None) or "127.0.0.1"
        self.remote_address = server.address_of(peer, self.http_headers)
        self.user_id: str | None = None
        self.client_id = ""
        self.node_id = ""
        self.authenticated = False
        self.destroyed = False
        self.zombie = False
        self.subscribed: set[tuple[str, str]] = set()
        self.subscriptions = 0
        # Answers that were sent, and may be lost if the connection ends now.
        self.unconfirmed = Unconfirmed()
        # What waits for its turn; a list, because an empty deque takes ten times as much.
        self.held: list[Held] = []
        self._expiry: asyncio.TimerHandle | None = None
        self._asked: Awaitable[bool] | None = None
        self._patience = self._start_patience()
        self.node = FilteredNode(
            self,
            connection,
            auth=self._authenticate,
            subprotocol=server.subprotocol,
            ping=server.ping,
            timeout=server.timeout,
        )
        # A client may send again what was acknowledged and not answered: it is done once.
        headers: dict[str, Any] = {"once": True}
        if server.env == "development":
            headers["env"] = "development"
        self.node.set_local_headers(headers)
        self.node.on("headers", self._check_headers)
        self.node.on("connect", self._check_subprotocol)
        self.node.on("error", self._failed)
        self.node.on("client_error", self._client_failed)

    def _start_patience(self) -> asyncio.TimerHandle | None:
        """Close the connection if nobody has logged in in time."""
        seconds = self.server.limits.unauthenticated
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return None
        return None if seconds is None else loop.call_later(seconds, self._lose_patience)

    def _lose_patience(self) -> None:
        self.refuse(LoguxError("timeout", self.server.limits.unauthenticated))

    # What goes out

    def send(self, action: Action, meta: Meta) -> None:
        """Send an action to this client, after all that is held back for it."""
        if self.held:
            self._hold(Held(action, meta, True))
        else:
            self.node.enqueue(action, meta)

    def hold(self, action: Action, meta: Meta) -> Held:
        """Keep an action's place until `release` says whether this client gets it."""
        held = Held(action, meta, None)
        self._hold(held)
        return held

    def release(self, held: Held, wanted: bool) -> None:
        """Decide about a held action, and send what only waited for that."""
        held.wanted = wanted
        while self.held and self.held[0].wanted is not None:
            first = self.held.pop(0)
            if first.wanted:
                self.node.enqueue(first.action, first.meta)

    def _hold(self, held: Held) -> None:
        limit = self.server.limits.held
        if limit is not None and len(self.held) >= limit:
            self.disconnect("slow")
        elif not self.destroyed:
            self.held.append(held)

    def load_on_connect(self, added: int) -> None:
        """Send what the callback of `send_on_connect` gives, before anything else."""
        gate = self.hold({"type": "logux/gate"}, Meta("0 server 0", 0))
        self.server.flow.start(self._load_on_connect(added, gate))

    async def _load_on_connect(self, added: int, gate: Held) -> None:
        loader = self.server.connect_loader
        assert loader is not None
        ctx = self.server.context(self.node_id, self.node.remote_subprotocol)
        try:
            entries = await self.server.flow.settled(loader(ctx, added))
            for action, keys in entries or ():
                check_action(action)
                check_sendable(action)
                self.node.enqueue(action, keys if isinstance(keys, Meta) else Meta(**keys))
        except Exception as error:  # noqa: BLE001 - a developer's callback may raise anything
            self.server.emit_error(error)
        finally:
            if not self.destroyed:
                for action, meta in self.take_answers():
                    self.node.enqueue(action, meta)
            self.release(gate, False)

    def take_answers(self) -> list[Entry]:
        """The answers that waited for this client; from now on this connection answers for them."""
        answers = self.server.answers.take(self.client_id)
        for answer in answers:
            self.unconfirmed.add(answer)
        return [(answer.action, answer.meta) for answer in answers]

    def send_debug(self, text: str) -> None:
        """Tell the developer at the other end, if the server is in development."""
        if self.server.env == "development" and self.node.connected:
            self.node.send_debug(text)

    # Authentication

    def _check_headers(self, headers: dict[str, Any]) -> None:
        limit = self.server.limits.headers
        if limit is not None and (size := len(to_json(headers))) > limit:
            self.refuse(LoguxError("wrong-format", f"headers of {size} bytes; {limit} may be"))

    def _check_subprotocol(self) -> None:
        node_id = self.node.remote_node_id or ""
        self.user_id, self.client_id, self.node_id = parse_id(node_id)
        used, supported = self.node.remote_subprotocol or 0, self.server.min_subprotocol
        if used < supported:
            raise LoguxError("wrong-subprotocol", {"supported": supported, "used": used})

    def _authenticate(
        self, node_id: str, token: str | None, headers: dict[str, Any]
    ) -> bool | Awaitable[bool]:
        start = perf_counter()
        server = self.server
        self._check_attempts()
        if self.user_id == "server" or node_id == "server":
            return self._refused(start)
        try:
            answer = server.authenticate(self, token, headers)
        except Exception as error:  # noqa: BLE001 - a developer's callback may raise anything
            return self._auth_failed(error, start)
        if isinstance(answer, Awaitable):
            self._asked = answer
            return self._authenticate_later(answer, start)
        return self._accepted(start) if answer else self._refused(start)

    async def _authenticate_later(self, answer: Awaitable[bool], start: float) -> bool:
        try:
            allowed = await self.server.flow.settled(answer)
        except Exception as error:  # noqa: BLE001 - a developer's callback may raise anything
            return self._auth_failed(error, start)
        if self.destroyed:
            return False
        if not allowed:
            return self._refused(start)
        # Many may have guessed at once, and this one right.
        self._check_attempts()
        return self._accepted(start)

    def _check_attempts(self) -> None:
        if not self.server.logins.allows(self.remote_address):
            raise LoguxError("bruteforce")

    def _auth_failed(self, error: Exception, start: float) -> bool:
        if isinstance(error, LoguxError):
            raise error
        self.server.emit_error(error, client=self)
        return self._refused(start)

    def _refused(self, start: float) -> bool:
        server = self.server
        server.logins.failed(self.remote_address)
        server.emit("unauthenticated", self, perf_counter() - start)
        server.report("unauthenticated", **self._details())
        return False

    def _accepted(self, start: float) -> bool:
        server = self.server
        others = server.user_ids.get(self.user_id or "", [])
        zombie = server.client_ids.get(self.client_id)
        limit = server.limits.connections
        if (
            limit is not None
            and self.user_id not in (None, "anonymous")
            and len(others) - (zombie in others) >= limit
        ):
            server.client_error(LoguxError("too-many-connections"), self)
            self.send_debug(f"The user {self.user_id!r} has {limit} connections already")
            self.disconnect("error")
            return False
        if zombie is not None:
            zombie.zombie = True
            server.report("zombie", node_id=zombie.node_id)
            zombie.destroy()
        self.authenticated = True
        if self._patience is not None:
            self._patience.cancel()
        server.client_ids[self.client_id] = self
        server.node_ids[self.node_id] = self
        if self.user_id is not None:
            server.user_ids.setdefault(self.user_id, []).append(self)
        server.emit("authenticated", self, perf_counter() - start)
        server.report("authenticated", **self._details())
        return True

    @property
    def cookie(self) -> dict[str, str]:
        """The cookies of the WebSocket's request."""
        found: dict[str, str] = {}
        for header, text in self.http_headers.items():
            if header.lower() == "cookie":
                for part in text.split(";"):
                    name, _, value = part.strip().partition("=")
                    found.setdefault(name, unquote(value.strip('"')))
        return found

    def expire_at(self, time: float) -> None:
        """Close the connection at this time (seconds since 1970), for example when the token that
        it was opened with expires. The client may come back with a new one.
        """
        if self._expiry is not None:
            self._expiry.cancel()
        delay = time - self.server.clock() / 1000
        self._expiry = asyncio.get_running_loop().call_later(
            max(0.0, delay), self.disconnect, "expired"
        )

    # The end

    def refuse(self, error: LoguxError) -> None:
        """Tell the client what it did wrong, and close the connection."""
        self.node.send_error(error)
        self.disconnect("error")

    def disconnect(self, reason: str = "destroy") -> None:
        """Close the connection; the client may come back."""
        self.connection.disconnect(reason)
        self.destroy()

    def destroy(self) -> None:
        """Close the connection and forget the client, its subscriptions included."""
        if self.destroyed:
            return
        self.destroyed = True
        server = self.server
        for timer in (self._expiry, self._patience):
            if timer is not None:
                timer.cancel()
        self.node.destroy()
        if iscoroutine(self._asked) and getcoroutinestate(self._asked) == CORO_CREATED:
            # The node has given it up before it began.
            self._asked.close()
        self.held.clear()
        if self.unconfirmed:
            server.answers.keep(self.client_id, self.unconfirmed)
        if self.authenticated:
            for ids, id in ((server.client_ids, self.client_id), (server.node_ids, self.node_id)):
                if ids.get(id) is self:
                    del ids[id]
            if self.user_id is not None:
                clients = server.user_ids[self.user_id]
                clients.remove(self)
                if not clients:
                    del server.user_ids[self.user_id]
            server.subscribing.end_all(self)
        del server.connected[self.key]
        if not server.destroying:
            server.emit("disconnected", self)
            if not self.zombie:
                server.report("disconnect", **self.name())

    # What the node says

    def state_changed(self, state: NodeState) -> None:
        """The node is in another state."""
        if state is SYNCHRONIZED:
            if self.unconfirmed.size and not self.held:
                self.unconfirmed.clear()
        elif state is NodeState.DISCONNECTED:
            self.destroy()

    def _failed(self, error: Exception) -> None:
        if isinstance(error, LoguxError):
            self.server.client_error(error, self)
        else:
            self.server.emit_error(error, client=self)

    def _client_failed(self, error: LoguxError) -> None:
        # Its own event says so already.
        if error.type != "wrong-credentials":
            self.server.client_error(error, self)

    def name(self) -> dict[str, str]:
        """What a report calls this client."""
        return {"node_id": self.node_id} if self.node_id else {"connection_id": self.key}

    def _details(self) -> dict[str, Any]:
        return {
            "connection_id": self.key,
            "node_id": self.node_id,
            "subprotocol": self.node.remote_subprotocol,
        }

    def __repr__(self) -> str:
        return f"ServerClient({self.node_id or self.key!r})"
