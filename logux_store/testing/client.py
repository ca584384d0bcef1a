"""A client for tests, connected in memory to a `ServerDouble` or to a `TestServer`."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from random import Random
from typing import Any, Protocol

from logux_store.actions import Action
from logux_store.client import Client
from logux_store.errors import UndoError
from logux_store.ids import Clock
from logux_store.meta import Meta
from logux_store.sync import ClientNode, Connection
from logux_store.testing.log import TestLog
from logux_store.testing.pair import TestPair
from logux_store.testing.server_double import ServerDouble
from logux_store.testing.time import TestTime

__all__ = ["ServerForTests", "TestClient"]


class ServerForTests(Protocol):
    """What a test client needs of a server: `ServerDouble` and `TestServer` have it."""

    time: TestTime

    def join(self, client: "TestClient") -> None:
        """Take the right side of the client's pair as a connection."""
        ...

    def subscribed(self, channel: str, node_id: str) -> bool:
        """Whether a node is subscribed to a channel."""
        ...

    def error_of(self, id: str, /) -> Exception | None:
        """What a callback raised at the action with this id."""
        ...

    async def settle(self) -> None:
        """Wait until the server has nothing to do."""
        ...


class TestClient(Client):
    """A real `Client` for tests.

    `server` is the `TestServer` or the `ServerDouble` (a new one by default) that it connects to,
    afterwards its attribute `other`. They share one clock, that goes on by a millisecond at each
    look, so that times in tests are small numbers. `headers` are the Logux headers that it sends,
    `http_headers` and `cookie` what its WebSocket's handshake would have; `pair` is what connects
    them, a new one by default. Further options are those of `Client`.

    It works without an event loop but for what waits for the server: the coroutines, and those run
    in real time as well as in `run_virtual`.
    """

    __test__ = False

    log: TestLog

    def __init__(
        self,
        user_id: str = "10",
        *,
        server: ServerForTests | None = None,
        subprotocol: int = 0,
        headers: Mapping[str, Any] | None = None,
        http_headers: Mapping[str, str] | None = None,
        cookie: Mapping[str, str] | None = None,
        pair: TestPair | None = None,
        **options: Any,
    ) -> None:
        self.other: ServerForTests = ServerDouble() if server is None else server
        self.pair = TestPair() if pair is None else pair
        self.http_headers = dict(http_headers or {})
        if cookie:
            self.http_headers["cookie"] = "; ".join(f"{k}={v}" for k, v in cookie.items())
        defaults = {
            "clock": self.other.time,
            "random": Random(self.other.time.next_number()).randbytes,
            "ping": None,
            "timeout": None,
        }
        super().__init__(
            server=self.pair.left,
            subprotocol=subprotocol,
            user_id=user_id,
            **{**defaults, **options},
        )
        if headers:
            self.node.set_local_headers(headers)

    def _make_log(self, clock: Clock) -> TestLog:
        return TestLog(self.node_id, self._store, clock)

    def _make_node(self, connection: Connection, **options: Any) -> ClientNode:
        # Both sides look at one clock.
        return ClientNode(self.node_id, self.log, connection, fix_time=False, **options)

    async def connect(self) -> None:
        """Connect to the server, and wait until all is synchronized. Raises the error that the
        server answers with, such as wrong credentials.
        """
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def fail(error: Exception) -> None:
            if not failed.done():
                failed.set_exception(error)

        unbind = self.node.on("error", fail)
        waiting = asyncio.ensure_future(self.wait_for("synchronized"))
        try:
            self.other.join(self)
            self.start()
            await asyncio.wait((waiting, failed), return_when=asyncio.FIRST_COMPLETED)
            if failed.done():
                failed.result()
            await waiting
        finally:
            unbind()
            waiting.cancel()
            failed.cancel()

    async def disconnect(self) -> None:
        """Disconnect, and wait until the server has noticed."""
        self.node.connection.disconnect()
        await self.settle()

    async def settle(self) -> None:
        """Wait until nothing is on its way between client and server, and the server has nothing
        to do.
        """
        quiet = 0
        while quiet < 3:
            await self.other.settle()
            quiet = 0 if self.pair.busy else quiet + 1
            await asyncio.sleep(0)

    # What goes out, and what comes in.

    @contextmanager
    def sent(self) -> Iterator[list[Action]]:
        """`with client.sent() as actions:` collects what the client adds for the server in the
        block.
        """
        actions: list[Action] = []

        def note(action: Action, meta: Meta) -> None:
            if meta.sync and f" {self.node_id} " in meta.id:
                actions.append(action)

        unbind = self.log.on("add", note)
        try:
            yield actions
        finally:
            unbind()

    @contextmanager
    def collect(self) -> Iterator[list[Action]]:
        """`with client.collect() as actions:` collects what comes from elsewhere in the block."""
        actions: list[Action] = []

        def note(action: Action, meta: Meta) -> None:
            if f" {self.node_id} " not in meta.id:
                actions.append(action)

        unbind = self.log.on("add", note)
        try:
            yield actions
        finally:
            unbind()

    @asynccontextmanager
    async def received(self) -> AsyncIterator[list[Action]]:
        """`async with client.received() as actions:` collects what comes from elsewhere in the
        block, and waits at its end until all has come.
        """
        with self.collect() as actions:
            yield actions
            await self.settle()

    async def process(self, action: Action, **meta: Any) -> list[Action]:
        """Send an action, wait until the server has processed it, and give what came meanwhile,
        the answer included.

        Raises what a callback of a `TestServer` raised at it, and `UndoError` when the action was
        undone for another reason; RuntimeError when the client is not connected.
        """
        if not self.connected:
            raise RuntimeError(
                f"{self.node_id} is not connected, so that nobody would process the action "
                f"{action!r}: call `await client.connect()` before, or act offline with "
                "`client.sync(action)`"
            )
        with self.collect() as actions:
            outcome = self.sync(action, **meta)
            try:
                await outcome
            except UndoError as undone:
                error = self.other.error_of(outcome.id)
                if undone.reason == "error" and error is not None:
                    raise error from undone
                raise
        return actions

    async def subscribe(
        self,
        channel: str | Action,
        *,
        filter: Mapping[str, Any] | None = None,
        since: Mapping[str, Any] | None = None,
    ) -> list[Action]:
        """Subscribe to a channel, by its name or by the whole action, and give the actions that the
        server sent; raises as `process` does.
        """
        action = _about("logux/subscribe", channel, filter=filter, since=since)
        actions = await self.process(action)
        return [action for action in actions if action["type"] != "logux/processed"]

    async def unsubscribe(
        self, channel: str | Action, *, filter: Mapping[str, Any] | None = None
    ) -> list[Action]:
        """End a subscription; raises as `process` does."""
        return await self.process(_about("logux/unsubscribe", channel, filter=filter))

    def subscribed(self, channel: str) -> bool:
        """Whether the server has the client among the subscribers of a channel."""
        return self.other.subscribed(channel, self.node_id)


def _about(type: str, channel: str | Action, **fields: Mapping[str, Any] | None) -> Action:
    action: Action = {"type": type, "channel": channel} if isinstance(channel, str) else {**channel}
    for name, value in fields.items():
        if value is not None:
            action[name] = dict(value)
    return action
