"""That both sides of the benchmarks of the store do the same work."""

from typing import Any

import pytest

from benchmarks import dispatch, node, stores
from benchmarks.late_insert import REDUCERS, work
from benchmarks.measure import Run
from benchmarks.node import PACKAGES, Node
from benchmarks.steady import main as dispatch_steadily

with_peer = pytest.mark.skipif(
    not PACKAGES.exists(), reason="needs the packages that `make test` gets"
)


def count(run: Run) -> int:
    """How many actions are in the state."""
    assert run.figure > 0
    state: Any = run.outcome
    if not isinstance(state, dict):
        return int(state)
    if "count" in state:
        return int(state["count"])
    return sum(part["count"] for part in state.values())


@pytest.mark.parametrize("kind", ["plain", "cross_tab"])
def test_each_way_to_dispatch_ends_with_every_action(kind: str) -> None:
    run = stores.dispatch(kind, 50, 10)()
    assert count(run) == 50 + 10 + 100
    assert run.outcome["key1"] == 49 // 16 * 16 + 1


@pytest.mark.parametrize("reducer", REDUCERS)
def test_late_actions_come_before_those_that_they_belong_before(reducer: str) -> None:
    same = {**work(reducer, 10, 30, 2), "actions": 3}
    run = stores.late_insert(**same)()
    assert count(run) == 33
    if reducer != "slices":
        assert stores.replay(**same)().outcome == run.outcome
    # It comes after 16 and before 32, which set the same key.
    assert reducer == "count" or str(-2) in str(run.outcome)
    assert count(stores.undo(**same)()) == 27


def test_a_sync_brings_what_the_client_has_not() -> None:
    newer = stores.receive("keys", (0, 10), (10, 30), 1000, 2)()
    between = stores.receive("keys", (0, 30, 2), (1, 30, 2), 1000, 2)()
    assert newer.outcome == between.outcome
    assert count(newer) == 30


def test_a_process_that_has_just_started_does_the_same() -> None:
    same = work("keys", 10, 30, 1)
    run = stores.just_started("late_insert", **same)()
    assert run.figure > 0
    assert run.outcome == stores.late_insert(**same)().outcome


def test_stores_without_a_log_do_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "WITHOUT_LOG", 100)
    expected = stores.dispatch("plain", 100, 1_000)().outcome
    for side in (dispatch.python_redux, dispatch.pydux_store, dispatch.bare_fold):
        run = side()
        assert run.figure > 0
        assert run.outcome == expected


def test_memory_is_told_for_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    dispatch_steadily(["--dispatches", "1000"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert lines[9].startswith("       1,000 dispatches, ")
    assert "+0.00 MB since the first tenth" in lines[0]


@with_peer
def test_the_peer_ends_with_the_same() -> None:
    with Node("stores") as js:
        for kind in ("plain", "cross_tab"):
            for at_once in (1, 20):
                peer = js.run("dispatch", kind=kind, actions=50, history=10, atOnce=at_once)
                assert peer.outcome == stores.dispatch(kind, 50, 10)().outcome
        for reducer in REDUCERS:
            same = {**work(reducer, 10, 30, 2), "actions": 3}
            assert js.run("lateInsert", **same).outcome == stores.late_insert(**same)().outcome
            assert js.run("undo", **same).outcome == stores.undo(**same)().outcome
        parts = {"local": (0, 30, 2), "received": (1, 30, 2)}
        peer = js.run("receive", reducer="keys", history=1000, stores=2, **parts)
        ours = stores.receive("keys", (0, 30, 2), (1, 30, 2), 1000, 2)()
        assert peer.outcome == ours.outcome
    same = work("keys", 10, 30, 1)
    started = node.just_started("stores", "lateInsert", **same)()
    assert started.outcome == stores.late_insert(**same)().outcome
