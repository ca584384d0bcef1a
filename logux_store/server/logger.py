"""Logs of a server: for people, one line an event in colours, or as JSON lines for machines.

The server writes to the logger `logux_store.server` of the standard library, so whoever has
configured logging sees its records there; these handlers are for `logux-store serve`,
`server.run()` and everybody who wants the same.
"""

import json
import logging
import sys
import time
from functools import lru_cache
from typing import Any, Literal, TextIO

from rich.console import Console
from rich.text import Text

from logux_store.server.reports import hide_secrets

__all__ = ["HumanHandler", "JsonFormatter", "LoggerName", "configure_logging"]

LoggerName = Literal["human", "json"]

STYLES = {
    logging.DEBUG: "dim",
    logging.INFO: "green",
    logging.WARNING: "yellow",
    logging.ERROR: "bold red",
    logging.CRITICAL: "bold white on red",
}


def configure_logging(kind: LoggerName | None = None, stream: TextIO | None = None) -> None:
    """Write the server's log to `stream`, or standard error: `"human"` or `"json"`. None means
    human, unless somebody has configured logging already.
    """
    logger = logging.getLogger("logux_store")
    if kind is None and (logging.getLogger().handlers or logger.handlers):
        return
    handler: logging.Handler
    if kind == "json":
        handler = logging.StreamHandler(stream)
        handler.setFormatter(JsonFormatter())
    elif kind in ("human", None):
        handler = HumanHandler(stream)
    else:
        raise ValueError(f"a logger is 'human' or 'json', not {kind!r}")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    # A socket that is closed badly is a client's matter and reported as such.
    logging.getLogger("logux_store.connections").setLevel(logging.CRITICAL)


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON: level, time, name, message, and the report's details."""

    def format(self, record: logging.LogRecord) -> str:
        values: dict[str, Any] = {
            "level": record.levelname.lower(),
            "time": f"{utc(int(record.created))}.{int(record.msecs):03}Z",
            "name": record.name,
            "pid": record.process,
            "message": record.getMessage(),
            **getattr(record, "logux", {}),
        }
        if record.exc_info:
            values["traceback"] = hide_secrets(self.formatException(record.exc_info))
        return write(values)


class HumanHandler(logging.Handler):
    """Writes a record as a line that people read, in colours if `stream` is a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__()
        self._console = Console(file=stream or sys.stderr, highlight=False, soft_wrap=True)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._print(self.parts(record))
            if record.exc_info:
                trace = hide_secrets(logging.Formatter().formatException(record.exc_info))
                for line in trace.splitlines():
                    self._print([(printable(line), "dim")])
        except Exception:  # noqa: BLE001 - logging must not break what it logs
            self.handleError(record)

    def _print(self, parts: list[tuple[str, str]]) -> None:
        if self._console.is_terminal:
            self._console.print(Text.assemble(*parts))
        else:
            # What has no colours needs no Rich, which takes 0.1 ms a line.
            self._console.file.write("".join([*(text for text, _ in parts), "\n"]))
            self._console.file.flush()

    def parts(self, record: logging.LogRecord) -> list[tuple[str, str]]:
        """Time, level, message and details, each with its style."""
        important = record.levelno >= logging.WARNING
        parts = [
            (time.strftime("%H:%M:%S", time.localtime(record.created)), "dim"),
            (f" {record.levelname.lower():<9}", STYLES.get(record.levelno, "")),
            (printable(record.getMessage()), "bold" if important else "default"),
        ]
        details: dict[str, Any] = getattr(record, "logux", {})
        for name, value in details.items():
            if name != "report" and value is not None:
                parts.append((f"  {name.replace('_', ' ')} ", "dim"))
                parts.append((shown(value), "cyan" if name.endswith("_id") else "default"))
        return parts


@lru_cache(4)
def utc(seconds: int) -> str:
    """A second as ISO 8601 has it; many records are of the same."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def shown(value: Any) -> str:
    """A detail as text on one line."""
    return printable(value if isinstance(value, str) else write(value))


def write(value: Any) -> str:
    """A value as JSON; half a character stays an escape, since no stream takes it."""
    text = _encoder.encode(value)
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


_encoder = json.JSONEncoder(ensure_ascii=False, default=str)


def printable(text: str) -> str:
    """The text on one line, without anything that a terminal would obey: a client may have written
    it.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
