"""Worlds of one server and any number of clients, each in one of two languages."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.application import Application, JavaScriptServer, PythonServer
from tests.interop.node_process import MISSING, NodeProcess
from tests.interop.peers import JavaScriptPeer, Peer, PythonPeer
from tests.interop.proxy import Proxy

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if MISSING is not None:
        for item in items:
            if HERE in item.path.parents and "node" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.skip(reason=MISSING))


class World:
    """A server that runs, and clients that connect to it over a wire that can be cut."""

    def __init__(self, node: NodeProcess, server: Application, language: str, folder: Path) -> None:
        self.node = node
        self.server = server
        self.wire = Proxy(server.url)
        self.language = language
        self.folder = folder
        self.insecure = False
        self.peers: list[Peer] = []

    async def open(self, user: str = "ann", *, language: str | None = None, **options: Any) -> Peer:
        """A client that does not connect yet, in this world's language unless another is asked
        for.
        """
        language = language or self.language
        peer: Peer = PythonPeer(self.folder)
        if language == "javascript":
            peer = JavaScriptPeer(self.node, f"peer {len(self.peers)}")
        self.peers.append(peer)
        defaults: dict[str, Any] = {"subprotocol": 1, "token": "secret"}
        defaults |= {"minDelay": 10, "maxDelay": 50, "allowDangerousProtocol": self.insecure}
        if language == "javascript" and isinstance(self.server, JavaScriptServer):
            # The original's server gives an undo the present time, its store looks for an undo
            # after its action only, and its client's clock is a few milliseconds off.
            defaults["fixTime"] = False
        url = options.pop("url", self.wire.url)
        await peer.open(url, **{"userId": user, **defaults, **options})
        return peer

    async def join(self, user: str = "ann", *, room: str | None = None, **options: Any) -> Peer:
        """A client that is connected, and subscribed to a room if one is given."""
        peer = await self.open(user, **options)
        await peer.start()
        await peer.wait("synchronized")
        if room is not None:
            id = await peer.sync("logux/subscribe", channel=f"rooms/{room}")
            assert await peer.outcome(id) == "processed"
        return peer

    async def __aenter__(self) -> "World":
        await self.wire.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        for peer in self.peers:
            await peer.destroy()
        await self.wire.__aexit__()
        await self.server.stop()


@pytest.fixture
async def node() -> AsyncIterator[NodeProcess]:
    async with NodeProcess() as process:
        yield process


async def make_world(
    node: NodeProcess, server: str, language: str, folder: Path, **options: Any
) -> World:
    application: Application
    if server == "javascript":
        application = JavaScriptServer(node)
    else:
        application = PythonServer()
        if server == "picows":
            options["transport"] = server
    await application.start(**options)
    return World(node, application, language, folder)


# The pair of originals comes along to show that the tests ask for what they do. `picows` is this
# library's server on its other transport.
@pytest.fixture(
    params=[
        ("javascript", "python"),
        ("python", "javascript"),
        ("picows", "javascript"),
        ("javascript", "javascript"),
    ],
    ids=lambda pair: f"{pair[1]} client, {pair[0]} server",
)
async def world(
    request: pytest.FixtureRequest, node: NodeProcess, tmp_path: Path
) -> AsyncIterator[World]:
    """A server of one language, and clients of one language, that are not both ours."""
    server, language = request.param
    made = await make_world(node, server, language, tmp_path)
    async with made:
        yield made


@pytest.fixture(params=["javascript", "python"], ids=lambda name: f"{name} server")
async def any_server(
    request: pytest.FixtureRequest, node: NodeProcess, tmp_path: Path
) -> AsyncIterator[World]:
    """A server of either language, and JavaScript clients, for what only those have. In production,
    as `mixed`.
    """
    made = await make_world(node, request.param, "javascript", tmp_path, env="production")
    made.insecure = True
    async with made:
        yield made


@pytest.fixture
async def ours(node: NodeProcess, tmp_path: Path) -> AsyncIterator[World]:
    """This library's server, and JavaScript clients."""
    made = await make_world(node, "python", "javascript", tmp_path)
    async with made:
        yield made


@pytest.fixture(params=["javascript", "python"], ids=lambda name: f"{name} server")
async def mixed(
    request: pytest.FixtureRequest, node: NodeProcess, tmp_path: Path
) -> AsyncIterator[World]:
    """A server of either language; clients say which language they are.

    It is in production: in development, the original's tells its clients of errors, those that are
    just leaving too, which is an error that it tells its clients of, and so on for ever.
    """
    made = await make_world(node, request.param, "python", tmp_path, env="production")
    made.insecure = True
    async with made:
        yield made
