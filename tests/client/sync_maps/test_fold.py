"""What actions make of an object, and which of them may be forgotten."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from logux_store import Meta
from logux_store.client.sync_maps.fold import confirmed, fold, outdated, sorted_entries
from logux_store.client.sync_maps.names import Names
from logux_store.meta import Entry

NAMES = Names("tasks")


def entry(number: int, verb: str, fields: dict[str, Any] | None = None) -> Entry:
    action: dict[str, Any] = {"type": f"tasks/{verb}", "id": "1"}
    if verb not in ("delete", "deleted"):
        action["fields"] = fields or {}
    return action, Meta(f"{number} server:x 0", number)


def test_the_last_write_of_each_field_wins() -> None:
    entries = [entry(1, "created", {"a": 1, "b": 1}), entry(2, "change", {"a": 2})]
    assert fold(NAMES, entries) == ({"a": 2, "b": 1}, True, False)


def test_nothing_is_written_between_a_deletion_and_a_creation() -> None:
    entries = [
        entry(1, "changed", {"a": 1}),
        entry(2, "deleted"),
        entry(3, "changed", {"a": 2}),
    ]
    assert fold(NAMES, entries) == ({}, False, True)
    entries.append(entry(4, "create", {"b": 1}))
    assert fold(NAMES, entries) == ({"b": 1}, True, False)


def test_what_was_written_over_is_outdated_but_for_creations() -> None:
    entries = [
        entry(1, "created", {"a": 1}),
        entry(2, "changed", {"a": 2}),
        entry(3, "changed", {"b": 1}),
        entry(4, "changed", {"a": 3}),
    ]
    assert outdated(NAMES, entries, {"x"}.__contains__) == [entries[1][1].id]
    # One that may be undone hides nothing for good.
    assert outdated(NAMES, entries, {entries[3][1].id}.__contains__) == []


def test_what_was_before_a_deletion_is_outdated() -> None:
    entries = [entry(1, "created", {"a": 1}), entry(2, "deleted"), entry(3, "changed", {"a": 2})]
    assert outdated(NAMES, entries, {"x"}.__contains__) == [entries[0][1].id]


def test_of_one_time_the_order_is_that_in_which_the_server_did_it() -> None:
    mine = {"type": "tasks/change", "id": "1", "fields": {"a": 1}}, Meta("5 zoe:a:b 0", 5)
    theirs = {"type": "tasks/changed", "id": "1", "fields": {"a": 2}}, Meta("8 server:x 0", 5)
    later = {"type": "tasks/changed", "id": "1", "fields": {"a": 3}}, Meta("9 server:x 0", 6)
    both = [later, mine, theirs]
    assert sorted_entries(both, {mine[1].id}.__contains__) == [theirs, mine, later]
    for answer, order in (("7", [0, 1, 2]), ("9", [1, 0, 2])):
        entries = [confirmed(mine, Meta(f"{answer} server:x 0", 9)), theirs, later]
        ordered = sorted_entries(entries[::-1], set[str]().__contains__)
        assert ordered == [entries[place] for place in order]
    assert entries[0][1].id == mine[1].id


verbs = st.sampled_from(["create", "created", "change", "changed", "delete", "deleted"])
fields = st.dictionaries(st.sampled_from("ab"), st.integers(0, 3))
histories = st.lists(st.tuples(verbs, fields), max_size=8).map(
    lambda steps: [entry(number, *step) for number, step in enumerate(steps, 1)]
)


@given(histories, st.data())
def test_what_is_outdated_makes_no_difference_whatever_is_undone_or_late(
    history: list[Entry], data: st.DataObject
) -> None:
    ids = [meta.id for _, meta in history]
    some = st.just(set[str]()) if not ids else st.sets(st.sampled_from(ids))
    pending, late = data.draw(some), data.draw(some)
    undone = pending & data.draw(some)
    here = [e for e in history if e[1].id not in late]
    gone = outdated(NAMES, here, pending.__contains__)
    assert not pending.intersection(gone)
    left = [e for e in history if e[1].id not in {*gone, *undone}]
    everything = [e for e in history if e[1].id not in undone]
    assert fold(NAMES, left) == fold(NAMES, everything)
