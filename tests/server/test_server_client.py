"""A connection of a client: who it is, when it is refused, when it ends."""

import asyncio
from typing import Any

import pytest

from logux_store import LoguxError
from logux_store.server import Limits
from logux_store.testing import VirtualClock, run_virtual


def errors_of(peer: Any) -> list[Any]:
    return [message[1:] for message in peer.messages if message[0] == "error"]


def test_an_authenticated_client_is_known_by_its_ids(server: Any, peer_of: Any) -> None:
    first, second = peer_of(server, "10:a:1"), peer_of(server, "10:b:1")
    assert server.client_ids == {"10:a": first.client, "10:b": second.client}
    assert server.node_ids == {"10:a:1": first.client, "10:b:1": second.client}
    assert server.user_ids == {"10": [first.client, second.client]}
    assert [*server.connected] == ["1", "2"]
    first.disconnect()
    second.disconnect()
    assert server.client_ids == server.node_ids == server.user_ids == server.connected == {}
    assert server.names == ["connect", "authenticated"] * 2 + ["disconnect"] * 2


def test_a_client_without_user_is_known_too(server: Any, peer_of: Any) -> None:
    peer = peer_of(server, "client")
    assert peer.client.user_id is None
    assert server.client_ids == {"client": peer.client}
    assert server.user_ids == {}
    peer.disconnect()
    assert server.client_ids == {}


