"""The store keeps the contract of every log store, across closing and opening."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from logux_adapters.sqlite import SQLiteStore

from logux_store.testing import LogStoreContract

# Thousands of files are made here, and a disk that is waited for makes none of them better.
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None


class TestSQLiteStore(LogStoreContract):
    machine_settings = settings(max_examples=settings().max_examples // 3)

    @pytest.fixture(autouse=True)
    def _folder(self) -> Iterator[None]:
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            self.paths = (Path(folder, f"{number}.sqlite3") for number in itertools.count())
            yield

    def make_store(self) -> SQLiteStore:
        return SQLiteStore(next(self.paths))

    def reopen(self, store: SQLiteStore) -> SQLiteStore:  # type: ignore[override]
        store.close()
        return SQLiteStore(store.path)

    def discard(self, store: SQLiteStore) -> None:  # type: ignore[override]
        store.close()
