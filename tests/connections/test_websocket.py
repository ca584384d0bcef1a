import asyncio
import contextlib
import socket as sockets
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.frames import Frame, Opcode

from logux_store.connections import (
    Link,
    Reconnect,
    ServerWebSocket,
    TransportName,
    WebSocketConnection,
    find_transport,
)
from logux_store.sync import ClientNode, Connection, ServerNode
from logux_store.testing import TestLog, TestTime

OnConnection = Callable[[ServerWebSocket], object]
"""What a test does with a connection before it is read."""


class Heard:
    """The events of a connection, in order, which can be waited for."""

    def __init__(self, connection: Connection) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.changed = asyncio.Event()
        for event in ("connecting", "connect", "message", "error", "disconnect"):
            connection.on(event, lambda *args, event=event: self.note(event, *args))

    def note(self, *event: Any) -> None:
        self.events.append(event)
        self.changed.set()

    def all(self, name: str) -> list[Any]:
        return [rest[0] if rest else None for event, *rest in self.events if event == name]

    async def until(self, done: Callable[[], bool]) -> None:
        while not done():
            self.changed.clear()
            await self.changed.wait()

    async def event(self, name: str, count: int = 1) -> Any:
        """Wait for the event; returns its argument."""
        await self.until(lambda: len(self.all(name)) >= count)
        return self.all(name)[count - 1]


@pytest.fixture(params=["websockets", "picows"])
def transport(request: pytest.FixtureRequest) -> TransportName:
    """Every test with a socket is one of each transport."""
    name: TransportName = request.param
    return name


class Served:
    """A WebSocket server and what its connections hear."""

    def __init__(
        self, transport: TransportName, on_connection: OnConnection = id, **options: Any
    ) -> None:
        self.transport = transport
        self.on_connection = on_connection
        self.options = options
        self.connections: list[ServerWebSocket] = []
        self.links: list[Link] = []
        self.heard: list[Heard] = []
        self.changed = asyncio.Event()
        self.url = ""

    def protocol(self) -> asyncio.BaseProtocol:
        end = ServerWebSocket(self.opened, self.gone, **self.options)
        return find_transport(self.transport).accept(end)

    def opened(self, connection: ServerWebSocket, link: Link) -> None:
        self.links.append(link)
        self.connections.append(connection)
        self.heard.append(Heard(connection))
        self.on_connection(connection)
        self.changed.set()

    def gone(self, link: Link) -> None:
        self.links.remove(link)
        self.changed.set()

    async def until(self, done: Callable[[], object]) -> None:
        while not done():
            self.changed.clear()
            await self.changed.wait()

    async def first(self) -> tuple[ServerWebSocket, Heard]:
        await self.until(lambda: self.connections)
        return self.connections[0], self.heard[0]


@contextlib.asynccontextmanager
async def serving(served: Served, port: int = 0) -> AsyncIterator[Served]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(served.protocol, "127.0.0.1", port)
    served.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield served
    server.close()
    for link in [*served.links]:
        link.close(1001)
    await served.until(lambda: not served.links)
    await server.wait_closed()


def free_port() -> int:
    with sockets.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_messages_travel_both_ways(transport: TransportName) -> None:
    async with serving(Served(transport)) as served:
        client = WebSocketConnection(served.url, transport=transport)
        heard = Heard(client)
        client.connect()
        client.connect()
        assert not client.connected
        await heard.event("connect")
        assert client.connected
        connection, server_heard = await served.first()
        client.send(["debug", "error", "é😀\ud83d"])
        assert await server_heard.event("message") == ["debug", "error", "é😀\ud83d"]
        connection.send(["ping", 1])
        connection.send(["ping", 2])
        await heard.event("message", 2)
        client.disconnect()
        client.disconnect()
        assert not client.connected
        assert await server_heard.event("disconnect") == "closed"
        await client.wait_closed()
        assert heard.events == [
            ("connecting",),
            ("connect",),
            ("message", ["ping", 1]),
            ("message", ["ping", 2]),
            ("disconnect", "user"),
        ]


async def test_a_server_sees_where_a_client_comes_from(transport: TransportName) -> None:
    async with serving(Served(transport)) as served:
        client = WebSocketConnection(
            served.url, transport=transport, headers={"Cookie": "a=1", "X-Test": "yes"}
        )
        client.connect()
        connection, _ = await served.first()
        assert connection.remote_address == "127.0.0.1"
        assert connection.http_headers["x-test"] == "yes"
        assert connection.http_headers["cookie"] == "a=1"
        client.destroy()
        await client.wait_closed()