def test_the_authenticator_gets_what_it_asks_for(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    asked: list[Any] = []

    def authenticate(user_id: str, token: str, cookie: Any, headers: Any, client: Any) -> bool:
        asked.append((user_id, token, cookie, headers, client.node_id))
        return True

    server.auth(authenticate)
    peer_of(
        server,
        token="secret",
        headers={"locale": "fr"},
        http_headers={"cookie": 'a=1; b="x%20y"; c=; d'},
    )
    cookie = {"a": "1", "b": "x y", "c": "", "d": ""}
    assert asked == [("10", "secret", cookie, {"locale": "fr"}, "10:a:1")]


@pytest.mark.parametrize("connect", [True, False])
def test_headers_over_the_limit_end_the_connection(
    make_server: Any, peer_of: Any, connect: bool
) -> None:
    peer = peer_of(make_server(limits=Limits(headers=20)), connect=connect)
    peer.send(["headers", {"a": "x" * 12}])
    assert peer.connected
    peer.send(["headers", {"a": "x" * 13}])
    assert errors_of(peer) == [["wrong-format", "headers of 21 bytes; 20 may be"]]
    assert not peer.connected


def test_an_authenticator_may_take_everything_by_name(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    asked: list[str] = []

    def authenticate(**values: Any) -> bool:
        asked.extend(sorted(values))
        return True

    server.auth(authenticate)
    assert peer_of(server).connected
    assert asked == ["client", "cookie", "headers", "token", "user_id"]


def test_wrong_credentials_are_refused(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    server.auth(lambda token: token == "right")
    told: list[Any] = []
    server.on("unauthenticated", lambda client, seconds: told.append(client.node_id))
    peer = peer_of(server, token="wrong")
    assert errors_of(peer) == [["wrong-credentials"]]
    assert not peer.connected
    assert told == ["10:a:1"]
    assert server.client_ids == server.connected == {}
    assert "unauthenticated" in server.names
    assert "client_error" not in server.names


def test_an_async_authenticator_is_waited_for(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        server = make_server()

        async def authenticate(token: str) -> bool:
            await asyncio.sleep(5)
            return token == "right"

        server.auth(authenticate)
        server.type("do", access=lambda *_: True)
        good, bad = peer_of(server, token="right"), peer_of(server, "20:a:1", token="wrong")
        good.act("do")
        await asyncio.sleep(1)
        assert good.messages == []
        await asyncio.sleep(5)
        assert [action["type"] for action in good.got] == ["logux/processed"]
        assert errors_of(bad) == [["wrong-credentials"]]

    run_virtual(main())


def test_a_verdict_that_nobody_awaited_lets_nobody_in(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        server = make_server()

        async def verdict() -> bool:
            return False

        async def authenticate() -> Any:
            return verdict()

        server.auth(authenticate)
        peer = peer_of(server)
        await asyncio.sleep(1)
        assert errors_of(peer) == [["wrong-credentials"]]

    run_virtual(main())


def test_a_client_that_leaves_while_it_is_authenticated_is_not_there(
    make_server: Any, peer_of: Any
) -> None:
    async def main() -> None:
        server = make_server()

        async def authenticate() -> bool:
            await asyncio.sleep(5)
            return True

        server.auth(authenticate)
        peer_of(server).disconnect()
        await asyncio.sleep(10)
        assert server.client_ids == server.connected == {}

    run_virtual(main())


@pytest.mark.parametrize("later", [False, True])
def test_an_authenticator_that_raises_refuses(make_server: Any, peer_of: Any, later: bool) -> None:
    async def main() -> None:
        server = make_server()

        async def slow() -> bool:
            raise RuntimeError("broken")

        def plain() -> bool:
            raise RuntimeError("broken")

        server.auth(slow if later else plain)
        peer = peer_of(server)
        await asyncio.sleep(1)
        assert errors_of(peer) == [["wrong-credentials"]]
        assert [str(error) for error in server.errors] == ["broken"]

    run_virtual(main())


def test_an_authenticator_may_say_why(make_server: Any, peer_of: Any) -> None:
    server = make_server()

    def authenticate() -> bool:
        raise LoguxError("wrong-subprotocol", {"supported": 2, "used": 1})

    server.auth(authenticate)
    assert errors_of(peer_of(server)) == [["wrong-subprotocol", {"supported": 2, "used": 1}]]


@pytest.mark.parametrize("node_id", ["server", "server:a", "server:a:1"])
def test_nobody_may_be_the_server(server: Any, peer_of: Any, node_id: str) -> None:
    peer = peer_of(server, node_id)
    assert errors_of(peer) == [["wrong-credentials"]]
    assert server.client_ids == {}


def test_events_tell_of_logins(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    told: list[Any] = []
    for event in ("authenticated", "unauthenticated"):
        server.on(event, lambda *args, event=event: told.append((event, *args)))
    server.auth(lambda token: token == "right")
    first, second = peer_of(server, token="right"), peer_of(server, token="wrong")
    assert [(event, client) for event, client, _ in told] == [
        ("authenticated", first.client),
        ("unauthenticated", second.client),
    ]
    assert all(0 <= seconds < 60 for _, _, seconds in told)


def test_errors_of_clients_and_of_connections_are_told(server: Any, peer_of: Any) -> None:
    told: list[str] = []
    server.on("client_error", lambda error: told.append(str(error)))
    peer_of(server).send(["error", "wrong-format", "text"])
    assert len(told) == 1
    assert server.errors == []
    peer_of(server).pair.right._events.emit("error", OSError())
    assert [type(error) for error in server.errors] == [OSError]


def test_an_old_subprotocol_is_refused(make_server: Any, peer_of: Any) -> None:
    server = make_server(subprotocol=3, min_subprotocol=2)
    server.auth(lambda: pytest.fail("asked"))
    peer = peer_of(server, subprotocol=1)
    assert errors_of(peer) == [["wrong-subprotocol", {"supported": 2, "used": 1}]]
    assert not peer.connected


def test_three_failed_logins_close_the_door_for_a_while(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        server = make_server()
        asked: list[str] = []

        def authenticate(token: str) -> bool:
            asked.append(token)
            return token == "right"

        server.auth(authenticate)
        for _ in range(3):
            assert errors_of(peer_of(server, token="wrong")) == [["wrong-credentials"]]
        blocked = peer_of(server, token="right")
        assert errors_of(blocked) == [["bruteforce"]]
        assert len(asked) == 3
        assert peer_of(server, "20:a:1", token="right", address="10.0.0.2").connected
        await asyncio.sleep(3)
        assert peer_of(server, token="right").connected

    run_virtual(main())


def test_who_guesses_many_times_at_once_is_not_let_in_either(
    make_server: Any, peer_of: Any
) -> None:
    async def main() -> None:
        server = make_server()

        async def authenticate(token: str) -> bool:
            await asyncio.sleep(2 if token == "right" else 1)
            return token == "right"

        server.auth(authenticate)
        guesses = ["a", "b", "c", "right"]
        peers = [peer_of(server, f"10:{guess}:1", token=guess) for guess in guesses]
        other = peer_of(server, "20:a:1", token="right", address="1.2.3.4")
        await asyncio.sleep(3)
        assert [errors_of(peer) for peer in peers] == [[["wrong-credentials"]]] * 3 + [
            [["bruteforce"]]
        ]
        assert other.client.authenticated

    run_virtual(main())


def test_a_newer_connection_of_a_client_replaces_the_older(server: Any, peer_of: Any) -> None:
    old = peer_of(server, "10:a:1")
    old.subscribe("room/1")
    new = peer_of(server, "10:a:2")
    assert not old.connected
    assert old.client.zombie
    assert server.client_ids == {"10:a": new.client}
    assert server.user_ids == {"10": [new.client]}
    assert server.subscriptions.channels == {}
    assert "zombie" in server.names
    assert "disconnect" not in server.names
    new.subscribe("room/1")
    new.take()
    server.log.add({"type": "news"}, channel="room/1")
    assert [action["type"] for action in new.got] == ["news"]


def test_a_user_has_so_many_connections_and_no_more(make_server: Any, peer_of: Any) -> None:
    server = make_server(limits=Limits(connections=2))
    told: list[str] = []
    server.on("client_error", lambda error: told.append(error.type))
    first, second = peer_of(server, "10:a:1"), peer_of(server, "10:b:1")
    third = peer_of(server, "10:c:1")
    assert not third.connected
    # It may come back, which wrong credentials may not.
    assert errors_of(third) == []
    assert "2 connections already" in third.messages[-1][2]
    assert first.connected
    assert second.connected
    assert told == ["too-many-connections"]
    # The same client again, another user, and people without a name are no matter.
    assert peer_of(server, "10:b:1").connected
    assert peer_of(server, "20:a:1").connected
    assert all(peer_of(server, f"anonymous:{n}:1").connected for n in range(5))


def test_who_does_not_log_in_is_disconnected(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        server = make_server(limits=Limits(unauthenticated=20))
        silent, known = peer_of(server, connect=False), peer_of(server)
        await asyncio.sleep(19)
        assert silent.connected
        await asyncio.sleep(2)
        assert not silent.connected
        assert errors_of(silent) == [["timeout", 20]]
        assert known.connected

    run_virtual(main())


def test_an_authentication_that_hangs_ends_too(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        server = make_server(limits=Limits(unauthenticated=20))
        server.auth(asyncio.Event().wait)
        peer = peer_of(server)
        await asyncio.sleep(21)
        assert not peer.connected

    run_virtual(main())


def test_a_connection_ends_when_it_expires(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        clock = VirtualClock(1_000_000)
        server = make_server(clock=clock)

        def authenticate(client: Any) -> bool:
            # The last one counts.
            client.expire_at(1_030)
            client.expire_at(1_060)
            return True

        server.auth(authenticate)
        peer = peer_of(server)
        reasons: list[str] = []
        peer.pair.right.on("disconnect", reasons.append)
        await asyncio.sleep(59)
        assert peer.connected
        await asyncio.sleep(2)
        assert not peer.connected
        assert reasons == ["expired"]
        assert errors_of(peer) == []

    run_virtual(main())


def test_in_development_clients_are_told_so_and_of_errors(make_server: Any, peer_of: Any) -> None:
    for env in ("development", "production"):
        server = make_server(env=env)
        server.type("do", access=lambda *_: 1 / 0)
        peer = peer_of(server)
        peer.act("do")
        told = [message[0] for message in peer.messages]
        headers = next(message[1] for message in peer.messages if message[0] == "headers")
        assert (headers.get("env") == "development") == (env == "development")
        assert ("debug" in told) == (env == "development")


def test_a_context_knows_the_headers_of_its_client(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    seen: list[Any] = []
    server.type(
        "do",
        access=lambda *_: True,
        process=lambda ctx, *_: seen.append((dict(ctx.headers), ctx.subprotocol)),
    )
    peer = peer_of(server, headers={"locale": "fr"}, subprotocol=0)
    peer.act("do")
    peer.send(["headers", {"locale": "de"}])
    peer.sync(({"type": "do"}, {"id": 9, "time": 9, "subprotocol": 5}))
    assert seen == [({"locale": "fr"}, 0), ({"locale": "de"}, 5)]


@pytest.mark.parametrize(
    "message", [["sync"], [5], ["unknown"], ["connect", 5, "10:a:1", 0], ["synced", "x"]]
)
def test_wrong_messages_get_the_protocols_error_and_end_only_their_connection(
    server: Any, peer_of: Any, message: Any
) -> None:
    told: list[str] = []
    server.on("clientError", lambda error: told.append(error.type))
    bad, good = peer_of(server), peer_of(server, "20:a:1")
    bad.send(message)
    expected = "unknown-message" if message == ["unknown"] else "wrong-format"
    assert [error[0] for error in errors_of(bad)] == [expected]
    assert not bad.connected
    assert good.connected
    assert told == [expected]
    good.act("do")
    assert [action["type"] for action in good.got] == ["logux/processed"]
