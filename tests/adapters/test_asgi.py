"""The server inside FastAPI under uvicorn, on a real socket, with real clients."""

import asyncio
import json
import socket
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import uvicorn
from fastapi import Depends, FastAPI
from fastapi import Request as FastAPIRequest
from logux_adapters.asgi import ASGIConnection, LoguxApp

from logux_store import Client, UndoError, WebSocketConnection
from logux_store.server import BaseServer, Limits, Request


def make_server(**options: Any) -> BaseServer:
    server = BaseServer(subprotocol=1, min_subprotocol=1, **options)
    server.auth(lambda user_id, token, **_: token == "right")
    server.type("good", access=lambda ctx, action, meta: True, resend=lambda *_: "room")
    server.type("bad", access=lambda ctx, action, meta: False)
    server.channel("room", access=lambda ctx, action, meta: True)
    server.http("GET", "/hello", lambda request: {"query": request.query, "path": request.path})
    server.http("POST", "/echo", lambda request: Request("GET", "/").method + request.body.decode())
    return server


@asynccontextmanager
async def running(app: Any) -> AsyncIterator[str]:
    """Run an ASGI application under uvicorn on a free port; gives its host and port."""
    config = uvicorn.Config(app, ws="websockets-sansio", log_level="warning", lifespan="on")
    runner = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    task = asyncio.ensure_future(runner.serve(sockets=[listening]))
    try:
        yield "{}:{}".format(*listening.getsockname())
    finally:
        runner.should_exit = True
        await task


@asynccontextmanager
async def mounted(server: BaseServer) -> AsyncIterator[str]:
    logux = LoguxApp(server)
    app = FastAPI(lifespan=logux.lifespan)

    def who(request: FastAPIRequest) -> str:
        return request.cookies.get("who", "nobody")

    @app.get("/own")
    async def own(name: str = Depends(who)) -> dict[str, str]:
        return {"own": name}

    app.mount("/logux", logux)
    async with running(app) as address:
        yield address


async def fetch(url: str, data: bytes | None = None, **headers: str) -> tuple[int, str]:
    def get() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return await asyncio.to_thread(get)


async def test_clients_connect_where_the_server_is_mounted() -> None:
    server = make_server()
    async with mounted(server) as address:
        url = f"ws://{address}/logux/"
        async with (
            Client(server=url, subprotocol=1, user_id="1", token="right") as one,
            Client(server=url, subprotocol=1, user_id="2", token="right") as two,
        ):
            heard: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
            two.type("good", lambda action, meta: heard.set_result(action))
            await two.sync({"type": "logux/subscribe", "channel": "room"})
            await one.sync({"type": "good", "n": 1})
            assert await heard == {"type": "good", "n": 1}
            with pytest.raises(UndoError, match="denied"):
                await one.sync({"type": "bad"})
            [client] = server.user_ids["1"]
            assert client.remote_address == "127.0.0.1"
            assert "sec-websocket-key" in client.http_headers


async def test_the_address_beyond_a_proxy_is_what_uvicorn_says() -> None:
    server = make_server()
    server.http("GET", "/who", lambda request: request.remote_address)
    header = {"X-Forwarded-For": "6.6.6.6, 1.1.1.1"}
    addresses: asyncio.Queue[str] = asyncio.Queue()
    server.on("connected", lambda client: addresses.put_nowait(client.remote_address))
    async with mounted(server) as address:
        assert await fetch(f"http://{address}/logux/who", None, **header) == (200, "1.1.1.1")
        connection = WebSocketConnection(f"ws://{address}/logux/", headers=header)
        connection.connect()
        assert await addresses.get() == "1.1.1.1"
        connection.destroy()
        await connection.wait_closed()


async def test_the_servers_pages_are_below_the_mount_and_the_applications_untouched() -> None:
    async with mounted(make_server()) as address:
        assert await fetch(f"http://{address}/logux/health") == (200, "Logux Server: OK\n")
        status, text = await fetch(f"http://{address}/logux/hello?a=1")
        assert (status, json.loads(text)) == (200, {"query": {"a": "1"}, "path": "/hello"})
        assert await fetch(f"http://{address}/logux/echo", b" body") == (200, "GET body")
        assert (await fetch(f"http://{address}/logux/nothing"))[0] == 404
        status, text = await fetch(f"http://{address}/own", Cookie="who=ann")
        assert (status, json.loads(text)) == (200, {"own": "ann"})
        assert (await fetch(f"http://{address}/health"))[0] == 404


