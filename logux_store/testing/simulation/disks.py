"""Where the nodes of a simulated world keep their logs, and what a crash leaves of them.

A disk belongs to a machine and outlives its processes. `open` gives the store for the next run.

- `MemoryDisk`: the log lives in the process; a crash forgets it.
- `SimulatedDisk`: what was written is durable at the next commit, a while later; a crash forgets
  what came after it. Like a database, its store keeps copies and gives out copies. Several
  processes may have stores of one disk, of which the one that took it over last can write.

Any other store can be simulated as well: give `run_scenario` a function that makes such a disk.
"""

import asyncio
import json
import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Protocol

from logux_store.actions import Action, to_json
from logux_store.ids import OrderKey, Timed
from logux_store.log import LastSynced, MemoryStore
from logux_store.log.store import Order
from logux_store.meta import Entry, Meta

__all__ = ["CommittingStore", "Disk", "MemoryDisk", "SimulatedDisk"]


class Disk(Protocol):
    """The place of one machine's log."""

    @property
    def durable(self) -> bool:
        """Whether anything survives a crash."""
        ...

    @property
    def taken_over(self) -> type[Exception]:
        """What a store raises when another process has taken the disk over."""
        ...

    def open(self) -> Any:
        """The LogStore for the next process, called within it."""
        ...

    def crash(self, store: Any) -> None:
        """The process that had this store is dead; what it had not committed is lost."""
        ...

    def close(self, store: Any) -> None:
        """The process that had this store has ended in an orderly way."""
        ...


class TakenOverError(Exception):
    """The store belongs to another process now."""


class MemoryDisk:
    """No disk at all."""

    durable = False
    taken_over: type[Exception] = TakenOverError

    def open(self) -> MemoryStore:
        return MemoryStore()

    def crash(self, store: MemoryStore) -> None:
        store.clean()

    def close(self, store: MemoryStore) -> None:
        store.clean()


class SimulatedDisk:
    """A disk that commits `delay()` seconds after the first change since the last commit."""

    durable = True
    taken_over: type[Exception] = TakenOverError

    def __init__(self, name: str, delay: Callable[[], float]) -> None:
        self.name = name
        self.delay = delay
        self.owner: CommittingStore | None = None
        # The committed state, as bytes that no process can change.
        self.kept = pickle.dumps(MemoryStore())

    def open(self) -> "CommittingStore":
        return CommittingStore(self)

    def crash(self, store: "CommittingStore") -> None:
        if self.owner is store:
            self.kept = store.committed()
            self.owner = None

    def close(self, store: "CommittingStore") -> None:
        store.release()


Change = tuple[str, tuple[Any, ...], dict[str, Any]]


class CommittingStore:
    """A `LogStore`, and a `SharedStore`, that keeps copies, and makes changes durable a while after
    they were made.

    Changes are made twice: at once in what this process sees, and at the next commit in what
    survives. It opens when it is first used, or takes the disk over when it is told to.
    """

    def __init__(self, disk: SimulatedDisk) -> None:
        self.disk = disk
        self._opened: MemoryStore | None = None
        self._durable = MemoryStore()
        self._changes: list[Change] = []
        self._waiting: list[Callable[[], None]] = []
        self._holds: Callable[[], bool] = always
        self._timer: asyncio.TimerHandle | None = None
        self._broken = False

    @property
    def identity(self) -> str:
        return self.disk.name

    def take_over(self, holds: Callable[[], bool], _owner: str) -> None:
        self._close()
        self._holds = holds
        self._broken = False
        self._open()

    def release(self) -> None:
        if self._opened is not None:
            with suppress(TakenOverError):
                self.commit()
        if self.disk.owner is self:
            self.disk.kept = self.committed()
            self.disk.owner = None
        self._close()

    @property
    def _seen(self) -> MemoryStore:
        if self._opened is None:
            if self._broken or self.disk.owner is not None:
                raise TakenOverError(f"another process has taken over {self.disk.name}")
            self._open()
            assert self._opened is not None
        return self._opened

    def _open(self) -> None:
        disk = self.disk
        if disk.owner is not None:
            disk.kept = disk.owner.committed()
        disk.owner = self
        self._opened = pickle.loads(disk.kept)
        self._durable = pickle.loads(disk.kept)

    def _close(self) -> None:
        self._opened = None
        self._changes, self._waiting = [], []
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def commit(self) -> None:
        """Make everything durable, and tell those that wait for it."""
        self._stop_timer()
        if self._changes and not (self._holds() and self.disk.owner is self):
            self._close()
            self._broken = True
            raise TakenOverError(f"another process has taken over {self.disk.name}")
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
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self.disk.delay(), self.commit)
        self._changes.append((name, args, kwargs))

    def add(self, action: Action, meta: Meta) -> bool:
        if self._seen.by_id(meta.id) is not None:
            return False
        # What cannot be written down is refused here.
        stored = copy_entry((json.loads(to_json(action)), meta))
        self._write("add", *copy_entry(stored))
        self._seen.add(*stored)
        meta.added = stored[1].added
        return True

    def by_id(self, id: str) -> Entry | None:
        entry = self._seen.by_id(id)
        return None if entry is None else copy_entry(entry)

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

    def entries_with_reason(self, reason: str) -> Iterator[Entry]:
        return map(copy_entry, self._seen.entries_with_reason(reason))

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


def always() -> bool:
    """A store that no other process shares is always this one's."""
    return True


def copy_entry(entry: Entry) -> Entry:
    """An entry of its own."""
    action, meta = entry
    copy = Meta(meta.id, meta.time, meta.reasons, meta.key)
    copy.added = meta.added
    copy.subprotocol = meta.subprotocol
    copy.tab = meta.tab
    copy.sync = meta.sync
    copy.indexes = meta.indexes and [*meta.indexes]
    copy.keep_last = meta.keep_last
    for name, value in meta.__dict__.items():
        copy.__dict__[name] = [*value] if isinstance(value, list) else value
    return dict(action), copy
