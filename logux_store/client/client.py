"""The client: a log, a node, and a connection to the server.

What it adds to a node: actions marked with `sync` stay in the log, with the reason `syncing`,
until the server has processed or undone them; their outcome can be awaited; subscriptions come
back after a reconnection; the user can change.

Invariants: only synchronized actions of the present user leave; an action that cannot be sent is
refused before it is added; an action that the log has dropped is not applied a second time when the
server sends it again, but is when another program runs that does not know what it did.
"""

import asyncio
import os
from typing import Any, ClassVar, Literal

from logux_store.actions import Action, ActionCreator, check_sendable
from logux_store.client.accounts import client_part, open_account
from logux_store.client.connecting import dangers_of, make_connection
from logux_store.client.dropped import Dropped
from logux_store.client.options import check_prefix, check_subprotocol, check_token
from logux_store.client.outcome import Outcome, Outcomes
from logux_store.client.reasons import SYNCING, is_to_send, tab_reasons
from logux_store.client.subscriptions import Subscriptions, check_channel
from logux_store.connections import TransportName
from logux_store.errors import FATAL_ERRORS, MESSAGE_ERRORS, LoguxError, UndoError
from logux_store.events import Emitter, Listener, Unbind
from logux_store.ids import Clock, Random, random_id, system_clock, validate_user_id
from logux_store.log import Log, LogStore, MemoryStore
from logux_store.log.listeners import Kind
from logux_store.log.log import EVENTS as LOG_EVENTS
from logux_store.meta import Entry, Meta
from logux_store.sync import ClientNode, Connection, NodeState

__all__ = ["Client"]

EVENTS = ("state", "role", "user", *LOG_EVENTS)
SUBSCRIPTION_TYPES = ("logux/subscribe", "logux/unsubscribe")