async def test_what_still_comes_after_a_disconnection_is_not_heard(
    transport: TransportName,
) -> None:
    def flood(connection: ServerWebSocket) -> None:
        for number in range(100):
            connection.send(["ping", number])

    async with serving(Served(transport, flood)) as served:
        client = WebSocketConnection(served.url, transport=transport)
        heard = Heard(client)
        client.on("message", lambda _: client.disconnect())
        client.connect()
        await heard.event("disconnect")
        await client.wait_closed()
        assert heard.all("message") == [["ping", 0]]


async def test_a_header_that_comes_twice_is_one(transport: TransportName) -> None:
    headers = [("Cookie", "a=1"), ("Cookie", "b=2"), ("X-Test", "1"), ("X-Test", "2")]
    async with (
        serving(Served(transport)) as served,
        connect(served.url, additional_headers=headers),
    ):
        connection, _ = await served.first()
        assert connection.http_headers["cookie"] == "a=1; b=2"
        assert connection.http_headers["x-test"] == "1, 2"


async def test_a_server_that_hangs_up_is_noticed(transport: TransportName) -> None:
    async with serving(Served(transport)) as served:
        client = WebSocketConnection(served.url, transport=transport)
        heard = Heard(client)
        client.connect()
        await heard.event("connect")
        connection, server_heard = await served.first()
        connection.disconnect("timeout")
        assert server_heard.all("disconnect") == ["timeout"]
        assert await heard.event("disconnect") == "closed"
        assert client.last_error is None
        with pytest.raises(RuntimeError, match="the client connects"):
            connection.connect()
        await client.wait_closed()


async def test_a_refused_connection_is_a_disconnection_with_a_cause() -> None:
    client = WebSocketConnection(f"ws://127.0.0.1:{free_port()}")
    heard = Heard(client)
    client.connect()
    assert await heard.event("disconnect") == "error"
    assert isinstance(client.last_error, ConnectionRefusedError)
    assert heard.all("error") == []
    await client.wait_closed()


