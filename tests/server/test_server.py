"""The server on a real port: WebSocket and HTTP, TLS, limits, shutting down."""

import asyncio
import json
import signal
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from logux_store.server import Limits, Request, Response, Server

transport = "websockets"


@pytest.fixture(autouse=True, params=["websockets", "picows"])
def choose_transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All tests are for both."""
    monkeypatch.setattr(sys.modules[__name__], "transport", request.param)


def make(**options: Any) -> Server:
    defaults = {"subprotocol": 1, "min_subprotocol": 0, "port": 0, "transport": transport}
    server = Server(**{**defaults, **options})
    server.auth(lambda: True)
    server.type("do", access=lambda *_: True, resend=lambda ctx, action, meta: action.get("to"))
    server.channel("room", access=lambda *_: True)
    return server


async def greet(socket: ClientConnection, node_id: str = "10:a:1") -> int:
    """Log in; returns the base time."""
    await socket.send(json.dumps(["connect", 5, node_id, 0, {"subprotocol": 1}]))
    return int((await receive(socket, "connected"))[3][1])


async def receive(socket: ClientConnection, name: str) -> Any:
    """The next message with this name."""
    while (message := json.loads(await socket.recv()))[0] != name:
        pass
    return message


async def fetch(server: Server, request: bytes) -> tuple[bytes, bytes]:
    """Send bytes to the server's port and read the answer: its head and its body."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


def get(path: str, method: str = "GET", *headers: str, body: str = "") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", body]
    return "\r\n".join(lines).encode()


async def test_clients_talk_over_websocket() -> None:
    async with make() as server, connect(server.url) as one, connect(server.url) as two:
        assert server.url == f"ws://127.0.0.1:{server.port}"
        await greet(one)
        await greet(two, "20:b:1")
        sync = ["sync", 1, {"type": "logux/subscribe", "channel": "room"}, {"id": 1, "time": 1}]
        await one.send(json.dumps(sync))
        await receive(one, "synced")
        await two.send('["sync",1,{"type":"do","to":"room"},{"id":2,"time":2}]')
        await receive(two, "synced")
        while (message := await receive(one, "sync"))[2]["type"] != "do":
            pass
        assert message[3]["id"][1] == "20:b:1"


async def test_a_trusted_proxy_says_where_clients_and_requests_come_from() -> None:
    server = make(trusted_proxies=["127.0.0.0/8"])
    server.http("GET", "/who", lambda request: request.remote_address)
    forwarded = [("X-Forwarded-For", "6.6.6.6, 1.1.1.1"), ("X-Forwarded-For", "127.0.0.2")]
    async with server:
        seen: asyncio.Queue[str] = asyncio.Queue()
        server.on("connected", lambda client: seen.put_nowait(client.remote_address))
        async with connect(server.url, additional_headers=forwarded):
            assert await seen.get() == "1.1.1.1"
        lines = [f"{name}: {value}" for name, value in forwarded]
        assert (await fetch(server, get("/who", "GET", *lines)))[1] == b"1.1.1.1"


async def test_http_lives_on_the_same_port() -> None:
    server = make()

    async def echo(request: Request) -> Any:
        await asyncio.sleep(0)
        return {"body": request.json(), "query": request.query, "from": request.remote_address}

    server.http("POST", "/echo", echo)
    server.http("GET", "/text", lambda request: request.headers["x-name"])
    server.http("GET", "/teapot", lambda request: Response(b"", 418, {"X-Pot": "tea"}))
    server.http("GET", "/broken", lambda request: 1 / 0)  # type: ignore[arg-type,return-value]
    errors: list[Exception] = []
    server.on("error", lambda error, action, meta: errors.append(error))
    async with server:
        head, body = await fetch(server, get("/health"))
        assert head.startswith(b"HTTP/1.1 200")
        assert body == b"Logux Server: OK\n"
        head, body = await fetch(server, get("/"))
        assert b"text/html" in head
        assert b"Logux server" in body
        body_text = '{"a": [1]}'
        length = f"Content-Length: {len(body_text)}"
        head, body = await fetch(server, get("/echo?b=2&c=", "POST", length, body=body_text))
        assert json.loads(body) == {
            "body": {"a": [1]},
            "query": {"b": "2", "c": ""},
            "from": "127.0.0.1",
        }
        assert (await fetch(server, get("/text", "GET", "X-Name: n")))[1] == b"n"
        head, body = await fetch(server, get("/teapot"))
        assert head.startswith(b"HTTP/1.1 418")
        assert b"x-pot: tea" in head
        head, body = await fetch(server, get("/health", "HEAD"))
        assert b"content-length: 17" in head
        assert body == b""
        assert (await fetch(server, get("/none")))[0].startswith(b"HTTP/1.1 404")
        assert (await fetch(server, get("/health", "DELETE")))[0].startswith(b"HTTP/1.1 405")
        assert (await fetch(server, get("/broken")))[0].startswith(b"HTTP/1.1 500")
        assert [type(error) for error in errors] == [ZeroDivisionError]
        server.http(lambda request: request.path if request.path == "/any" else None)
        assert (await fetch(server, get("/any", "PUT")))[1] == b"/any"
        assert (await fetch(server, get("/none")))[0].startswith(b"HTTP/1.1 404")


