"""Collections are put off while much is taken in."""

import gc

import pytest

from logux_store.sync.garbage import no_collections


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
