"""What every log store has to do, as tests that any implementation can be put through.

    class TestMyStore(LogStoreContract):
        def make_store(self) -> MyStore:
            return MyStore(...)

Needs pytest to run them and Hypothesis (the extra `testing`). Nothing here looks at how a store
keeps its entries, nor at whether it gives out the metas that it was given or others like them.
"""

import logux_store.testing.extra  # noqa: F401  # isort: skip

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from logux_store.ids import order_key
from logux_store.log import LastSynced, LogStore, Order
from logux_store.log.store import REMEMBERED_PER_CLIENT
from logux_store.meta import Meta
from logux_store.testing.log_store_model import ORDERS, StoreMachine, expect_entries, same

__all__ = ["LogStoreContract"]


class LogStoreContract:
    """The contract of `LogStore`; subclass it, name the subclass `Test…`, and give it `make_store`.

    `machine_settings` are the Hypothesis settings of the long random comparison with a model; None
    are those of the loaded profile.
    """

    machine_settings: settings | None = None

    def make_store(self) -> LogStore:
        """A new, empty store; it is called several times in one test."""
        raise NotImplementedError("a subclass of LogStoreContract needs make_store()")

    def reopen(self, store: LogStore) -> LogStore:
        """A persistent store closes here and opens again, which must change nothing."""
        return store

    def discard(self, store: LogStore) -> None:
        """Called when a test needs a store no more, for what holds files or connections."""

    # -- what is in it --

    def test_a_new_store_is_empty(self) -> None:
        store = self.make_store()
        expect_entries(store, [])
        same(store.last_added(), 0)
        same(store.last_synced(), LastSynced(0, 0))
        same(store.by_id("1 a 0"), None)
        self.discard(store)

    def test_entries_are_sorted_by_time_and_by_arrival(self) -> None:
        store = self.make_store()
        late_in_time = ("1 c 0", 2), ("1 b 1", 2), ("3 b 0", 2), ("1 é 0", 2), ("1 \U0001f600 0", 2)
        for id, time in (("1 a 0", 1), *late_in_time, ("9 a 0", 0)):
            store.add({"type": id}, Meta(id, time, ["r"]))
        created = ["9 a 0", "1 a 0", "3 b 0", "1 b 1", "1 c 0", "1 é 0", "1 \U0001f600 0"]
        added = ["1 a 0", *(id for id, _ in late_in_time), "9 a 0"]
        same([meta.id for _, meta in store.entries()], created)
        same([meta.id for _, meta in store.entries("created", newest_first=True)], created[::-1])
        same([meta.id for _, meta in store.entries("added")], added)
        same([meta.id for _, meta in store.entries("added", newest_first=True)], added[::-1])
        self.discard(store)

    def test_node_ids_are_ordered_as_javascript_does(self) -> None:
        store = self.make_store()
        for node in ("\uffee", "\U0001f600", "z"):
            store.add({"type": "a"}, Meta(f"1 {node} 0", 1, ["r"]))
        ids = [meta.id for _, meta in store.entries()]
        same(ids, ["1 z 0", "1 \U0001f600 0", "1 \uffee 0"])
        self.discard(store)

    def test_an_entry_is_found_by_its_id_and_by_its_indexes(self) -> None:
        store = self.make_store()
        store.add({"type": "1"}, Meta("1 a 0", 2, ["r"], indexes=["x", "y"]))
        store.add({"type": "2"}, Meta("2 a 0", 1, ["r"], indexes=["x"]))
        store.add({"type": "3"}, Meta("3 a 0", 3, ["r"]))
        found = store.by_id("2 a 0")
        same(found and found[0], {"type": "2"})
        same([a["type"] for a, _ in store.entries("created", index="x")], ["2", "1"])
        same([a["type"] for a, _ in store.entries("added", index="x")], ["1", "2"])
        same([a["type"] for a, _ in store.entries(index="y")], ["1"])
        same(list(store.entries(index="z")), [])
        self.discard(store)

    def test_entries_are_found_by_a_reason(self) -> None:
        store = self.make_store()
        for id, reasons in (("3 a 0", ["r"]), ("1 a 0", ["r", "s"]), ("2 a 0", ["s"])):
            store.add({"type": "t"}, Meta(id, 1, reasons))
        same([meta.id for _, meta in store.entries_with_reason("r")], ["3 a 0", "1 a 0"])
        same([meta.id for _, meta in store.entries_with_reason("s")], ["1 a 0", "2 a 0"])
        same(list(store.entries_with_reason("no")), [])
        seen = []
        for _, meta in store.entries_with_reason("s"):
            seen.append(meta.id)
            store.remove_reason("s")
        same(seen, ["1 a 0"])
        self.discard(store)

    def test_an_unknown_order_is_refused(self) -> None:
        store = self.make_store()
        expect_error(ValueError, lambda: list(store.entries("oldest")))  # type: ignore[arg-type]
        self.discard(store)

    def test_every_key_of_the_meta_and_the_whole_action_are_kept(self) -> None:
        store = self.make_store()
        action = {"type": "t", "list": [1, None, "é\u2028"], "map": {"a": True, "b": 1.5}}
        meta = Meta("1 a 0", 7, ["r", "s"], subprotocol=3, tab="t", sync=True, indexes=["x"])
        meta.channels, meta.status, meta.own = ["c"], "waiting", {"deep": [1]}
        store.add(action, meta)
        store = self.reopen(store)
        entry = store.by_id("1 a 0")
        assert entry is not None
        same(entry[0], action)
        same(entry[1].to_dict(), {**meta.to_dict(), "added": 1})
        same(entry[1].key, order_key("1 a 0", 7))
        self.discard(store)

    def test_a_known_id_changes_nothing(self) -> None:
        store = self.make_store()
        same(store.add({"type": "1"}, Meta("1 a 0", 1, ["r"])), True)
        second = Meta("1 a 0", 2, ["s"], indexes=["x"])
        same(store.add({"type": "2"}, second), False)
        same(second.added, 0)
        expect_entries(store, [({"type": "1"}, Meta("1 a 0", 1, ["r"], added=1))])
        same(store.last_added(), 1)
        same(list(store.entries(index="x")), [])
        same(store.remove_reason("s"), [])
        self.discard(store)

    def test_numbers_go_up_even_if_the_newest_entry_is_removed(self) -> None:
        store = self.make_store()
        for id in ("1 a 0", "2 a 0"):
            store.add({"type": "t"}, Meta(id, 1, ["r"]))
            store.remove(id)
        store = self.reopen(store)
        same(store.last_added(), 2)
        meta = Meta("1 a 0", 1, ["r"])
        store.add({"type": "t"}, meta)
        same(meta.added, 3)
        self.discard(store)

    # -- changes --

    def test_keys_of_an_entry_change_wherever_it_is_listed(self) -> None:
        store = self.make_store()
        store.add({"type": "t"}, Meta("1 a 0", 1, ["r"], indexes=["x"], own=1))
        same(store.change_meta("1 a 0", {"own": 2, "status": "processed"}), True)
        same(store.change_meta("2 a 0", {"own": 2}), False)
        changed = Meta("1 a 0", 1, ["r"], indexes=["x"], own=2, status="processed", added=1)
        expect_entries(store, [({"type": "t"}, changed)])
        expect_entries(store, [({"type": "t"}, changed)], index="x")
        self.discard(store)

    def test_changed_reasons_count(self) -> None:
        store = self.make_store()
        store.add({"type": "t"}, Meta("1 a 0", 1, ["r", "s"]))
        reasons = ["s", "new"]
        store.change_meta("1 a 0", {"reasons": reasons})
        reasons.append("not this one")
        same(store.remove_reason("r"), [])
        same(store.remove_reason("s"), [])
        same([meta.id for _, meta in store.remove_reason("new")], ["1 a 0"])
        expect_entries(store, [])
        self.discard(store)

    def test_a_moved_entry_keeps_its_number_and_gets_its_place(self) -> None:
        store = self.make_store()
        for ms in (1, 2, 3):
            store.add({"type": "t"}, Meta(f"{ms} a 0", ms, ["r"], indexes=["x"]))
        moved = store.set_time("1 a 0", 9)
        assert moved is not None
        old_key, (_, meta) = moved
        same(old_key, order_key("1 a 0", 1))
        same((meta.time, meta.key, meta.added), (9, order_key("1 a 0", 9), 1))
        same(store.set_time("8 a 0", 9), None)
        expect_error(TypeError, lambda: store.set_time("2 a 0", 1.5))  # type: ignore[arg-type]
        for index in (None, "x"):
            same([m.id[0] for _, m in store.entries(index=index)], ["2", "3", "1"])
            same([m.id[0] for _, m in store.entries("added", index=index)], ["1", "2", "3"])
        self.discard(store)

    def test_a_removed_entry_is_nowhere(self) -> None:
        store = self.make_store()
        for ms in (1, 2, 3):
            store.add({"type": "t"}, Meta(f"{ms} a 0", ms, ["r", "s"], indexes=["x"]))
        removed = store.remove("2 a 0")
        same(removed and removed[1].reasons, ["r", "s"])
        same(store.remove("2 a 0"), None)
        same(store.by_id("2 a 0"), None)
        for index in (None, "x"):
            for order in ORDERS:
                same([m.id[0] for _, m in store.entries(order, index=index)], ["1", "3"])
        same([m.id[0] for _, m in store.remove_reason("r")], [])
        same([m.id[0] for _, m in store.remove_reason("s")], ["1", "3"])
        self.discard(store)

    def test_a_reason_is_taken_off_what_meets_all_criteria(self) -> None:
        bound = Meta("3 a 0", 3)
        cases: list[tuple[dict[str, Any], str]] = [
            ({}, "12345"),
            ({"id": "2 a 0"}, "2"),
            ({"id": "7 a 0"}, ""),
            ({"id": "6 a 0"}, ""),
            ({"older_than": bound}, "12"),
            ({"younger_than": bound}, "45"),
            ({"min_added": 2}, "1234"),
            ({"min_added": 0, "max_added": 2}, "53"),
            ({"max_added": 0}, ""),
            ({"max_added": 3, "older_than": bound}, "1"),
            ({"younger_than": Meta("1 a 0", 1), "older_than": Meta("5 a 0", 5)}, "234"),
            ({"id": "2 a 0", "max_added": 3}, ""),
            ({"id": "2 a 0", "min_added": 4, "older_than": bound}, "2"),
        ]
        for criteria, expected in cases:
            store = self.make_store()
            for number in "53124":
                store.add({"type": "t"}, Meta(f"{number} a 0", int(number), ["r"]))
            store.add({"type": "t"}, Meta("6 a 0", 2, ["s"]))
            removed = store.remove_reason("r", **criteria)
            same(sorted(m.id[0] for _, m in removed), sorted(expected), criteria)
            same([m.reasons for _, m in removed], [[] for _ in expected])
            same([m.added for _, m in removed], sorted(m.added for _, m in removed))
            left = [m.id[0] for _, m in store.entries("added")]
            same(left, [number for number in "531246" if number not in expected], criteria)
            self.discard(store)

    def test_an_entry_with_another_reason_stays(self) -> None:
        store = self.make_store()
        store.add({"type": "t"}, Meta("1 a 0", 1, ["r", "s"]))
        same(store.remove_reason("r"), [])
        same(store.remove_reason("r"), [])
        entry = store.by_id("1 a 0")
        same(entry and entry[1].reasons, ["s"])
        self.discard(store)

    # -- what else it remembers --

    def test_what_was_synced_is_set_together_or_alone(self) -> None:
        store = self.make_store()
        store.set_last_synced(sent=1)
        same(store.last_synced(), LastSynced(sent=1, received=0))
        store.set_last_synced(received=2)
        same(store.last_synced(), LastSynced(sent=1, received=2))
        store.set_last_synced(sent=4, received=3)
        store = self.reopen(store)
        same(store.last_synced(), LastSynced(sent=4, received=3))
        self.discard(store)

    def test_values_are_kept_under_their_names(self) -> None:
        store = self.make_store()
        deep = {"list": [1, None, "é\u2028\ud800"], "map": {"a": True, "b": 1.5}}
        store.set_value("number", 1)
        store.set_value("number", -2)
        store.set_value("deep", deep)
        store.set_value("gone", "text")
        store.set_value("gone", None)
        store.set_value("never there", None)
        store = self.reopen(store)
        names = ("number", "deep", "gone", "never there")
        same([store.value(name) for name in names], [-2, deep, None, None])
        self.discard(store)

    def test_processed_ids_are_remembered_within_a_bound_for_each_client(self) -> None:
        store = self.make_store()
        same(store.remember("1 20:b:tab 0"), True)
        # The tabs of one client share its bound.
        ids = [f"{ms} 10:a:{ms % 3} 0" for ms in range(REMEMBERED_PER_CLIENT + 1)]
        for id in ids:
            same(store.remember(id), True)
        store = self.reopen(store)
        same([id for id in ids if not store.remembers(id)], ids[:1])
        same(store.remember(ids[-1]), False)
        same(store.remember("1 20:b:tab 0"), False)
        same(store.remembers("2 20:b:tab 0"), False)
        same(store.by_id(ids[-1]), None)
        self.discard(store)

    def test_a_clean_store_is_as_new(self) -> None:
        store = self.make_store()
        store.add({"type": "t"}, Meta("1 a 0", 1, ["r"], indexes=["x"]))
        store.set_last_synced(sent=1, received=1)
        store.set_value("name", 1)
        store.remember("1 a 0")
        store.clean()
        store = self.reopen(store)
        expect_entries(store, [])
        expect_entries(store, [], index="x")
        same((store.last_added(), store.last_synced()), (0, LastSynced(0, 0)))
        same((store.by_id("1 a 0"), store.remembers("1 a 0")), (None, False))
        same(store.value("name"), None)
        same(store.remove_reason("r"), [])
        self.discard(store)

    # -- in general --

    def test_an_iteration_goes_on_while_the_store_changes(self) -> None:
        # Hypothesis refuses a test method that several classes inherit; hence the function inside.
        @given(st.data(), st.sampled_from(ORDERS), st.booleans(), st.sampled_from([None, "x"]))
        def check(data: st.DataObject, order: Order, newest_first: bool, index: str | None) -> None:
            store = self.make_store()
            try:
                disturb_iteration(store, data, order, newest_first, index)
            finally:
                self.discard(store)

        check()

    def test_it_does_what_a_plain_list_does(self) -> None:
        run_state_machine_as_test(
            lambda: StoreMachine(self.make_store, self.reopen, self.discard),  # type: ignore[arg-type]
            settings=self.machine_settings,
        )


