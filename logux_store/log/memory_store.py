"""A log store in memory: the default of clients and servers, and the model for the others.

Invariants: an entry is in `_created`, in `_added` and in `_by_id`, and for each of its indexes and
reasons in that index's and that reason's entries. So a reason can be taken off the oldest entries
without looking at those that are kept for other reasons.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from logux_store.actions import Action
from logux_store.ids import OrderKey, Timed, is_first_older, order_key, parse_id
from logux_store.log.sorted_entries import SortedEntries
from logux_store.log.store import REMEMBERED_PER_CLIENT, LastSynced, Order
from logux_store.meta import Entry, Meta

__all__ = ["MemoryStore"]


class MemoryStore:
    """A `LogStore` that lives as long as the process.

    `remembered` bounds the ids of processed actions per client id.
    """

    def __init__(self, *, remembered: int = REMEMBERED_PER_CLIENT) -> None:
        self._remembered_per_client = remembered
        self.clean()

    def clean(self) -> None:
        self._by_id: dict[str, Entry] = {}
        self._created: SortedEntries[OrderKey] = SortedEntries()
        self._added: SortedEntries[int] = SortedEntries()
        self._index_created: dict[str, SortedEntries[OrderKey]] = {}
        self._index_added: dict[str, SortedEntries[int]] = {}
        self._reasons: dict[str, SortedEntries[int]] = {}
        self._remembered: dict[str, dict[str, None]] = {}
        self._last_added = 0
        self._last_synced = LastSynced(0, 0)

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, action: Action, meta: Meta) -> bool:
        if meta.id in self._by_id:
            return False
        self._last_added += 1
        added = meta.added = self._last_added
        entry = (action, meta)
        self._by_id[meta.id] = entry
        self._created.add(meta.key, entry)
        self._added.add(added, entry)
        for index in meta.indexes or ():
            self._index_created.setdefault(index, SortedEntries()).add(meta.key, entry)
            self._index_added.setdefault(index, SortedEntries()).add(added, entry)
        for reason in meta.reasons:
            self._add_reason(reason, entry)
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
                self._remove_from(self._reasons, reason, meta.added)
            for reason in diff["reasons"]:
                self._add_reason(reason, entry)
        for name, value in diff.items():
            setattr(meta, name, [*value] if name == "reasons" else value)
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
        entry = self._by_id.pop(id, None)
        if entry is None:
            return None
        meta = entry[1]
        self._created.remove(meta.key)
        self._added.remove(meta.added)
        for index in meta.indexes or ():
            self._remove_from(self._index_created, index, meta.key)
            self._remove_from(self._index_added, index, meta.added)
        for reason in meta.reasons:
            self._remove_from(self._reasons, reason, meta.added)
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
        candidates: Iterator[Entry]
        if id is not None:
            found = self._by_id.get(id)
            candidates = iter(() if found is None else (found,))
        elif reason in self._reasons:
            candidates = self._reasons[reason].ascending(min_added and min_added - 1)
        else:
            return []
        removed: list[Entry] = []
        for entry in candidates:
            meta = entry[1]
            if max_added is not None and meta.added > max_added:
                break
            if (
                reason not in meta.reasons
                or (min_added is not None and meta.added < min_added)
                or (older_than is not None and not is_first_older(meta, older_than))
                or (younger_than is not None and not is_first_older(younger_than, meta))
            ):
                continue
            if len(meta.reasons) == 1:
                self.remove(meta.id)
                removed.append(entry)
            else:
                self._remove_from(self._reasons, reason, meta.added)
            meta.reasons.remove(reason)
        return removed

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

    def last_added(self) -> int:
        return self._last_added

    def last_synced(self) -> LastSynced:
        return self._last_synced

    def set_last_synced(self, *, sent: int | None = None, received: int | None = None) -> None:
        last = self._last_synced
        self._last_synced = LastSynced(
            last.sent if sent is None else sent, last.received if received is None else received
        )

    def remember(self, id: str) -> bool:
        ids = self._remembered.setdefault(parse_id(id).client_id, {})
        if id in ids:
            return False
        ids[id] = None
        if len(ids) > self._remembered_per_client:
            del ids[next(iter(ids))]
        return True

    def remembers(self, id: str) -> bool:
        return id in self._remembered.get(parse_id(id).client_id, ())

    def when_durable(self, callback: Callable[[], None]) -> None:
        callback()

    def _add_reason(self, reason: str, entry: Entry) -> None:
        entries = self._reasons.get(reason)
        if entries is None:
            entries = self._reasons[reason] = SortedEntries()
        entries.add(entry[1].added, entry)

    @staticmethod
    def _remove_from(groups: dict[str, Any], name: str, key: Any) -> None:
        entries = groups[name]
        entries.remove(key)
        if not entries:
            del groups[name]
