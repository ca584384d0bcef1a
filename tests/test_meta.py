from typing import Any

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


def test_several_keys_are_set_together() -> None:
    meta = Meta("1 a 0", 1)
    meta.update({"tab": "t", "colour": "red"})
    assert (meta.tab, meta.colour) == ("t", "red")


@pytest.mark.parametrize("name", ["key", "copy", "get", "from_dict", "__class__", "__dict__"])
def test_a_key_cannot_have_the_name_of_a_method(name: str) -> None:
    values: dict[str, Any] = {"colour": "red", name: ["x"]}
    with pytest.raises(ValueError, match=f"meta.{name} is taken"):
        Meta("1 a 0", 1, **values)
    meta = Meta("1 a 0", 1)
    with pytest.raises(ValueError, match=f"meta.{name} is taken"):
        meta.update(values)
    assert meta == Meta("1 a 0", 1)


def test_a_key_may_have_any_other_name() -> None:
    assert Meta("1 a 0", 1, self=1, name=2, values=3).to_dict() == {
        "id": "1 a 0",
        "time": 1,
        "added": 0,
        "reasons": [],
        "self": 1,
        "name": 2,
        "values": 3,
    }


def test_the_reasons_are_the_metas_own_list_and_no_single_string() -> None:
    reasons = ("r", "s")
    assert Meta("1 a 0", 1, reasons).reasons == ["r", "s"]
    with pytest.raises(TypeError, match="list of strings"):
        Meta("1 a 0", 1, "rs")


def test_a_wrong_id_or_time_is_refused() -> None:
    with pytest.raises(ValueError, match="not an action id"):
        Meta("1 a", 1)
    with pytest.raises(TypeError, match="milliseconds"):
        Meta("1 a 0", 1.5)  # type: ignore[arg-type]


def test_metas_are_equal_if_their_keys_are_and_can_be_read() -> None:
    meta = Meta("1 a 0", 1, ["r"], sync=True, own=[1])
    assert repr(meta) == "Meta(id='1 a 0', time=1, added=0, reasons=['r'], sync=True, own=[1])"
    assert meta == meta.copy()
    assert meta != meta.copy(own=[2])
    assert meta != meta.to_dict()
