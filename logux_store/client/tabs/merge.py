"""How the copy of the log that a tab had and the one that it goes on with become one.

A tab gets another copy when it joins a leader, whose log it is handed, and when it becomes the
leader itself, in whose place it opens the persistent store. The other copy is the truth but for
what this tab has still to say: `hand`, the changes that the other tabs may not know.

| an entry is               | what happens |
| ------------------------- | --- |
| in both                   | nothing, or it is announced that it was moved |
| only in the new copy      | it is announced as added, unless this tab has dropped it |
| only in the former copy   | it goes into the new one if it is to be handed over, or this tab's |
|                           | alone; else the others have dropped it, and that is announced |

Invariant: after `merge` the new copy is what all tabs will have once they know `hand`, and the
differences are exactly what has to be announced.
"""

from collections.abc import Collection, Iterable, Iterator

from logux_store.client.tabs.ops import Op
from logux_store.client.tabs.tab_log import TabLog
from logux_store.ids import OrderKey
from logux_store.log import LogStore
from logux_store.meta import Entry

__all__ = ["Differences", "merge", "shared_entries", "to_hand_over"]


class Differences:
    """What the new copy has and the former had not, and the other way round; the entries that have
    another time, with their former order key; and what is still to be handed over. With `starts`,
    the new copy has more, which is to be read.
    """

    __slots__ = ("added", "dropped", "hand", "moved", "starts")

    def __init__(self) -> None:
        self.starts = False
        self.hand: list[Op] = []
        self.added: list[Entry] = []
        self.dropped: list[Entry] = []
        self.moved: list[tuple[OrderKey, Entry]] = []

    def compare(self, before: Entry, after: Entry) -> None:
        """Note if an entry was moved."""
        if before[1].key != after[1].key:
            self.moved.append((before[1].key, after))


def shared_entries(store: LogStore) -> Iterator[Entry]:
    """The entries that are for all tabs, in the order of their arrival."""
    return (entry for entry in store.entries("added") if entry[1].tab is None)


def to_hand_over(store: LogStore, pending: Iterable[Op]) -> list[Op]:
    """The changes to hand over to tabs that know nothing of this one: all that there is."""
    ops: list[Op] = [("add", *entry) for entry in shared_entries(store)]
    ids = {op[2].id for op in ops}
    return ops + [op for op in pending if op[0] != "add" or op[2].id not in ids]


def merge(
    old: LogStore,
    new: TabLog,
    hand: list[Op],
    tab_id: str,
    since: int | None = None,
    unsent: Iterable[str] = (),
    known: Collection[str] = (),
) -> Differences:
    """Bring into the log `new`, which nobody listens to, what is to be kept of `old`.

    With `since`, only the entries of `new` that were added later can be new to this tab, and only
    those that are `unsent` can have been moved; and it is not looked for what the others have
    dropped, which costs memory only. `known` are ids of entries that are not new, though `old` has
    them no more.
    """
    store = new.store
    hand = [op for op in hand if not is_known(op, store)]
    result = Differences()
    dropped = {id for op in hand if op[0] == "drop" for id in op[1]}
    handed = {op[2].id for op in hand if op[0] == "add"}
    for action, meta in later_than(store, since):
        if meta.tab == tab_id:
            # What is this tab's alone, only this tab knows.
            if old.by_id(meta.id) is None:
                store.remove(meta.id)
        elif meta.tab is None and meta.id not in dropped and not old.remembers(meta.id):
            before = old.by_id(meta.id)
            if before is not None:
                result.compare(before, (action, meta))
            elif meta.id not in known:
                result.added.append((action, meta))
    if since is not None:
        for id in unsent:
            before, after = old.by_id(id), store.by_id(id)
            if before is not None and after is not None and after[1].added <= since:
                result.compare(before, after)
    for action, meta in [*old.entries("added")]:
        if meta.tab == tab_id:
            if store.by_id(meta.id) is None:
                store.add(action, meta.copy(added=0))
        elif since is None and meta.id not in handed and store.by_id(meta.id) is None:
            result.dropped.append((action, meta))
    for op in hand:
        if op[0] == "add":
            # Each store has its own meta of an entry, and what is handed over is that of the new.
            op = ("add", op[1], op[2].copy(added=0))
        new.apply(op)
        result.hand.append(op)
    return result


def is_known(op: Op, store: LogStore) -> bool:
    """Whether a change adds what the store has, or has had."""
    return op[0] == "add" and (store.by_id(op[2].id) is not None or bool(store.remembers(op[2].id)))


def later_than(store: LogStore, since: int | None) -> list[Entry]:
    """The entries whose `added` is above `since`, in the order of their arrival."""
    if since is None:
        return [*store.entries("added")]
    entries: list[Entry] = []
    for entry in store.entries("added", newest_first=True):
        if entry[1].added <= since:
            break
        entries.append(entry)
    entries.reverse()
    return entries
