"""The simulated worlds again, with logs in SQLite files."""

from collections.abc import Callable
from pathlib import Path

import pytest
from logux_adapters.sqlite import SQLiteStore, StoreError

from logux_store.testing.simulation import make_scenario, run_scenario


class SQLiteDisk:
    """A file that programs open one after the other, or at once if one has stopped."""

    durable = True
    taken_over: type[Exception] = StoreError

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> SQLiteStore:
        return SQLiteStore(self.path)

    def crash(self, store: SQLiteStore) -> None:
        # The operating system closes its files, whatever was not committed.
        store._database._close()

    def close(self, store: SQLiteStore) -> None:
        store.close()


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_nothing_is_wrong_in_any_world(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + 10):

        def make_disk(name: str, _: Callable[[], float], seed: int = seed) -> SQLiteDisk:
            return SQLiteDisk(tmp_path / f"{seed}-{name}.sqlite3")

        scenario = make_scenario(seed)
        scenario.durable = dict.fromkeys(scenario.durable, True)
        assert run_scenario(scenario, make_disk=make_disk).faults == [], seed
