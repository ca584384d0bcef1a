import json
from typing import Any

import pytest

from logux_store.client.tabs.ops import (
    KNOWN,
    Op,
    criteria_of,
    encode_entry,
    encode_op,
    read_criteria,
    read_entry,
    read_op,
)
from logux_store.meta import Meta


def meta(**keys: Any) -> Meta:
    return Meta("5 10:a:b 1", 3, ["r"], **keys)


@pytest.mark.parametrize(
    "op",
    [
        ("add", {"type": "a", "text": "ж\n"}, meta(sync=True, indexes=["i"], note={"x": 1})),
        ("drop", ["1 a 0", "2 a 0"]),
        ("unreason", "r", {"id": "1 a 0"}),
        ("unreason", "r", {"ids": ["1 a 0"]}),
        ("change", "1 a 0", {"note": None}),
        ("move", "1 a 0", 5),
        ("clean",),
        KNOWN,
    ],
)
def test_a_change_is_the_same_after_its_way(op: Op) -> None:
    text = encode_op(op)
    assert "\n" not in text
    assert read_op(json.loads(text)) == op


def test_an_entry_keeps_all_of_its_meta() -> None:
    action, read = read_entry(json.loads(encode_entry({"type": "a"}, meta(keep_last="k", tab="t"))))
    assert action == {"type": "a"}
    assert read == meta(keep_last="k", tab="t")
    assert read.key == meta().key


def test_criteria_mean_the_same_to_other_tabs() -> None:
    criteria = json.loads(json.dumps(criteria_of("1 a 0", meta(), meta())))
    read = read_criteria(criteria)
    assert read["id"] == "1 a 0"
    for name in ("older_than", "younger_than"):
        assert (read[name].id, read[name].time) == ("5 10:a:b 1", 3)
    assert criteria_of(None, None, None) == {}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        ["add"],
        ["add", {"type": 1}, {"id": "1 a 0", "time": 1}],
        ["add", {"type": "a"}, {"id": "x", "time": 1}],
        ["add", {"type": "a"}, {"id": "1 a 0", "time": 1, "key": 1}],
        ["drop", ["a", 1]],
        ["drop", "a"],
        ["unreason", "r", {"older_than": ["x", 1]}],
        ["change", "a", []],
        ["move", "a", "b"],
        ["clean", 1],
        ["destroy"],
    ],
)
def test_what_is_no_change_is_refused(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        read_op(value)


@pytest.mark.parametrize("bad", [object(), float("nan")])
def test_what_has_no_json_form_cannot_be_told(bad: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        encode_op(("add", {"type": "a", "value": bad}, meta()))
    with pytest.raises((TypeError, ValueError)):
        encode_op(("change", "1 a 0", {"note": bad}))
