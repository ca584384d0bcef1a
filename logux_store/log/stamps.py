"""What a log gives its own actions: ids and times.

An id's milliseconds and `meta.time` are two things. The id says only which action it is, so it may
run ahead of the clock. The time is the clock's, brought into the server's by the offset, so that it
places the action among those of other nodes.

Invariants: ids of one log are strictly increasing, whatever its clock does, after those that its
store holds too; of two own actions the later one is the later one in the order, until the offset
turns out to be another.
"""

from collections.abc import Iterable

from logux_store.ids import Clock, id_time, node_key, order_key, validate_node_id
from logux_store.log.store import LogStore
from logux_store.meta import Entry, Meta, fresh_meta, list_of

__all__ = ["Stamps"]

LONG_AGO = -(10**15)


class Stamps:
    """The part of a `Log` that makes ids, times and metas."""

    def __init__(self, node_id: str, store: LogStore, clock: Clock) -> None:
        self._last_time = LONG_AGO
        self.node_id = node_id
        self.store = store
        self.clock = clock
        self.subprotocol: int | None = None
        """The version of the application's actions: what this node adds is marked with it."""
        self._offset: int = self.store.value("offset") or 0
        newest: Iterable[Entry | None] = (
            next(self.store.entries("created", newest_first=True), None),
            next(self.store.entries("added", newest_first=True), None),
        )
        # The milliseconds of the last id, and what the clock said when it was made.
        self._last_ms = max((id_time(entry[1].id) for entry in newest if entry), default=0)
        self._last_clock = self._last_ms

    @property
    def node_id(self) -> str:
        """The id of the node that this log's own actions come from; assign another when the user
        changes.
        """
        return self._node_id

    @node_id.setter
    def node_id(self, node_id: str) -> None:
        self._node_id = validate_node_id(node_id)
        self._node_key = node_key(node_id)
        self._id_end = f" {node_id} 0"
        # Of two actions with one time, the node id would decide.
        self._last_time += 1

    @property
    def offset(self) -> int:
        """What the local clock is ahead of the server's, in milliseconds, as far as is known: it is
        subtracted from the time of actions that this log creates from then on. The store keeps it,
        so that after a restart actions are in order before the first connection too.
        """
        return self._offset

    @offset.setter
    def offset(self, offset: int) -> None:
        self._offset = offset
        self.store.set_value("offset", offset)

    def generate_id(self) -> str:
        """A new action id: the clock's milliseconds, or the last id's and one more; counter 0."""
        self._last_clock = now = self.clock()
        ms = self._last_ms + 1
        if ms < now:
            ms = now
        self._last_ms = ms
        return f"{ms}{self._id_end}"

    def new_meta(self, reasons: list[str]) -> Meta:
        """The meta of a new action of this log, with an id and a time, for `put`."""
        self._last_clock = now = self.clock()
        ms = self._last_ms + 1
        if ms < now:
            ms = now
        self._last_ms = ms
        # The user's later action must not come before an earlier one, so time does not go back
        # either; within one millisecond the ids decide.
        time = now - self._offset
        if time < self._last_time:
            time = self._last_time
        else:
            self._last_time = time
        # The key is known without taking the id apart again.
        key = (time, self._node_key, 0, ms)
        return fresh_meta(f"{ms}{self._id_end}", time, reasons, key, self.subprotocol)

    def restart_time(self, last: int) -> None:
        """Let the next own action's time be `last` (ms) or later, instead of the latest time given
        so far or later.
        """
        self._last_time = last

    def _make_meta(self, id: str | None, time: int | None, reasons: Iterable[str]) -> Meta:
        if id is None:
            if time is None:
                return self.new_meta(list_of(reasons))
            id = self.generate_id()
        elif time is None:
            _, node, counter, ms = order_key(id, 0)
            time = self._own_time(ms) if node == self._node_key else ms
            return Meta(id, time, reasons, (time, node, counter, ms))
        return Meta(id, time, reasons)

    def _own_time(self, ms: int) -> int:
        time = self._last_clock - (self._last_ms - ms) - self._offset
        if time < self._last_time:
            return self._last_time
        self._last_time = time
        return time
