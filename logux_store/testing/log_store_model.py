"""A plain list that behaves as a log store should, and a Hypothesis machine that compares the two.

Touches a store only through the methods of `LogStore`; compares entries by what they say, so that
a store may give out copies.
"""

import logux_store.testing.extra  # noqa: F401  # isort: skip

from collections.abc import Callable, Sequence

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from logux_store.ids import order_key
from logux_store.log import LastSynced, LogStore, Order
from logux_store.meta import Entry, Meta

__all__ = ["ORDERS", "StoreMachine", "expect_entries", "same"]

ORDERS: tuple[Order, Order] = ("created", "added")
INDEXES = ("x", "y")
REASONS = ("r", "s", "t")

node_ids = st.sampled_from(["a", "10:b:c", "10:b:d", "\uffee", "\U0001f600"])
action_ids = st.builds(
    lambda ms, node, counter: f"{ms} {node} {counter}",
    st.integers(0, 9),
    node_ids,
    st.integers(0, 1),
)
times = st.integers(0, 9)
reason_names = st.sampled_from(REASONS)
reason_lists = st.lists(reason_names, min_size=1, unique=True)
index_lists = st.lists(st.sampled_from(INDEXES), unique=True)
numbers = st.none() | st.integers(0, 30)


class StoreMachine(RuleBasedStateMachine):
    """Does the same to a store and to a list of entries in the order of their arrival."""

    def __init__(
        self,
        make_store: Callable[[], LogStore],
        reopen: Callable[[LogStore], LogStore],
        discard: Callable[[LogStore], None],
    ) -> None:
        super().__init__()
        self.store = make_store()
        self.reopen_store = reopen
        self.discard_store = discard
        self.forget()

    def teardown(self) -> None:
        self.discard_store(self.store)

    def forget(self) -> None:
        self.model: list[Entry] = []
        self.last_added = 0
        self.last_synced = LastSynced(0, 0)
        self.values: dict[str, int | None] = {}
        self.remembered: set[str] = set()

    def find(self, id: str) -> Entry | None:
        return next((entry for entry in self.model if entry[1].id == id), None)

    def known_or(self, data: st.DataObject) -> str:
        known = [meta.id for _, meta in self.model]
        return data.draw(st.sampled_from(known) | action_ids if known else action_ids)

    @initialize(entries=st.lists(st.tuples(action_ids, times, reason_lists, index_lists)))
    def fill(self, entries: list[tuple[str, int, list[str], list[str]]]) -> None:
        # Hypothesis tries each rule with some of the others switched off; without this, most runs
        # would be on an empty store.
        for id, time, reasons, indexes in entries:
            self.add(id, time, reasons, indexes, 0)

    @rule(id=action_ids, time=times, reasons=reason_lists, indexes=index_lists, value=st.integers())
    def add(self, id: str, time: int, reasons: list[str], indexes: list[str], value: int) -> None:
        meta = Meta(id, time, reasons, indexes=indexes or None)
        added = self.store.add({"type": "t", "value": value}, meta)
        same(added, self.find(id) is None)
        if added:
            self.last_added += 1
            same(meta.added, self.last_added)
            self.model.append(({"type": "t", "value": value}, meta.copy()))

    @rule(data=st.data(), value=st.integers(), reasons=st.none() | reason_lists)
    def change_meta(self, data: st.DataObject, value: int, reasons: list[str] | None) -> None:
        id = self.known_or(data)
        diff = {"own": value} if reasons is None else {"own": value, "reasons": reasons}
        entry = self.find(id)
        same(self.store.change_meta(id, diff), entry is not None)
        if entry is not None:
            entry[1].own = value
            entry[1].reasons = entry[1].reasons if reasons is None else reasons

    @rule(data=st.data(), time=times)
    def set_time(self, data: st.DataObject, time: int) -> None:
        id = self.known_or(data)
        entry = self.find(id)
        moved = self.store.set_time(id, time)
        same(moved and moved[0], entry and entry[1].key)
        if entry is not None:
            entry[1].time, entry[1].key = time, order_key(id, time)

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        id = self.known_or(data)
        entry = self.find(id)
        same_entries([self.store.remove(id)], [entry])
        if entry is not None:
            self.model.remove(entry)

    @rule(
        reason=reason_names,
        data=st.data(),
        only=st.booleans(),
        low=numbers,
        high=numbers,
    )
    def remove_reason(
        self,
        reason: str,
        data: st.DataObject,
        only: bool,
        low: int | None,
        high: int | None,
    ) -> None:
        id = self.known_or(data) if only else None
        metas = st.sampled_from([None, *(meta.copy() for _, meta in self.model)])
        bounds = metas | st.builds(Meta, action_ids, times)
        older, younger = data.draw(bounds), data.draw(bounds)
        removed = self.store.remove_reason(
            reason,
            id=id,
            older_than=older,
            younger_than=younger,
            min_added=low,
            max_added=high,
        )
        gone = []
        for entry in self.model:
            meta = entry[1]
            if (
                reason in meta.reasons
                and (id is None or meta.id == id)
                and (older is None or meta.key < older.key)
                and (younger is None or meta.key > younger.key)
                and (low is None or meta.added >= low)
                and (high is None or meta.added <= high)
            ):
                meta.reasons.remove(reason)
                if not meta.reasons:
                    gone.append(entry)
        same_entries(removed, gone)
        self.model = [entry for entry in self.model if entry[1].reasons]

    @rule(sent=numbers, received=numbers)
    def set_last_synced(self, sent: int | None, received: int | None) -> None:
        self.store.set_last_synced(sent=sent, received=received)
        last = self.last_synced
        self.last_synced = LastSynced(
            last.sent if sent is None else sent, last.received if received is None else received
        )

    @rule(name=st.sampled_from(INDEXES), value=st.none() | st.integers())
    def set_value(self, name: str, value: int | None) -> None:
        self.store.set_value(name, value)
        self.values[name] = value

    @rule(id=action_ids)
    def remember(self, id: str) -> None:
        same(self.store.remember(id), id not in self.remembered)
        self.remembered.add(id)

    @rule()
    def reopen(self) -> None:
        self.store = self.reopen_store(self.store)

    @precondition(lambda self: len(self.model) > 8)
    @rule()
    def clean(self) -> None:
        self.store.clean()
        self.forget()

    @invariant()
    def both_hold_the_same(self) -> None:
        expect_entries(self.store, self.model)
        for index in INDEXES:
            listed = [entry for entry in self.model if index in (entry[1].indexes or ())]
            expect_entries(self.store, listed, index=index)
        for reason in REASONS:
            kept = [entry for entry in self.model if reason in entry[1].reasons]
            same_entries(list(self.store.entries_with_reason(reason)), kept)
        for entry in self.model:
            same_entries([self.store.by_id(entry[1].id)], [entry])
        same(self.store.last_added(), self.last_added)
        same(self.store.last_synced(), self.last_synced)
        for name in INDEXES:
            same(self.store.value(name), self.values.get(name))

    @rule(id=action_ids)
    def both_remember_the_same(self, id: str) -> None:
        same(self.store.remembers(id), id in self.remembered)
        same(self.store.by_id(id) is None, self.find(id) is None)


def expect_entries(store: LogStore, entries: list[Entry], index: str | None = None) -> None:
    """Both orders, both ways; `entries` are in the order of their arrival."""
    by_time = sorted(entries, key=lambda entry: entry[1].key)
    for order, expected in zip(ORDERS, (by_time, entries), strict=True):
        same_entries(list(store.entries(order, index=index)), expected)
        backwards = store.entries(order, index=index, newest_first=True)
        same_entries(list(backwards), expected[::-1])


def same_entries(actual: Sequence[Entry | None], expected: Sequence[Entry | None]) -> None:
    """The keys of meta are compared, and the place in the order, which is not one of them."""
    same([plain(entry) for entry in actual], [plain(entry) for entry in expected])


def plain(entry: Entry | None) -> object:
    return entry and (entry[0], entry[1].to_dict(), entry[1].key)


def same(actual: object, expected: object, case: object = "") -> None:
    """An assertion whose message shows both, also where pytest does not rewrite it."""
    assert actual == expected, f"{case} gave {actual!r}, not {expected!r}".lstrip()
