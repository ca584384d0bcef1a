from collections.abc import Callable
from typing import Any, Literal

import pytest

from logux_store.actions import Action, define_action
from logux_store.ids import order_key
from logux_store.log import Log
from logux_store.meta import Meta

A: Action = {"type": "a"}


def ids(log: Log, *args: Any, **options: Any) -> list[str]:
    return [meta.id for _, meta in log.entries(*args, **options)]


def raising(error: Exception) -> Callable[..., None]:
    def listener(*_: object) -> None:
        raise error

    return listener


def test_listeners_hear_one_type_or_one_id_of_it(log: Log) -> None:
    heard: list[str] = []
    log.on("add", lambda action, meta: heard.append("all"))
    log.type("a", lambda action, meta: heard.append("a"))
    log.type(define_action("a"), lambda action, meta: heard.append("a 1"), id="1")
    unbind = log.type("b", lambda action, meta: heard.append("b"))
    log.add({"type": "a"}, reasons=["r"])
    assert heard == ["a", "all"]
    heard.clear()
    log.add({"type": "a", "id": "1"}, reasons=["r"])
    assert heard == ["a 1", "a", "all"]
    heard.clear()
    log.add({"type": "a", "id": ["1"]}, reasons=["r"])
    unbind()
    log.add({"type": "b", "id": "1"}, reasons=["r"])
    assert heard == ["a", "all", "all"]


@pytest.mark.parametrize("id", [None, "1"])
def test_a_type_is_heard_in_all_three_events(log: Log, id: str | None) -> None:
    heard: list[str] = []

    def listen(event: Literal["preadd", "add", "clean"]) -> None:
        log.type("a", lambda action, meta: heard.append(event), event=event, id=id)

    listen("preadd")
    listen("add")
    listen("clean")
    log.add({"type": "a", "id": "1"})
    log.add({"type": "a", "id": "1"}, id="1 x 0", reasons=["r"])
    log.remove_reason("r")
    log.add({"type": "a", "id": "1"}, id="1 x 0", reasons=["r"])
    log.change_meta("1 x 0", reasons=[])
    log.add({"type": "b", "id": "1"})
    assert heard == ["preadd", "add", "clean"] * 3


def test_an_unbound_listener_hears_nothing(log: Log) -> None:
    heard: list[int] = []
    unbind = log.on("add", lambda action, meta: heard.append(1))
    log.add(A)
    unbind()
    log.add(A)
    assert heard == [1]


def test_wrong_events_and_types_are_refused(log: Log) -> None:
    with pytest.raises(ValueError, match="preadd, add, clean, move, batch, store; not 'added'"):
        log.on("added", print)
    with pytest.raises(ValueError, match="not 'move'"):
        log.type("a", print, event="move")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="type is a string"):
        log.type(5, print)  # type: ignore[arg-type]


def test_preadd_may_give_reasons_another_time_and_other_keys(log: Log) -> None:
    def change(action: Action, meta: Meta) -> None:
        meta.reasons.append("r")
        meta.time = 5
        meta.indexes = ["x"]

    log.on("preadd", change)
    meta = log.add(A, id="10 x 0")
    assert meta is not None
    assert log.store.by_id("10 x 0") == (A, meta)
    assert meta.key == order_key("10 x 0", 5)
    assert ids(log, index="x") == ["10 x 0"]


def test_preadd_may_ask_to_keep_the_last(log: Log) -> None:
    log.on("preadd", lambda action, meta: setattr(meta, "keep_last", action["type"]))
    for ms in range(1, 4):
        log.add(A, id=f"{ms} x 0")
    assert ids(log) == ["3 x 0"]


@pytest.mark.parametrize(
    "change",
    [{"reasons": "abc"}, {"reasons": None}, {"indexes": [1]}, {"time": "5"}, {"id": "6 x 0"}],
)
def test_a_preadd_listener_that_spoils_the_meta_adds_nothing(
    log: Log, heard: list[tuple[str, str]], change: dict[str, Any]
) -> None:
    log.on("preadd", lambda action, meta: meta.update(change))
    with pytest.raises((TypeError, ValueError)):
        log.add(A, id="5 x 0", reasons=["r"])
    assert heard == [("preadd", "5 x 0")]
    assert (ids(log), log.store.last_added()) == ([], 0)


