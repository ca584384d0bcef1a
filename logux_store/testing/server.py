"""A real server for tests of its callbacks, whose clients are connected in memory."""

import asyncio
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from logux_store.actions import Action
from logux_store.errors import LoguxError, UndoError
from logux_store.meta import Meta
from logux_store.server import BaseServer, Limits, Request, Response, ServerClient
from logux_store.testing.client import TestClient
from logux_store.testing.time import TestTime

__all__ = ["TestServer"]


class Visitor:
    """A connection that also says where it comes from, as a WebSocket does."""

    def __init__(self, connection: Any, http_headers: Mapping[str, str]) -> None:
        self._connection = connection
        self.remote_address = "127.0.0.1"
        self.http_headers = http_headers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class TestServer(BaseServer):
    """A server for tests: everybody may connect, unless the test says who with `auth`.

    Define types and channels on it, or let the application do that, then `await
    server.connect("10")` for a client. Options are those of `BaseServer`. Its clock is the
    `TestTime` `time`; it writes no logs. `errors` are what callbacks have raised, with action and
    meta; the fixture `logux_server` fails the test for those that it has not heard of.
    """

    __test__ = False

    def __init__(self, *, time: TestTime | None = None, **options: Any) -> None:
        self.time = TestTime() if time is None else time
        defaults = {
            "subprotocol": 0,
            "min_subprotocol": 0,
            "id": str(self.time.next_number()),
            "ping": None,
            "timeout": None,
            "limits": Limits(ahead=None, logins=None, unauthenticated=None),
            "clock": self.time,
        }
        super().__init__(**{**defaults, **options})
        self.logger = logging.Logger("logux_store.testing", logging.CRITICAL + 1)
        self.errors: list[tuple[Exception, Action | None, Meta | None]] = []
        # What a client has raised to the test.
        self._told: list[Exception] = []
        self.test_clients: dict[TestClient, ServerClient] = {}
        self.on("error", lambda *error: self.errors.append(error))
        self.auth(lambda: True)

    async def connect(self, user_id: str = "10", **options: Any) -> TestClient:
        """A new client of this user, connected; `options` are those of `TestClient`. Raises the
        LoguxError with which the server refuses it.
        """
        client = TestClient(user_id, server=self, **options)
        await client.connect()
        return client

    def join(self, client: TestClient) -> None:
        """Take the right side of the client's pair as a connection."""
        former = self.test_clients.get(client)
        if former is not None:
            # It may wait still for a connection that never came.
            former.destroy()
        self.test_clients[client] = self.add_client(Visitor(client.pair.right, client.http_headers))

    def subscribed(self, channel: str, node_id: str) -> bool:
        """Whether a node is subscribed to a channel."""
        return self.subscriptions.has(channel, node_id)

    def error_of(self, id: str, /) -> Exception | None:
        """What a callback raised at the action with this id, to tell the test."""
        found = [error for error, _, meta in self.errors if meta is not None and meta.id == id]
        self._told += found
        return found[0] if found else None

    def check_errors(self) -> None:
        """Raise what callbacks have raised and nobody was told of: neither by `process` or
        `subscribe` of a client, nor by an `expect_…`. `errors.clear()` means that it is all right.
        """
        told = {id(error) for error in self._told}
        untold = [error for error, _, _ in self.errors if id(error) not in told]
        if untold:
            raise ExceptionGroup(
                "callbacks of the server have raised; if that is meant, expect it, or call "
                "server.errors.clear() at the end",
                untold,
            )

    async def settle(self) -> None:
        """Wait until nothing is processed and nothing is on its way to any client."""
        quiet = 0
        while quiet < 3:
            if self.flow.tasks:
                await asyncio.wait(self.flow.tasks)
            busy = any(client.pair.busy for client in self.test_clients)
            quiet = 0 if busy or self.flow.tasks else quiet + 1
            await asyncio.sleep(0)

    async def fetch(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Response:
        """What the server answers to an HTTP request."""
        return await self.respond(Request(method, path, headers, body, "127.0.0.1"))

    async def destroy(self) -> None:
        """Disconnect all test clients, and stop."""
        for client in self.test_clients:
            await client.destroy()
        await super().destroy()

    # What a test expects.

    @contextmanager
    def expect_undo(self, reason: str) -> Iterator[None]:
        """`with server.expect_undo("…"):` fails unless the block ends with an action that is undone
        for this reason.
        """
        try:
            yield
        except UndoError as error:
            if error.reason != reason:
                raise AssertionError(
                    f"the action was undone for the reason {error.reason!r}, not {reason!r}"
                ) from error
        else:
            raise AssertionError(f"nothing was undone for the reason {reason!r}")

    def expect_denied(self) -> Any:
        """`with server.expect_denied():` fails unless the block ends with an action that is
        denied.
        """
        return self.expect_undo("denied")

    @contextmanager
    def expect_error(self, text: str | re.Pattern[str] | None = None) -> Iterator[None]:
        """`with server.expect_error("…"):` fails unless the block ends with an action at which a
        callback raised; its message is `text`, or the pattern is found in it.
        """
        try:
            yield
        except (UndoError, AssertionError):
            raise
        except Exception as error:
            if not any(error is known for known, _, _ in self.errors):
                raise
            message = str(error)
            fits = text.search(message) if isinstance(text, re.Pattern) else message == text
            if text is not None and not fits:
                raise AssertionError(f"the error is {message!r}, not {text!r}") from error
        else:
            raise AssertionError("no callback has raised")

    @contextmanager
    def expect_wrong_credentials(self) -> Iterator[None]:
        """`with server.expect_wrong_credentials():` fails unless the block ends with a connection
        that is refused for its credentials.
        """
        try:
            yield
        except LoguxError as error:
            if error.type != "wrong-credentials":
                raise
        else:
            raise AssertionError("the server has accepted the credentials")
