"""Where the nodes of a simulated world keep their logs, and what a crash leaves of them.

A disk belongs to a machine and outlives its processes. `open` gives the store for the next run.

- `MemoryDisk`: the log lives in the process; a crash forgets it.
- `SimulatedDisk`: what was written is durable at the next commit, a while later; a crash forgets
  what came after it. Like a database, its store keeps copies and gives out copies.

Any other store can be simulated as well: give `Simulation` a function that makes such a disk.
"""

import asyncio
import json
import pickle
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from logux_store.actions import Action, to_json
from logux_store.ids import OrderKey, Timed
from logux_store.log import LastSynced, LogStore, MemoryStore
from logux_store.log.store import Order
from logux_store.meta import Entry, Meta

__all__ = ["CommittingStore", "Disk", "MemoryDisk", "SimulatedDisk"]


class Disk(Protocol):
    """The place of one machine's log."""

    durable: bool
    """Whether anything survives a crash."""

    def open(self) -> LogStore:
        """The store for the next process, called within it."""
        ...

    def crash(self) -> None:
        """The process that has the store open is dead."""
        ...

    def close(self) -> None:
        """The process has ended in an orderly way; everything is written."""
        ...


class MemoryDisk:
    """No disk at all."""

    durable = False

    def open(self) -> LogStore:
        return MemoryStore()

    def crash(self) -> None:
        return None

    def close(self) -> None:
        return None


class SimulatedDisk:
    """A disk that commits `delay()` seconds after the first change since the last commit."""

    durable = True

    def __init__(self, delay: Callable[[], float]) -> None:
        self.delay = delay
        self._store: CommittingStore | None = None
        # The committed state, as bytes that no process can change.
        self._kept = pickle.dumps(MemoryStore())

    def open(self) -> "CommittingStore":
        self._store = CommittingStore(self._kept, self.delay)
        return self._store

    def crash(self) -> None:
        assert self._store is not None
        self._kept = self._store.committed()

    def close(self) -> None:
        assert self._store is not None
        self._store.commit()
        self._kept = self._store.committed()


Change = tuple[str, tuple[Any, ...], dict[str, Any]]


class CommittingStore:
    """A `LogStore` that keeps copies, and makes changes durable a while after they were made.

    `kept` is a pickled MemoryStore. Changes are made twice: at once in what this process sees, and
    at the next commit in what survives.
    """

    def __init__(self, kept: bytes, delay: Callable[[], float]) -> None:
        self._seen: MemoryStore = pickle.loads(kept)
        self._durable: MemoryStore = pickle.loads(kept)
        self._delay = delay
        self._changes: list[Change] = []
        self._waiting: list[Callable[[], None]] = []

    def commit(self) -> None:
        """Make everything durable, and tell those that wait for it."""
        changes, self._changes = self._changes, []
        for name, args, kwargs in changes:
            getattr(self._durable, name)(*args, **kwargs)
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()

    def committed(self) -> bytes:
        """What would be left after a crash."""
        return pickle.dumps(self._durable)

    @property
    def pending(self) -> bool:
        """Whether something is not durable yet."""
        return bool(self._changes or self._waiting)

    def _write(self, name: str, *args: Any, **kwargs: Any) -> None:
        if not self._changes:
            asyncio.get_running_loop().call_later(self._delay(), self.commit)
        self._changes.append((name, args, kwargs))

    def add(self, action: Action, meta: Meta) -> bool:
        if self._seen.by_id(meta.id) is not None:
            return False
        action, stored = copy_action(action), meta.copy(added=0)
        self._seen.add(action, stored)
        meta.added = stored.added
        self._write("add", action, stored.copy(added=0))
        return True

    def by_id(self, id: str) -> Entry | None:
        return copied(self._seen.by_id(id))

    def change_meta(self, id: str, diff: Mapping[str, Any]) -> bool:
        diff = {name: [*v] if isinstance(v, list) else v for name, v in diff.items()}
        if not self._seen.change_meta(id, diff):
            return False
        self._write("change_meta", id, diff)
        return True

    def set_time(self, id: str, time: int) -> tuple[OrderKey, Entry] | None:
        moved = self._seen.set_time(id, time)
        if moved is None:
            return None
        self._write("set_time", id, time)
        return moved[0], copy_entry(moved[1])

    def remove(self, id: str) -> Entry | None:
        removed = self._seen.remove(id)
        if removed is not None:
            self._write("remove", id)
        return removed

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
        criteria: dict[str, Any] = {
            "id": id,
            "older_than": older_than and Meta(older_than.id, older_than.time),
            "younger_than": younger_than and Meta(younger_than.id, younger_than.time),
            "min_added": min_added,
            "max_added": max_added,
        }
        removed = self._seen.remove_reason(reason, **criteria)
        self._write("remove_reason", reason, **criteria)
        return removed

    def entries(
        self, order: Order = "created", *, index: str | None = None, newest_first: bool = False
    ) -> Iterator[Entry]:
        return map(copy_entry, self._seen.entries(order, index=index, newest_first=newest_first))

    def last_added(self) -> int:
        return self._seen.last_added()

    def last_synced(self) -> LastSynced:
        return self._seen.last_synced()

    def set_last_synced(self, *, sent: int | None = None, received: int | None = None) -> None:
        self._seen.set_last_synced(sent=sent, received=received)
        self._write("set_last_synced", sent=sent, received=received)

    def value(self, name: str) -> Any:
        return self._seen.value(name)

    def set_value(self, name: str, value: Any) -> None:
        value = json.loads(to_json(value))
        self._seen.set_value(name, value)
        self._write("set_value", name, value)

    def remember(self, id: str) -> bool:
        self._write("remember", id)
        return self._seen.remember(id)

    def remembers(self, id: str) -> bool:
        return self._seen.remembers(id)

    def when_durable(self, callback: Callable[[], None]) -> None:
        if self._changes:
            self._waiting.append(callback)
        else:
            callback()

    def clean(self) -> None:
        self._seen.clean()
        self._write("clean")

    def __len__(self) -> int:
        return len(self._seen)


def copy_action(action: Action) -> Action:
    """The action as a store that writes it down gives it back."""
    decoded: Action = json.loads(to_json(action))
    return decoded


def copy_entry(entry: Entry) -> Entry:
    """An entry of its own."""
    return copy_action(entry[0]), entry[1].copy()


def copied(entry: Entry | None) -> Entry | None:
    """An entry of its own, or none."""
    return None if entry is None else copy_entry(entry)