def test_a_preadd_listener_that_raises_refuses_the_action(
    log: Log, heard: list[tuple[str, str]]
) -> None:
    log.on("preadd", raising(PermissionError("no")))
    log.on("preadd", raising(ZeroDivisionError()))
    for keys in ({}, {"reasons": ["r"]}, {"keep_last": "r"}):
        with pytest.raises(PermissionError, match="no"):
            log.add(A, id="5 x 0", **keys)
    assert heard == [("preadd", "5 x 0")] * 3
    assert ids(log) == []


@pytest.mark.parametrize("count", [1, 2])
def test_an_add_listener_that_raises_reaches_the_caller_and_the_action_is_there(
    log: Log, count: int
) -> None:
    errors = [KeyError("first"), IndexError("second")][:count]
    for error in errors:
        log.on("add", raising(error))
    heard: list[str] = []
    log.on("add", lambda action, meta: heard.append(meta.id))
    with pytest.raises((KeyError, ExceptionGroup)) as caught:
        log.add(A, id="5 x 0", reasons=["r"])
    raised = caught.value
    assert raised is errors[0] or list(raised.exceptions) == errors  # type: ignore[attr-defined]
    assert heard == ids(log) == ["5 x 0"]


def test_faulty_listeners_keep_nobody_from_hearing_what_was_dropped(log: Log) -> None:
    def same_error(action: Action, meta: Meta) -> None:
        raise KeyError(meta.id)

    log.on("clean", same_error)
    heard: list[tuple[str, str]] = []
    for event in ("add", "clean"):
        log.on(event, lambda action, meta, event=event: heard.append((event, meta.id)))
    for ms in (1, 2):
        log.add(A, id=f"{ms} x 0", reasons=["r"])
    heard.clear()
    with pytest.raises(ExceptionGroup) as group:
        log.remove_reason("r")
    assert [str(error) for error in group.value.exceptions] == ["'1 x 0'", "'2 x 0'"]
    assert heard == [("clean", "1 x 0"), ("clean", "2 x 0")]

    log.add(A, id="3 x 0", reasons=["r"])
    heard.clear()
    with pytest.raises(KeyError, match="3 x 0"):
        log.add(A, id="4 x 0", keep_last="r")
    assert heard == [("clean", "3 x 0"), ("add", "4 x 0")]
    assert ids(log) == ["4 x 0"]

    heard.clear()
    log.on("add", raising(IndexError()))
    with pytest.raises(ExceptionGroup) as group:
        log.add(A, id="5 x 0")
    assert {type(error) for error in group.value.exceptions} == {IndexError, KeyError}
    assert heard == [("add", "5 x 0"), ("clean", "5 x 0")]


def test_a_listener_may_add_remove_and_unbind(log: Log, heard: list[tuple[str, str]]) -> None:
    def once(action: Action, meta: Meta) -> None:
        unbind()
        log.add({"type": "b"}, id="6 x 0", reasons=["r"])
        log.remove_reason("r", id=meta.id)

    unbind = log.on("add", once)
    log.add(A, id="5 x 0", reasons=["r"])
    assert heard == [
        ("preadd", "5 x 0"),
        ("add", "5 x 0"),
        ("preadd", "6 x 0"),
        ("add", "6 x 0"),
        ("clean", "5 x 0"),
    ]
    assert ids(log) == ["6 x 0"]


def test_a_batch_ends_with_one_event_after_the_outermost(
    log: Log, heard: list[tuple[str, str]]
) -> None:
    assert not log.in_batch
    with log.batch():
        log.add(A, id="1 x 0", reasons=["r"])
        with log.batch():
            log.add(A, id="2 x 0", reasons=["r"])
        assert log.in_batch
    assert not log.in_batch
    assert [event for event in heard if event[0] != "preadd"] == [
        ("add", "1 x 0"),
        ("add", "2 x 0"),
        ("batch", ""),
    ]


def test_a_batch_that_raises_has_ended(log: Log, heard: list[tuple[str, str]]) -> None:
    log.on("add", raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError), log.batch():
        log.add(A, id="1 x 0", reasons=["r"])
    assert heard[-1] == ("batch", "")
    assert not log.in_batch
