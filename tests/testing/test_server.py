"""The real server for tests of callbacks."""

import asyncio
import re
from typing import Any

import pytest

from logux_store import LoguxError, UndoError
from logux_store.server import Context
from logux_store.testing import TestClient, TestServer, TestTime, run_virtual

Action = dict[str, Any]


def make_server(**options: Any) -> TestServer:
    server = TestServer(**options)
    server.type(
        "rename",
        access=lambda ctx, action, meta: ctx.user_id == action["id"],
        resend=lambda ctx, action, meta: f"users/{action['id']}",
        process=rename,
    )
    server.channel("users/:id", access=lambda ctx, action, meta: True, load=load)
    return server


async def rename(ctx: Context, action: Action, meta: Any) -> None:
    await asyncio.sleep(1)
    if action["name"] == "":
        raise ValueError("a name is not empty")
    if action["name"] == "taken":
        ctx.server.undo(action, meta, "taken")


async def load(ctx: Context, action: Action, meta: Any) -> Action:
    await asyncio.sleep(1)
    return {"type": "rename", "id": ctx.params["id"], "name": "loaded"}


def test_an_action_is_processed_and_seen_by_subscribers() -> None:
    async def test() -> None:
        server = make_server()
        ann, bob = await server.connect("ann"), await server.connect("bob")
        assert await bob.subscribe("users/ann") == [
            {"type": "rename", "id": "ann", "name": "loaded"}
        ]
        assert bob.subscribed("users/ann")
        renaming = {"type": "rename", "id": "ann", "name": "Ann"}
        async with bob.received() as actions:
            (answer,) = await ann.process(renaming)
        assert answer["type"] == "logux/processed"
        assert actions == [renaming]
        await bob.unsubscribe("users/ann")
        async with bob.received() as actions:
            await ann.process(renaming)
        assert actions == []

    run_virtual(test())


def test_denials_undos_and_errors_are_expected() -> None:
    async def test() -> None:
        server = make_server()
        ann = await server.connect("ann")
        with server.expect_denied():
            await ann.process({"type": "rename", "id": "bob", "name": "Bob"})
        with server.expect_undo("taken"):
            await ann.process({"type": "rename", "id": "ann", "name": "taken"})
        with server.expect_undo("unknownType"):
            await ann.process({"type": "unknown"})
        with server.expect_undo("wrongChannel"):
            await ann.subscribe("unknown")
        for text in ("a name is not empty", re.compile("not empty"), None):
            with server.expect_error(text):
                await ann.process({"type": "rename", "id": "ann", "name": ""})
        assert [str(error) for error, _, _ in server.errors] == ["a name is not empty"] * 3

    run_virtual(test())


def test_what_was_not_expected_fails_the_test() -> None:
    async def test() -> None:
        server = make_server()
        ann = await server.connect("ann")
        with (
            pytest.raises(AssertionError, match="nothing was undone for the reason 'denied'"),
            server.expect_denied(),
        ):
            await ann.process({"type": "rename", "id": "ann", "name": "Ann"})
        with pytest.raises(AssertionError, match="'taken', not 'denied'"), server.expect_denied():
            await ann.process({"type": "rename", "id": "ann", "name": "taken"})
        with pytest.raises(ValueError, match="empty"), server.expect_denied():
            await ann.process({"type": "rename", "id": "ann", "name": ""})
        with pytest.raises(AssertionError, match="no callback has raised"), server.expect_error():
            await ann.process({"type": "rename", "id": "ann", "name": "Ann"})
        with pytest.raises(AssertionError, match="not 'other'"), server.expect_error("other"):
            await ann.process({"type": "rename", "id": "ann", "name": ""})
        with pytest.raises(UndoError), server.expect_error():
            await ann.process({"type": "unknown"})
        with pytest.raises(KeyError), server.expect_error():
            raise KeyError
        with pytest.raises(AssertionError, match="accepted"), server.expect_wrong_credentials():
            await server.connect("ann")

    run_virtual(test())


def test_who_may_connect_is_asked_with_token_headers_and_cookie() -> None:
    async def test() -> None:
        server = make_server()
        seen: list[Any] = []

        def auth(user_id: str, token: str, headers: Any, cookie: Any, client: Any) -> bool:
            seen.append((user_id, headers, cookie, dict(client.http_headers)["x-a"]))
            return token == "good"

        server.auth(auth)
        told: Any = {"headers": {"lang": "fr"}, "cookie": {"id": "5"}, "http_headers": {"x-a": "b"}}
        for _ in range(5):
            with server.expect_wrong_credentials():
                await server.connect("ann", token="bad", **told)
        ann = await server.connect("ann", token="good", **told)
        assert ann.state == "synchronized"
        assert seen == [("ann", {"lang": "fr"}, {"id": "5"}, "b")] * 6

        def too_many() -> bool:
            raise LoguxError("bruteforce")

        server.auth(too_many)
        with pytest.raises(LoguxError, match="Too many"), server.expect_wrong_credentials():
            await server.connect("ann")

    run_virtual(test())


def test_what_nobody_would_process_is_not_waited_for() -> None:
    async def test() -> None:
        server = make_server()
        ann = TestClient("ann", server=server)
        with pytest.raises(RuntimeError, match="is not connected"):
            await ann.process({"type": "rename", "id": "ann", "name": "Ann"})
        outcome = ann.sync({"type": "rename", "id": "ann", "name": "Ann"})
        await ann.connect()
        await outcome
        assert ann.other is server

    run_virtual(test())


def test_errors_that_nobody_was_told_of_are_raised() -> None:
    async def test() -> None:
        server = make_server()
        ann = await server.connect("ann")
        server.check_errors()
        empty = {"type": "rename", "id": "ann", "name": ""}
        with server.expect_error():
            await ann.process(empty)
        server.check_errors()
        with pytest.raises(UndoError):
            await ann.sync(empty)
        with pytest.raises(ExceptionGroup, match="have raised") as caught:
            server.check_errors()
        assert [str(error) for error in caught.value.exceptions] == ["a name is not empty"]
        server.errors.clear()
        server.check_errors()

    run_virtual(test())


def test_clients_of_one_user_are_different_and_all_share_the_clock() -> None:
    async def test() -> None:
        time = TestTime()
        server = make_server(time=time)
        first, second = await server.connect("ann"), await server.connect("ann")
        assert first.client_id != second.client_id
        assert first.log.clock is server.log.clock is time
        assert time() < 100
        await first.disconnect()
        assert [*server.client_ids] == [second.client_id]
        await server.destroy()
        assert second.destroyed

    run_virtual(test())


def test_pages_can_be_fetched() -> None:
    async def test() -> None:
        server = make_server()
        server.http("POST", "/echo", lambda request: request.body + request.headers["x-a"].encode())
        answer = await server.fetch("/echo", method="POST", headers={"X-A": "!"}, body=b"hello")
        assert (answer.status, answer.body) == (200, b"hello!")

    run_virtual(test())


async def test_it_works_in_real_time_as_well() -> None:
    server = TestServer()
    server.type("do", access=lambda ctx, action, meta: True)
    client = await server.connect("ann")
    assert len(await client.process({"type": "do"})) == 1
    await server.destroy()