async def test_wrong_http_is_refused() -> None:
    async with make(limits=Limits(message_size=1000)) as server:
        for request, status in (
            (b"nonsense\r\n\r\n", b"400"),
            (get("/", "GET", "Content-Length: x"), b"400"),
            (get("/", "POST", "Content-Length: 2000", body="x" * 2000), b"413"),
            (get("/", "GET", "X-Long: " + "x" * 600_000), b"431"),
            (get("http://[::1", "GET"), b"400"),
        ):
            head, _ = await fetch(server, request)
            assert head.split(b" ")[1] == status, request[:50]
        # A WebSocket that is none.
        head, _ = await fetch(server, get("/", "GET", "Upgrade: websocket"))
        assert head.split(b" ")[1] in (b"400", b"426")
        assert (await fetch(server, get("/health")))[1] == b"Logux Server: OK\n"


async def test_a_request_in_small_pieces_is_read() -> None:
    async with make() as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        for byte in get("/health"):
            writer.write(bytes([byte]))
            await writer.drain()
        assert (await reader.read()).endswith(b"Logux Server: OK\n")
        writer.close()


async def test_who_has_sent_all_and_hung_up_half_gets_the_answer() -> None:
    server = make()
    go_on = asyncio.Event()

    async def slow(request: Request) -> str:
        await go_on.wait()
        return "late"

    server.http("GET", "/slow", slow)
    async with server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(get("/slow"))
        writer.write_eof()
        while not server.flow.tasks:
            await asyncio.sleep(0)
        # The end of what it sends arrives before the answer leaves.
        await fetch(server, get("/health"))
        go_on.set()
        assert (await reader.read()).endswith(b"\r\n\r\nlate")
        writer.close()


async def test_a_body_may_be_asked_for_first() -> None:
    server = make()
    server.http("POST", "/size", lambda request: str(len(request.body)))
    async with server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(get("/size", "POST", "Content-Length: 5", "Expect: 100-continue"))
        assert b"100" in await reader.readuntil(b"\r\n\r\n")
        writer.write(b"12345")
        assert (await reader.read()).endswith(b"\r\n\r\n5")
        writer.close()


async def test_only_pages_of_allowed_origins_may_connect() -> None:
    async with make(origins=["https://good.example"]) as server:
        async with connect(server.url, origin="https://good.example") as socket:  # type: ignore[arg-type]
            await greet(socket)
        async with connect(server.url) as socket:
            await greet(socket)
        with pytest.raises(InvalidStatus) as raised:
            await connect(server.url, origin="https://evil.example")  # type: ignore[arg-type]
        assert raised.value.response.status_code == 403


async def test_a_message_over_the_limit_ends_only_its_connection() -> None:
    server = make(limits=Limits(message_size=1000))
    async with server, connect(server.url) as good, connect(server.url) as bad:
        await greet(good, "20:b:1")
        await greet(bad)
        await bad.send(json.dumps(["debug", "error", "x" * 1500]))
        assert (await receive(bad, "error"))[1] == "wrong-format"
        with pytest.raises(ConnectionClosed):
            await receive(bad, "never")
        async with connect(server.url) as worse:
            await worse.send("x" * 5000)
            with pytest.raises(ConnectionClosed) as raised:
                await receive(worse, "never")
            assert raised.value.rcvd is not None
            assert raised.value.rcvd.code == 1009
        await good.send('["ping",0]')
        await receive(good, "pong")


