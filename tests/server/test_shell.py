"""`logux-store shell`, run as a person and as a pipe do, against a server on a real socket."""

import asyncio
import io
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from logux_store.server import Server
from logux_store.server.shell import parse_line, printer

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server(subprotocol=1, min_subprotocol=1, port=0)
    server.auth(lambda user_id, token, **_: token == "right")
    server.type("good", access=lambda ctx, action, meta: True, resend=lambda *_: "room")
    server.type("bad", access=lambda ctx, action, meta: False)
    server.channel(
        "room", access=lambda ctx, action, meta: True, load=lambda *_: {"type": "welcome"}
    )
    async with server:
        yield server


async def shell(
    server: Server, input: str, *arguments: str, token: str = "right"
) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "logux_store.server.command", "shell", server.url),
        *("--user", "ann", "--token", token, *arguments),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, errors = await process.communicate(input.encode())
    return process.returncode, out.decode(), errors.decode()


def events(out: str, event: str) -> list[dict[str, Any]]:
    return [told for told in map(json.loads, out.splitlines()) if told["event"] == event]


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ('{"type": "a", "n": 1}', {"type": "a", "n": 1}),
        (
            "a n=1 text='two words' flag=true",
            {"type": "a", "n": 1, "text": "two words", "flag": True},
        ),
        ("a", {"type": "a"}),
        ("  \n", None),
    ],
)
def test_a_line_is_an_action(line: str, action: Any) -> None:
    assert parse_line(line) == action


@pytest.mark.parametrize("line", ["{", '{"n": 1}', "a b", "'a", "[1]="])
def test_a_line_that_is_no_action_is_explained(line: str) -> None:
    if line == "[1]=":
        assert parse_line(line) == {"type": "[1]="}
        return
    with pytest.raises(ValueError, match="write JSON or: type key=value"):
        parse_line(line)


async def test_a_pipe_gets_json_lines_of_everything(server: Server) -> None:
    status, out, errors = await shell(server, '{"type": "good", "n": 1}\n', "--channel", "room")
    assert (status, errors) == (0, "")
    own, received = (
        [told["action"] for told in events(out, "action") if told["direction"] == direction]
        for direction in "→←"
    )
    assert own == [{"type": "logux/subscribe", "channel": "room"}, {"type": "good", "n": 1}]
    assert {"type": "welcome"} in received
    assert len(events(out, "processed")) == 2
    assert {told["value"] for told in events(out, "state")} >= {"connecting", "synchronized"}
    assert events(out, "status")[0]["value"] == "disconnected"


async def test_an_undone_action_is_told_with_its_reason_and_by_the_exit_status(
    server: Server,
) -> None:
    status, out, errors = await shell(server, "good\nbad\nunknown\n")
    assert (status, errors) == (1, "")
    assert [told["reason"] for told in events(out, "undone")] == ["denied", "unknownType"]
    assert len(events(out, "processed")) == 1


async def test_a_wrong_line_is_told_and_the_rest_is_dispatched(server: Server) -> None:
    status, out, _ = await shell(server, "{\ngood\n")
    assert status == 1
    assert "not an action" in events(out, "error")[0]["message"]
    assert len(events(out, "processed")) == 1


async def test_refused_credentials_end_the_shell(server: Server) -> None:
    status, out, errors = await shell(server, "good\n", token="wrong")
    assert (status, errors) == (1, "")
    assert any(
        "refused" in told["message"] or "wrong-credentials" in told["message"]
        for told in events(out, "error")
    )


async def test_a_wrong_option_is_explained(server: Server) -> None:
    status, _, errors = await shell(server, "", "--user", "a:b")
    assert status == 2
    assert "no colon" in errors


async def start(url: str, *arguments: str, **options: Any) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "logux_store.server.command", "shell", url),
        *arguments,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        **options,
    )


async def test_a_server_that_cannot_be_reached_is_told_with_the_cause() -> None:
    process = await start("ws://127.0.0.1:1", "--wait", "0.1")
    out, errors = await process.communicate(b"")
    assert (process.returncode, errors) == (1, b"")
    [error] = events(out.decode(), "error")
    assert error["message"].startswith("no connection to ws://127.0.0.1:1: ")
    assert "Connect call failed" in error["message"]


async def test_it_ends_quietly_when_nobody_reads_any_more(server: Server) -> None:
    process = await start(server.url, "--user", "ann", "--token", "right")
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    assert b"status" in await process.stdout.readline()
    process.stdout._transport.close()  # type: ignore[attr-defined]
    process.stdin.write(b"good\n")
    async with asyncio.timeout(60):
        assert await process.stderr.read() == b""
        assert await process.wait() == 1


async def test_an_interrupt_ends_it_without_a_traceback(server: Server) -> None:
    process = await start(server.url, "--user", "ann", "--token", "right")
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(60):
        while b'"synchronized"' not in await process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        assert await process.stderr.read() == b""
        assert await process.wait() == 130


async def test_bytes_that_are_no_text_do_not_end_it(server: Server) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    process = await start(server.url, "--user", "ann", "--token", "right", env=environment)
    async with asyncio.timeout(60):
        out, errors = await process.communicate(b"\xff\ngood\n")
    assert errors == b""
    assert len(events(out.decode(), "processed")) == 1
    assert [told["reason"] for told in events(out.decode(), "undone")] == ["unknownType"]


def test_an_action_cannot_steer_the_terminal() -> None:
    target = io.StringIO()
    show = printer(False, target)
    action = {"type": "\x1b[2J", "text": "\x9b2J"}
    show("action", direction="←", id="1 10:a 0", time=1, action=action)
    show("undone", reason="\x1b[2J", id="1 10:a 0")
    show("error", message="\x1b[2J")
    assert target.getvalue() == (
        '← \\x1b[2J {"text":"\\x9b2J"}  1 10:a 0\n✗ undone: \\x1b[2J  1 10:a 0\n! \\x1b[2J\n'
    )
