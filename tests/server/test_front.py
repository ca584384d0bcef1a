"""The door to a port: connections that wait for ever, and those that are let through."""

import asyncio

import pytest

from logux_store.server import Request, Response, Server

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def make() -> Server:
    server = Server(subprotocol=1, min_subprotocol=0, port=0)
    server.auth(lambda: True)
    return server


async def fetch(server: Server, request: bytes) -> str:
    """Send bytes to the server's port and read the whole answer."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer.decode("latin-1")


async def test_a_handshake_whose_lines_end_otherwise_is_refused() -> None:
    async with make() as server:
        answer = await fetch(server, HANDSHAKE.replace(b"\r\n", b"\n"))
        assert answer.startswith("HTTP/1.1 400 ")
        assert answer.endswith("\r\n\r\nLines end with CR and LF\n")


async def test_who_is_let_through_need_not_hurry_any_more() -> None:
    async with make() as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        while not server._fronts:
            await asyncio.sleep(0)
        [front] = server._fronts
        assert not front._timer.cancelled()
        writer.write(HANDSHAKE)
        assert await reader.readline() == b"HTTP/1.1 101 Switching Protocols\r\n"
        assert front._timer.cancelled()
        assert server._fronts == set()
        writer.close()


async def test_an_answer_may_take_its_time() -> None:
    async with make() as server:

        def answer(request: Request) -> str:
            [front] = server._fronts
            return f"hurry: {not front._timer.cancelled()}"

        server.http("GET", "/", answer)
        request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
        assert (await fetch(server, request)).endswith("hurry: False")


async def test_headers_have_bytes_beyond_ascii() -> None:
    async with make() as server:
        server.http("GET", "/", lambda request: Response("", headers={"X-Name": "é"}))
        assert "x-name: é" in await fetch(server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")


@pytest.mark.parametrize("end", ["timeout", "shutdown"])
async def test_who_does_not_read_the_answer_is_disconnected(
    end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = make()

    def answer(request: Request) -> str:
        if end == "timeout":
            # From now on: the request is here.
            monkeypatch.setattr("logux_store.server.front.REQUEST_TIMEOUT", 0.0)
        return "x" * 50_000_000

    server.http("GET", "/large", answer)
    async with server:
        reader, writer = await asyncio.open_connection(server.host, server.port, limit=1000)
        writer.write(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readexactly(1)
        if end == "shutdown":
            await server.destroy()
        while server._fronts:
            await asyncio.sleep(0)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(50_000_000)
        writer.close()
