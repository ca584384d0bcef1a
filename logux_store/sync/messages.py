"""The messages of Logux protocol 5: text to list and back, their shapes, and how entries travel.

Pure functions. A message is a JSON array whose first item is its name. In a `sync`, times and the
first part of ids are relative to the base time of the connection, and an id leaves out what the
receiver knows: `[shift, node id, counter]`, `[shift, counter]` from the sender's own node, `shift`
when the counter is 0 as well.

Invariants: only LoguxError comes out of `decode`, `check_message` and `unpack_sync`; what they have
let pass can be added to a log and encoded again without an error.
"""

import functools
import json
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeAlias

import msgspec

from logux_store.actions import MAX_DEPTH, Action, to_json
from logux_store.errors import LoguxError
from logux_store.ids import MAX_TIME, node_key
from logux_store.meta import Entry, Meta, fresh_meta

__all__ = [
    "Message",
    "SharedAction",
    "check_message",
    "decode",
    "encode",
    "is_number",
    "pack_options",
    "pack_sync",
    "quote",
    "unpack_sync",
    "write_sync",
]

Message: TypeAlias = list[Any]
"""A decoded message: its name, then its fields."""

MAX_SAFE = 2**53 - 1
MAX_NODE_ID = 1000
"""How many characters a node id may have. Node ids are remembered here and there, those of nodes
that were never accepted, too.
"""

QUOTED = 300
CONTAINERS = (dict, list)
META_KEYS = frozenset({"id", "time", "subprotocol"})


NOTHING: tuple[Meta | None, str, int] = (None, "", 0)
NO_PARTS = ("", 0, "", 0, "")


class SharedAction(dict[str, Any]):
    """An action with its JSON text, so that it is serialised once for all connections that it
    leaves by. It must not be changed. Whoever knows its text may give it.

    Raises TypeError or ValueError when the action has no JSON form.
    """

    __slots__ = ("json", "parts", "parts_for")

    def __init__(self, action: Action, json: str | None = None) -> None:
        super().__init__(action)
        self.json = to_json(action) if json is None else json
        # The meta, node id and subprotocol that the parts are for.
        self.parts_for = NOTHING
        self.parts = NO_PARTS

    def take_apart(self, meta: Meta, local_node_id: str, subprotocol: int) -> None:
        """Make the parts of what `write_sync` writes."""
        _, node_id, counter, ms = meta.key
        if node_id != local_node_id:
            # A key has the id of another node in a spelling of its own.
            node_id = meta.id.split(" ")[1]
        if node_id != local_node_id:
            before, after = "[", f",{_write_node_id(node_id)},{counter}]"
        elif counter:
            before, after = "[", f",{counter}]"
        else:
            before = after = ""
        end = "}"
        if meta.subprotocol is not None and meta.subprotocol != subprotocol:
            end = f',"subprotocol":{meta.subprotocol}}}'
        start = f'{self.json},{{"id":{before}'
        self.parts = (start, ms, f'{after},"time":', meta.time, end)
        self.parts_for = (meta, local_node_id, subprotocol)


def decode(text: str | bytes) -> Message:
    """Read a message. Raises LoguxError `wrong-format` for what is not UTF-8, not JSON, or not an
    array, and for numbers that JSON cannot hold.
    """
    try:
        message = _decode_fast(text)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        # What it does not read may still be a message: half a surrogate pair, for example.
        message = _decode_slowly(text)
    if not isinstance(message, list):
        raise LoguxError("wrong-format", _cut(text))
    return message


# A fifth of the time of the standard library's: 0.4 µs for a sync of one action, 0.1 for `synced`.
_decode_fast = msgspec.json.Decoder().decode


def _decode_slowly(text: str | bytes) -> Any:
    try:
        return _decoder.decode(text if isinstance(text, str) else text.decode())
    except (ValueError, RecursionError):
        raise LoguxError("wrong-format", _cut(text)) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if value - value != 0:
        raise ValueError(f"{text} is too large")
    return value


_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def encode(message: Message) -> str:
    """Write a message as JSON. Raises TypeError or ValueError when it has no JSON form."""
    return to_json(message)


def pack_options(token: str | None, subprotocol: int) -> list[dict[str, Any]]:
    """What `connect` and `connected` end with: nothing, or the options that are not empty."""
    options = {"token": token, "subprotocol": subprotocol}
    given = {name: value for name, value in options.items() if value}
    return [given] if given else []


_write_node_id = functools.lru_cache(1024)(to_json)


def pack_sync(
    added: int, entries: Iterable[Entry], base_time: int, local_node_id: str, subprotocol: int
) -> Message:
    """Make the `sync` message of these entries, oldest first.

    `added` is the largest number among them in this log, `base_time` (ms) the connection's,
    `subprotocol` the one that this side has told the other and that need not be repeated.
    """
    message: Message = ["sync", added]
    for action, meta in entries:
        node_id = meta.id.split(" ")[1]
        _, _, counter, ms = meta.key
        shift = ms - base_time
        id: int | list[Any]
        if node_id != local_node_id:
            id = [shift, node_id, counter]
        elif counter:
            id = [shift, counter]
        else:
            id = shift
        packed = {"id": id, "time": meta.time - base_time}
        if meta.subprotocol is not None and meta.subprotocol != subprotocol:
            packed["subprotocol"] = meta.subprotocol
        message += (action, packed)
    return message


def write_sync(
    added: int,
    outgoing: Iterable[tuple[SharedAction, Meta, int]],
    base_time: int,
    local_node_id: str,
    subprotocol: int,
) -> str:
    """The text of what `pack_sync` makes, ten times as fast."""
    items = [f'["sync",{added}']
    for action, meta, _ in outgoing:
        known, node_id, version = action.parts_for
        if known is not meta or node_id != local_node_id or version != subprotocol:
            action.take_apart(meta, local_node_id, subprotocol)
        # All that differs between the connections of a server are two numbers.
        start, ms, middle, time, end = action.parts
        items.append(f"{start}{ms - base_time}{middle}{time - base_time}{end}")
    return f"{','.join(items)}]"


