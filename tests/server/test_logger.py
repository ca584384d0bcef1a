"""Logs for people and for machines."""

import asyncio
import io
import json
import logging
import re
from typing import Any

import pytest
from websockets.asyncio.client import connect

from logux_store.errors import LoguxError
from logux_store.server import Server
from logux_store.server.logger import HumanHandler, configure_logging
from logux_store.server.reports import hide_secrets, log_report

LOGGER = logging.getLogger("logux_store.server")


@pytest.fixture
def stream(own_logging: None) -> io.StringIO:
    """Where the configured logger writes to."""
    return io.StringIO()


def test_people_get_one_line_an_event(stream: io.StringIO) -> None:
    configure_logging("human", stream)
    log_report(LOGGER, "connect", {"connection_id": "1", "remote_address": "10.0.0.1"})
    log_report(LOGGER, "useless", {"action_id": "1 10:a:1 0", "why": "first\nsecond"})
    first, second = stream.getvalue().splitlines()
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d info     Client was connected"
        r"  connection id 1  remote address 10\.0\.0\.1",
        first,
    )
    assert second.endswith(r"warning  Useless action  action id 1 10:a:1 0  why first\nsecond")


def test_people_see_where_an_error_comes_from(stream: io.StringIO) -> None:
    configure_logging("human", stream)
    try:
        raise RuntimeError("broken")
    except RuntimeError as error:
        log_report(LOGGER, "error", {"error": error, "action_id": "1 10:a:1 0"})
    text = stream.getvalue()
    assert "error    Error: broken  action id 1 10:a:1 0" in text
    assert "test_logger.py" in text


@pytest.mark.parametrize("terminal", [True, False])
def test_only_a_terminal_gets_colours(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    stream = Stream()
    record = LOGGER.makeRecord("a", logging.WARNING, "", 0, "[text]", (), None)
    HumanHandler(stream).handle(record)
    line = stream.getvalue()
    assert ("\x1b[33m warning" in line) is terminal
    assert ("\x1b" in line) is terminal
    assert re.sub(r"\x1b\[[\d;]*m", "", line)[8:] == " warning  [text]\n"


def test_half_a_character_is_logged(stream: io.StringIO) -> None:
    configure_logging("json", stream)
    log_report(LOGGER, "add", {"action": {"type": "é\ud800"}})
    text = stream.getvalue()
    assert json.loads(text.encode())["action"] == {"type": "é\ud800"}


def test_machines_get_json_lines(stream: io.StringIO) -> None:
    configure_logging("json", stream)
    meta = {"id": "1 10:a:1 0", "reasons": ["keep"]}
    log_report(LOGGER, "add", {"action": {"type": "a", "text": "é"}, "meta": meta})
    try:
        raise RuntimeError("broken")
    except RuntimeError as error:
        log_report(LOGGER, "error", {"error": error})
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("time"))
    assert isinstance(first.pop("pid"), int)
    assert first == {
        "level": "info",
        "name": "logux_store.server",
        "message": "Action was added",
        "report": "add",
        "action": {"type": "a", "text": "é"},
        "meta": meta,
    }
    assert second["level"] == "error"
    assert second["message"] == "Error: broken"
    assert "RuntimeError" in second["traceback"]


def test_what_a_client_writes_is_not_obeyed_by_a_terminal(
    stream: io.StringIO, make_server: Any, peer_of: Any
) -> None:
    configure_logging("human", stream)
    evil = "\x1b[2J\r\n12:00:00 critical forged \u202e\x9b"
    server = make_server()
    server.type("do", access=lambda ctx, action, meta: 1 / int(action["n"]))
    peer = peer_of(server)
    peer.act(evil)
    peer.subscribe(evil)
    peer.act("do", n=evil)
    peer.pair.right._events.emit("error", LoguxError("wrong-format", evil))
    lines = stream.getvalue().split("\n")
    assert all(line.isprintable() for line in lines)
    assert r"\x1b[2J\r\n12:00:00 critical forged \u202e\x9b" in stream.getvalue()
    assert not any(line.startswith("12:00:00 critical forged") for line in lines)


@pytest.mark.parametrize("kind", ["human", "json"])
def test_a_token_in_a_wrong_message_is_hidden(
    stream: io.StringIO, make_server: Any, peer_of: Any, kind: Any
) -> None:
    configure_logging(kind, stream)
    server = make_server()
    peer_of(server, connect=False).send(["connect", 5, "10:a:1", "x", {"token": "hidden"}])
    peer = peer_of(server, connect=False)
    text = '["connect", 5, "10:a:1", 0, {"token" : "hidden and cut'
    peer.pair.right._events.emit("error", LoguxError("wrong-format", text))
    assert stream.getvalue().count("[SECRET]") == 2
    assert "hidden" not in stream.getvalue()


async def test_connections_have_no_log_of_their_own(stream: io.StringIO) -> None:
    configure_logging("human", stream)
    server = Server(subprotocol=1, min_subprotocol=1, port=0)
    server.auth(lambda: True)
    async with server:
        async with connect(server.url):
            pass
        while server.connected:
            await asyncio.sleep(0)
    messages = [line[18:].split("  ")[0] for line in stream.getvalue().splitlines()]
    assert messages == [
        "Logux server is listening",
        "Client was connected",
        "Client was disconnected",
        "Shutting down Logux server",
    ]


@pytest.mark.parametrize("kind", ["human", "json"])
def test_tokens_are_hidden(stream: io.StringIO, kind: Any) -> None:
    configure_logging(kind, stream)
    text = "Authorization: Bearer abc.def"
    log_report(LOGGER, "error", {"error": ValueError(text), "details": [{"a": text}]})
    assert "abc.def" not in stream.getvalue()
    assert hide_secrets(text) == "Authorization: [SECRET]"


def test_a_configured_logging_is_left_alone(stream: io.StringIO) -> None:
    logger = logging.getLogger("logux_store")
    handler = logging.StreamHandler(stream)
    logger.handlers = [handler]
    configure_logging()
    assert logger.handlers == [handler]
    with pytest.raises(ValueError, match="human"):
        configure_logging("xml")  # type: ignore[arg-type]


def test_a_client_error_has_no_traceback_of_the_server(
    make_server: Any, peer_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    peer_of(make_server()).send(["nonsense"])
    (record,) = [r for r in caplog.records if "Client error" in r.getMessage()]
    assert record.levelname == "WARNING"
    assert record.exc_info is None