class Client:
    """One user's log, and its synchronization with a server.

    `server` is the URL (`"wss://…"`) or an object of the `Connection` protocol; `subprotocol` the
    version of the application's actions, an integer; `user_id` the user, `"anonymous"` where there
    are none; `token` what the server's `auth` asks for: a string, or a callable that gives one,
    which may be a coroutine function; what it raises goes to the listeners to the node's `error`,
    and without one to the event loop's exception handler, and the client tries again.

    `store` keeps the log (in memory by default). `attempts` limits reconnections, whose delay grows
    from `min_delay` to `max_delay` seconds; a `ping` goes out after that many seconds of silence,
    and the connection is given up when an answer takes longer than `timeout` seconds.
    `allow_dangerous_protocol` permits `ws://` outside development. `transport` is the package that
    moves the bytes to a URL: `"websockets"`, or `"picows"` (the extra `fast`). `clock` (ms) and
    `random` can be replaced in tests. `prefix` tells apart several applications of one user on one
    machine.

    Raises TypeError or ValueError, with the way out, for an option that is missing or wrong, and
    RuntimeError when the transport's package is missing.
    """

    # The kinds of actions that it has to look at before they are added.
    looks_at: ClassVar[tuple[Kind, ...]] = ("sync", "logux")

    def __init__(
        self,
        *,
        server: "str | Connection",
        subprotocol: int,
        user_id: str,
        token: Any = None,
        prefix: str = "logux",
        store: LogStore | None = None,
        attempts: int | None = None,
        min_delay: float = 1.0,
        max_delay: float = 5.0,
        ping: float | None = 10.0,
        timeout: float | None = 70.0,
        allow_dangerous_protocol: bool = False,
        transport: TransportName = "websockets",
        clock: Clock = system_clock,
        random: Random = os.urandom,
    ) -> None:
        check_subprotocol(subprotocol)
        check_token(token)
        check_prefix(prefix)
        self.user_id = validate_user_id(user_id)
        self.subprotocol = subprotocol
        self.prefix = prefix
        self.random = random
        self.allow_dangerous_protocol = allow_dangerous_protocol
        connection = make_connection(
            server,
            transport=transport,
            attempts=attempts,
            min_delay=min_delay,
            max_delay=max_delay,
        )
        self.server = server
        self.error: Exception | None = None
        """Why the client will not connect again by itself, if so."""
        self.destroyed = False

        self.tab_id = random_id(random=random)
        self._store: LogStore = MemoryStore() if store is None else store
        self.client_id = f"{user_id}:{self._open_account()}"
        self.log = self._make_log(clock)
        self.log.subprotocol = subprotocol
        self.dropped = Dropped()
        """What the log has dropped since this client was made."""
        self.saves_state = False
        """Whether the state is saved with the log, so that the next program knows what this did."""
        self.encrypts = False
        """Whether `encrypt_actions` sees what leaves."""
        self.subscriptions = Subscriptions()
        self._outcomes = Outcomes()
        self._events = Emitter()
        # Sent since the node was last without a connection: restored subscriptions go out once.
        self._restored = False
        # Before the node listens: it asks whether a subscription that it is to send is wanted.
        self.log.on("preadd", self._before_add, kinds=self.looks_at)
        self.log.on("add", self._after_add, kinds=("logux",))
        self.log.on_drop(self._after_drop)
        self.node = self._make_node(
            connection,
            token=token,
            subprotocol=subprotocol,
            ping=ping,
            timeout=timeout,
            on_send=self._on_send,
            on_receive=self._on_receive,
        )
        self.node.on("connect", self._check_protocol)
        self.node.on("state", self._on_state)
        self.node.on("error", self._on_error)
        self.node.on("client_error", self._on_client_error)

    @property
    def node_id(self) -> str:
        """The client id and the tab id, joined."""
        return f"{self.client_id}:{self.tab_id}"

    @property
    def state(self) -> NodeState:
        """`disconnected`, `connecting`, `sending` or `synchronized`."""
        return self.node.state

    @property
    def connected(self) -> bool:
        """Whether the server can be reached now."""
        return self.state not in (NodeState.DISCONNECTED, NodeState.CONNECTING)

    @property
    def role(self) -> Literal["leader", "follower", "candidate"]:
        """Which of the user's tabs this is; a client without tabs always leads."""
        return "leader"

    def on(self, event: str, listener: Listener) -> Unbind:
        """Call `listener` at every event; returns the function that unbinds it.

        `state` and `role` come without arguments, `user` with the new user id; the log's events
        (`preadd`, `add`, `clean`) with action and meta.
        """
        if event == "state":
            return self.node.on("state", listener)
        if event in ("role", "user"):
            return self._events.on(event, listener)
        if event not in LOG_EVENTS:
            raise ValueError(f"a client has the events {', '.join(EVENTS)}; not {event!r}")
        return self.log.on(event, listener)

    def type(
        self,
        type: str | ActionCreator,
        listener: Listener,
        *,
        event: Literal["preadd", "add", "clean"] = "add",
        id: str | None = None,
    ) -> Unbind:
        """Call `listener(action, meta)` at events of one action type; see `Log.type`."""
        return self.log.type(type, listener, event=event, id=id)

    def sync(self, action: Action, **meta: Any) -> Outcome:
        """Add an action that the server shall have; it applies here at once.

        `meta` are keys of its meta. Awaiting the outcome is optional: it gives the meta of the
        server's answer, or raises `UndoError`. Raises TypeError or ValueError, with nothing added,
        for what is no action or has no JSON form.
        """
        id = meta.pop("id", None) or self.log.generate_id()
        outcome = self._outcomes.track(id)
        try:
            added = self.log.add(action, id=id, sync=True, **meta)
        except BaseException:
            self._outcomes.forget(outcome)
            raise
        if added is not None and not added.sync:
            # An unsubscription that the server need not hear of is done already.
            self._outcomes.decide(id, added)
        return outcome

    def track(self, id: str) -> Outcome:
        """The outcome of an action that was added before, as in an earlier run of the program."""
        return self._outcomes.track(id)

    def start(self, connect: bool = True) -> None:
        """Connect, unless `connect` is false, and keep connecting again until `destroy`.

        Needs a running event loop if it is to connect.
        """
        self._check_alive()
        self.error = None
        if connect:
            self.node.connection.connect()

    async def wait_for(self, state: NodeState | str) -> None:
        """Wait until `client.state` is this one.

        Raises the error that keeps the client from connecting, such as refused credentials.
        """
        state = NodeState(state)
        changed = asyncio.Event()
        unbind = self.on("state", changed.set), self._events.on("error", changed.set)
        try:
            while self.state != state:
                if self.error is not None:
                    raise self.error
                await changed.wait()
                changed.clear()
        finally:
            for stop in unbind:
                stop()

    def change_user(self, user_id: str, token: Any = None) -> None:
        """Become another user. What the former one has not sent stays in the log, and is sent when
        that user is back. Subscriptions end; the outcomes of those that the server has not answered
        raise ConnectionAbortedError.
        """
        validate_user_id(user_id)
        check_token(token)
        self._check_alive()
        reconnect = self.state != NodeState.DISCONNECTED
        if reconnect:
            self.node.connection.disconnect("destroy")
        self.user_id = user_id
        self.node.note_unsent()
        self.client_id = f"{user_id}:{self._open_account()}"
        self.node.read_store()
        self.log.node_id = self.node.local_node_id = self.node_id
        self.node.token = token
        self.error = None
        self._end_subscriptions()
        self._events.emit("user", user_id)
        if reconnect:
            self.node.connection.connect()

    async def destroy(self) -> None:
        """Close the connection and stop for good. The log keeps what was not sent; outcomes that
        are still open raise ConnectionAbortedError.
        """
        if not self.destroyed:
            self._close(ConnectionAbortedError("the client was destroyed"))
        await self._closed()

    async def clean(self) -> None:
        """Destroy the client and forget its log."""
        await self.destroy()
        self.log.store.clean()

    async def __aenter__(self) -> "Client":
        self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.destroy()

    def _close(self, error: Exception) -> None:
        self.destroyed = True
        self.error = error
        self.node.destroy()
        for reason in tab_reasons(self.tab_id):
            self.log.remove_reason(reason)
        self._outcomes.fail_all(error)
        self._events.emit("error")

    async def _closed(self) -> None:
        wait_closed = getattr(self.node.connection, "wait_closed", None)
        if wait_closed is not None:
            await wait_closed()

    def _check_alive(self) -> None:
        if self.destroyed:
            raise RuntimeError("the client is destroyed; make a new one over the same store")

    def _open_account(self) -> str:
        """Let the log be the present user's; gives the client's part of the client id."""
        open_account(self._store, self.user_id)
        return client_part(self._store, self.user_id, self.random)

    def _make_log(self, clock: Clock) -> Log:
        return Log(self.node_id, self._store, clock)

    def _make_node(self, connection: Connection, **options: Any) -> ClientNode:
        # A plain action is not for the server.
        return ClientNode(self.node_id, self.log, connection, kinds=self.looks_at, **options)

    # The log.

    def _before_add(self, action: Action, meta: Meta) -> None:
        type = action["type"]
        if type in SUBSCRIPTION_TYPES:
            check_channel(action)
            if type == "logux/unsubscribe":
                meta.sync, unsent = self.subscriptions.unsubscribe(action, self.connected)
                for id in unsent:
                    self.log.change_meta(id, reasons=[])
                    self._outcomes.decide(id, meta)
        if meta.sync:
            check_sendable(action)
            if not meta.resubscribe and SYNCING not in meta.reasons:
                meta.reasons.append(SYNCING)

    def _after_add(self, action: Action, meta: Meta) -> None:
        type = action["type"]
        if type == "logux/subscribe":
            if meta.sync:
                self.subscriptions.subscribe(action, meta.id, bool(meta.resubscribe))
        elif type in ("logux/processed", "logux/undo"):
            id = action.get("id")
            if not isinstance(id, str):
                return
            self._settle(id)
            if type == "logux/processed":
                self.subscriptions.processed(id, meta)
                self._outcomes.decide(id, meta)
            else:
                again = self.subscriptions.undone(id, action.get("reason"))
                self._outcomes.decide(id, UndoError(action))
                if again is not None:
                    self.log.add(again, sync=True, resubscribe=True)

    def _settle(self, id: str) -> None:
        """The server has answered an action, so it need not be kept for being sent."""
        self.log.remove_reason(SYNCING, id=id)

    def _after_drop(self, entries: list[Entry]) -> None:
        # The server sends again what came since the subscription; the log would take what it has
        # dropped for new. What never left this node, nobody can send.
        own = f" {self.log.node_id} "
        for _, meta in entries:
            if meta.added and (meta.sync or own not in meta.id):
                self.dropped.add(meta.id)
                if self.saves_state:
                    self.log.store.remember(meta.id)

    # The node.

    def _may_leave(self, meta: Meta) -> bool:
        if not is_to_send(meta, self.user_id):
            return False
        if meta.encrypt and not self.encrypts:
            # Another tab that can, or the next program, will send it.
            error = RuntimeError(
                f"the action {meta.id!r} must not leave without encryption: call encrypt_actions "
                "before client.start(), in every tab and every time"
            )
            self._close(error)
            raise error
        return True

    def _on_send(self, action: Action, meta: Meta) -> tuple[Action, Meta] | None:
        if not self._may_leave(meta):
            return None
        if action["type"] == "logux/subscribe" and not self.subscriptions.sent(meta.id):
            # Left by an earlier run of the program, which had other wishes.
            self.log.change_meta(meta.id, reasons=[])
            return None
        return action, meta

    def _on_receive(self, action: Action, meta: Meta) -> tuple[Action, Meta] | None:
        known = meta.id in self.dropped or self._is_saved(meta.id)
        return None if known else (action, meta)

    def _is_saved(self, id: str) -> bool:
        """Whether an action that the log has dropped is in the state that is saved with it."""
        return self.saves_state and self.log.store.remembers(id)

    def _check_protocol(self) -> None:
        if self.allow_dangerous_protocol:
            return
        error = dangers_of(self.server, self.node.remote_headers)
        if error is not None:
            self._close(error)
            raise error

    def _on_state(self) -> None:
        self._restore_subscriptions()

    def _restore_subscriptions(self) -> None:
        """Follow the state: what the server has forgotten, it is asked for again."""
        if self.state == NodeState.DISCONNECTED:
            self._lose_subscriptions()
        elif self.connected and not self._restored:
            self._restored = True
            for action in self.subscriptions.missing():
                self.log.add(action, sync=True, resubscribe=True)

    def _end_subscriptions(self) -> None:
        """They were the former user's; nobody will hear of those that had no answer."""
        for id in self.subscriptions.clear():
            self._outcomes.decide(id, ConnectionAbortedError("the user has changed"))

    def _lose_subscriptions(self) -> None:
        """The connection is gone, and with it what the server knew."""
        self._restored = False
        for id in self.subscriptions.disconnected():
            entry = self.log.by_id(id)
            if entry is not None:
                self.log.change_meta(id, reasons=[])
                self._outcomes.decide(id, entry[1])

    def _on_error(self, error: Exception) -> None:
        if not isinstance(error, LoguxError):
            if self.node.count_listeners("error") == 1:
                # Nobody else hears of it, and what a token's callable raises must not be lost.
                raise error
        elif error.type in FATAL_ERRORS:
            self.error = error
            self._events.emit("error")

    def _on_client_error(self, error: LoguxError) -> None:
        if error.type not in MESSAGE_ERRORS:
            # This side has refused the server, and that for good.
            self._close(error)
