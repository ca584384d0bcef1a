import sys
from typing import Any

import pytest
import uvloop

from logux_store.client import Client
from logux_store.connections import WebSocketConnection, find_loop, find_transport
from logux_store.server import Server


def make_server(transport: Any) -> Server:
    return Server(subprotocol=1, min_subprotocol=1, transport=transport)


def make_connection(transport: Any) -> WebSocketConnection:
    return WebSocketConnection("ws://a", transport=transport)


def make_client(transport: Any) -> Client:
    return Client(server="wss://a", subprotocol=1, user_id="10", transport=transport)


MAKERS = [find_transport, make_server, make_connection, make_client]


@pytest.mark.parametrize("make", MAKERS)
def test_an_unknown_transport_is_refused(make: Any) -> None:
    with pytest.raises(ValueError, match="'websockets' or 'picows', not 'tcp'"):
        make("tcp")


@pytest.mark.parametrize("make", MAKERS)
def test_a_missing_package_is_named(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "logux_store.connections.on_picows", raising=False)
    monkeypatch.setitem(sys.modules, "picows", None)
    with pytest.raises(RuntimeError, match=r"pip install 'logux-store\[fast\]'"):
        make("picows")
    make("websockets")


def test_picows_runs_in_uvloop_where_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_loop("websockets") is None
    assert find_loop("picows") is uvloop.new_event_loop
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert find_loop("picows") is None