async def test_it_runs_by_itself_too() -> None:
    server = make_server()
    async with running(LoguxApp(server)) as address:
        url = f"ws://{address}"
        async with Client(server=url, subprotocol=1, user_id="1", token="right") as client:
            await client.sync({"type": "good"})
        assert (await fetch(f"http://{address}/health"))[0] == 200
    assert server.destroying


async def test_the_cookie_reaches_auth() -> None:
    server = make_server()
    cookies: list[dict[str, str]] = []

    def authenticate(cookie: dict[str, str], **_: Any) -> bool:
        cookies.append(cookie)
        return True

    server.auth(authenticate)
    async with mounted(server) as address:
        connection = WebSocketConnection(
            f"ws://{address}/logux/", headers={"Cookie": "session=abc; theme=dark"}
        )
        async with Client(server=connection, subprotocol=1, user_id="1") as client:
            await client.wait_for("synchronized")
    assert cookies == [{"session": "abc", "theme": "dark"}]


async def test_other_origins_are_refused() -> None:
    async with mounted(make_server(origins=["https://example.com"])) as address:
        for origin, wanted in (
            ("https://example.com", "connect"),
            ("https://bad.com", "disconnect"),
        ):
            connection = WebSocketConnection(f"ws://{address}/logux/", headers={"Origin": origin})
            events: asyncio.Queue[str] = asyncio.Queue()
            connection.on("connect", partial(events.put_nowait, "connect"))
            connection.on("disconnect", lambda _, put=events.put_nowait: put("disconnect"))
            connection.connect()
            assert await events.get() == wanted
            connection.destroy()
            await connection.wait_closed()


async def test_what_is_no_message_is_answered_with_the_protocols_error() -> None:
    server = make_server(limits=Limits(message_size=100))
    async with mounted(server) as address:
        # The limit is one of bytes.
        long = (["debug", "error", "x" * 100], ["debug", "error", "é" * 45])
        for message in (["sync"], *long, ["unknown", 1]):
            connection = WebSocketConnection(f"ws://{address}/logux/")
            ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            messages: list[Any] = []
            connection.on("message", messages.append)
            connection.on("connect", lambda c=connection, m=message: c.send(m))
            connection.on("disconnect", ended.set_result)
            connection.connect()
            await ended
            await connection.wait_closed()
            kinds = [m[1] for m in messages if m[0] == "error"]
            assert kinds == ["unknown-message" if message[0] == "unknown" else "wrong-format"]


async def test_a_body_above_the_limit_is_refused() -> None:
    async with mounted(make_server(limits=Limits(message_size=100))) as address:
        status, text = await fetch(f"http://{address}/logux/echo", b"x" * 200)
        assert (status, text) == (413, "A body has 100 bytes at most\n")


async def test_without_auth_it_does_not_start() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(event: Any) -> None:
        sent.append(event)

    app = LoguxApp(BaseServer(subprotocol=1, min_subprotocol=1))
    await app({"type": "lifespan"}, receive, send)
    assert sent[0]["type"] == "lifespan.startup.failed"
    assert "server.auth" in sent[0]["message"]
    with pytest.raises(TypeError, match="takes a Logux server"):
        LoguxApp("server")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'other' is not supported"):
        await app({"type": "other"}, receive, send)


async def test_a_client_that_does_not_read_is_disconnected() -> None:
    connection = ASGIConnection("", {}, max_size=100, max_waiting=50)
    reasons: list[str] = []
    connection.on("disconnect", reasons.append)
    for _ in range(10):
        connection.send(["debug", "error", "x" * 10])
    assert reasons == ["slow"]
    assert not connection.connected
    another = ASGIConnection("", {}, max_size=100, max_waiting=50)
    another.send(["debug", "error", "é" * 20])
    assert not another.connected
    with pytest.raises(RuntimeError, match="cannot be opened again"):
        connection.connect()
    with pytest.raises(ValueError, match="'messages'"):
        connection.on("messages", print)
