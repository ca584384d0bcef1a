"""Whose address a connection has that came through proxies."""

from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest

from logux_store.server.http import Request
from logux_store.server.options import Limits
from logux_store.server.proxies import check_proxies, client_address

TRUSTED = check_proxies(["10.0.0.0/8", "192.168.0.1", ip_network("fd00::/8")])


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", " , ", "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1, 10.0.0.2, 192.168.0.1", "1.1.1.1"),
        ("10.0.0.1", "10.6.6.6, 10.0.0.2", "10.6.6.6"),
        ("10.0.0.1", "1.1.1.1, 192.168.0.2", "192.168.0.2"),
        ("2.2.2.2", "1.1.1.1", "2.2.2.2"),
        ("2.2.2.2", "1.1.1.1, 10.0.0.1", "2.2.2.2"),
        ("", "1.1.1.1", ""),
        ("10.0.0.1", "1.1.1.1, unknown, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "1.1.1.1:5000", "1.1.1.1"),
        ("fd00::1", "[2001:db8::1]:5000", "2001:db8::1"),
        ("fd00::1", "2001:DB8:0::1", "2001:db8::1"),
        ("::ffff:10.0.0.1", "::ffff:1.1.1.1", "1.1.1.1"),
    ],
)
def test_the_clients_address_is_the_last_that_is_not_trusted(
    peer: str, forwarded: str | None, address: str
) -> None:
    headers = {} if forwarded is None else {"x-forwarded-for": forwarded}
    assert client_address(peer, headers, TRUSTED) == address


def test_nobody_is_trusted_by_default() -> None:
    assert client_address("127.0.0.1", {"x-forwarded-for": "1.1.1.1"}, ()) == "127.0.0.1"


@pytest.mark.parametrize(
    ("proxies", "error", "text"),
    [
        ("10.0.0.0/8", TypeError, "is a list"),
        ([10], TypeError, "not 10"),
        (["10.0.0.1/8"], ValueError, "host bits"),
        (["proxy.example.com"], ValueError, "is like '127.0.0.1'"),
    ],
)
def test_wrong_proxies_are_refused(proxies: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        check_proxies(proxies)


def test_failed_logins_behind_a_trusted_proxy_lock_nobody_else_out(
    make_server: Callable[..., Any], peer_of: Callable[..., Any]
) -> None:
    def connect(token: str, forwarded: str) -> Any:
        headers = {"x-forwarded-for": forwarded}
        return peer_of(server, token=token, address="10.0.0.1", http_headers=headers)

    server = make_server(trusted_proxies=["10.0.0.0/8"], limits=Limits(logins=2, ahead=None))
    server.auth(lambda token: token == "right")
    for _ in range(3):
        last = connect("wrong", "1.1.1.1")
    assert last.messages[-1][:2] == ["error", "bruteforce"]
    assert connect("right", "1.1.1.1").messages[-1][:2] == ["error", "bruteforce"]
    other = connect("right", "1.1.1.2")
    assert other.client.authenticated
    addresses = [details["remote_address"] for name, details in server.reports if name == "connect"]
    assert addresses == ["1.1.1.1"] * 4 + ["1.1.1.2"]


async def test_the_servers_pages_see_the_same_address(make_server: Callable[..., Any]) -> None:
    server = make_server(trusted_proxies=["10.0.0.1"])
    server.http("GET", "/who", lambda request: request.remote_address)
    headers = {"X-Forwarded-For": "1.1.1.1"}
    for peer, expected in (("10.0.0.1", b"1.1.1.1"), ("10.0.0.2", b"10.0.0.2")):
        response = await server.respond(Request("GET", "/who", headers, b"", peer))
        assert response.body == expected
