from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logux_store.ids import (
    ParsedId,
    is_first_older,
    node_key,
    order_key,
    parse_id,
    random_id,
    validate_node_id,
    validate_user_id,
)
from logux_store.log import Log

node_ids = st.text(st.characters(exclude_characters=" ", exclude_categories=["Cs"]), min_size=1)


def test_a_node_id_has_a_user_a_client_and_a_tab() -> None:
    assert parse_id("10:Uf_pPwE4:6K7iYdJH") == ParsedId("10", "10:Uf_pPwE4", "10:Uf_pPwE4:6K7iYdJH")


def test_an_action_id_is_parsed_by_its_node() -> None:
    assert parse_id("1700000000000 10:a:b 0") == ParsedId("10", "10:a", "10:a:b")


def test_a_node_id_without_a_colon_has_no_user() -> None:
    assert parse_id("server") == ParsedId(None, "server", "server")
    assert parse_id("server:H1f8LAyzl") == ParsedId(
        "server", "server:H1f8LAyzl", "server:H1f8LAyzl"
    )


def test_actions_are_ordered_by_time_node_counter_and_id_time() -> None:
    keys = [
        order_key("9 b 9", 1),
        order_key("3 a 0", 2),
        order_key("1 a 1", 2),
        order_key("2 a 1", 2),
        order_key("1 b 0", 2),
    ]
    assert keys == sorted(keys)


@given(node_ids, node_ids)
def test_node_ids_compare_by_utf_16_code_unit(a: str, b: str) -> None:
    as_javascript = a.encode("utf-16-be") < b.encode("utf-16-be")
    assert (node_key(a) < node_key(b)) == as_javascript


def test_characters_beyond_the_first_plane_come_before_the_end_of_it() -> None:
    assert "\uffee" < "\U0001f600"
    assert node_key("\U0001f600") < node_key("\uffee")


@pytest.mark.parametrize(
    "id",
    [
        *("", "1", "1 a", "a b c", "1 a 0 0", "1_0 a 0", "+1 a 0", "01 a 0", "1  0", "1.5 a 0"),
        *("-1 a 0", "1 a -1", "1 a 00", "\u0661 a 0", "1 a 0\n", " 1 a 0"),
        "1234567890123456 a 0",
    ],
)
def test_what_is_not_an_action_id_is_refused(id: str) -> None:
    with pytest.raises(ValueError, match="is not an action id"):
        order_key(id, 0)


@given(st.integers(0, 10**15 - 1), node_ids, st.integers(0, 10**15 - 1), st.integers())
def test_the_key_has_all_parts_of_an_id(ms: int, node: str, counter: int, time: int) -> None:
    assert order_key(f"{ms} {node} {counter}", time) == (time, node_key(node), counter, ms)


@pytest.mark.parametrize("time", [1.0, "1", None, True])
def test_a_time_that_is_no_integer_is_refused(time: Any) -> None:
    with pytest.raises(TypeError, match="integer of milliseconds"):
        order_key("1 a 0", time)


@pytest.mark.parametrize("id", [None, 1, b"1 a 0"])
def test_an_action_id_that_is_no_string_is_refused(id: Any) -> None:
    with pytest.raises(TypeError, match="an action id is a string"):
        order_key(id, 0)


def test_half_a_character_is_in_no_id() -> None:
    # Two halves would be another id with the key of the whole character.
    for node in ("\ud83d", "\ud83d\ude00"):
        with pytest.raises(ValueError, match="half a character"):
            order_key(f"1 {node} 0", 0)
        with pytest.raises(ValueError, match="half a character"):
            validate_node_id(node)


def test_the_older_of_two_metas_ids_or_nothing_is_told() -> None:
    first = SimpleNamespace(id="5 a 0", time=1)
    second = SimpleNamespace(id="1 a 0", time=2)
    assert is_first_older(first, second)
    assert not is_first_older(second, first)
    assert not is_first_older(first, first)
    assert is_first_older("1 a 0", "1 b 0")
    assert is_first_older("1 b 0", second)
    assert is_first_older(None, "1 a 0")
    assert not is_first_older("1 a 0", None)
    assert not is_first_older(None, None)


@given(st.lists(st.integers(0, 10**13), min_size=1))
def test_ids_are_strictly_increasing_whatever_the_clock_does(times: list[int]) -> None:
    clock = iter(times)
    log = Log("10:a:b", clock=lambda: next(clock))
    keys = [order_key(log.generate_id(), 0) for _ in times]
    assert all(a[3] < b[3] for a, b in pairwise(keys))
    assert {key[2] for key in keys} == {0}
    assert keys[0][3] == max(times[0], 1)


def test_random_ids_repeat_with_their_source_and_have_the_asked_size() -> None:
    source = bytes(range(256))
    assert random_id(8, lambda n: source[:n]) == random_id(8, lambda n: source[:n])
    assert len(random_id()) == 8
    assert len(random_id(21)) == 21


@pytest.mark.parametrize("bad", ["", "a b"])
def test_a_node_id_with_a_space_or_nothing_in_it_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="node id"):
        validate_node_id(bad)


@pytest.mark.parametrize("bad", ["", "a:b", "a b"])
def test_a_user_id_with_a_colon_or_a_space_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="user id"):
        validate_user_id(bad)


@pytest.mark.parametrize("bad", [None, 10, False])
def test_ids_that_are_not_strings_are_refused(bad: object) -> None:
    with pytest.raises(TypeError, match="anonymous"):
        validate_user_id(bad)
    with pytest.raises(TypeError, match="string"):
        validate_node_id(bad)
