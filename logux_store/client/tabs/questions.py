"""Actions whose outcomes are awaited, though nothing waits for the server any more.

The answer was given to a leader when the tab that awaits it was away, and that leader is gone. So
the other tabs are asked, and if none of them knows the answer, the server: the action is sent once
more, and a server that has processed it says so again.
"""

from collections.abc import Iterable

from logux_store.client.tabs.journal import Journal
from logux_store.client.tabs.tab_log import SYNCING
from logux_store.client.tabs.tab_node import TabNode
from logux_store.log import LogStore
from logux_store.meta import Entry

__all__ = ["Questions", "unanswered"]


class Questions:
    """What this tab asks the server, while it leads, for itself and its followers."""

    __slots__ = ("_entries", "_journal")

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._entries: dict[str, Entry] = {}

    def ask(self, node: TabNode, entries: Iterable[Entry]) -> None:
        """Ask how the server answered these actions: now, or when it is connected."""
        for action, meta in entries:
            again = meta.copy(added=0, sync=True, reasons=[SYNCING])
            self._entries[meta.id] = (action, again)
            if node.authenticated:
                node.enqueue(action, again)

    def repeat(self, node: TabNode) -> None:
        """The node is connected: ask what was not answered."""
        for id, entry in [*self._entries.items()]:
            if id in self._journal.answers:
                del self._entries[id]
            else:
                node.enqueue(*entry)


def unanswered(awaited: Iterable[str], present: LogStore, former: LogStore) -> list[Entry]:
    """The actions with these ids that the log does not keep for being sent; those that it does not
    have at all, the `former` store has.
    """
    entries: list[Entry] = []
    for id in awaited:
        entry = present.by_id(id)
        if entry is not None and SYNCING in entry[1].reasons:
            continue
        entry = entry or former.by_id(id)
        if entry is not None:
            entries.append(entry)
    return entries
