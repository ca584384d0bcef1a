"""Which callbacks an action's type has."""

import re
from typing import Any

import pytest

from logux_store import define_action
from logux_store.server.types import Types


def allow(ctx: Any, action: Any, meta: Any) -> bool:
    return True


def test_the_exact_type_wins_then_the_first_pattern_then_the_rest() -> None:
    types = Types()
    types.add(re.compile("b$"), access=allow, queue="ends with b")
    types.add(re.compile("^a"), access=allow, queue="begins with a")
    types.add("a/b", access=allow, queue="exact")
    types.add(define_action("c"), access=allow, queue="creator")
    found = {}
    for type in ("a/b", "ab", "ac", "c", "d"):
        callbacks = types.find(type)
        found[type] = callbacks and callbacks.queue
    assert found == {
        "a/b": "exact",
        "ab": "ends with b",
        "ac": "begins with a",
        "c": "creator",
        "d": None,
    }
    types.add_other(access=allow, queue="other")
    assert types.find("d") is types.other
    assert types.find_defined("d") is None


def test_the_protocols_own_types_fit_no_pattern_and_are_no_other_types() -> None:
    types = Types()
    types.add(re.compile("."), access=allow)
    types.add_other(access=allow)
    assert types.find("logux/undo") is types.find_defined("logux/undo") is None
    with pytest.raises(ValueError, match="the protocol's own"):
        types.add("logux/undo", access=allow)


@pytest.mark.parametrize("type", ["a", re.compile("a"), define_action("a")])
def test_a_type_needs_an_access_callback(type: Any) -> None:
    with pytest.raises(TypeError, match="access"):
        Types().add(type, access=None, process=lambda *_: None)


def test_a_type_is_defined_once() -> None:
    types = Types()
    for type in ("a", re.compile("a")):
        types.add(type, access=allow)
        with pytest.raises(ValueError, match="already"):
            types.add(type, access=allow)
    types.add_other(access=allow)
    with pytest.raises(ValueError, match="already"):
        types.add_other(access=allow)


@pytest.mark.parametrize(
    "callbacks",
    [
        {"access": True},
        {"access": allow, "process": "text"},
        {"access": allow, "access_and_process": allow},
        {"access": None, "access_and_process": allow, "process": allow},
    ],
)
def test_wrong_callbacks_are_refused(callbacks: Any) -> None:
    with pytest.raises(TypeError):
        Types().add("a", **callbacks)


@pytest.mark.parametrize("type", [5, None, b"a"])
def test_a_type_is_a_string_a_pattern_or_a_creator(type: Any) -> None:
    with pytest.raises(TypeError, match="type"):
        Types().add(type, access=allow)
