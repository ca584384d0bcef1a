"""What came in: syncs that wait for their acknowledgement, and entries that a filter looks at."""

from collections.abc import Callable
from typing import TypeAlias

from logux_store.actions import Action
from logux_store.meta import Entry, Meta

__all__ = ["Arrived", "Filter", "filter_received"]

Filter: TypeAlias = Callable[[Action, Meta], Entry | None]
"""Gives the entry that goes on instead, which may be the same, or None to hold it back."""


class Arrived:
    """A `sync` that came and is not yet answered."""

    __slots__ = ("added", "connection", "durable")

    def __init__(self, added: int, connection: int) -> None:
        self.added = added
        self.connection = connection
        self.durable = False


def filter_received(
    entries: list[Entry], on_receive: Filter, errors: list[Exception]
) -> list[Entry]:
    """The entries that go on; what the filter raises for one of them is added to `errors`."""
    accepted: list[Entry] = []
    for action, meta in entries:
        try:
            entry = on_receive(action, meta)
        except Exception as error:  # noqa: BLE001 - raised by the caller, after the others
            errors.append(error)
        else:
            if entry is not None:
                accepted.append(entry)
    return accepted
