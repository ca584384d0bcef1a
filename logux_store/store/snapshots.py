"""Snapshots: the state at a place in the order, kept with the log, so that opening a long log folds
only what came after it.

      in the snapshot │ forgotten since │ remembered by the timeline
    ──────────────────┼─────────────────┼──────────────────────────────▶ order
                 place┘             base┘

What the timeline has forgotten cannot change any more. It is folded here once more, without the
actions that are one tab's alone, and the result is saved. To that end, the timeline is made to
forget also what the log keeps: when it remembers `history` actions more than the last `history`,
those are forgotten at once, but for what the server has still to answer and what follows that. So
the base is mostly the place of the snapshot.

- *late*: an action that comes with a place at or before that of the snapshot. Opening the log puts
  it where the timeline has put it, right after that place; a list of them is kept until the next
  snapshot, which holds them.

Invariants: the snapshot, the entries after its place and the late ones make the state that the
timeline has, but for what is one tab's alone; no action that the server has still to answer is in a
snapshot; for the sake of history the log drops nothing that is not in the snapshot.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import takewhile
from typing import Any, NamedTuple

from logux_store.client.reasons import SYNCING
from logux_store.ids import OrderKey, order_key
from logux_store.log import Log, LogStore
from logux_store.meta import Entry, Meta
from logux_store.timeline import Item, Reducer, Timeline

__all__ = ["Snapshot", "Snapshots"]

SNAPSHOT, LATE = "snapshot", "late"


class Place(NamedTuple):
    """The place of the action with this id and time."""

    id: str
    time: int


class Snapshot(NamedTuple):
    """A state, the place of the last action in it, and the ids that were undone by then."""

    state: Any
    place: Place
    undone: list[str]

    @property
    def key(self) -> OrderKey:
        """The place, to compare it with others."""
        return order_key(*self.place)


class Snapshots:
    """The snapshots of one store. `version` tells apart those that other reducers have made;
    `encode` and `decode` make JSON of a state and a state of JSON, if it is not JSON itself.
    """

    __slots__ = (
        "_decode",
        "_encode",
        "_forgotten",
        "_history",
        "_key",
        "_local",
        "_log",
        "_new",
        "_pending",
        "_place",
        "_saved",
        "_shared",
        "_unsettled",
        "_version",
    )

    def __init__(
        self,
        log: Log,
        version: str,
        history: int,
        encode: Callable[[Any], Any] | None,
        decode: Callable[[Any], Any] | None,
    ) -> None:
        self._log = log
        self._version = version
        self._history = history
        self._encode = encode
        self._decode = decode
        # The fold of what is forgotten, and what has still to go in there.
        self._shared: Timeline
        self._forgotten: list[Item] = []
        # The last action that was forgotten, and how many were since the last snapshot.
        self._place: Place | None = None
        self._new = 0
        # The place of the snapshot that the log has; and what it was saved in and up to.
        self._key: OrderKey | None = None
        self._saved: tuple[LogStore, Place, int] | None = None
        # Ids: what is this tab's alone, what may be unanswered, and what of that is forgotten.
        self._local: set[str] = set()
        self._pending: set[str] = set()
        self._unsettled: set[str] = set()

    # Opening.

    def load(self) -> Snapshot | None:
        """What the log has, unless other reducers have made it."""
        saved = self._log.store.value(SNAPSHOT)
        if saved is None or saved["version"] != self._version:
            return None
        state = saved["state"] if self._decode is None else self._decode(saved["state"])
        return Snapshot(state, Place(saved["id"], saved["time"]), saved["undone"])

    def entries_after(self, snapshot: Snapshot) -> Iterator[Entry]:
        """The entries of the log that are not in the snapshot, in no particular order."""
        log, key = self._log, snapshot.key
        newest = log.entries("created", newest_first=True)
        yield from takewhile(lambda entry: entry[1].key > key, newest)
        for id in log.store.value(LATE) or ():
            entry = log.by_id(id)
            if entry is not None and entry[1].key <= key:
                yield entry

    def begin(self, reducer: Reducer, preloaded_state: Any, snapshot: Snapshot | None) -> None:
        """Start with a snapshot, or with nothing."""
        if snapshot is None:
            self._place = self._key = None
            self._shared = Timeline(reducer, preloaded_state, history=0)
        else:
            self._place, self._key = snapshot.place, snapshot.key
            self._shared = Timeline(reducer, snapshot.state, history=0, base=snapshot.key)
        self._saved = None
        self._forgotten = []
        self._new = 0
        self._unsettled.clear()

    # What happens.

    def note(self, meta: Meta) -> None:
        """An entry was added or moved, or is there already."""
        if meta.tab is not None:
            self._local.add(meta.id)
        elif SYNCING in meta.reasons:
            self._pending.add(meta.id)
        if self._key is not None and meta.added and meta.key <= self._key:
            store = self._log.store
            late = store.value(LATE) or []
            if meta.id not in late:
                store.set_value(LATE, [*late, meta.id])

    def drop(self, ids: list[str]) -> None:
        """The log has dropped entries, so the server answers them no more."""
        self._pending.difference_update(ids)

    def undo(self, ids: list[str]) -> None:
        """These are in the timeline no more."""
        self._local.difference_update(ids)

    def forget(self, items: list[Item]) -> None:
        """The timeline has forgotten these."""
        self._forgotten += items

    def replace_reducer(self, reducer: Reducer) -> None:
        """Go on with another reducer."""
        self._fold()
        self._shared.replace_reducer(reducer)

    def advance(self, timeline: Timeline, least: int | None = None) -> None:
        """Let the timeline forget, when it is time to, and save a snapshot then; `least` is how
        many forgotten actions are worth that, instead of `history`.
        """
        worth = self._history if least is None else least
        old = timeline.oldest(len(timeline) - self._history)
        settled = [*takewhile(lambda id: not self._is_pending(id), (id for _, id, _ in old))]
        if len(settled) >= worth:
            for id in settled:
                timeline.release(id)
        self._fold()
        if self._new >= worth:
            self._save(timeline)

    def limits(self, last: int) -> dict[str, Any] | None:
        """Which of the entries up to the number `last` the log may drop; None if none."""
        if self._saved is None or self._saved[0] is not self._log.store:
            return None
        _, place, added = self._saved
        return {"older_than": place, "max_added": min(last, added)}

    def _is_pending(self, id: str) -> bool:
        """Whether the server has still to answer the action."""
        if id in self._pending:
            entry = self._log.by_id(id)
            if entry is not None and SYNCING in entry[1].reasons:
                return True
            self._pending.discard(id)
        return False

    def _fold(self) -> None:
        """Fold what was forgotten."""
        items = [item for item in self._forgotten if item[1] not in self._local]
        # What a reducer raises here, it has raised when the action came.
        with suppress(Exception):
            self._shared.insert(items)
        for _, id, _ in items:
            self._shared.release(id)
            if self._is_pending(id):
                self._unsettled.add(id)
        for key, id, _ in self._forgotten:
            self._local.discard(id)
            if len(key) == 4:
                self._place = Place(id, key[0])
        self._new += len(self._forgotten)
        self._forgotten = []

    def _save(self, timeline: Timeline) -> None:
        self._unsettled = {id for id in self._unsettled if self._is_pending(id)}
        # A missed action has a place right after the base, but its time is before that: while it is
        # remembered, opening the log would not find it after the snapshot.
        missed = any(len(key) > 4 for key, _, _ in timeline.oldest(1))
        if self._unsettled or self._place is None or missed:
            return
        log = self._log
        log.store.set_value(
            SNAPSHOT,
            {
                "version": self._version,
                "id": self._place.id,
                "time": self._place.time,
                "undone": sorted(timeline.undone),
                "state": self.encoded(self._shared.state),
            },
        )
        log.store.set_value(LATE, None)
        self._key = order_key(*self._place)
        self._saved = log.store, self._place, log.store.last_added()
        self._new = 0

    def encoded(self, state: Any) -> Any:
        """The state as JSON. Raises TypeError if it would not come back as it is."""
        if self._encode is not None:
            return self._encode(state)
        check_plain(state)
        return state


def check_plain(state: Any) -> None:
    """Raise TypeError, which names the part at fault, unless the state comes back from JSON as it
    is.
    """
    waiting: list[tuple[str, Any]] = [("the state", state)]
    while waiting:
        where, value = waiting.pop()
        kind = type(value)
        if kind is dict:
            for name, inner in value.items():
                if type(name) is not str:
                    raise unfit(where, f"has the key {name!r}, which is no string")
                waiting.append((f"{where}[{name!r}]", inner))
        elif kind is list:
            waiting += [(f"{where}[{place}]", inner) for place, inner in enumerate(value)]
        elif kind is float:
            if value - value != 0:
                raise unfit(where, f"is {value}")
        elif kind not in PLAIN:
            raise unfit(where, f"is a {kind.__module__}.{kind.__qualname__}")


PLAIN = frozenset({str, int, bool, type(None)})


def unfit(where: str, what: str) -> TypeError:
    """The error for a part of the state that JSON cannot hold."""
    return TypeError(
        f"{where} {what}, which JSON does not keep as it is, so the state cannot be saved in a "
        "snapshot; give create_store_creator encode_state and decode_state, or leave out snapshot"
    )
