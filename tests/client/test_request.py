"""One action, one answer."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from logux_store import LocalPair, LoguxError, UndoError
from logux_store.client.request import request
from logux_store.server import Context
from logux_store.testing import TestServer, run_virtual


class Server(TestServer):
    """Signs in who says the password."""

    def __init__(self) -> None:
        super().__init__()
        self.type("login", access=lambda ctx, action, meta: True, process=self.sign_in)
        self.type("ping", access=lambda ctx, action, meta: ctx.user_id == "anonymous")

    async def sign_in(self, ctx: Context, action: dict[str, Any], meta: Any) -> None:
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


def test_who_waits_no_longer_leaves_nothing_behind() -> None:
    async def test(server: Server) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await server.ask({"type": "login", "password": "secret"})

    virtual(test)
