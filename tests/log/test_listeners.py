"""Who is called, and who is not."""

from typing import Any

import pytest

from logux_store.actions import Action
from logux_store.log import Log
from logux_store.log.listeners import EVERY_KIND, MANY_TYPES, Kind
from logux_store.meta import Entry, Meta

PLAIN: Action = {"type": "a"}
LOGUX: Action = {"type": "logux/processed", "id": "1"}


def add_all(log: Log) -> None:
    log.add(PLAIN, reasons=["r"])
    log.add(PLAIN, reasons=["r"], sync=True)
    log.add(LOGUX, reasons=["r"])


def test_what_cannot_be_called_is_no_listener(log: Log) -> None:
    wrong: Any = "a"
    with pytest.raises(TypeError, match="a listener is a function, not 'a'"):
        log.on("add", wrong)
    with pytest.raises(TypeError, match="a listener is a function, not 'a'"):
        log.type("a", wrong)
    assert log.heard == 0
    add_all(log)


@pytest.mark.parametrize("event", ["preadd", "add", "clean"])
def test_a_listener_hears_the_kinds_that_it_asks_for(log: Log, event: str) -> None:
    heard: list[tuple[Kind, str, bool]] = []
    for kind in EVERY_KIND:
        log.on(
            event,
            lambda action, meta, kind=kind: heard.append((kind, action["type"], meta.sync)),
            kinds=(kind,),
        )
    add_all(log)
    log.remove_reason("r")
    expected = [("plain", "a", False), ("sync", "a", True), ("logux", "logux/processed", False)]
    assert heard == expected


def test_an_action_that_becomes_one_for_the_server_is_added_as_such(log: Log) -> None:
    heard: list[str] = []
    log.on("preadd", lambda action, meta: meta.update({"sync": True}))
    for kind in EVERY_KIND:
        log.on("add", lambda action, meta, kind=kind: heard.append(kind), kinds=(kind,))
    for _ in range(2):
        log.add(PLAIN)
    assert heard == ["sync", "sync"]


def test_binding_to_a_type_counts_from_the_next_action_on_and_so_does_unbinding(log: Log) -> None:
    heard: list[str] = []
    log.on("add", lambda action, meta: heard.append("all"))
    log.add(PLAIN)
    unbind = log.type("a", lambda action, meta: heard.append("a"))
    one = log.type("a", lambda action, meta: heard.append("1"), id="1")
    log.add({"type": "a", "id": "1"})
    one()
    log.add({"type": "a", "id": "1"})
    unbind()
    unbind()
    log.add(PLAIN)
    assert heard == ["all", "1", "a", "all", "a", "all", "all"]


def test_unbinding_twice_leaves_a_listener_that_was_bound_twice(log: Log) -> None:
    heard: list[int] = []

    def listener(*_: Any) -> None:
        heard.append(1)

    first = log.on("add", listener)
    log.on("add", listener)
    first()
    first()
    log.add(PLAIN)
    assert heard == [1]


def test_types_that_nobody_listens_to_do_not_fill_the_memory(log: Log) -> None:
    heard: list[str] = []
    log.on("add", lambda action, meta: heard.append(action["type"]), kinds=("plain",))
    types = [f"type {n}" for n in range(MANY_TYPES + 10)]
    for type in types:
        log.add({"type": type})
    assert heard == types
    assert len(log._listeners.general) == MANY_TYPES


def test_what_is_dropped_at_once_is_told_at_once_before_clean(log: Log) -> None:
    heard: list[Any] = []

    def note(entries: list[Entry]) -> None:
        heard.append([meta.id for _, meta in entries])

    unbind = log.on_drop(note)
    log.on("clean", lambda action, meta: heard.append(meta.id))
    for ms in (1, 2, 3):
        log.add(PLAIN, id=f"{ms} x 0", reasons=["r"] if ms < 3 else ["r", "s"])
    log.remove_reason("r")
    assert heard == [["1 x 0", "2 x 0"], "1 x 0", "2 x 0"]
    heard.clear()
    log.change_meta("3 x 0", reasons=[])
    log.add(PLAIN, id="4 x 0")
    assert heard == [["3 x 0"], "3 x 0", ["4 x 0"], "4 x 0"]
    heard.clear()
    log.add(PLAIN, id="5 x 0", keep_last="k")
    log.add(PLAIN, id="6 x 0", keep_last="k")
    unbind()
    log.remove_reason("k")
    assert heard == [["5 x 0"], "5 x 0", "6 x 0"]


def test_a_faulty_listener_of_what_is_dropped_stops_nobody(log: Log) -> None:
    heard: list[str] = []

    def fail(entries: list[Entry]) -> None:
        raise ZeroDivisionError

    log.on_drop(fail)
    log.on("clean", lambda action, meta: heard.append(meta.id))
    log.add(PLAIN, id="1 x 0", reasons=["r"])
    with pytest.raises(ZeroDivisionError):
        log.remove_reason("r")
    assert heard == ["1 x 0"]
    assert log.by_id("1 x 0") is None


def test_an_action_can_be_put_with_a_meta_of_the_log_itself(log: Log) -> None:
    log.subprotocol = 3
    heard: list[Meta] = []
    log.on("preadd", lambda action, meta: heard.append(meta))
    meta = log.new_meta(["r"])
    assert log.put(PLAIN, meta) is meta
    assert (meta.id, meta.time, meta.reasons, meta.added) == ("1000 10:a:b 0", 1000, ["r"], 1)
    assert (meta.subprotocol, meta.key) == (3, (1000, "10:a:b", 0, 1000))
    assert meta == Meta("1000 10:a:b 0", 1000, ["r"], added=1, subprotocol=3)
    assert heard == [meta]
    assert log.by_id(meta.id) == (PLAIN, meta)
    wrong: list[Any] = [None, {}, {"type": 5}, {"type": []}, ["type"]]
    for action in wrong:
        with pytest.raises(TypeError, match="an action"):
            log.put(action, log.new_meta(["r"]))


def test_what_a_node_adds_is_marked_with_its_subprotocol(log: Log) -> None:
    log.subprotocol = 3
    own = log.add(PLAIN)
    given = log.add(PLAIN, id=log.generate_id())
    other = log.add(PLAIN, id="1 20:c:d 0")
    marked = log.add(PLAIN, Meta(log.generate_id(), 5, subprotocol=1))
    assert [meta and meta.subprotocol for meta in (own, given, other, marked)] == [3, 3, None, 1]
