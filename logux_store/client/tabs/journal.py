"""A tab's place in the history that the tabs share, and what it has not yet given to it.

The history is the stream of changes that a leader publishes, once they are durable, numbered from 1
in each `epoch`, which is one tab's time as leader. `pending` are the changes that this tab has made
and not yet seen in the stream.

When a leader goes, its followers may have got a different number of its last changes. The next
leader notes how much of the former epoch it knows, in `ends`, and hands all these notes on to its
followers. So a tab that comes back, from whatever epoch, learns how much of what it has seen the
others know: what they do not know it hands over, and what they know and have no more was dropped.

Invariants: numbers of pending changes grow, and the changes are handed over in this order; `recent`
has the last changes of the present epoch, in order.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable

from logux_store.actions import Action
from logux_store.client.tabs.ops import Op
from logux_store.meta import Entry, Meta

__all__ = ["EVERYTHING", "Journal"]

EVERYTHING = 2**53 - 1
"""The end of an epoch whose leader had a store that the next one has taken over: nothing is
published before it is in there.
"""

RECENT = 10_000
"""How many changes another follower can be behind when a leader without a persistent store dies."""

EPOCHS = 1000
"""How many changes of leader a tab can sleep through."""

ANSWERS = 2000
"""For how many actions it is remembered how the server answered them."""


class Journal:
    """One tab's part in the shared history."""

    __slots__ = (
        "_last_seq",
        "_waiting",
        "added",
        "answers",
        "ends",
        "epoch",
        "handed",
        "identity",
        "pending",
        "position",
        "recent",
    )

    def __init__(self) -> None:
        self.epoch: str | None = None
        self.position = 0
        # The store of the epoch's leader, and the `added` of its last entry that was published.
        self.identity: str | None = None
        self.added = 0
        self.ends: OrderedDict[str, int] = OrderedDict()
        self.recent: deque[tuple[int, Op]] = deque(maxlen=RECENT)
        self.pending: dict[int, Op] = {}
        # The last number that was handed over on the present channel.
        self.handed = 0
        self._last_seq = 0
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()
        self.answers: OrderedDict[str, Entry] = OrderedDict()

    def begin(self, epoch: str, identity: str | None, position: int = 0) -> None:
        """Another leader's stream begins here."""
        self.epoch, self.identity, self.position = epoch, identity, position
        self.recent.clear()

    def end_epoch(self, end: int) -> None:
        """Note that the present epoch is over, and how much of it counts."""
        if self.epoch is not None:
            self.ends[self.epoch] = end
            while len(self.ends) > EPOCHS:
                self.ends.popitem(last=False)

    def known_of(self, epoch: str | None, position: int) -> int | None:
        """How much of what a tab has seen this one has seen as well: up to which change of that
        epoch; None if nothing is known of it.
        """
        if epoch is None:
            return None
        if epoch == self.epoch:
            return position
        end = self.ends.get(epoch)
        return None if end is None else min(end, position)

    def add(self, op: Op) -> None:
        """This tab has made a change."""
        seq = self._last_seq
        last = self.pending.get(seq)
        if op[0] == "drop" and last is not None and last[0] == "drop" and seq > self.handed:
            last[1].extend(op[1])
        else:
            self._last_seq += 1
            self.pending[self._last_seq] = op

    def replace(self, ops: Iterable[Op]) -> None:
        """These are the pending changes, in this order; none of them is handed over."""
        self.pending = dict(enumerate(ops, self._last_seq + 1))
        self._last_seq += len(self.pending)
        self.handed = min(self.pending, default=self._last_seq + 1) - 1
        # Who waited, waits for all of them.
        self._waiting = deque((self._last_seq, callback) for _, callback in self._waiting)
        self._call_waiting()

    def to_hand(self) -> list[tuple[int, Op]]:
        """The changes to hand over next."""
        return [(seq, op) for seq, op in self.pending.items() if seq > self.handed]

    def acknowledge(self, seq: int) -> Op | None:
        """A pending change has come back in the stream."""
        op = self.pending.pop(seq, None)
        self._call_waiting()
        return op

    def when_shared(self, callback: Callable[[], None]) -> None:
        """Call back once nothing that is pending now is pending any more."""
        self._waiting.append((self._last_seq, callback))
        self._call_waiting()

    def _call_waiting(self) -> None:
        first = next(iter(self.pending), None)
        while self._waiting and (first is None or self._waiting[0][0] < first):
            self._waiting.popleft()[1]()

    def answered(self, id: str, action: Action, meta: Meta) -> None:
        """Remember how the server answered an action."""
        self.answers[id] = (action, meta)
        if len(self.answers) > ANSWERS:
            self.answers.popitem(last=False)
