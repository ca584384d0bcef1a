import sys
from pathlib import Path

from logux_adapters.sqlite import SQLiteStore

from benchmarks.storage import add, fill, iterate, memory, open_log, open_state
from logux_store import MemoryStore


def test_all_that_is_added_is_in_the_log(tmp_path: Path) -> None:
    for make in (MemoryStore, lambda: SQLiteStore(tmp_path / "log.sqlite3")):
        run = add(make, 7, 3)()
        assert run.outcome == 21
        assert run.figure > 0


def test_the_state_is_the_same_with_a_snapshot_and_without(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite3"
    fill(path, 2500)
    with SQLiteStore(path) as store:
        assert store.value("snapshot") is not None
    states = [open_state(path, snapshot)().outcome for snapshot in ("1", None)]
    if sys.platform == "linux":
        states += [memory(path, snapshot)().outcome for snapshot in ("1", None)]
    for state in states:
        assert [*map(tuple, state)] == [*map(tuple, states[0])]
    assert len(states[0]) == 100
    assert open_log(path)().outcome is True
    assert iterate(path, 2500)().outcome is True
    assert iterate(path, 2501)().outcome is False
