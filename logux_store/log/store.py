"""What a log needs of the place where it keeps its entries.

Every method is a plain function: when it returns, the change is visible. Whether it would also
survive a crash is `when_durable`'s matter. `logux_store.testing.LogStoreContract` tests any
implementation.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from logux_store.actions import Action
from logux_store.ids import OrderKey, Timed
from logux_store.meta import Entry, Meta

__all__ = ["REMEMBERED", "REMEMBERED_PER_CLIENT", "LastSynced", "LogStore", "Order"]

Order: TypeAlias = Literal["created", "added"]
"""`created` is the order of actions in time, the same on every node; `added` that of their arrival
here.
"""

REMEMBERED_PER_CLIENT = 1000
"""How many ids of processed actions a store remembers for each client id unless told otherwise."""

REMEMBERED = 100_000
"""How many it remembers for all clients together, so that clients which never come back do not fill
the memory.
"""


class LastSynced(NamedTuple):
    """`sent`: the largest `added` of this log that the other side acknowledged; `received`: of the
    other side's log that this side has received.
    """

    sent: int
    received: int


class LogStore(Protocol):
    """Keeps entries in both orders. Implementations may assume that one process and one thread use
    them, unless they say otherwise.

    They may also rely on what `Log` has checked: metas have a proper id, an integer time, and
    reasons and indexes that are lists of different strings.
    """

    def add(self, action: Action, meta: Meta) -> bool:
        """Keep an entry and set `meta.added` to its number; False, with nothing changed, if the id
        is known.
        """
        ...

    def by_id(self, id: str) -> Entry | None:
        """The entry with this id."""
        ...

    def change_meta(self, id: str, diff: Mapping[str, Any]) -> bool:
        """Set keys of an entry's meta; False if there is no such entry."""
        ...

    def set_time(self, id: str, time: int) -> tuple[OrderKey, Entry] | None:
        """Move an entry to another time (ms); `added` stays. Returns its old key, and the entry.

        Raises TypeError, with nothing changed, for a time that is no integer.
        """
        ...

    def remove(self, id: str) -> Entry | None:
        """Remove an entry, whatever its reasons, and return it."""
        ...

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
        """Take a reason off every entry that meets all criteria.

        `older_than` and `younger_than` do not include the action itself, `min_added` and
        `max_added` do. Returns the entries left with no reason, now removed, in the order in which
        they were added.
        """
        ...

    def entries(
        self, order: Order = "created", *, index: str | None = None, newest_first: bool = False
    ) -> Iterator[Entry]:
        """Iterate lazily, oldest first unless asked otherwise; the store may change meanwhile.

        An entry that is there from the beginning to the end comes once, one that is removed before
        its turn does not come. One that is added or moved meanwhile may come or not. Raises
        ValueError for an unknown order.
        """
        ...

    def entries_with_reason(self, reason: str) -> Iterator[Entry]:
        """Iterate over the entries that have this reason, in the order in which they were added, as
        `entries` does: lazily, while the store may change.
        """
        ...

    def last_added(self) -> int:
        """The largest `added` ever given; 0 for a new store."""
        ...

    def last_synced(self) -> LastSynced:
        """What `set_last_synced` was told; zeros for a new store."""
        ...

    def set_last_synced(self, *, sent: int | None = None, received: int | None = None) -> None:
        """Set either number, or both."""
        ...

    def value(self, name: str) -> Any:
        """What `set_value` was told under this name; None if nothing."""
        ...

    def set_value(self, name: str, value: Any) -> None:
        """Keep a JSON value under a name, or with None forget what is there. It lasts as long as
        the log does; whoever gets it must not change it.

        A store that writes it down raises TypeError or ValueError, with nothing changed, when it
        has no JSON form.
        """
        ...

    def remember(self, id: str) -> bool:
        """Remember that the action was processed, though the log may not keep it; False if that
        was known.

        Bounded: of each client id's actions the ones remembered last stay, and of all clients'
        those of the clients that were heard of last.
        """
        ...

    def remembers(self, id: str) -> bool:
        """Whether `remember` was called for this id, and the memory of it is not yet pushed out."""
        ...

    def when_durable(self, callback: Callable[[], None]) -> None:
        """Call back once everything that was written so far would survive a crash; at once if
        nothing more can be done for it.
        """
        ...

    def clean(self) -> None:
        """Forget everything, as if the store were new."""
        ...
