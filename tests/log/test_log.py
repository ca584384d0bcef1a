from typing import Any

import pytest

from logux_store.actions import Action
from logux_store.ids import order_key
from logux_store.log import Log
from logux_store.meta import Meta

A: Action = {"type": "a"}


def ids(log: Log, *args: Any, **options: Any) -> list[str]:
    return [meta.id for _, meta in log.entries(*args, **options)]


# -- add --


def test_an_action_gets_an_id_a_time_and_a_number(log: Log) -> None:
    meta = log.add(A, reasons=["r"])
    assert meta is not None
    assert (meta.id, meta.time, meta.added, meta.reasons) == ("1000 10:a:b 0", 1000, 1, ["r"])
    assert meta.key == order_key(meta.id, meta.time)
    assert log.by_id("1000 10:a:b 0") == (A, meta)
    assert log.by_id("1 x 0") is None


def test_a_given_id_and_time_are_kept(log: Log) -> None:
    both = log.add(A, id="5 x 1", time=7, reasons=["r"])
    assert both is not None
    assert (both.id, both.time, both.key) == ("5 x 1", 7, order_key("5 x 1", 7))
    time = log.add(A, time=8, reasons=["r"])
    assert time is not None
    assert (time.id, time.time, time.key) == ("1000 10:a:b 0", 8, order_key("1000 10:a:b 0", 8))


def test_the_time_of_another_nodes_action_is_that_in_its_id(log: Log) -> None:
    log.offset = 100
    meta = log.add(A, id="5 x 1", reasons=["r"])
    assert meta is not None
    assert (meta.time, meta.key) == (5, order_key("5 x 1", 5))


def test_other_keys_are_kept_and_an_action_can_come_with_a_meta(log: Log) -> None:
    meta = log.add(A, reasons=["r"], tab="t", channels=["c"], own=1)
    assert meta is not None
    assert (meta.tab, meta.channels, meta.own) == ("t", ["c"], 1)
    received = Meta("5 x 0", 5, ["r"], own=2)
    assert log.add(A, received) is received
    assert received.added == 2


def test_a_meta_and_keys_of_it_exclude_each_other(log: Log) -> None:
    for keys in ({"reasons": ["r"]}, {"id": "1 a 0"}, {"time": 1}, {"own": 1}):
        with pytest.raises(TypeError, match="not with both"):
            log.add(A, Meta("5 x 0", 5), **keys)
    assert ids(log) == []


def test_an_action_that_another_log_keeps_is_added_with_a_meta_of_its_own(log: Log) -> None:
    other = Log("other")
    other.add({"type": "filler"}, reasons=["r"])
    original = other.add(A, id="5 x 0", reasons=["r"], own=1)
    assert original is not None
    copy = log.add(A, original)
    assert copy is not None
    assert (copy.added, original.added, copy.own) == (1, 2, 1)
    log.change_meta("5 x 0", reasons=["s"])
    assert original.reasons == ["r"]
    assert log.add(A, copy) is None, "its own is known"


def test_the_given_reasons_stay_the_callers_own(log: Log) -> None:
    reasons = ["r"]
    log.on("preadd", lambda action, meta: meta.reasons.append("s"))
    log.add(A, reasons=reasons)
    assert reasons == ["r"]


def test_a_known_id_is_refused_with_or_without_reasons(
    log: Log, heard: list[tuple[str, str]]
) -> None:
    log.add(A, id="5 x 0", reasons=["r"])
    heard.clear()
    assert log.add({"type": "b"}, id="5 x 0", reasons=["s"]) is None
    assert log.add({"type": "b"}, id="5 x 0") is None
    assert log.add({"type": "b"}, id="5 x 0", keep_last="r") is None
    entry = log.by_id("5 x 0")
    assert entry is not None
    assert (entry[0], entry[1].reasons) == (A, ["r"])
    assert heard == [("preadd", "5 x 0")] * 3


def test_an_action_without_reasons_is_announced_and_dropped(
    log: Log, heard: list[tuple[str, str]]
) -> None:
    meta = log.add(A, id="5 x 0")
    assert meta is not None
    assert meta.added == 0
    assert heard == [("preadd", "5 x 0"), ("add", "5 x 0"), ("clean", "5 x 0")]
    assert ids(log) == []
    assert log.add(A, id="5 x 0") is not None, "the log does not remember what it did not keep"


