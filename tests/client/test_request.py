"""One action, one answer."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from logux_store import DangerousProtocolError, LocalPair, LoguxError, Reconnect, UndoError
from logux_store.client.request import request
from logux_store.server import Context
from logux_store.server import Server as RealServer
from logux_store.testing import TestServer, run_virtual
from tests.client.crew import Dial


class Server(TestServer):
    """Signs in who says the password."""

    def __init__(self) -> None:
        super().__init__()
        self.passwords: list[str] = []
        self.type("login", access=lambda ctx, action, meta: True, process=self.sign_in)
        self.type("ping", access=lambda ctx, action, meta: ctx.user_id == "anonymous")

    async def sign_in(self, ctx: Context, action: dict[str, Any], meta: Any) -> None:
        self.passwords.append(action["password"])
        await asyncio.sleep(1)
        if action["password"] == "secret":
            ctx.send_back({"type": "logged/in", "token": "t"})
        elif action["password"] == "wrong":
            ctx.server.undo(action, meta, "wrong password")

    async def ask(self, action: dict[str, Any], **options: Any) -> dict[str, Any]:
        pair = LocalPair()
        self.add_client(pair.right)
        return await request(action, server=pair.left, subprotocol=0, **options)


def virtual(test: Callable[[Server], Any]) -> None:
    async def main() -> None:
        server = Server()
        await test(server)
        await asyncio.sleep(1)
        assert not server.node_ids
        await server.destroy()

    run_virtual(main())


def test_it_gives_what_the_server_sends_for_it() -> None:
    async def test(server: Server) -> None:
        answer = await server.ask({"type": "login", "password": "secret"})
        assert answer == {"type": "logged/in", "token": "t"}

    virtual(test)


def test_it_gives_that_the_action_was_processed_when_nothing_else_comes() -> None:
    async def test(server: Server) -> None:
        answer = await server.ask({"type": "ping"})
        assert answer["type"] == "logux/processed"

    virtual(test)


def test_it_raises_why_the_action_was_undone() -> None:
    async def test(server: Server) -> None:
        with pytest.raises(UndoError, match="wrong password"):
            await server.ask({"type": "login", "password": "wrong"})
        with pytest.raises(UndoError, match="denied"):
            await server.ask({"type": "ping"}, user_id="10")
        with pytest.raises(UndoError, match="unknownType"):
            await server.ask({"type": "unknown"})

    virtual(test)


def test_it_raises_why_it_was_not_let_in() -> None:
    async def test(server: Server) -> None:
        server.auth(lambda token: token == "right")
        with pytest.raises(LoguxError, match="credentials"):
            await server.ask({"type": "ping"}, token="wrong")
        assert (await server.ask({"type": "ping"}, token="right"))["type"] == "logux/processed"

    virtual(test)


def test_it_raises_what_is_wrong_with_the_action_or_the_client() -> None:
    async def test(server: Server) -> None:
        with pytest.raises(TypeError, match="'type'"):
            await server.ask({"kind": "ping"})
        with pytest.raises(TypeError, match="subprotocol"):
            await request({"type": "ping"}, server=LocalPair().left, subprotocol="1")  # type: ignore[arg-type]

    virtual(test)


def test_it_raises_when_the_server_speaks_an_older_protocol() -> None:
    async def test(server: Server) -> None:
        pair = LocalPair()
        pair.right.on("message", lambda _: pair.right.send(["connected", 2, "server:1", [1, 1]]))
        with pytest.raises(LoguxError, match="protocol 5"):
            await request({"type": "ping"}, server=pair.left, subprotocol=0)

    virtual(test)


async def test_it_raises_when_the_server_cannot_be_reached() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ConnectionError, match=url) as caught:
            await request({"type": "ping"}, server=url, subprotocol=0)
    assert isinstance(caught.value.__cause__, OSError)


async def test_it_raises_when_the_connection_is_not_encrypted() -> None:
    server = RealServer(subprotocol=0, min_subprotocol=0, port=0, env="production")
    server.auth(lambda: True)
    async with server:
        with pytest.raises(DangerousProtocolError):
            await request({"type": "ping"}, server=server.url, subprotocol=0)


def test_a_connection_that_is_lost_comes_back_and_the_action_is_done_once() -> None:
    async def test(server: Server) -> None:
        dial = Dial(server, 0.01)
        action = {"type": "login", "password": "secret"}
        connection = Reconnect(dial, min_delay=0.1, max_delay=0.2)
        asking = asyncio.ensure_future(request(action, server=connection, subprotocol=0))
        await asyncio.sleep(0.5)
        dial.disconnect("error")
        assert await asking == {"type": "logged/in", "token": "t"}
        assert server.passwords == ["secret"]

    virtual(test)


def test_who_waits_no_longer_leaves_nothing_behind() -> None:
    async def test(server: Server) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await server.ask({"type": "login", "password": "secret"})

    virtual(test)
