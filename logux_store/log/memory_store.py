"""A log store in memory: the default of clients and servers, and the model for the others.

Invariants: an entry is in `_created`, in `_added` and in `_by_id`, and for each of its indexes and
reasons in that index's and that reason's entries. So a reason can be taken off the oldest entries
without looking at those that are kept for other reasons. No index and no reason has an empty list.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, TypeVar

from logux_store.actions import Action
from logux_store.ids import OrderKey, Timed, order_key, parse_id
from logux_store.log.sorted_entries import SortedEntries
from logux_store.log.store import REMEMBERED, REMEMBERED_PER_CLIENT, LastSynced, Order
from logux_store.meta import Entry, Meta

__all__ = ["MemoryStore"]

K = TypeVar("K", int, OrderKey)

Groups: TypeAlias = defaultdict[str, SortedEntries[K]]

# The four criteria of `remove_reason` besides the id, when none is given.
UNBOUNDED = (None, None, None, None)


class MemoryStore:
    """A `LogStore` that lives as long as the process.

    `remembered_per_client` and `remembered` bound the ids of processed actions: of one client id,
    and of all together. When all are too many, those of the client that was not heard of for the
    longest time go.
    """

    def __init__(
        self,
        *,
        remembered_per_client: int = REMEMBERED_PER_CLIENT,
        remembered: int = REMEMBERED,
    ) -> None:
        self._by_id: dict[str, Entry] = {}
        self._created: SortedEntries[OrderKey] = SortedEntries()
        self._added: SortedEntries[int] = SortedEntries()
        self._index_created: Groups[OrderKey] = defaultdict(SortedEntries)
        self._index_added: Groups[int] = defaultdict(SortedEntries)
        self._reasons: Groups[int] = defaultdict(SortedEntries)
        self._last_added = 0
        self._last_synced = LastSynced(0, 0)
        self._values: dict[str, Any] = {}
        # By client id, the one that was heard of last at the end; then by action id, in order.
        self._remembered: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()
        self._remembered_count = 0
        self._remembered_per_client = remembered_per_client
        self._remembered_limit = remembered

    def clean(self) -> None:
        # The lists are emptied, not replaced: somebody may be iterating over them.
        for entries in (self._created, *self._index_created.values()):
            entries.clear()
        for added in (self._added, *self._index_added.values(), *self._reasons.values()):
            added.clear()
        for groups in (self._by_id, self._index_created, self._index_added, self._reasons):
            groups.clear()
        self._last_added = 0
        self._last_synced = LastSynced(0, 0)
        self._values.clear()
        self._remembered.clear()
        self._remembered_count = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, action: Action, meta: Meta) -> bool:
        id = meta.id
        if id in self._by_id:
            return False
        added = self._last_added = meta.added = self._last_added + 1
        entry = self._by_id[id] = (action, meta)
        self._created.add(meta.key, entry)
        self._added.append(added, entry)
        for reason in meta.reasons:
            self._reasons[reason].append(added, entry)
        if meta.indexes:
            for index in meta.indexes:
                self._index_created[index].add(meta.key, entry)
                self._index_added[index].append(added, entry)
        return True

    def by_id(self, id: str) -> Entry | None:
        return self._by_id.get(id)

    def change_meta(self, id: str, diff: Mapping[str, Any]) -> bool:
        entry = self._by_id.get(id)
        if entry is None:
            return False
        meta = entry[1]
        if "reasons" in diff:
            for reason in meta.reasons:
                remove_from(self._reasons, reason, [meta.added])
            for reason in diff["reasons"]:
                self._reasons[reason].add(meta.added, entry)
            diff = {**diff, "reasons": [*diff["reasons"]]}
        meta.update(diff)
        return True

    def set_time(self, id: str, time: int) -> tuple[OrderKey, Entry] | None:
        entry = self._by_id.get(id)
        if entry is None:
            return None
        meta = entry[1]
        old, new = meta.key, order_key(id, time)
        indexed = [self._index_created[index] for index in meta.indexes or ()]
        for entries in (self._created, *indexed):
            entries.remove(old)
            entries.add(new, entry)
        meta.time, meta.key = time, new
        return old, entry

    def remove(self, id: str) -> Entry | None:
        entry = self._by_id.get(id)
        if entry is None:
            return None
        for reason in entry[1].reasons:
            remove_from(self._reasons, reason, [entry[1].added])
        self._drop([entry])
        return entry

    def remove_reason(
        self,
        reason: str,
        *,
        id: str | None = None,
        older_than: Timed | None = None,
        younger_than: Timed | None = None,
        min_added: int | None = None,
        max_added: int | None = None,
    ) -> list[Entry]:
        if id is not None:
            entry = self._by_id.get(id)
            if entry is None or reason not in entry[1].reasons:
                return []
            added = entry[1].added
            if (older_than, younger_than, min_added, max_added) == UNBOUNDED:
                return self._take_reason(entry, reason)
            min_added = added if min_added is None else max(min_added, added)
            max_added = added if max_added is None else min(max_added, added)
        group = self._reasons.get(reason)
        if group is None:
            return []
        found = group.between(min_added, max_added)
        if older_than is not None:
            end = order_key(older_than.id, older_than.time)
            found = [entry for entry in found if entry[1].key < end]
        if younger_than is not None:
            start = order_key(younger_than.id, younger_than.time)
            found = [entry for entry in found if entry[1].key > start]
        removed = []
        for entry in found:
            reasons = entry[1].reasons
            reasons.remove(reason)
            if not reasons:
                removed.append(entry)
        if not group.remove_oldest(found):
            group.remove_all([meta.added for _, meta in found])
        if not group:
            del self._reasons[reason]
        self._drop(removed)
        return removed

    def _take_reason(self, entry: Entry, reason: str) -> list[Entry]:
        """As a server does after each action: 1.2 µs instead of 5."""
        meta = entry[1]
        meta.reasons.remove(reason)
        group = self._reasons[reason]
        group.remove(meta.added)
        if not group:
            del self._reasons[reason]
        if meta.reasons:
            return []
        if meta.indexes:
            self._drop([entry])
        else:
            del self._by_id[meta.id]
            self._created.remove(meta.key)
            self._added.remove(meta.added)
        return [entry]

    def entries(
        self, order: Order = "created", *, index: str | None = None, newest_first: bool = False
    ) -> Iterator[Entry]:
        entries: SortedEntries[OrderKey] | SortedEntries[int] | None
        if order == "created":
            entries = self._created if index is None else self._index_created.get(index)
        elif order == "added":
            entries = self._added if index is None else self._index_added.get(index)
        else:
            raise ValueError(f"order is 'created' or 'added', not {order!r}")
        if entries is None:
            return iter(())
        return entries.descending() if newest_first else entries.ascending()

    def entries_with_reason(self, reason: str) -> Iterator[Entry]:
        entries = self._reasons.get(reason)
        return iter(()) if entries is None else entries.ascending()

    def last_added(self) -> int:
        return self._last_added

    def last_synced(self) -> LastSynced:
        return self._last_synced

    def set_last_synced(self, *, sent: int | None = None, received: int | None = None) -> None:
        last = self._last_synced
        self._last_synced = LastSynced(
            last.sent if sent is None else sent, last.received if received is None else received
        )

    def value(self, name: str) -> Any:
        return self._values.get(name)

    def set_value(self, name: str, value: Any) -> None:
        if value is None:
            self._values.pop(name, None)
        else:
            self._values[name] = value

    def remember(self, id: str) -> bool:
        clients = self._remembered
        client_id = parse_id(id).client_id
        ids = clients.get(client_id)
        if ids is None:
            ids = clients[client_id] = OrderedDict()
        else:
            clients.move_to_end(client_id)
        if id in ids:
            return False
        ids[id] = None
        self._remembered_count += 1
        if len(ids) > self._remembered_per_client:
            self._forget_one(client_id)
        elif self._remembered_count > self._remembered_limit:
            self._forget_one(next(iter(clients)))
        return True

    def remembers(self, id: str) -> bool:
        return id in self._remembered.get(parse_id(id).client_id, ())

    def when_durable(self, callback: Callable[[], None]) -> None:
        callback()

    def _drop(self, entries: list[Entry]) -> None:
        """Forget entries that are in no reason's list any more."""
        by_index: defaultdict[str, list[Meta]] = defaultdict(list)
        by_id = self._by_id
        for _, meta in entries:
            del by_id[meta.id]
            if meta.indexes:
                for index in meta.indexes:
                    by_index[index].append(meta)
        if not self._created.remove_oldest(entries):
            self._created.remove_all([meta.key for _, meta in entries])
        if not self._added.remove_oldest(entries):
            self._added.remove_all([meta.added for _, meta in entries])
        for index, metas in by_index.items():
            remove_from(self._index_created, index, [meta.key for meta in metas])
            remove_from(self._index_added, index, [meta.added for meta in metas])

    def _forget_one(self, client_id: str) -> None:
        ids = self._remembered[client_id]
        ids.popitem(last=False)
        self._remembered_count -= 1
        if not ids:
            del self._remembered[client_id]


def remove_from(groups: Groups[K], name: str, keys: list[K]) -> None:
    """Remove entries from one group, and the group if that was the last of it."""
    group = groups[name]
    group.remove_all(keys)
    if not group:
        del groups[name]
