"""Metrics of a server for Prometheus."""

import asyncio
import sys
from importlib import import_module
from typing import Any

import pytest
from logux_adapters.prometheus import add_metrics

from logux_store.client import Client
from logux_store.server import BaseServer, Request
from logux_store.testing import TestPair, run_virtual


def make_server() -> BaseServer:
    server = BaseServer(subprotocol=1, min_subprotocol=1)
    server.auth(lambda token: token != "wrong")
    return server


def page(server: BaseServer, **headers: str) -> tuple[int, dict[str, float]]:
    """The metrics page: its status and the samples that are not zero."""
    response = asyncio.run(server.respond(Request("GET", "/metrics", headers)))
    samples: dict[str, float] = {}
    for line in response.body.decode().splitlines():
        name, _, value = line.rpartition(" ")
        if line.startswith("logux_") and "_created" not in name and "_bucket" not in name:
            samples[name] = float(value)
    return response.status, {name: value for name, value in samples.items() if value}


def test_what_happens_is_counted_by_what_the_server_knows() -> None:
    server = make_server()
    add_metrics(server)
    server.type("good", access=lambda *_: True)
    server.type("bad", access=lambda *_: True, process=lambda *_: 1 / 0)
    server.other_type(access=lambda *_: True)
    server.channel("room", access=lambda *_: True)

    async def connect(**options: Any) -> Client:
        pair = TestPair()
        server.add_client(pair.right)
        client = Client(server=pair.left, subprotocol=1, user_id="10", **options)
        client.start()
        await asyncio.sleep(1)
        return client

    async def main() -> None:
        client = await connect(allow_dangerous_protocol=True)
        wrong = await connect(token="wrong", allow_dangerous_protocol=True)
        subscribe = {"type": "logux/subscribe", "channel": "room"}
        for action in (subscribe, {"type": "good"}, {"type": "bad"}, {"type": "x/1"}):
            client.sync(action)
        await asyncio.sleep(1)
        for one in (client, wrong):
            await one.destroy()

    run_virtual(main())
    status, samples = page(server)
    assert status == 200
    times = {name: value for name, value in samples.items() if "_sum" in name}
    assert all(value < 1 for value in times.values())
    assert {name: value for name, value in samples.items() if name not in times} == {
        'logux_actions_total{type="good"}': 1,
        'logux_actions_total{type="bad"}': 1,
        'logux_actions_total{type="other"}': 1,
        'logux_undone_total{reason="error"}': 1,
        "logux_errors_total": 1,
        'logux_logins_total{outcome="authenticated"}': 1,
        'logux_logins_total{outcome="unauthenticated"}': 1,
        'logux_processing_seconds_count{type="good"}': 1,
        'logux_processing_seconds_count{type="bad"}': 1,
        'logux_processing_seconds_count{type="other"}': 1,
        "logux_subscribing_seconds_count": 1,
    }


def test_what_is_there_is_measured() -> None:
    server = make_server()
    add_metrics(server)
    server.channel("room", access=lambda *_: True)

    async def main() -> None:
        pair = TestPair()
        server.add_client(pair.right)
        client = Client(server=pair.left, subprotocol=1, user_id="10")
        client.start()
        await client.sync({"type": "logux/subscribe", "channel": "room"})
        response = await server.respond(Request("GET", "/metrics"))
        text = response.body.decode()
        assert "text/plain" in response.headers["content-type"]
        for line in ("logux_connections 1.0", "logux_users 1.0", "logux_subscriptions 1.0"):
            assert line in text.splitlines()
        await client.destroy()

    run_virtual(main())


def test_who_may_see_it_is_the_developers_choice() -> None:
    server = make_server()
    add_metrics(server, access=lambda request: request.headers.get("x-key") == "right")
    assert page(server)[0] == 403
    assert page(server, **{"x-key": "right"})[0] == 200


def test_a_missing_package_is_told_with_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "logux_adapters.prometheus")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "logux-store\[prometheus\]"'):
        import_module("logux_adapters.prometheus")