def test_an_action_that_is_not_kept_has_no_number(log: Log) -> None:
    kept = log.add(A, id="5 x 0", reasons=["r"])
    assert kept is not None
    log.remove_reason("r")
    assert kept.added == 1
    announced = log.add(A, kept)
    assert announced is not None
    assert (announced.added, kept.added) == (0, 1)
    told = log.add(A, added=7)
    assert told is not None
    assert told.added == 0


def test_the_same_reason_or_index_twice_is_one(log: Log) -> None:
    meta = log.add(A, reasons=["r", "s", "r"], indexes=["x", "x"], keep_last="s")
    assert meta is not None
    assert (meta.reasons, meta.indexes) == (["r", "s"], ["x"])
    log.change_meta(meta.id, reasons=["t", "t"])
    assert ids(log, index="x") == [meta.id]
    assert log.remove_reason("t") == 1
    assert ids(log, index="x") == ids(log) == []


BAD: list[tuple[Any, dict[str, Any], type[Exception]]] = [
    (None, {}, TypeError),
    ([("type", "a")], {}, TypeError),
    ({}, {}, TypeError),
    ({"type": 1}, {}, TypeError),
    (A, {"reasons": "abc"}, TypeError),
    (A, {"reasons": [1]}, TypeError),
    (A, {"reasons": ["r"], "indexes": "abc"}, TypeError),
    (A, {"reasons": ["r"], "indexes": ("x",)}, TypeError),
    (A, {"reasons": ["r"], "indexes": [None]}, TypeError),
    (A, {"reasons": ["r"], "keep_last": 1}, TypeError),
    (A, {"reasons": ["r"], "time": "5"}, TypeError),
    (A, {"reasons": ["r"], "time": 5.0}, TypeError),
    (A, {"reasons": ["r"], "time": True}, TypeError),
    (A, {"reasons": ["r"], "time": -1, "sync": True}, ValueError),
    (A, {"reasons": ["r"], "time": 10**15, "sync": True}, ValueError),
    (A, {"reasons": ["r"], "id": "5 x"}, ValueError),
    (A, {"reasons": ["r"], "id": "05 x 0"}, ValueError),
    (A, {"reasons": ["r"], "id": 5}, TypeError),
    (A, {"reasons": ["r"], "key": (1, "a", 0, 1)}, ValueError),
    (A, {"reasons": ["r"], "copy": 1}, ValueError),
]


@pytest.mark.parametrize(("action", "keys", "error"), BAD)
def test_what_cannot_be_added_is_refused_before_anything_is(
    log: Log,
    heard: list[tuple[str, str]],
    action: Any,
    keys: dict[str, Any],
    error: type[Exception],
) -> None:
    with pytest.raises(error):
        log.add(action, **keys)
    assert {event for event, _ in heard} <= {"preadd"}
    assert (ids(log), log.store.last_added()) == ([], 0)


# -- reading --


def test_entries_come_in_both_orders_from_both_ends_and_by_index(log: Log) -> None:
    log.add(A, id="1 x 0", time=3, reasons=["r"], indexes=["odd"])
    log.add(A, id="2 x 0", time=1, reasons=["r"])
    log.add(A, id="3 x 0", time=2, reasons=["r"], indexes=["odd"])
    assert ids(log) == ["2 x 0", "3 x 0", "1 x 0"]
    assert ids(log, newest_first=True) == ["1 x 0", "3 x 0", "2 x 0"]
    assert ids(log, "added") == ["1 x 0", "2 x 0", "3 x 0"]
    assert ids(log, "added", newest_first=True) == ["3 x 0", "2 x 0", "1 x 0"]
    assert ids(log, index="odd") == ["3 x 0", "1 x 0"]
    assert ids(log, "added", index="odd", newest_first=True) == ["3 x 0", "1 x 0"]
    assert ids(log, index="even") == []


def test_an_iteration_may_change_the_log(log: Log) -> None:
    for ms in range(1, 5):
        log.add(A, id=f"{ms} x 0", reasons=["r"])
    seen = []
    for _, meta in log.entries():
        seen.append(meta.id)
        if meta.id == "1 x 0":
            log.remove_reason("r", id="1 x 0")
            log.remove_reason("r", id="3 x 0")
            log.add(A, id="9 x 0", reasons=["r"])
    assert seen == ["1 x 0", "2 x 0", "4 x 0", "9 x 0"]


