"""A server without sockets, and peers that speak the protocol with it message by message."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from logux_store.server.base_server import BaseServer
from logux_store.server.options import Limits
from logux_store.sync.messages import Message, unpack_sync
from logux_store.testing import TestPair

NOW = 1_000_000


class Addressed:
    """A connection that knows where it comes from and what was sent by it."""

    def __init__(self, connection: Any, remote_address: str, http_headers: dict[str, str]) -> None:
        self._connection = connection
        self.remote_address = remote_address
        self.http_headers = http_headers
        self.sent: list[Message] = []

    def send(self, message: Message) -> None:
        self.sent.append(message)
        self._connection.send(message)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class Peer:
    """The client's end of a connection, with no node: what it sends is up to the test."""

    def __init__(
        self,
        server: BaseServer,
        node_id: str = "10:a:1",
        *,
        connect: bool = True,
        token: str | None = None,
        subprotocol: int = 1,
        synced: int = 0,
        headers: dict[str, Any] | None = None,
        address: str = "127.0.0.1",
        http_headers: dict[str, str] | None = None,
    ) -> None:
        self.node_id = node_id
        self.pair = TestPair()
        right = Addressed(self.pair.right, address, http_headers or {})
        self.client = server.add_client(right)
        self.pair.left.connect()
        self.pair.deliver()
        self.added = 0
        self.ms = 0
        if connect:
            if headers is not None:
                self.send(["headers", headers])
            options: dict[str, Any] = {"subprotocol": subprotocol}
            if token is not None:
                options["token"] = token
            self.send(["connect", 5, node_id, synced, options])

    def send(self, message: Message) -> None:
        """Send a message, and let everything arrive."""
        self.pair.left.send(message)
        self.pair.deliver()

    def sync(self, *entries: tuple[dict[str, Any], Any]) -> list[str]:
        """Send actions in one message; each with its meta as it travels, or None for the next id
        of this peer. Returns their ids.
        """
        message: Message = ["sync", 0]
        ids: list[str] = []
        for action, meta in entries:
            self.added += 1
            if meta is None:
                self.ms += 1
                meta = {"id": self.ms, "time": self.ms}
            message += (action, meta)
            if isinstance(meta["id"], int):
                ids.append(f"{NOW + meta['id']} {self.node_id} 0")
            else:
                ids.append(f"{NOW + meta['id'][0]} {meta['id'][1]} {meta['id'][2]}")
        message[1] = self.added
        self.send(message)
        return ids

    def act(self, type: str, **fields: Any) -> str:
        """Send one action; returns its id."""
        return self.sync(({"type": type, **fields}, None))[0]

    def subscribe(self, channel: str, **fields: Any) -> str:
        return self.act("logux/subscribe", channel=channel, **fields)

    @property
    def messages(self) -> list[Message]:
        """All that the server has sent."""
        self.pair.deliver()
        return self.pair.right_sent

    @property
    def got(self) -> list[dict[str, Any]]:
        """All actions that the server has sent."""
        return [action for action, _ in self.entries]

    @property
    def entries(self) -> list[Any]:
        """All actions and metas that the server has sent."""
        entries: list[Any] = []
        for message in self.messages:
            if message[0] == "sync":
                entries += unpack_sync(message, NOW, self.client.node.local_node_id)
        return entries

    def take(self) -> list[dict[str, Any]]:
        """The actions since the last time."""
        got = self.got
        self.pair.right_sent.clear()
        return got

    def acknowledge(self) -> None:
        """Confirm all that the server has sent."""
        for message in [*self.messages]:
            if message[0] == "sync":
                self.send(["synced", message[1]])

    @property
    def synced(self) -> list[int]:
        """The numbers that the server has acknowledged."""
        return [message[1] for message in self.messages if message[0] == "synced"]

    @property
    def connected(self) -> bool:
        self.pair.deliver()
        return self.pair.left.connected

    def disconnect(self) -> None:
        self.pair.left.disconnect()
        self.pair.deliver()


class Watched(BaseServer):
    """A server for tests that keeps what it reports."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **{
                "subprotocol": 1,
                "min_subprotocol": 0,
                "id": "server1",
                "ping": None,
                "timeout": None,
                "clock": lambda: NOW,
                "limits": Limits(ahead=None),
                **options,
            }
        )
        self.reports: list[tuple[str, dict[str, Any]]] = []
        self.errors: list[Exception] = []
        self.on("report", lambda name, details: self.reports.append((name, details)))
        self.on("error", lambda error, action, meta: self.errors.append(error))
        self.auth(lambda: True)

    @property
    def names(self) -> list[str]:
        """The names of all reports."""
        return [name for name, _ in self.reports]


def allow(ctx: Any, action: Any, meta: Any) -> bool:
    return True


@pytest.fixture(scope="session")
def make_server() -> Callable[..., Watched]:
    return Watched


@pytest.fixture
def server() -> Watched:
    """A server where anybody may do `do` and subscribe to `room/:id`, where `do` goes."""
    made = Watched()
    made.type("do", access=allow, resend=lambda ctx, action, meta: action.get("to"))
    made.channel("room/:id", access=allow)
    return made


@pytest.fixture(scope="session")
def peer_of() -> Callable[..., Peer]:
    """Connects a peer to a server."""
    return Peer


@pytest.fixture
def own_logging() -> Iterator[None]:
    """For tests that configure logging: afterwards it is as it was."""
    logger = logging.getLogger("logux_store")
    handlers, level, propagate = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.propagate = handlers, propagate
    logger.setLevel(level)


@pytest.fixture
def peer(server: Watched) -> Peer:
    return Peer(server)
