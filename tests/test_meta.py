import pytest

from logux_store.ids import order_key
from logux_store.meta import Meta


def test_keys_are_attributes_and_unknown_ones_are_kept() -> None:
    meta = Meta("1 a 0", 1, ["r"], origin="import")
    meta.colour = "red"
    assert (meta.id, meta.time, meta.reasons) == ("1 a 0", 1, ["r"])
    assert (meta.origin, meta.colour) == ("import", "red")


def test_keys_of_the_library_read_as_none_until_they_are_set() -> None:
    meta = Meta("1 a 0", 1)
    assert meta.channels is None
    assert meta.tab is None
    assert meta.sync is False


def test_an_unknown_key_that_nobody_set_is_an_error_or_the_default() -> None:
    meta = Meta("1 a 0", 1)
    with pytest.raises(AttributeError):
        meta.colour
    assert meta.get("colour") is None
    assert meta.get("colour", "red") == "red"


def test_the_order_key_is_made_once() -> None:
    assert Meta("1 a 0", 5).key == order_key("1 a 0", 5)


def test_a_meta_survives_the_way_through_a_dict() -> None:
    meta = Meta("1 a 0", 1, ["r"], tab="t", sync=True, channels=["c"], other={"x": 1}, added=4)
    again = Meta.from_dict(meta.to_dict())
    assert again == meta
    assert again.key == meta.key


def test_a_copy_shares_no_list_with_its_origin() -> None:
    meta = Meta("1 a 0", 1, ["r"], channels=["c"])
    copy = meta.copy(time=2)
    copy.reasons.append("s")
    assert copy.channels is not None
    copy.channels.append("d")
    assert (meta.reasons, meta.channels, meta.time) == (["r"], ["c"], 1)
    assert copy.key == order_key("1 a 0", 2)
