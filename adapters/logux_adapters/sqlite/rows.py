"""An entry as a row, and back.

Invariants: what `to_row` returns can be written, so that whatever is wrong with an entry is found
before the file is touched; `from_row` gives an entry equal to the one that `to_row` was given.
"""

import json
from typing import Any, TypeAlias

from logux_store import Action, Entry, Meta, OrderKey, to_json

__all__ = [
    "COLUMNS",
    "Key",
    "Row",
    "from_row",
    "meta_json",
    "reasons_json",
    "to_key",
    "to_row",
    "value_json",
]

COLUMNS = "e.added, e.id, e.time, e.node, e.counter, e.ms, e.action, e.reasons, e.meta"

Row: TypeAlias = tuple[int, str, int, bytes, int, int, str, str, str | None]
"""The values of COLUMNS."""

Key: TypeAlias = tuple[int, bytes, int, int]
"""A place in the order, in columns: time, node, counter, ms."""

SMALLEST, LARGEST = -(2**63), 2**63 - 1

# What most metas hold besides their columns is one of a few texts.
_texts: dict[tuple[Any, ...], str] = {}
MAX_TEXTS = 1000


def to_row(action: Action, meta: Meta) -> tuple[str, int, bytes, int, int, str, str, str | None]:
    """The row of an entry, but for the number that it gets. Raises TypeError or ValueError, with
    the reason, for what cannot be kept.
    """
    try:
        text = to_json(action)
    except (TypeError, ValueError, RecursionError) as error:
        raise unfit(f"the action {action['type']!r}", error) from error
    return (meta.id, *to_key(meta.key), text, reasons_json(meta), meta_json(meta))


def from_row(row: Row) -> Entry:
    """The entry of a row."""
    added, id, time, node, counter, ms, action, reasons, others = row
    key = (time, node.decode("utf-8", "surrogatepass"), counter, ms)
    meta = Meta(id, time, json.loads(reasons), key)
    meta.added = added
    if others is not None:
        meta.update(json.loads(others))
    return json.loads(action), meta


def to_key(key: OrderKey) -> Key:
    """A place in the order, in columns. Raises ValueError for a time with more than 64 bits."""
    time, node, counter, ms = key
    if not SMALLEST <= time <= LARGEST:
        raise ValueError(f"meta.time is in milliseconds since 1970; {time} is no time")
    # UTF-8 as if the halves of a surrogate pair were characters: its bytes compare as they do.
    return time, node.encode("utf-8", "surrogatepass"), counter, ms


def reasons_json(meta: Meta) -> str:
    """The reasons as JSON. Raises ValueError for one that is no text."""
    reasons = meta.reasons
    check_names(reasons, "reason")
    if meta.indexes is not None:
        check_names(meta.indexes, "index")
    return to_json(reasons)


def check_names(names: list[str], what: str) -> None:
    for name in names:
        if not name.isascii():
            try:
                name.encode()
            except UnicodeEncodeError:
                raise ValueError(f"{name!r} is no {what}; it has half a character") from None


def meta_json(meta: Meta) -> str | None:
    """All other keys of a meta as JSON; None if there are none. Raises TypeError or ValueError for
    what has no JSON form.
    """
    if meta.__dict__ or meta.indexes is not None or type(meta.sync) is not bool:
        return encode_others(meta)
    kind = (meta.subprotocol, meta.tab, meta.sync, meta.keep_last, type(meta.subprotocol))
    if kind == PLAIN:
        return None
    text = _texts.get(kind)
    if text is None:
        if len(_texts) >= MAX_TEXTS:
            _texts.clear()
        _texts[kind] = text = encode_others(meta) or ""
    return text


PLAIN = (None, None, False, None, type(None))


def encode_others(meta: Meta) -> str | None:
    others = {name: value for name, value in meta.items() if name not in IN_COLUMNS}
    try:
        return to_json(others) if others else None
    except (TypeError, ValueError, RecursionError) as error:
        raise unfit(f"the meta of {meta.id!r}", error) from error


IN_COLUMNS = frozenset({"id", "time", "added", "reasons"})


def value_json(name: str, value: Any) -> str:
    """A value as JSON. Raises TypeError or ValueError when it has no such form."""
    try:
        return to_json(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise unfit(f"the value {name!r}", error) from error


def unfit(what: str, error: Exception) -> Exception:
    """The error for something that has no JSON form."""
    kind = TypeError if isinstance(error, TypeError) else ValueError
    return kind(
        f"{what} cannot be kept in a file: {error}; "
        "use only dicts with string keys, lists, strings, finite numbers, booleans and None"
    )
