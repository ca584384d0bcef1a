"""What the actions about one object make of it, and which of them that needs.

An object is there from the first write on, or from the first creation after its deletion. What is
written to it while it is deleted has no effect.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from logux_store.client.sync_maps.names import Names
from logux_store.meta import Entry, Meta

__all__ = ["Folded", "confirmed", "fold", "outdated", "sorted_entries"]


class Folded(NamedTuple):
    """The state of an object."""

    fields: dict[str, Any]
    exists: bool
    deleted: bool


def sorted_entries(entries: Iterable[Entry], is_pending: Callable[[str], bool]) -> list[Entry]:
    """The entries in their canonical order, the oldest first. What the server has yet to confirm,
    it will do after all that it has told of, so of one time this is the last.
    """
    return sorted(entries, key=lambda entry: (entry[1].time, is_pending(entry[1].id), entry[1].key))


def confirmed(entry: Entry, answer: Meta) -> Entry:
    """The entry in the place that it has for the others: of one time, actions have the order in
    which the server did them.
    """
    action, meta = entry
    meta = meta.copy()
    meta.key = (meta.time, *answer.key[1:])
    return action, meta


def fold(names: Names, ordered: Iterable[Entry]) -> Folded:
    """The state after all of these actions."""
    fields: dict[str, Any] = {}
    exists = deleted = False
    for action, _ in ordered:
        type = action["type"]
        if type in names.deleting:
            fields, exists, deleted = {}, False, True
        elif type in names.creating or not deleted:
            fields.update(names.fields(action))
            exists, deleted = True, False
    return Folded(fields, exists, deleted)


def outdated(names: Names, ordered: list[Entry], is_pending: Callable[[str], bool]) -> list[str]:
    """The ids of the actions that make no difference, whichever of the pending ones are undone and
    whatever else comes late: those before a deletion, and changes all of whose fields were written
    later. A creation stays, since it ends a deletion that may be undone or come late.
    """
    found: list[str] = []
    written: set[str] = set()
    is_over = False
    for action, meta in reversed(ordered):
        if is_pending(meta.id):
            continue
        type, fields = action["type"], names.fields(action).keys()
        if is_over:
            found.append(meta.id)
        elif type in names.deleting:
            is_over = True
        elif written and type not in names.creating and fields <= written:
            found.append(meta.id)
        else:
            written |= fields
    return found
