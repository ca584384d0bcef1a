from types import SimpleNamespace

import pytest

from logux_store.actions import Action
from logux_store.log import Log, MemoryStore, Order
from logux_store.meta import Meta

A: Action = {"type": "a"}


def ids(log: Log, order: Order) -> list[str]:
    return [meta.id for _, meta in log.entries(order)]


def test_ids_increase_through_a_clock_that_stands_or_steps_back(
    log: Log, clock: SimpleNamespace
) -> None:
    made = []
    for now in (1000, 1000, 400, 1001, 1002, 2000):
        clock.now = now
        made.append(log.generate_id())
    assert [id.split()[0] for id in made] == ["1000", "1001", "1002", "1003", "1004", "2000"]
    assert {id.split(" ", 1)[1] for id in made} == {"10:a:b 0"}


def test_ids_continue_after_those_that_a_store_holds() -> None:
    store = MemoryStore()
    store.add(A, Meta("5000 10:a:b 0", 10, ["r"]))
    store.add(A, Meta("7000 x 0", 5, ["r"]))
    log = Log("10:a:b", store, lambda: 1000)
    assert log.generate_id() == "7001 10:a:b 0"
    meta = log.add(A)
    assert meta is not None
    assert meta.time == 1000, "the time is the clock's, however far ahead the ids are"


def test_own_actions_keep_their_order_and_do_not_run_ahead_of_the_clock(
    log: Log, clock: SimpleNamespace
) -> None:
    for now in (1000, 1000, 1000, 400, 1001):
        clock.now = now
        log.add(A, reasons=["r"])
    assert [meta.time for _, meta in log.entries("added")] == [1000, 1000, 1000, 1000, 1001]
    assert ids(log, "created") == ids(log, "added")


def test_own_actions_keep_their_order_when_the_user_changes(log: Log) -> None:
    log.add(A, reasons=["r"])
    log.node_id = "1:a:b"
    assert log.node_id == "1:a:b"
    log.add(A, reasons=["r"])
    assert ids(log, "created") == ["1000 10:a:b 0", "1001 1:a:b 0"]
    with pytest.raises(ValueError, match="space"):
        log.node_id = "1 a"


def test_the_offset_is_taken_off_the_time_but_not_off_the_id(
    log: Log, clock: SimpleNamespace
) -> None:
    log.offset = 300
    clock.now = 1100
    meta = log.add(A, reasons=["r"])
    assert meta is not None
    assert (meta.id, meta.time) == ("1100 10:a:b 0", 800)
    log.offset = -300
    clock.now = 1200
    assert [m.time for m in (log.add(A),) if m] == [1500]


def test_the_offset_is_known_again_after_a_restart() -> None:
    store = MemoryStore()
    assert Log("10:a:b", store).offset == 0
    Log("10:a:b", store).offset = 300
    log = Log("10:a:c", store, lambda: 1000)
    assert log.offset == 300
    assert [m.time for m in (log.add(A),) if m] == [700]


def test_times_before_1970_by_the_server_are_no_problem() -> None:
    log = Log("10:a:b", clock=lambda: 1)
    log.offset = 50
    meta = log.add(A)
    assert meta is not None
    assert meta.time == -49


def test_an_own_id_made_before_gives_the_time_of_its_making(
    log: Log, clock: SimpleNamespace
) -> None:
    log.offset = 300
    id = log.generate_id()
    meta = log.add(A, id=id)
    assert meta is not None
    assert (meta.id, meta.time) == ("1000 10:a:b 0", 700)
    clock.now = 500  # stepped back: the next id is ahead of the clock by 501
    id = log.generate_id()
    log.restart_time(0)
    meta = log.add(A, id=id)
    assert meta is not None
    assert (meta.id, meta.time) == ("1001 10:a:b 0", 200)


def test_an_own_id_from_an_earlier_run_gives_its_time() -> None:
    store = MemoryStore()
    store.add(A, Meta("900 10:a:b 0", 900, ["r"]))
    meta = Log("10:a:b", store, lambda: 1000).add(A, id="800 10:a:b 0")
    assert meta is not None
    assert meta.time == 800


def test_time_can_restart_when_the_clock_turns_out_to_be_ahead(log: Log) -> None:
    log.add(A)
    log.offset = 400
    log.restart_time(500)
    assert [m.time for m in (log.add(A),) if m] == [600]
    log.offset = 600
    assert [m.time for m in (log.add(A),) if m] == [600]
