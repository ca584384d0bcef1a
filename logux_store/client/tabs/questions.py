"""Actions that were answered when this tab was away, so that it knows not how.

The answer was given to another leader, and it has dropped both. So the other tabs are asked, and if
none of them knows the answer, the server: the action is sent once more, and a server that has
processed it says so again. It concerns the outcomes that this tab awaits, and its state, in which
there may be actions that were undone.
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
    """The actions that the log does not keep for being sent, of those with the `awaited` ids and
    of those that the `former` store kept for it; the latter only if the log has them no more, as it
    has what undoes what it has.
    """
    entries: list[Entry] = []
    ids = set(awaited)
    for action, meta in former.entries_with_reason(SYNCING):
        lost = meta.id not in ids and present.by_id(meta.id) is None
        if lost and meta.tab is None and not action["type"].startswith("logux/"):
            entries.append((action, meta))
    for id in ids:
        entry = present.by_id(id)
        if entry is not None and SYNCING in entry[1].reasons:
            continue
        entry = entry or former.by_id(id)
        if entry is not None:
            entries.append(entry)
    return entries
