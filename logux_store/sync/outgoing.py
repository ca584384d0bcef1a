"""What waits in a node to be sent, and how it is cut into messages."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from logux_store.meta import Meta
from logux_store.sync.messages import SharedAction

__all__ = ["Outgoing", "split"]

MAX_ENTRIES = 1000
MAX_TEXT = 200_000
"""What leaves in one `sync` at most: so many entries, so many characters of their actions, but
always one entry. A server accepts that much.
"""

Outgoing: TypeAlias = tuple[SharedAction, Meta, int]
"""An action, its meta, and its `added` in this log."""


def split(outgoing: list[Outgoing]) -> Iterable[list[Outgoing]]:
    """Cut what leaves into parts that the other side accepts as one message."""
    if len(outgoing) <= MAX_ENTRIES and sum([len(item[0].json) for item in outgoing]) <= MAX_TEXT:
        # Nearly always; a third of the time of finding the places to cut.
        return (outgoing,)
    return cut(outgoing)


def cut(outgoing: list[Outgoing]) -> Iterator[list[Outgoing]]:
    start = size = 0
    for place, (action, _, _) in enumerate(outgoing):
        size += len(action.json)
        if place > start and (size > MAX_TEXT or place - start == MAX_ENTRIES):
            yield outgoing[start:place]
            start, size = place, len(action.json)
    yield outgoing[start:] if start else outgoing
