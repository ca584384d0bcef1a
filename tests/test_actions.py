import json
from typing import Any

import pyrsistent
import pytest

from logux_store.actions import (
    MAX_DEPTH,
    check_action,
    check_sendable,
    define_action,
    is_logux,
    to_json,
)
from logux_store.sync.messages import check_message


@pytest.mark.parametrize("bad", [None, "a", [], {}, {"type": 1}, {"type": None}])
def test_an_action_without_a_string_type_is_refused(bad: object) -> None:
    with pytest.raises(TypeError, match="type"):
        check_action(bad)


def test_an_action_is_a_dict_with_a_type() -> None:
    check_action({"type": "a"})


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", 1j])
def test_what_json_does_not_know_cannot_be_sent(value: object) -> None:
    with pytest.raises(TypeError, match="'a' cannot be sent"):
        check_sendable({"type": "a", "value": value})


@pytest.mark.parametrize(
    "value", [{1: "a"}, [{"a": ({None: 1},)}], pyrsistent.m(a=pyrsistent.pmap({True: 1}))]
)
def test_a_key_that_json_would_make_a_string_of_cannot_be_sent(value: object) -> None:
    with pytest.raises(TypeError, match=r"'a' cannot be sent: it has the key .*, which is no"):
        check_sendable({"type": "a", "value": value})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_json_does_not_know_cannot_be_sent(value: float) -> None:
    with pytest.raises(ValueError, match="'a' cannot be sent"):
        check_sendable({"type": "a", "value": value})


def test_endless_actions_cannot_be_sent() -> None:
    action: dict[str, Any] = {"type": "a"}
    action["self"] = action
    with pytest.raises(ValueError, match="cannot be sent"):
        check_sendable(action)


def test_actions_that_the_other_node_would_find_too_deep_cannot_be_sent() -> None:
    def nested(depth: int) -> dict[str, Any]:
        value: Any = pyrsistent.v()
        for _ in range(depth - 1):
            value = [value]
        return {"type": "a", "value": value, "text": "[{" * MAX_DEPTH}

    check_sendable(nested(MAX_DEPTH - 1))
    check_message(["sync", 1, json.loads(to_json(nested(MAX_DEPTH - 1))), {"id": 1, "time": 1}])
    with pytest.raises(ValueError, match=r"'a' cannot be sent: .* more than 200 deep"):
        check_sendable(nested(MAX_DEPTH))


def test_persistent_structures_are_sent_as_plain_ones() -> None:
    action = {"type": "a", "map": pyrsistent.m(x=pyrsistent.v(1, 2)), "set": pyrsistent.s(2, 1)}
    check_sendable(action)
    assert json.loads(to_json(action)) == {"type": "a", "map": {"x": [1, 2]}, "set": [1, 2]}


def test_json_is_compact_and_keeps_letters() -> None:
    assert to_json({"type": "ü", "n": None}) == '{"type":"ü","n":null}'


def test_an_action_creator_makes_actions_of_its_type() -> None:
    rename = define_action("users/rename")
    assert rename(id="10", name="Ann") == {"type": "users/rename", "id": "10", "name": "Ann"}
    assert rename.match(rename())
    assert not rename.match({"type": "users/remove"})


def test_an_action_creator_can_build_the_fields_from_arguments() -> None:
    add = define_action("todo/add", lambda text: {"text": text, "done": False})
    assert add("milk") == {"type": "todo/add", "text": "milk", "done": False}


def test_an_action_creator_refuses_what_would_make_no_action_of_its_type() -> None:
    with pytest.raises(ValueError, match="a field of 'todo/add' cannot be called 'type'"):
        define_action("todo/add")(type="urgent")
    with pytest.raises(TypeError, match="build is a function"):
        define_action("todo/add", {"done": False})  # type: ignore[arg-type]


def test_the_protocol_has_its_own_actions() -> None:
    assert is_logux({"type": "logux/undo"})
    assert not is_logux({"type": "loguxury"})


def test_half_a_surrogate_pair_stays_an_escape_so_that_the_text_is_utf_8() -> None:
    text = to_json({"type": "é", "half": "\ud83d", "whole": "😀"})
    assert text == '{"type":"é","half":"\\ud83d","whole":"😀"}'
    assert json.loads(text.encode()) == {"type": "é", "half": "\ud83d", "whole": "😀"}
