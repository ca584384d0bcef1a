"""How tabs write what they say to each other, and read it; `leading` has the list.

A message is a JSON array whose first item is its name.
"""

import json
from collections.abc import Collection, Iterator
from typing import Any

from logux_store.actions import to_json
from logux_store.client.tabs.ops import Op, encode_entry, read_op
from logux_store.errors import LoguxError
from logux_store.meta import Entry

__all__ = [
    "VERSION",
    "encode_own",
    "encode_piece",
    "error_message",
    "read_error",
    "read_item",
    "read_message",
]

VERSION = 1
"""Of what tabs say to each other; tabs of different versions do not understand each other."""

PIECE, PIECE_SIZE = 100, 250_000
"""How many entries of the log, and about how many characters, are sent in one turn of the loop: it
has to connect as well, and to say that the leader lives.
"""


def encode_own(op: Op, seq: int) -> str:
    """What the follower that made a change gets of it: its number, and what the leader decided."""
    if op[0] == "add":
        return to_json(["own", seq, op[2].time, op[2].added])
    return to_json(["own", seq])


def encode_piece(entries: Iterator[Entry], unsent: Collection[str]) -> str | None:
    """The next entries of a log as a message, but those that are one tab's alone; None if there are
    no more. The ids of the `unsent` are told as well.
    """
    texts: list[str] = []
    ids: list[str] = []
    read = size = 0
    for action, meta in entries:
        read += 1
        if meta.tab is None:
            texts.append(encode_entry(action, meta))
            size += len(texts[-1])
            if meta.id in unsent:
                ids.append(meta.id)
        if read == PIECE or size > PIECE_SIZE:
            break
    return f'["log",[{",".join(texts)}],{to_json(ids)}]' if read else None


def read_item(seq: int, op: Any, offset: int | None = None) -> tuple[int, Op, int | None]:
    """A change as a follower sends it."""
    read = read_op(op)
    if read[0] == "add" and read[2].tab is not None:
        raise ValueError(f"the action {read[2].id!r} is another tab's alone")
    return seq, read, offset


def read_message(text: str) -> list[Any]:
    """A message of another tab. Raises ValueError if it is not even a list."""
    message = json.loads(text)
    if not isinstance(message, list):
        raise ValueError(f"another tab sent {text:.300}, which is no message")
    return message


def error_message(error: Exception) -> list[Any]:
    """An error, as it is told to other tabs."""
    if isinstance(error, LoguxError):
        return [error.type, error.options, error.received]
    return [None, f"{type(error).__name__}: {error}", True]


def read_error(value: list[Any]) -> Exception:
    """The error that `error_message` wrote."""
    type, options, received = value
    return LoguxError(type, options, received) if type is not None else RuntimeError(options)