# -- changing and removing --


@pytest.mark.parametrize("name", ["id", "added", "time", "subprotocol", "indexes"])
def test_what_never_changes_is_refused(log: Log, name: str) -> None:
    log.add(A, id="5 x 0", reasons=["r"])
    with pytest.raises(ValueError, match=f"meta.{name} cannot be changed"):
        log.change_meta("5 x 0", **{name: 1, "status": "processed"})
    with pytest.raises(ValueError, match="taken"):
        log.change_meta("5 x 0", reasons=[], key=1)
    with pytest.raises(TypeError, match="list of strings"):
        log.change_meta("5 x 0", reasons="abc")
    assert log.by_id("5 x 0") == (A, Meta("5 x 0", 5, ["r"], added=1))


def test_other_keys_change_and_the_last_reason_taken_off_drops_the_action(
    log: Log, heard: list[tuple[str, str]]
) -> None:
    meta = log.add(A, id="5 x 0", reasons=["r"])
    assert meta is not None
    assert log.change_meta("5 x 0", status="processed", own=1)
    assert (meta.status, meta.own) == ("processed", 1)
    assert not log.change_meta("6 x 0", own=1)
    assert not log.change_meta("6 x 0", reasons=[])
    heard.clear()
    assert log.change_meta("5 x 0", reasons=[], status="error")
    assert heard == [("clean", "5 x 0")]
    assert (meta.reasons, meta.status) == ([], "error")
    assert ids(log) == []


def test_a_reason_is_removed_by_every_criterion_and_what_is_dropped_is_announced(
    log: Log, heard: list[tuple[str, str]]
) -> None:
    for ms in range(1, 9):
        log.add(A, id=f"{ms} x 0", reasons=["r"])
    log.add(A, id="9 x 0", reasons=["r", "s"])
    heard.clear()
    third = Meta("3 x 0", 3)
    assert log.remove_reason("r", older_than=third, min_added=2) == 1
    assert log.remove_reason("r", younger_than=third, max_added=5) == 2
    assert log.remove_reason("r", id="7 x 0") == 1
    assert log.remove_reason("r", id="1 x 0", min_added=2) == 0
    assert log.remove_reason("nobody") == 0
    assert heard == [("clean", f"{ms} x 0") for ms in (2, 4, 5, 7)]
    assert log.remove_reason("r") == 4
    assert ids(log) == ["9 x 0"]


def test_keep_last_takes_the_reason_off_all_older_actions(
    log: Log, heard: list[tuple[str, str]]
) -> None:
    log.add(A, id="1 x 0", keep_last="r")
    log.add(A, id="2 x 0", keep_last="r", reasons=["s"])
    log.add(A, id="9 x 0", keep_last="r")
    heard.clear()
    meta = log.add(A, id="8 x 0", keep_last="r")
    assert meta is not None
    assert meta.reasons == ["r"]
    assert heard == [("preadd", "8 x 0"), ("add", "8 x 0")]
    assert ids(log) == ["2 x 0", "8 x 0", "9 x 0"]
    heard.clear()
    log.add(A, id="99 x 0", keep_last="r")
    assert heard == [
        ("preadd", "99 x 0"),
        ("clean", "9 x 0"),
        ("clean", "8 x 0"),
        ("add", "99 x 0"),
    ]


def test_a_moved_action_keeps_its_number_and_later_ones_stay_behind_it(log: Log) -> None:
    moves: list[Any] = []
    log.on("move", lambda action, meta, old: moves.append((action, meta.time, old)))
    log.add(A, reasons=["r"])
    log.add(A, id="1500 x 0", reasons=["r"])
    assert log.move("1000 10:a:b 0", 2000)
    assert moves == [(A, 2000, order_key("1000 10:a:b 0", 1000))]
    assert ids(log) == ["1500 x 0", "1000 10:a:b 0"]
    assert ids(log, "added") == ["1000 10:a:b 0", "1500 x 0"]
    meta = log.add(A, reasons=["r"])
    assert meta is not None
    assert ids(log)[-1] == meta.id
    assert not log.move("7 x 0", 1)