def disturb_iteration(
    store: LogStore, data: st.DataObject, order: Order, newest_first: bool, index: str | None
) -> None:
    """What nobody touched comes once and in order, what is removed before its turn does not."""
    times = st.integers(0, 30)

    def add(id: str) -> None:
        store.add({"type": "t"}, Meta(id, data.draw(times), ["r"], indexes=["x"]))

    for ms in range(data.draw(st.integers(0, 8))):
        add(f"{ms} a 0")
    changes = data.draw(st.lists(st.lists(st.integers(0, 12), max_size=3), max_size=8))
    before = [m.id for _, m in store.entries(order, index=index, newest_first=newest_first)]
    changed: set[str] = set()
    seen: list[str] = []
    for _, meta in store.entries(order, index=index, newest_first=newest_first):
        assert store.by_id(meta.id) is not None, "an entry came after it was removed"
        seen.append(meta.id)
        for ms in changes.pop() if changes else ():
            id = f"{ms} a 0"
            changed.add(id)
            if store.by_id(id) is None:
                add(id)
            elif data.draw(st.booleans()):
                store.remove(id)
            else:
                store.set_time(id, data.draw(times))
    same([id for id in seen if id not in changed], [id for id in before if id not in changed])


def expect_error(error: type[Exception], call: Callable[[], object]) -> None:
    try:
        result = call()
    except error:
        return
    raise AssertionError(f"{error.__name__} expected; got {result!r}")
