"""How two nodes meet: greeting, authentication, silence, errors. What they then exchange is
`base_node`'s matter.

When the connection opens, one side greets with `connect`; the other answers `connected`. Each says
which protocol it speaks, which node it is and, if it has one, its token; each may refuse the other.
Once both have accepted, entries may travel. Who waits too long for an answer hangs up.

The conversation is in one of these phases, `Phase`:

| phase    | what happens                               | next phase                             |
| -------- | ------------------------------------------ | -------------------------------------- |
| CLOSED   | the connection opens                       | READY                                  |
| READY    | this side sends `connect`                  | ASKED                                  |
| READY    | `connect` comes                            | CHECKING                               |
| ASKED    | `connected` comes                          | CHECKING                               |
| CHECKING | the other is accepted                      | OPEN                                   |
| CHECKING | the other is refused: `error` is sent      | CLOSED, and the node is destroyed      |
| any      | a wrong message comes: `error` is sent     | CLOSED                                 |
| any      | an answer does not come in time            | CLOSED                                 |
| any      | the connection ends                        | CLOSED                                 |

`headers`, `error` and `debug` are welcome in every phase but CLOSED; `connect` and `connected` only
where the table has them, elsewhere they are wrong. All other messages wait for OPEN, up to the
limits of `waiting`.

Invariants: a wrong message changes nothing but the phase; what was waited for on a connection that
has ended (a token, a verdict) is dropped.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, ClassVar, TypeAlias

from logux_store.actions import to_json
from logux_store.errors import LoguxError
from logux_store.events import Emitter, Listener, Unbind, raise_all
from logux_store.ids import validate_node_id
from logux_store.log import Log
from logux_store.sync.connection import Connection
from logux_store.sync.messages import Message, check_message, pack_options, quote
from logux_store.sync.pending import Pending
from logux_store.sync.states import CLOSED, OPEN, NodeState, Phase
from logux_store.sync.timers import Deadlines, Idle
from logux_store.sync.waiting import Waiting

__all__ = ["Auth", "Conversation", "Token"]

Token: TypeAlias = str | Callable[[], str | Awaitable[str | None] | None] | None
"""What proves who this node is, or what gives it each time that it is needed."""

Auth: TypeAlias = Callable[[str, str | None, dict[str, Any]], bool | Awaitable[bool]]
"""Whether to accept the other node: by its node id, its token (or None) and its headers. May raise
LoguxError to say more than `wrong-credentials`.
"""

Texts: TypeAlias = tuple[str, ...]

EVENTS = ("state", "connect", "error", "client_error", "debug", "headers")
NEVER_RAISED = frozenset({"wrong-protocol", "wrong-subprotocol", "timeout"})
BEFORE_OPEN = frozenset({"connect", "connected", "error", "debug", "headers"})


class Conversation:
    """What `BaseNode` is made on; its arguments are explained there."""

    __slots__ = (
        "_deadlines",
        "_destroyed",
        "_events",
        "_idle",
        "_pending",
        "_phase",
        "_unbind",
        "_waiting",
        "auth",
        "base_time",
        "connection",
        "local_headers",
        "local_node_id",
        "log",
        "ping",
        "remote_headers",
        "remote_node_id",
        "remote_protocol",
        "remote_subprotocol",
        "state",
        "subprotocol",
        "timeout",
        "token",
    )

    local_protocol: ClassVar[int] = 5
    min_protocol: ClassVar[int] = 5

    def __init__(
        self,
        node_id: str,
        log: Log,
        connection: Connection,
        *,
        token: Token,
        auth: Auth | None,
        subprotocol: int,
        ping: float | None,
        timeout: float | None,
    ) -> None:
        if ping is not None and timeout is None:
            raise ValueError("ping without timeout would never notice that no answer comes")
        self.local_node_id = validate_node_id(node_id)
        self.log = log
        self.connection = connection
        self.token = token
        self.auth = auth
        self.subprotocol = subprotocol
        self.ping = ping
        self.timeout = timeout

        self.state = NodeState.DISCONNECTED
        self.remote_node_id: str | None = None
        self.remote_protocol: int | None = None
        self.remote_subprotocol: int | None = None
        self.local_headers: dict[str, Any] = {}
        self.remote_headers: dict[str, Any] = {}
        self.base_time = 0

        self._phase = CLOSED
        self._destroyed = False
        self._events = Emitter()
        self._deadlines = Deadlines(timeout, self._on_timeout)
        self._idle = Idle(ping, self._on_quiet)
        self._pending = Pending(self._give_up)
        # Made when it is needed: a server has many connections.
        self._waiting: Waiting | None = None
        self._unbind = [
            connection.on("connecting", self._on_connecting),
            connection.on("connect", self._on_connect),
            connection.on("message", self.receive),
            connection.on("error", self._on_error),
            connection.on("disconnect", self._on_disconnect),
        ]

    @property
    def connected(self) -> bool:
        """Whether the connection is open."""
        return self._phase is not CLOSED

    @property
    def authenticated(self) -> bool:
        """Whether this side has accepted the other, so that entries travel."""
        return self._phase is OPEN

    def on(self, event: str, listener: Listener) -> Unbind:
        """Call `listener` at every `event` (see the class); returns the unbind function."""
        if event not in EVENTS:
            raise ValueError(f"a node has the events {', '.join(EVENTS)}; not {event!r}")
        return self._events.on(event, listener)

    def count_listeners(self, event: str) -> int:
        """How many functions are called at every `event`."""
        return len(self._events.listeners.get(event, ()))

    async def wait_for(self, state: NodeState | str) -> None:
        """Wait until the node is in this state; returns at once if it is."""
        state = NodeState(state)
        if self.state is state:
            return
        reached = asyncio.get_running_loop().create_future()

        def check() -> None:
            if self.state is state and not reached.done():
                reached.set_result(None)

        unbind = self.on("state", check)
        try:
            await reached
        finally:
            unbind()

    def set_local_headers(self, headers: Mapping[str, Any]) -> None:
        """Set what the other side is told about this one, now and at every connection. Raises
        TypeError or ValueError for what cannot be sent.
        """
        to_json(headers)
        self.local_headers = dict(headers)
        self._send(["headers", self.local_headers])

    def send_debug(self, text: str) -> None:
        """Tell the developer on the other side of an error on this one."""
        self._send(["debug", "error", text])

    def send_error(self, error: LoguxError) -> None:
        """Tell the other side what it did wrong."""
        message = ["error", error.type]
        if error.options is not None:
            message.append(error.options)
        self._send(message)
        self._events.emit("client_error", error)

    def receive(self, message: Message) -> None:
        """Take a message of the other side. When this returns, everything has happened but what
        waits for an asynchronous token or `auth`.

        A wrong message is answered with the protocol's error and ends the connection. Raises what
        listeners raise, and the other side's `error` when nobody listens to `error`.
        """
        if self._phase is CLOSED:
            return
        self._idle.touch()
        try:
            check_message(message)
        except LoguxError as error:
            self._refuse(error)
            return
        if self._phase is OPEN or message[0] in BEFORE_OPEN:
            self._handle(message)
            return
        if self._waiting is None:
            self._waiting = Waiting()
        if not self._waiting.add(message):
            self._refuse(LoguxError("missed-auth", quote(message)))

    def destroy(self) -> None:
        """Close the connection for good and listen to nothing any more."""
        if self._destroyed:
            return
        self._destroyed = True
        try:
            self.connection.destroy()
            if self._phase is not CLOSED:
                self._on_disconnect("destroy")
        finally:
            for unbind in self._unbind:
                unbind()

    # The connection's events and the timers'.

    def _on_connecting(self) -> None:
        self._set_state(NodeState.CONNECTING)

    def _on_connect(self) -> None:
        self._phase = Phase.READY
        self.remote_headers = {}
        self._idle.touch()

    def _on_disconnect(self, _reason: str = "user") -> None:
        self._phase = CLOSED
        self._deadlines.clear()
        self._idle.clear()
        self._pending.clear()
        self._waiting = None
        self._set_state(NodeState.DISCONNECTED)

    def _on_error(self, error: Exception) -> None:
        if isinstance(error, LoguxError) and error.type == "wrong-format":
            self._refuse(error)
        else:
            self._fail(error)

    def _on_timeout(self) -> None:
        self.connection.disconnect("timeout")
        self._report(LoguxError("timeout", self.timeout))

    def _on_quiet(self) -> None:
        """Nothing has travelled for `ping` seconds."""

    # Messages.

    def _handle(self, message: Message) -> None:
        match message:
            case ["connect", *_] if self._phase is Phase.READY:
                start = self.log.clock()
                self._check_other(message, partial(self._accept_connect, start, message[3]))
            case ["connected", *_] if self._phase is Phase.ASKED:
                self._check_other(message, partial(self._accept_connected, message[3][1]))
            case ["headers", headers]:
                self.remote_headers = headers
                self._events.emit("headers", headers)
            case ["error", type, *rest]:
                self._report(LoguxError(type, rest[0] if rest else None, received=True))
            case ["debug", type, text]:
                self._events.emit("debug", type, text)
            case _:
                self._refuse(LoguxError("wrong-format", quote(message)))

    def _check_other(self, message: Message, accept: Callable[[], None]) -> None:
        _, protocol, node_id, _, *rest = message
        options = rest[0] if rest else {}
        self._phase = Phase.CHECKING
        self.remote_protocol = protocol
        self.remote_node_id = node_id
        self.remote_subprotocol = options.get("subprotocol", 0)
        if protocol < self.min_protocol:
            versions = {"supported": self.min_protocol, "used": protocol}
            self._reject(LoguxError("wrong-protocol", versions))
            return

        def call_auth() -> bool | Awaitable[bool]:
            self._events.emit("connect")
            if self.auth is None:
                return True
            return self.auth(node_id, options.get("token"), self.remote_headers)

        def judge(accepted: bool) -> None:
            if accepted:
                accept()
            else:
                self._reject(LoguxError("wrong-credentials"))

        self._pending.resolve(call_auth, judge)

    def _accept_connect(self, start: int, synced: int) -> None:
        self._with_token(partial(self._answer, start, synced))

    def _answer(self, start: int, synced: int, token: str | None) -> None:
        self.base_time = self.log.clock()
        self._greet("connected", [start, self.base_time], token)
        self._open(synced)

    def _accept_connected(self, base_time: int) -> None:
        self.base_time = base_time
        self._open(None)

    def _greet(self, name: str, third: Any, token: str | None) -> None:
        if self.local_headers:
            self._send(["headers", self.local_headers])
        options = pack_options(token, self.subprotocol)
        self._send([name, self.local_protocol, self.local_node_id, third, *options])

    def _open(self, _synced: int | None) -> None:
        """The other side is accepted; `synced` is what it says to have of this log, None if it did
        not say.
        """
        self._phase = OPEN
        self._deadlines.end()

    def _receive_waiting(self) -> None:
        """Take the messages that came before the other side was accepted."""
        waiting, self._waiting = self._waiting, None
        errors: list[Exception] = []
        for message in waiting.messages if waiting is not None else ():
            try:
                self.receive(message)
            except Exception as error:  # noqa: BLE001 - raised below, after the other messages
                errors.append(error)
        raise_all(errors)

    def _with_token(self, then: Callable[[str | None], None]) -> None:
        """Go on with this side's token, now or when it has come."""

        def check(token: object) -> None:
            if token is None or isinstance(token, str):
                then(token)
            else:
                # Its type only: it may be a secret all the same.
                self._fail(
                    TypeError(f"a token is a string or None; what gives it gave {type(token)}")
                )

        self._pending.resolve(self._get_token, check)

    def _get_token(self) -> str | Awaitable[str | None] | None:
        return self.token() if callable(self.token) else self.token

    # Errors.

    def _give_up(self, error: Exception) -> None:
        if isinstance(error, LoguxError):
            self._reject(error)
        else:
            self._fail(error)

    def _reject(self, error: LoguxError) -> None:
        """Do not talk to this node."""
        try:
            self.send_error(error)
        finally:
            self.destroy()

    def _refuse(self, error: LoguxError) -> None:
        """Hang up because of a wrong message."""
        try:
            self.send_error(error)
        finally:
            self.connection.disconnect("error")

    def _fail(self, error: Exception) -> None:
        """Hang up because of an error on this side."""
        heard = self._events.has("error")
        try:
            self._events.emit("error", error)
        finally:
            self.connection.disconnect("error")
        if not heard:
            raise error

    def _report(self, error: LoguxError) -> None:
        heard = self._events.has("error")
        self._events.emit("error", error)
        if not heard and error.type not in NEVER_RAISED:
            raise error

    def _send(self, message: Message) -> None:
        self._transmit(self.connection.send, message)

    def _transmit(self, send: Callable[[Any], None], message: Message | Texts) -> None:
        """Give the connection a message, or several that are written already."""
        if self._phase is CLOSED:
            return
        self._idle.touch()
        try:
            send(message)
        except Exception as error:  # noqa: BLE001 - reported by _fail
            self._fail(error)

    def _set_state(self, state: NodeState) -> None:
        if self.state is not state:
            self.state = state
            if "state" in self._events.listeners:
                self._events.emit("state")
