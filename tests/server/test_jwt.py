"""Authentication by JSON Web Tokens."""

import asyncio
import time
from typing import Any

import jwt
import pytest

from logux_store.server import jwt_auth
from logux_store.testing import VirtualClock, run_virtual

SECRET = "a secret that is long enough for HS256 and its fellows, " * 2


def token(secret: Any = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """A token; `expires` and `begins` are seconds from now."""
    for name, claim in (("expires", "exp"), ("begins", "nbf")):
        if name in claims:
            claims[claim] = time.time() + claims.pop(name)
    return jwt.encode({"sub": "10", **claims}, secret, algorithm)


def accepts(make_server: Any, peer_of: Any, token: str | None, **options: Any) -> bool:
    node_id = options.pop("node_id", "10:a:1")

    async def main() -> bool:
        server = make_server()
        server.auth(jwt_auth(SECRET, **options))
        accepted = bool(peer_of(server, node_id, token=token).connected)
        assert server.errors == []
        return accepted

    return run_virtual(main())


@pytest.mark.parametrize(
    ("claims", "options", "expected"),
    [
        ({}, {}, True),
        ({"sub": "11"}, {}, False),
        ({"sub": ""}, {}, False),
        ({"expires": 1000}, {}, True),
        ({"expires": -5}, {}, False),
        ({"expires": -5}, {"leeway": 60}, True),
        ({"begins": 1000}, {}, False),
        ({"aud": "logux"}, {"audience": "logux"}, True),
        ({"aud": ["a", "logux"]}, {"audience": ["logux", "b"]}, True),
        ({"aud": "other"}, {"audience": "logux"}, False),
        ({"aud": "logux"}, {}, False),
        ({}, {"audience": "logux"}, False),
        ({"iss": "me"}, {"issuer": "me"}, True),
        ({"iss": "you"}, {"issuer": "me"}, False),
        ({"algorithm": "HS512"}, {}, False),
        ({"algorithm": "HS512"}, {"algorithms": ["HS512"]}, True),
        ({"algorithm": "HS512"}, {"algorithms": "HS512"}, True),
        ({"secret": SECRET + "!"}, {}, False),
        ({"secret": None, "algorithm": "none"}, {}, False),
    ],
)
def test_a_token_is_checked(
    make_server: Any, peer_of: Any, claims: Any, options: Any, expected: bool
) -> None:
    assert accepts(make_server, peer_of, token(**claims), **options) is expected


@pytest.mark.parametrize("wrong", [None, "", "nonsense", "a.b.c", "\ud800"])
def test_what_is_no_token_is_refused(make_server: Any, peer_of: Any, wrong: str | None) -> None:
    assert not accepts(make_server, peer_of, wrong)


def test_a_token_without_subject_is_refused(make_server: Any, peer_of: Any) -> None:
    assert not accepts(make_server, peer_of, jwt.encode({"a": 1}, SECRET, "HS256"))


def test_anonymous_people_are_let_in_by_choice_only(make_server: Any, peer_of: Any) -> None:
    node_id = "anonymous:a:1"
    assert not accepts(make_server, peer_of, None, node_id=node_id)
    assert not accepts(make_server, peer_of, token(sub="anonymous"), node_id=node_id)
    assert accepts(make_server, peer_of, None, node_id=node_id, anonymous=True)
    assert not accepts(make_server, peer_of, None, anonymous=True)


@pytest.mark.parametrize("node_id", ["server", "server:a", "a"])
def test_no_token_is_good_for_the_server_or_for_nobody(
    make_server: Any, peer_of: Any, node_id: str
) -> None:
    signed = token(sub=node_id.split(":")[0])
    assert not accepts(make_server, peer_of, signed, node_id=node_id)


def test_the_connection_ends_with_the_token(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        now = int(time.time())
        server = make_server(clock=VirtualClock(now * 1000))
        server.auth(jwt_auth(SECRET, leeway=5))
        short = peer_of(server, token=token(exp=now + 1000))
        endless = peer_of(server, "10:b:1", token=token())
        await asyncio.sleep(1004)
        assert short.connected
        await asyncio.sleep(2)
        assert not short.connected
        assert endless.connected

    run_virtual(main())


@pytest.mark.parametrize(
    "options",
    [{"algorithms": ["none"]}, {"algorithms": ["HS256", "None"]}, {"algorithms": []}],
)
def test_unsigned_tokens_cannot_be_allowed(options: Any) -> None:
    with pytest.raises(ValueError, match="algorithms"):
        jwt_auth(SECRET, **options)


@pytest.mark.parametrize(
    ("algorithms", "why"),
    [
        (["HS999"], "no algorithm 'HS999'"),
        (["RS256", "HS256"], "would take a public key"),
    ],
)
def test_algorithms_that_could_let_nobody_in_or_anybody_are_refused(
    algorithms: list[str], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        jwt_auth(SECRET, algorithms=algorithms)


@pytest.mark.parametrize("secret", ["", b"", None])
def test_a_secret_is_needed(secret: Any) -> None:
    with pytest.raises(ValueError, match="secret"):
        jwt_auth(secret)
