"""What a server can be told when it is made."""

import re
from typing import Any

import pytest

from logux_store.log import MemoryStore
from logux_store.server import Limits, Server


def make(**options: Any) -> Server:
    return Server(**{"subprotocol": 1, "min_subprotocol": 1, **options})


def test_a_server_has_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOGUX_ENV", raising=False)
    server = make()
    assert (server.host, server.port, server.env) == ("127.0.0.1", 31337, "development")
    assert server.url == "ws://127.0.0.1:31337"
    assert re.fullmatch(r"server:[\w-]{8}", server.node_id)
    assert server.log.node_id == server.node_id
    assert server.node_id != make().node_id


def test_the_environment_says_whether_it_is_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGUX_ENV", "production")
    assert make().env == "production"
    assert make(env="development").env == "development"
    monkeypatch.setenv("LOGUX_ENV", "test")
    with pytest.raises(ValueError, match=r"LOGUX_ENV is .* not 'test'"):
        make()


def test_a_server_takes_its_id_its_store_and_its_clock() -> None:
    store = MemoryStore()
    server = make(id="a", store=store, clock=lambda: 5)
    assert server.node_id == "server:a"
    meta = server.log.add({"type": "a"}, reasons=["keep"])
    assert meta is not None
    assert meta.time == 5
    assert len(store) == 1
    assert make(random=bytes).node_id == make(random=bytes).node_id


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"subprotocol": None}, TypeError, "subprotocol"),
        ({"subprotocol": "1"}, TypeError, "subprotocol"),
        ({"subprotocol": True}, TypeError, "subprotocol"),
        ({"min_subprotocol": 1.5}, TypeError, "min_subprotocol"),
        ({"min_subprotocol": -1}, ValueError, "min_subprotocol"),
        ({"min_subprotocol": 2}, ValueError, "above"),
        ({"host": None}, TypeError, "host"),
        ({"host": ""}, TypeError, "host"),
        ({"port": "80"}, TypeError, "port"),
        ({"port": 70_000}, ValueError, "port"),
        ({"port": -1}, ValueError, "port"),
        ({"cert": "a.pem"}, ValueError, "key is missing"),
        ({"key": "a.pem"}, ValueError, "cert is missing"),
        ({"env": "test"}, ValueError, "env"),
        ({"id": "a:b"}, ValueError, "colon"),
        ({"id": 5}, TypeError, "string"),
        ({"future": "maybe"}, ValueError, "future"),
        ({"origins": "https://example.com"}, TypeError, "list"),
        ({"origins": ["example.com"]}, ValueError, "origin"),
        ({"origins": [5]}, TypeError, "origin"),
    ],
)
def test_a_wrong_option_is_refused_by_name(options: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        make(**options)


def test_subprotocols_must_be_given() -> None:
    with pytest.raises(TypeError, match="min_subprotocol"):
        Server(subprotocol=1)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        ({"queue": 0}, ValueError),
        ({"queue": -1}, ValueError),
        ({"queue": True}, TypeError),
        ({"queue": "5"}, TypeError),
        ({"login_memory": None}, TypeError),
    ],
)
def test_a_limit_is_above_zero_or_none(limits: Any, error: Any) -> None:
    with pytest.raises(error, match=next(iter(limits))):
        Limits(**limits)
    assert Limits(queue=None).queue is None


def test_origins_are_allowed_by_name_or_pattern() -> None:
    server = make(origins=["https://a.example", re.compile(r"https://\w+\.b\.example")])
    allowed = {
        origin: server.allows_origin(origin)
        for origin in (
            None,
            "https://a.example",
            "https://x.b.example",
            "https://a.example.evil.example",
            "https://x.b.example.evil.example",
            "http://a.example",
            "null",
        )
    }
    assert [origin for origin in allowed if allowed[origin]] == [
        None,
        "https://a.example",
        "https://x.b.example",
    ]
    assert make().allows_origin("https://anywhere.example")


@pytest.mark.parametrize("event", ["conected", "subscribe", ""])
def test_a_wrong_event_is_refused(event: str) -> None:
    with pytest.raises(ValueError, match="authenticated"):
        make().on(event, print)


@pytest.mark.parametrize("authenticator", [None, 5, lambda user: True, lambda user_id, /: True])
def test_a_wrong_authenticator_is_refused(authenticator: Any) -> None:
    with pytest.raises(TypeError):
        make().auth(authenticator)


async def test_a_server_without_authenticator_does_not_start() -> None:
    with pytest.raises(RuntimeError, match=r"server\.auth"):
        await make(port=0).listen()
