"""What a log keeps for each of its users."""

import os

from logux_store import LastSynced, MemoryStore
from logux_store.client.accounts import client_part, open_account


def test_each_user_has_numbers_of_its_own() -> None:
    store = MemoryStore()
    open_account(store, "10")
    store.set_last_synced(sent=5, received=6)
    store.set_value("settled", 4)
    open_account(store, "20")
    assert (store.last_synced(), store.value("settled")) == (LastSynced(0, 0), None)
    store.set_last_synced(sent=7, received=8)
    open_account(store, "10")
    assert (store.last_synced(), store.value("settled")) == (LastSynced(5, 6), 4)
    open_account(store, "20")
    assert (store.last_synced(), store.value("settled")) == (LastSynced(7, 8), None)


def test_the_numbers_of_a_log_without_a_user_are_those_of_the_first() -> None:
    store = MemoryStore()
    store.set_last_synced(sent=5, received=6)
    open_account(store, "10")
    open_account(store, "10")
    assert store.last_synced() == LastSynced(5, 6)


def test_each_user_has_one_client_part() -> None:
    store = MemoryStore()
    parts = [client_part(store, user_id, os.urandom) for user_id in ("10", "20", "10")]
    assert parts[0] == parts[2] != parts[1]
