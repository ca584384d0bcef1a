"""How a reducer falls into tracks, and how their states are put together."""

from collections.abc import Mapping
from typing import Any

from logux_store.timeline.parts import INIT, make_tracks, put, put_all

Action = dict[str, Any]


class Combined:
    def __init__(self, **parts: Any) -> None:
        self.parts: Mapping[str, Any] = parts

    def __call__(self, state: Any, action: Action) -> Any:
        raise AssertionError("each part is a track")


class Leaf:
    def __init__(self, *types: str) -> None:
        self.action_types = frozenset(types)

    def __call__(self, state: Any, action: Action) -> Any:
        assert action is INIT
        return state or "new"


def test_each_part_is_a_track_with_its_path_and_types() -> None:
    reducer = Combined(a=Leaf("x"), deep=Combined(b=Leaf("x", "y"), c=lambda state, action: state))
    state, tracks = make_tracks(reducer, {"deep": {"c": 1}}, 50, strict=True)
    assert state == {"a": "new", "deep": {"b": "new", "c": 1}}
    assert [(track.path, track.types, track.state) for track in tracks] == [
        (("a",), frozenset("x"), "new"),
        (("deep", "b"), frozenset("xy"), "new"),
        (("deep", "c"), None, 1),
    ]


def test_a_reducer_without_parts_is_one_track() -> None:
    state, (track,) = make_tracks(Leaf("x"), "old", 50, strict=True)
    assert (state, track.path, track.types) == ("old", (), frozenset("x"))


def test_a_reducer_with_no_parts_at_all_has_an_empty_state() -> None:
    assert make_tracks(Combined(), None, 50, strict=True) == ({}, [])


def test_unknown_keys_are_left_out_when_it_is_not_strict() -> None:
    state, _ = make_tracks(Combined(a=Leaf()), {"old": 1, "a": 2}, 50, strict=False)
    assert state == {"a": 2}


def test_putting_copies_only_the_dicts_on_the_way() -> None:
    state = {"a": 1, "deep": {"b": 2, "c": {"d": 3}}, "other": {"e": 4}}
    new = put(state, ("deep", "b"), 5)
    assert new == {"a": 1, "deep": {"b": 5, "c": {"d": 3}}, "other": {"e": 4}}
    assert new["deep"]["c"] is state["deep"]["c"]  # type: ignore[index]
    assert new["other"] is state["other"]
    assert state["deep"] == {"b": 2, "c": {"d": 3}}
    assert put(state, (), 6) == 6


def test_putting_many_values_keeps_the_order_of_keys() -> None:
    state = {"a": 1, "deep": {"b": 2, "c": {"d": 3}}, "other": {"e": 4}}
    new = put_all(state, [(("deep", "c", "d"), 7), (("a",), 6), (("deep", "b"), 8)])
    assert repr(new) == "{'a': 6, 'deep': {'b': 8, 'c': {'d': 7}}, 'other': {'e': 4}}"
    assert new["other"] is state["other"]
    assert put_all(state, []) is state
    assert put_all(state, [((), 9)]) == 9