async def test_a_server_that_speaks_something_else_is_a_disconnection_with_a_cause() -> None:
    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        client = WebSocketConnection(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        heard = Heard(client)
        client.connect()
        assert await heard.event("disconnect") == "error"
        assert "404" in str(client.last_error)
        await client.wait_closed()


async def test_an_attempt_can_be_given_up_and_begun_anew(transport: TransportName) -> None:
    async with serving(Served(transport)) as served:
        client = WebSocketConnection(served.url, transport=transport)
        heard = Heard(client)
        client.connect()
        client.disconnect()
        client.connect()
        await heard.event("connect")
        assert [event[0] for event in heard.events] == [
            "connecting",
            "disconnect",
            "connecting",
            "connect",
        ]
        client.disconnect()
        client.connect()
        await heard.event("connect", 2)
        client.destroy()
        await client.wait_closed()
        assert not client._tasks


async def test_what_is_sent_without_a_connection_is_lost() -> None:
    client = WebSocketConnection("ws://127.0.0.1:1")
    client.send(["ping", 1])
    client.disconnect()
    await client.wait_closed()


class Raw:
    """A client that writes bytes: frames, or what is none."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, served: Served, rest: bytes = b"") -> "Raw":
        host, port = served.url.removeprefix("ws://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        key = "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\nSec-WebSocket-Version: 13\r\n"
        upgrade = f"Host: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}"
        writer.write(f"GET / HTTP/1.1\r\n{upgrade}\r\n".encode() + rest)
        await reader.readuntil(b"\r\n\r\n")
        return cls(reader, writer)

    async def end(self) -> bytes:
        """What still comes until the server closes the connection."""
        data = await self.reader.read()
        self.writer.close()
        return data


def frame(data: bytes, opcode: Opcode = Opcode.TEXT, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


def ping(number: int) -> bytes:
    return frame(b'["ping",%d]' % number)


async def test_messages_may_come_in_one_piece_or_byte_by_byte(transport: TransportName) -> None:
    long = b'["debug","error","%s"]' % (b"x" * 300)
    longer = b'["debug","error","%s"]' % (b"x" * 70_000)
    async with serving(Served(transport)) as served:
        # The first ones come with the handshake.
        raw = await Raw.open(served, ping(1) + ping(2))
        _, heard = await served.first()
        for byte in ping(3) + frame(long):
            raw.writer.write(bytes((byte,)))
            await raw.writer.drain()
        last = ping(6)
        raw.writer.write(ping(4) + frame(longer) + ping(5) + last[:3])
        raw.writer.write(last[3:])
        await heard.until(lambda: ["ping", 6] in heard.all("message"))
        assert [m[1] for m in heard.all("message") if m[0] == "ping"] == [1, 2, 3, 4, 5, 6]
        assert [len(m[2]) for m in heard.all("message") if m[0] == "debug"] == [300, 70_000]
        raw.writer.close()


async def test_a_message_in_fragments_is_put_together(transport: TransportName) -> None:
    async with serving(Served(transport)) as served:
        raw = await Raw.open(served)
        raw.writer.write(
            frame(b'["pi', fin=False)
            + frame(b"here?", Opcode.PING)
            + frame(b'ng",', Opcode.CONT, fin=False)
            + frame(b"1]", Opcode.CONT)
            + ping(2)
        )
        _, heard = await served.first()
        await heard.event("message", 2)
        assert heard.all("message") == [["ping", 1], ["ping", 2]]
        assert await raw.reader.readexactly(7) == b"\x8a\x05here?"
        raw.writer.close()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (Frame(Opcode.TEXT, b'["ping",1]').serialize(mask=False), 1002),
        (frame(b"1]", Opcode.CONT), 1002),
        (frame(b'["pi', fin=False) + ping(1), 1002),
        (b"\x83" + ping(1)[1:], 1002),
        (b"\xc1" + ping(1)[1:], 1002),
        (frame(b"x" * 2001), 1009),
        (frame(b"x" * 1500, fin=False) + frame(b"x" * 1500, Opcode.CONT), 1009),
    ],
)
async def test_what_is_no_websocket_is_closed_with_its_code(
    transport: TransportName, data: bytes, code: int
) -> None:
    async with serving(Served(transport, max_size=1000)) as served:
        raw = await Raw.open(served)
        raw.writer.write(data)
        _, heard = await served.first()
        said = await raw.reader.readexactly(4)
        assert said[0] == 0x88
        assert int.from_bytes(said[2:4]) == code
        await raw.end()
        assert await heard.event("disconnect") == "closed"
        assert heard.all("message") == []


async def test_nothing_is_heard_after_a_goodbye(transport: TransportName) -> None:
    async with serving(Served(transport)) as served:
        raw = await Raw.open(served)
        raw.writer.write(ping(1) + frame(b"\x03\xe8", Opcode.CLOSE) + ping(2))
        connection, heard = await served.first()
        assert await heard.event("disconnect") == "closed"
        assert heard.all("message") == [["ping", 1]]
        assert connection.last_error is None
        assert (await raw.end())[0] == 0x88


@pytest.mark.parametrize("request_line", ["GET / HTTP/1.1", "POST / HTTP/1.1", "nonsense"])
async def test_a_handshake_that_is_none_is_refused(
    transport: TransportName, request_line: str
) -> None:
    async with serving(Served(transport)) as served:
        host, port = served.url.removeprefix("ws://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"{request_line}\r\nHost: {host}\r\n\r\n".encode())
        answer = await reader.read()
        assert b" 101 " not in answer
        writer.close()
        assert served.connections == []


@pytest.mark.parametrize("data", [b"{", b"\xff", b'{"a":1}', "not json", b"[NaN]"])
async def test_what_is_no_message_is_an_error_that_the_node_answers(
    transport: TransportName, data: bytes | str
) -> None:
    async with serving(Served(transport)) as served, connect(served.url) as client:
        await client.send(data)
        connection, heard = await served.first()
        error = await heard.event("error")
        assert error.type == "wrong-format"
        assert connection.connected


async def test_a_message_in_binary_is_read_like_one_in_text(transport: TransportName) -> None:
    async with serving(Served(transport)) as served, connect(served.url) as client:
        await client.send(b'["ping",1]')
        _, heard = await served.first()
        assert await heard.event("message") == ["ping", 1]


async def test_a_message_that_is_too_long_is_answered_and_a_far_too_long_one_hung_up_on(
    transport: TransportName,
) -> None:
    log = TestTime().next_log()
    served = Served(transport, lambda connection: ServerNode("s", log, connection), max_size=1000)
    async with serving(served):
        async with connect(served.url) as client:
            await client.send("x" * 1001)
            error = '["error","wrong-format","1001 bytes; 1000 are allowed"]'
            assert await client.recv() == error
            await client.wait_closed()
            assert client.close_code == 1000
        async with connect(served.url) as client:
            await client.send("x" * 2001)
            await client.wait_closed()
            assert client.close_code == 1009
    assert log.actions() == []


async def test_a_server_that_hangs_up_in_the_middle_of_a_message_is_noticed(
    transport: TransportName,
) -> None:
    async with serving(Served(transport, max_size=1000)) as served:
        client = WebSocketConnection(served.url, transport=transport)
        heard = Heard(client)
        client.connect()
        await heard.event("connect")
        client.send(["debug", "error", "x" * 20_000_000])
        async with asyncio.timeout(10):
            assert await heard.event("disconnect") == "closed"
        await client.wait_closed()


async def test_what_a_message_causes_is_told_to_the_loop_and_the_next_is_read(
    transport: TransportName,
) -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    served = Served(transport, lambda connection: connection.on("message", lambda m: 1 / m[1]))
    async with serving(served), connect(served.url) as client:
        await client.send('["ping",0]')
        await client.send('["ping",1]')
        _, heard = await served.first()
        await heard.event("message", 2)
    assert [type(context["exception"]) for context in told] == [ZeroDivisionError]


async def test_what_is_wrong_with_the_options_is_told_to_the_loop() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    client = WebSocketConnection("ws://127.0.0.1:1", nonsense=1)
    heard = Heard(client)
    client.connect()
    assert await heard.event("disconnect") == "error"
    await client.wait_closed()
    assert [type(context["exception"]) for context in told] == [TypeError]


async def test_a_client_that_does_not_read_is_ended_as_slow(transport: TransportName) -> None:
    async with serving(Served(transport, max_waiting=1_000_000)) as served:
        host, port = served.url.removeprefix("ws://").split(":")
        _, writer = await asyncio.open_connection(host, int(port), limit=1)
        key = "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\nSec-WebSocket-Version: 13\r\n"
        upgrade = f"Host: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}"
        writer.write(f"GET / HTTP/1.1\r\n{upgrade}\r\n".encode())
        connection, heard = await served.first()
        message = ["debug", "error", "x" * 100_000]
        sent = 0
        while connection.connected:
            connection.send(message)
            sent += 1
            await asyncio.sleep(0)
        assert heard.all("disconnect") == ["slow"]
        assert sent < 1000
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_a_socket_that_dies_is_a_disconnection_with_a_cause(transport: TransportName) -> None:
    async with serving(Served(transport)) as served:
        client = WebSocketConnection(served.url, transport=transport)
        heard = Heard(client)
        client.connect()
        await heard.event("connect")
        await served.first()
        served.links[0].abort()
        assert await heard.event("disconnect") == "closed"
        assert client.last_error is not None
        await client.wait_closed()


async def test_a_cancelled_reader_closes_its_socket(transport: TransportName) -> None:
    async with serving(Served(transport)) as served:
        client = WebSocketConnection(served.url, transport=transport)
        heard = Heard(client)
        client.connect()
        await heard.event("connect")
        for task in client._tasks:
            task.cancel()
        assert await heard.event("disconnect") == "closed"
        assert not client.connected


@pytest.mark.parametrize("url", ["http://a", "example.com", "ws://", "ws://a:b", ""])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="ws:// or wss://"):
        WebSocketConnection(url)


def test_an_unknown_event_is_refused() -> None:
    with pytest.raises(ValueError, match="disconnect"):
        WebSocketConnection("ws://a").on("close", print)


async def test_nodes_meet_over_a_socket_and_again_after_the_server_restarted(
    transport: TransportName,
) -> None:
    time = TestTime()
    server_log, log = (TestLog(id, None, time) for id in ("server:x", "1:a:b"))
    server_log.keep_actions()
    log.keep_actions()
    nodes: list[ServerNode] = []

    def auth(_node_id: str, token: str | None, _headers: dict[str, Any]) -> bool:
        return token == "secret"

    def accept(connection: ServerWebSocket) -> None:
        nodes.append(ServerNode("server:x", server_log, connection, auth=auth))

    served = Served(transport, accept)
    port = free_port()
    inner = WebSocketConnection(f"ws://127.0.0.1:{port}", transport=transport)
    reconnect = Reconnect(inner, min_delay=0.01, max_delay=0.02)
    node = ClientNode("1:a:b", log, reconnect, token="secret", fix_time=False)
    reconnect.connect()
    log.add({"type": "offline"})
    await node.wait_for("disconnected")
    async with serving(served, port):
        await node.wait_for("synchronized")
        log.add({"type": "online"})
        server_log.add({"type": "from the server"})
        await node.wait_for("sending")
        await node.wait_for("synchronized")
    await node.wait_for("disconnected")
    log.add({"type": "offline again"})
    async with serving(served, port):
        await node.wait_for("synchronized")
        await nodes[-1].wait_for("synchronized")
        assert log.actions() == server_log.actions()
        assert len(log.actions()) == 4
        node.destroy()
        await reconnect.wait_closed()