def unpack_sync(message: Message, base_time: int, remote_node_id: str) -> list[Entry]:
    """The entries of a `sync` message. Raises LoguxError `wrong-format` for another shape, and for
    a time out of range.

    Their meta has `id`, `time` and, if it was sent, `subprotocol`. Nothing else may travel: what
    came nevertheless is not obeyed, but kept as the dict `meta.unknown`, so that it can be refused.
    """
    size = len(message)
    if size < 2 or size % 2 or not _is_count(message[1]):
        raise LoguxError("wrong-format", quote(message))
    entries: list[Entry] = []
    for place in range(2, size, 2):
        action, packed = message[place], message[place + 1]
        if not _is_action(action) or not _is_meta(packed):
            raise LoguxError("wrong-format", quote(message))
        time = packed["time"] + base_time
        match packed["id"]:
            case [shift, node_id, counter]:
                pass
            case [shift, counter]:
                node_id = remote_node_id
            case shift:
                node_id, counter = remote_node_id, 0
        ms = shift + base_time
        if not (0 <= ms <= MAX_TIME and 0 <= time <= MAX_TIME):
            raise LoguxError("wrong-format", quote(packed))
        key = (time, node_key(node_id), counter, ms)
        id = f"{ms} {node_id} {counter}"
        meta = fresh_meta(id, time, [], key, packed.get("subprotocol"))
        if len(packed) > 2 and not META_KEYS.issuperset(packed):
            meta.unknown = {key: packed[key] for key in packed if key not in META_KEYS}
        entries.append((action, meta))
    return entries


def check_message(message: object) -> None:
    """Raise LoguxError `wrong-format` or `unknown-message` unless it is a message of the protocol,
    every field in its shape.
    """
    if not isinstance(message, list) or not message or not isinstance(message[0], str):
        raise LoguxError("wrong-format", quote(message))
    check = _CHECKS.get(message[0])
    if check is None:
        raise LoguxError("unknown-message", _cut(message[0]))
    if not check(message):
        raise LoguxError("wrong-format", quote(message))


def quote(message: object) -> str:
    """The beginning of a message as text, for an error about it."""
    try:
        return _cut(to_json(message))
    except (TypeError, ValueError, RecursionError):
        return f"<{type(message).__name__}>"


def _cut(text: str | bytes) -> str:
    start = text[: QUOTED + 1]
    if isinstance(start, bytes):
        start = start.decode(errors="replace")
    return start if len(start) <= QUOTED else f"{start[:QUOTED]}…"


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_SAFE


def _is_time(value: object) -> bool:
    return type(value) is int and -MAX_TIME <= value <= MAX_TIME


def _is_counter(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_TIME


def _is_node_id(value: object) -> bool:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NODE_ID or " " in value:
        return False
    return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)


def _is_shallow(value: Any, levels: int = MAX_DEPTH) -> bool:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return True
    if levels == 0:
        return False
    for item in value:
        if isinstance(item, CONTAINERS) and not _is_shallow(item, levels - 1):
            return False
    return True


def _is_object(value: object) -> bool:
    return isinstance(value, dict) and _is_shallow(value)


def _is_action(action: object) -> bool:
    return isinstance(action, dict) and isinstance(action.get("type"), str) and _is_shallow(action)


def _is_meta(meta: object) -> bool:
    if not isinstance(meta, dict):
        return False
    time, id = meta.get("time"), meta.get("id")
    # As `_is_time`; nearly all are so, and three calls saved are 0.2 µs.
    if type(time) is not int or not -MAX_TIME <= time <= MAX_TIME:
        return False
    if len(meta) > 2:
        if "subprotocol" in meta and not _is_count(meta["subprotocol"]):
            return False
        if not _is_shallow(meta):
            return False
    if not isinstance(id, list):
        return _is_time(id)
    if not 2 <= len(id) <= 3 or not (_is_time(id[0]) and _is_counter(id[-1])):
        return False
    return len(id) == 2 or _is_node_id(id[1])


def _is_sync(message: Message) -> bool:
    if len(message) < 2 or len(message) % 2 or not _is_count(message[1]):
        return False
    return all(map(_is_action, message[2::2])) and all(map(_is_meta, message[3::2]))


def _is_greeting(message: Message, is_third: Callable[[object], bool]) -> bool:
    if not 4 <= len(message) <= 5:
        return False
    options = message[4] if len(message) == 5 else {}
    return (
        _is_count(message[1])
        and _is_node_id(message[2])
        and is_third(message[3])
        and _is_object(options)
        and isinstance(options.get("token", ""), str)
        and _is_count(options.get("subprotocol", 0))
    )


def _is_times(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_counter, value))


def is_number(message: Message) -> bool:
    """Whether it is a message of a name and a number."""
    return len(message) == 2 and type(message[1]) is int and 0 <= message[1] <= MAX_SAFE


_CHECKS: dict[str, Callable[[Message], bool]] = {
    "connect": lambda message: _is_greeting(message, _is_count),
    "connected": lambda message: _is_greeting(message, _is_times),
    "sync": _is_sync,
    "synced": is_number,
    "ping": is_number,
    "pong": is_number,
    "headers": lambda message: len(message) == 2 and _is_object(message[1]),
    "error": lambda message: (
        2 <= len(message) <= 3 and isinstance(message[1], str) and _is_shallow(message)
    ),
    "debug": lambda message: (
        len(message) == 3 and message[1] == "error" and isinstance(message[2], str)
    ),
}