async def test_a_client_that_does_not_read_is_disconnected_and_comes_back_with_since() -> None:
    server = make(limits=Limits(waiting=100_000))
    since: list[Any] = []
    server.channel("big", access=lambda *_: True, load=lambda ctx, a, m: since.append(a["since"]))
    gone = asyncio.Event()
    server.on("disconnected", lambda client: gone.set())
    async with server, connect(server.url) as good:
        await greet(good, "20:b:1")
        slow = await connect(server.url, max_queue=1)
        await greet(slow)
        await slow.send('["sync",1,{"type":"logux/subscribe","channel":"room"},{"id":1,"time":1}]')
        await receive(slow, "synced")
        text = "x" * 100_000
        while not gone.is_set():
            server.log.add({"type": "news", "text": text}, channel="room")
            await asyncio.sleep(0)
        assert [*server.client_ids] == ["20:b"]
        assert server.subscriptions.channels == {}
        await good.send('["ping",0]')
        await receive(good, "pong")
        slow.transport.abort()
        async with connect(server.url) as again:
            await greet(again)
            subscribe = {"type": "logux/subscribe", "channel": "big", "since": {"time": 5}}
            await again.send(json.dumps(["sync", 2, subscribe, {"id": 2, "time": 2}]))
            await receive(again, "synced")
        assert since == [{"time": 5}]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate for localhost, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", key, "-out", cert, "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


async def test_tls_is_for_websocket_and_http(certificate: tuple[str, str]) -> None:
    cert, key = certificate
    trust = ssl.create_default_context(cafile=cert)
    async with make(cert=cert, key=key) as server:
        assert server.url == f"wss://127.0.0.1:{server.port}"
        async with connect(server.url, ssl=trust) as socket:
            await greet(socket)
        reader, writer = await asyncio.open_connection(server.host, server.port, ssl=trust)
        writer.write(get("/health"))
        assert (await reader.read()).endswith(b"Logux Server: OK\n")
        writer.close()
        await writer.wait_closed()


async def test_a_port_in_use_is_explained() -> None:
    async with make() as server:
        other = make(port=server.port)
        told: list[Exception] = []
        other.on("fatal", told.append)
        with pytest.raises(OSError, match=f"port {server.port} .* in use") as raised:
            await other.listen()
        assert told == [raised.value]
        with pytest.raises(RuntimeError, match="once"):
            await server.listen()


async def test_shutting_down_finishes_what_was_taken_and_closes_with_1001() -> None:
    server = make()
    started, go_on = asyncio.Event(), asyncio.Event()

    async def process(ctx: Any, action: Any, meta: Any) -> None:
        started.set()
        await go_on.wait()

    server.type("slow", access=lambda *_: True, process=process)
    await server.listen()
    async with connect(server.url) as socket, connect(server.url) as idle:
        await greet(socket)
        await socket.send('["sync",1,{"type":"slow"},{"id":1,"time":1}]')
        await started.wait()
        closing = asyncio.create_task(server.destroy())
        while not server.destroying:
            await asyncio.sleep(0)
        with pytest.raises(ConnectionError):
            await asyncio.open_connection(server.host, server.port)
        go_on.set()
        assert (await receive(socket, "sync"))[2]["type"] == "logux/processed"
        for one in (socket, idle):
            with pytest.raises(ConnectionClosed) as raised:
                await receive(one, "never")
            assert raised.value.rcvd is not None
            assert raised.value.rcvd.code == 1001
        await closing
    assert server.connected == {}
    await server.destroy()


async def test_idle_connections_do_not_hold_up_the_shutdown() -> None:
    server = make()
    await server.listen()
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"GET / HT")
    await writer.drain()
    await fetch(server, get("/health"))
    await server.destroy()
    assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_gracefully(number: signal.Signals, tmp_path: Path) -> None:
    script = tmp_path / "app.py"
    script.write_text(
        "from logux_store.server import Server\n"
        "server = Server(subprotocol=1, min_subprotocol=1, port=0)\n"
        "server.auth(lambda: True)\n"
        "server.on('report', lambda name, details: print(name, flush=True))\n"
        "server.run()\n"
    )
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "listen\n"
    process.send_signal(number)
    out, errors = process.communicate(timeout=30)
    assert out == "destroy\n"
    assert process.returncode == 0
    assert "Logux server is listening" in errors
