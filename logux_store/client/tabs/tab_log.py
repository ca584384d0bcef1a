"""The log of a tab: a `Log` that tells of its changes, and takes those of other tabs.

An entry of another tab has been through the `preadd` listeners there, so they are not called again,
and its meta stays as it is.

Invariant: `changed` hears of every change of an entry that is not this tab's alone, except of those
that `apply` and `arrive` were told to make, and of those that every tab makes by itself.
"""

from collections.abc import Callable, Iterable
from typing import Any

from logux_store.actions import Action
from logux_store.client.tabs.ops import Op, criteria_of, read_criteria
from logux_store.events import call_all, raise_all
from logux_store.ids import Clock, OrderKey, Timed, is_first_older
from logux_store.log import Log, LogStore
from logux_store.meta import Entry, Meta

__all__ = ["SYNCING", "TabLog"]

SYNCING = "syncing"


class TabLog(Log):
    """`changed(op)` is called before the other listeners of what the op is about."""

    def __init__(
        self, node_id: str, store: LogStore | None, clock: Clock, changed: Callable[[Op], None]
    ) -> None:
        super().__init__(node_id, store, clock)
        self.changed = changed
        # Ids of entries that are being added because another tab says so.
        self.arriving: set[str] = set()
        # Whether entries are being removed for a reason that the other tabs know.
        self._told = False
        self.on("add", self._on_add)
        self.on_drop(self._on_drop)

    def _on_add(self, action: Action, meta: Meta) -> None:
        if meta.tab is None and meta.id not in self.arriving:
            self.changed(("add", action, meta))

    def _on_drop(self, entries: list[Entry]) -> None:
        if not self._told:
            ids = [meta.id for _, meta in entries if meta.tab is None and meta.added]
            if ids:
                self.changed(("drop", ids))

    def remove_reason(
        self,
        reason: str,
        *,
        id: str | None = None,
        older_than: Timed | None = None,
        younger_than: Timed | None = None,
        min_added: int | None = None,
        max_added: int | None = None,
    ) -> int:
        if min_added is None and max_added is None:
            criteria = criteria_of(id, older_than, younger_than)
        else:
            # `added` has another meaning in each tab.
            entries = self.store.entries_with_reason(reason)
            bounds = (id, older_than, younger_than, min_added, max_added)
            criteria = {"ids": [meta.id for _, meta in entries if is_within(meta, *bounds)]}
        told, self._told = self._told, True
        try:
            removed = super().remove_reason(
                reason,
                id=id,
                older_than=older_than,
                younger_than=younger_than,
                min_added=min_added,
                max_added=max_added,
            )
        finally:
            self._told = told
            if criteria.get("ids") != []:
                self.changed(("unreason", reason, criteria))
        return removed

    def change_meta(self, id: str, /, **diff: Any) -> bool:
        entry = self.by_id(id)
        told, self._told = self._told, False
        try:
            changed = super().change_meta(id, **diff)
        finally:
            self._told = told
        if entry is not None and entry[1].tab is None and diff.get("reasons") != []:
            self.changed(("change", id, diff))
        return changed

    def move(self, id: str, time: int) -> bool:
        moved = super().move(id, time)
        if moved:
            self.changed(("move", id, time))
        return moved

    def apply(self, op: Op) -> bool:
        """Make a change that another tab has made; False if there was nothing to do.

        Raises what listeners raise, once the change is made.
        """
        told, self._told = self._told, True
        try:
            match op:
                case ("add", action, meta):
                    return self._take(action, meta)
                case ("drop", ids):
                    return sum(super(TabLog, self).change_meta(id, reasons=[]) for id in ids) > 0
                case ("unreason", reason, criteria):
                    return self._take_off(reason, criteria) > 0
                case ("change", id, diff):
                    return super().change_meta(id, **diff)
                case ("move", id, time):
                    return super().move(id, time)
                case ("clean",):
                    self.store.clean()
            return True
        finally:
            self._told = told

    def _take(self, action: Action, meta: Meta) -> bool:
        self.arriving.add(meta.id)
        try:
            return self.put(action, meta, generated=False, told=True) is not None
        finally:
            self.arriving.discard(meta.id)

    def _take_off(self, reason: str, criteria: dict[str, Any]) -> int:
        if "ids" in criteria:
            return sum(super(TabLog, self).remove_reason(reason, id=id) for id in criteria["ids"])
        return super().remove_reason(reason, **read_criteria(criteria))

    def settle(self, id: str) -> None:
        """Take off the reason to keep an action until the server has answered it, which every tab
        does by itself when it hears of the answer.
        """
        told, self._told = self._told, True
        try:
            super().remove_reason(SYNCING, id=id)
        finally:
            self._told = told

    def replace_store(
        self,
        store: LogStore,
        added: Iterable[Entry],
        dropped: Iterable[Entry],
        moved: Iterable[tuple[OrderKey, Entry]],
        starts: bool = False,
    ) -> None:
        """Go on with another store, and announce in one batch how it differs from the former. With
        `starts` it has more, which whoever needs it has to read.

        Raises what listeners raise, once all is announced.
        """
        self.store = store
        added, dropped = [*added], [*dropped]
        ids = {meta.id for _, meta in added}
        told, self._told = self._told, True
        self.arriving |= ids
        try:
            with self.batch():
                errors: list[Exception] = []
                self._events.emit("store", starts)
                for old_key, (action, meta) in moved:
                    self._events.emit("move", action, meta, old_key)
                for entry in added:
                    errors += call_all(self._listeners.route(*entry).add, *entry)
                errors += self._clean(dropped)
                raise_all(errors)
        finally:
            self.arriving -= ids
            self._told = told


def is_within(
    meta: Meta,
    id: str | None,
    older_than: Timed | None,
    younger_than: Timed | None,
    min_added: int | None,
    max_added: int | None,
) -> bool:
    """Whether an entry meets the criteria of `Log.remove_reason`."""
    return (
        (id is None or meta.id == id)
        and (older_than is None or is_first_older(meta, older_than))
        and (younger_than is None or is_first_older(younger_than, meta))
        and (min_added is None or meta.added >= min_added)
        and (max_added is None or meta.added <= max_added)
    )
