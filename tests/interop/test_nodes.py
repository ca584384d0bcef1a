"""Bare nodes of `@logux/core` with this library's server and with its `ClientNode`."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from logux_store import ClientNode, Log, Reconnect, WebSocketConnection
from tests.interop.conftest import World
from tests.interop.node_process import NodeProcess


async def heard(node: NodeProcess, name: str, **action: Any) -> tuple[Any, Any]:
    found, meta = await node.call("client.heard", name=name, action=action)
    return found, meta


async def test_a_client_node_synchronizes_with_the_server(ours: World) -> None:
    call = ours.node.call
    options = {"subprotocol": 1, "token": "secret"}
    await call("nodes.connect", name="a", nodeId="10:a:b", server=ours.wire.url, ping=20, **options)
    await call("nodes.wait", name="a", state="synchronized")
    assert await ours.server.nodes() == ["10:a:b"]
    assert (await call("nodes.headers", name="a"))["env"] == "development"
    action = {"type": "room/append", "room": "1", "text": "x"}
    id = await call("nodes.add", name="a", action=action, meta={})
    await heard(ours.node, "a", type="logux/processed", id=id)
    await ours.server.say({"type": "hello"}, nodes=["10:a:b"], reasons=["test"])
    await heard(ours.node, "a", type="hello")
    await call("nodes.debug", name="a", text="from JavaScript")
    await call("nodes.wait", name="a", state="synchronized")
    # What the log kept for the client comes again to none, and to one who has not had it.
    ours.wire.cut()
    await call("nodes.wait", name="a", state="synchronized")
    assert await ours.server.room("1") == [action]
    await call("nodes.destroy", name="a")


async def test_a_client_node_without_a_token_is_refused(ours: World) -> None:
    call = ours.node.call
    await call("nodes.connect", name="a", nodeId="10:a:b", server=ours.wire.url, subprotocol=1)
    assert await call("client.error", name="a") == "wrong-credentials"
    await call("nodes.destroy", name="a")


class Both:
    """Our `ClientNode`, and a `ServerNode` of JavaScript called `server`."""

    def __init__(self, node: NodeProcess, client: ClientNode, heard: list[Any]) -> None:
        self.node = node
        self.client = client
        self.heard = heard


@pytest.fixture
async def both(node: NodeProcess) -> AsyncIterator[Both]:
    port = await node.call("nodes.serve", name="server", nodeId="server:js", token="a", ping=50)
    log = Log("10:a:b")
    log.on("preadd", lambda action, meta: meta.reasons.append("test"))
    connection = Reconnect(WebSocketConnection(f"ws://127.0.0.1:{port}"), min_delay=0.01)
    client = ClientNode("10:a:b", log, connection, token="a", subprotocol=1)
    heard: list[Any] = []
    client.on("error", heard.append)
    client.on("debug", lambda type, text: heard.append((type, text)))
    client.set_local_headers({"language": "fr"})
    connection.connect()
    yield Both(node, client, heard)
    client.destroy()
    await connection.wait_closed()


async def test_our_client_node_synchronizes_with_a_server_node(both: Both) -> None:
    client, call = both.client, both.node.call
    await client.wait_for("synchronized")
    assert client.remote_node_id == "server:js"
    assert client.remote_headers == {"from": "server:js"}
    assert await call("nodes.headers", name="server") == {"language": "fr"}
    meta = client.log.add({"type": "a"}, subprotocol=2)
    assert meta is not None
    _, arrived = await heard(both.node, "server", type="a")
    assert (arrived["id"], arrived["subprotocol"]) == (meta.id, 2)
    await client.wait_for("synchronized")
    added = {"id": "5 server:js 7", "time": 3}
    await call("nodes.add", name="server", action={"type": "b"}, meta=added)
    await call("nodes.wait", name="server", state="synchronized")
    entry = client.log.by_id("5 server:js 7")
    assert entry is not None
    assert (entry[0], entry[1].time) == ({"type": "b"}, 3)


async def test_what_was_added_without_a_connection_is_exchanged_later(both: Both) -> None:
    client, call = both.client, both.node.call
    await client.wait_for("synchronized")
    client.connection.disconnect()
    client.log.add({"type": "late"})
    await call("nodes.wait", name="server", state="disconnected")
    client.connection.connect()
    await client.wait_for("synchronized")
    await heard(both.node, "server", type="late")


async def test_a_wrong_token_is_refused_by_a_server_node(both: Both) -> None:
    await both.client.wait_for("synchronized")
    both.client.connection.disconnect()
    both.client.token = "b"
    both.client.connection.connect()
    await both.client.wait_for("connecting")
    await both.client.wait_for("disconnected")
    (error,) = both.heard
    assert (error.type, error.received) == ("wrong-credentials", True)
