"""Ids of nodes and actions, and the order of actions.

An action's id is `"<ms> <node id> <counter>"`, a node id `"userId:clientPart:tab"`, its first two
parts the client id. The order of two actions is that of the protocol: time, then node id, then
counter, then the time in the id. It is kept as one tuple per action, `OrderKey`, that Python
compares by itself.

Invariants: two keys compare as `@logux/core` compares the actions, so node ids compare by UTF-16
code unit; an action id has one spelling only, so two ids never have the same key; its numbers are
exact in JavaScript as well.
"""

import os
import re
import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, Protocol, TypeAlias

from nanoid.method import method as nanoid
from nanoid.resources import alphabet

__all__ = [
    "MAX_TIME",
    "Clock",
    "OrderKey",
    "ParsedId",
    "Random",
    "Timed",
    "id_time",
    "is_first_older",
    "node_key",
    "order_key",
    "parse_id",
    "random_id",
    "system_clock",
    "validate_node_id",
    "validate_user_id",
]

Clock: TypeAlias = Callable[[], int]
"""Gives the wall-clock time: integer milliseconds since 1970."""

Random: TypeAlias = Callable[[int], bytes]
"""Gives as many random bytes as asked for; `os.urandom` unless a test wants to repeat itself."""

OrderKey: TypeAlias = tuple[int, str, int, int]
"""Time, node key, counter, time in the id."""


class Timed(Protocol):
    """What has a place in the order: a meta, or anything else with an id and a time."""

    @property
    def id(self) -> str: ...
    @property
    def time(self) -> int: ...


class ParsedId(NamedTuple):
    """The parts of a node id. `user_id` is None when it has no colon (as in `"server"`)."""

    user_id: str | None
    client_id: str
    node_id: str


def system_clock() -> int:
    """Milliseconds since 1970 by the clock of this machine."""
    return time.time_ns() // 1_000_000


def random_id(size: int = 8, random: Random = os.urandom) -> str:
    """Make a Nano ID of `size` characters from the URL-safe alphabet."""
    return str(nanoid(random, alphabet, size))


def parse_id(id: str) -> ParsedId:
    """Take a node id or an action id apart: `parse_id("1700000000000 10:Uf_pPwE4:6K7iYdJH 0")`."""
    return _parse_node_id(id.split(" ")[1] if " " in id else id)


# The same clients act again and again; a server asks seven times for each action.
@lru_cache(4096)
def _parse_node_id(node_id: str) -> ParsedId:
    user_id, colon, rest = node_id.partition(":")
    if not colon:
        return ParsedId(None, node_id, node_id)
    return ParsedId(user_id, f"{user_id}:{rest.partition(':')[0]}", node_id)


def id_time(id: str) -> int:
    """The milliseconds that an action id begins with."""
    return int(id[: id.index(" ")])


def node_key(node_id: str) -> str:
    """A string that compares, in Python, as JavaScript compares the node id.

    JavaScript compares UTF-16 code units, Python code points; they differ only beyond U+FFFF,
    where each character is replaced by its two surrogates. Raises ValueError for a node id with a
    lone surrogate: it is no text, and cannot be sent.
    """
    if node_id.isascii():
        return node_id
    try:
        node_id.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{node_id!r} is not a node id; it has half a character") from None
    return "".join(
        char
        if char <= "\uffff"
        else chr(0xD800 + (ord(char) - 0x10000 >> 10)) + chr(0xDC00 + (ord(char) - 0x10000 & 0x3FF))
        for char in node_id
    )


def order_key(id: str, time: int) -> OrderKey:
    """The place of the action with this id and `meta.time` (ms) in the order.

    Raises ValueError when the id is not `"<ms> <node id> <counter>"`, TypeError when it is not a
    string or the time not an integer.
    """
    if not isinstance(id, str):
        raise TypeError(f"an action id is a string, not {id!r}")
    match = _action_id(id)
    if match is None:
        raise ValueError(f"{id!r} is not an action id; it has the form '<ms> <node id> <counter>'")
    if type(time) is not int:
        raise TypeError(f"meta.time is an integer of milliseconds, not {time!r}")
    id_ms, node_id, counter = match.groups()
    return (time, node_key(node_id), int(counter), int(id_ms))


# Up to 15 digits: a JavaScript number holds them exactly, and they last until the year 33658.
MAX_TIME = 10**15 - 1
_action_id = re.compile(r"(0|[1-9][0-9]{0,14}) ([^ ]+) (0|[1-9][0-9]{0,14})").fullmatch


def is_first_older(first: Timed | str | None, second: Timed | str | None) -> bool:
    """Whether the first action comes before the second; takes metas, ids, or None, which is before
    all others.
    """
    if first is None or second is None:
        return first is None and second is not None
    return _key(first) < _key(second)


def _key(item: Timed | str) -> OrderKey:
    if isinstance(item, str):
        return order_key(item, id_time(item))
    return order_key(item.id, item.time)


def validate_node_id(node_id: object) -> str:
    """Return the node id, or raise TypeError or ValueError that says what is wrong with it."""
    if not isinstance(node_id, str):
        raise TypeError(f"a node id is a string, not {node_id!r}")
    if not node_id or " " in node_id:
        raise ValueError(f"a node id is not empty and has no space; got {node_id!r}")
    node_key(node_id)
    return node_id


def validate_user_id(user_id: object) -> str:
    """Return the user id, or raise TypeError or ValueError that says what is wrong with it."""
    if not isinstance(user_id, str):
        raise TypeError(
            f"user_id is a string, not {user_id!r}; "
            'an application without users passes user_id="anonymous"'
        )
    if not user_id or ":" in user_id or " " in user_id:
        raise ValueError(f"a user id is not empty and has no colon and no space; got {user_id!r}")
    return user_id
