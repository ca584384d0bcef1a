"""Logs for people and for machines."""

import io
import json
import logging
import re
from typing import Any

import pytest

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


def test_a_terminal_gets_colours() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    handler = HumanHandler(Terminal())
    record = LOGGER.makeRecord("a", logging.WARNING, "", 0, "text", (), None)
    assert any("yellow" in str(span.style) for span in handler.line(record).spans)


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
