"""What a tab's log tells of, and what it does when another tab's tells."""

import json
from typing import Any

import pytest

from logux_store.client.tabs.ops import Op, encode_op, read_op
from logux_store.client.tabs.tab_log import TabLog
from logux_store.log import MemoryStore
from logux_store.meta import Meta
from logux_store.testing import TestTime


class Pair:
    """Two logs; what changes one is told to the other by `share`."""

    def __init__(self) -> None:
        self.time = TestTime()
        self.told: list[Op] = []
        self.one = TabLog("10:a:1", None, self.time, self.told.append)
        self.heard: list[Op] = []
        self.two = TabLog("10:a:2", None, self.time, self.heard.append)

    def share(self) -> None:
        for op in self.told:
            self.two.apply(read_op(json.loads(encode_op(op))))
        self.told.clear()

    def logs(self) -> list[list[Any]]:
        return [
            [(action["type"], sorted(meta.reasons)) for action, meta in log.entries()]
            for log in (self.one, self.two)
        ]


def ids(log: TabLog) -> list[str]:
    return [meta.id for _, meta in log.entries("added")]


def test_another_log_becomes_the_same() -> None:
    pair = Pair()
    for name in "abcdefg":
        pair.one.add({"type": name}, reasons=["r", name])
    pair.one.add({"type": "last"}, keep_last="k")
    pair.one.add({"type": "last"}, keep_last="k")
    pair.share()
    a, b, c, d, *_ = ids(pair.one)
    pair.one.remove_reason("a", id=a)
    pair.one.change_meta(b, reasons=[])
    pair.one.change_meta(c, reasons=["only"])
    entry = pair.one.by_id(d)
    assert entry is not None
    pair.one.remove_reason("r", younger_than=entry[1])
    pair.one.remove_reason("r", max_added=2)
    pair.one.remove_reason("e", min_added=1, max_added=5, older_than=Meta("9 z 0", 10**6))
    pair.one.move(d, 100)
    pair.share()
    one, two = pair.logs()
    assert one == two
    assert [name for name, _ in one] == ["c", "f", "g", "last", "d"]
    assert pair.heard == []
    pair.one.store.clean()
    pair.two.apply(("clean",))
    assert pair.logs() == [[], []]


def test_nothing_is_told_of_what_is_one_tabs_alone() -> None:
    pair = Pair()
    pair.one.add({"type": "a"}, reasons=["tab1"], tab="1")
    pair.one.change_meta(ids(pair.one)[0], note=1)
    pair.one.change_meta(ids(pair.one)[0], reasons=[])
    pair.one.add({"type": "b"}, tab="1")
    assert pair.told == []


def test_nothing_is_told_that_changed_nothing() -> None:
    pair = Pair()
    pair.one.remove_reason("r", max_added=5)
    pair.one.change_meta("1 10:a:1 0", note=1)
    pair.one.move("1 10:a:1 0", 5)
    pair.one.settle("1 10:a:1 0")
    assert pair.told == []


def test_what_comes_from_another_tab_does_not_pass_preadd_again() -> None:
    pair = Pair()
    pair.two.on("preadd", lambda action, meta: pytest.fail("it was called"))
    added: list[str] = []
    pair.two.on("add", lambda action, meta: added.append(action["type"]))
    pair.one.add({"type": "kept"}, reasons=["r"])
    pair.one.add({"type": "passing"})
    pair.share()
    assert added == ["kept", "passing"]
    assert pair.logs()[1] == [("kept", ["r"])]
    kept = ids(pair.one)[0]
    assert not pair.two.apply(("add", {"type": "kept"}, Meta(kept, 1, ["r"])))
    assert added == ["kept", "passing"]


def test_what_a_listener_does_because_of_another_tab_is_told() -> None:
    pair = Pair()
    pair.two.type("first", lambda action, meta: pair.two.add({"type": "second"}, reasons=["r"]))
    pair.two.type("first", lambda action, meta: pair.two.remove_reason("old"))
    pair.two.add({"type": "old"}, reasons=["old"])
    pair.heard.clear()
    pair.one.add({"type": "first"}, reasons=["r"])
    pair.share()
    assert [op[0] for op in pair.heard] == ["add", "unreason"]


def test_every_tab_settles_answered_actions_by_itself() -> None:
    pair = Pair()
    meta = pair.one.add({"type": "a"}, reasons=["syncing"])
    assert meta is not None
    pair.share()
    cleaned: list[str] = []
    pair.two.on("clean", lambda action, meta: cleaned.append(meta.id))
    pair.two.settle(meta.id)
    assert cleaned == [meta.id]
    assert pair.heard == []


def test_what_a_listener_raises_comes_when_the_change_is_made() -> None:
    pair = Pair()

    def fail(action: Any, meta: Any) -> None:
        raise ZeroDivisionError

    pair.two.on("add", fail)
    pair.one.add({"type": "a"}, reasons=["r"])
    with pytest.raises(ZeroDivisionError):
        pair.share()
    assert pair.logs()[1] == [("a", ["r"])]
    assert pair.two.arriving == set()


def test_another_store_is_announced_in_one_batch() -> None:
    pair = Pair()
    log = pair.one
    old = log.add({"type": "old"}, reasons=["r"])
    stays = log.add({"type": "stays"}, reasons=["r"])
    assert old is not None
    assert stays is not None
    store = MemoryStore()
    new = Meta("9 10:a:3 0", 9, ["r"])
    store.add({"type": "new"}, new)
    moved = stays.copy(added=0, time=50)
    store.add({"type": "stays"}, moved)
    told: list[Any] = []
    for event in ("add", "clean"):
        log.on(event, lambda action, meta, event=event: told.append((event, action["type"])))
    log.on("move", lambda action, meta, key: told.append(("move", key[0], meta.time)))
    log.on("batch", lambda: told.append("batch"))
    pair.told.clear()
    log.replace_store(
        store,
        [({"type": "new"}, new)],
        [({"type": "old"}, old)],
        [(stays.key, ({"type": "stays"}, moved))],
    )
    assert told == [("move", stays.time, 50), ("add", "new"), ("clean", "old"), "batch"]
    assert log.store is store
    assert pair.told == []
