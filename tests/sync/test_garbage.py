"""Collections are put off while much is taken in."""

import gc

import pytest

from logux_store.sync.garbage import no_collections
from tests.sync.nodes import Two


def test_collections_go_on_after_the_block_whatever_happens_in_it() -> None:
    with no_collections():
        assert not gc.isenabled()
        with no_collections():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ValueError, match="fault"), no_collections():
        raise ValueError("fault")
    assert gc.isenabled()


def test_who_has_turned_them_off_keeps_them_off() -> None:
    gc.disable()
    try:
        with no_collections():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_long_sync_is_taken_in_without_them_and_a_short_one_as_ever() -> None:
    two = Two()
    seen: list[bool] = []
    two.server_log.on("add", lambda action, meta: seen.append(gc.isenabled()))
    for _ in range(100):
        two.client_log.add({"type": "a"})
    two.connect()
    two.client_log.add({"type": "a"})
    two.pair.deliver()
    assert seen == [*[False] * 100, True]
