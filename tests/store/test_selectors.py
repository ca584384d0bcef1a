from typing import Any, assert_type

import pytest

from logux_store import Selector, create_selector


def test_a_selector_computes_only_when_its_inputs_are_other_objects() -> None:
    done = create_selector(
        lambda state: state["todos"], lambda todos: [todo for todo in todos if todo["done"]]
    )
    todos = [{"done": True}, {"done": False}]
    first = done({"todos": todos, "other": 1})
    assert first == [{"done": True}]
    assert done({"todos": todos, "other": 2}) is first
    assert done.recomputations == 1
    assert done({"todos": [], "other": 2}) == []
    assert done.recomputations == 2


def test_selectors_build_on_selectors() -> None:
    numbers = create_selector(
        lambda state: state["a"], lambda state: state["b"], lambda a, b: (a, b)
    )
    total = create_selector(numbers, sum)
    assert total({"a": 1, "b": 2}) == 3


def test_the_type_of_a_selector_is_what_it_makes() -> None:
    def names(state: dict[str, str]) -> list[str]:
        return [*state]

    count = assert_type(create_selector(names, len), Selector[int])
    texts = create_selector(names, count, lambda names, count: f"{names[0]} of {count}")
    assert assert_type(texts, Selector[str])({"a": "b"}) == "a of 1"


def test_a_selector_that_raises_is_asked_again() -> None:
    def fail(value: int) -> float:
        return 1 / value

    inverse = create_selector(lambda state: state, fail)
    with pytest.raises(ZeroDivisionError):
        inverse(0)
    assert inverse(2) == 0.5
    with pytest.raises(ZeroDivisionError):
        inverse(0)


@pytest.mark.parametrize("bad", [(), (len,), (len, 1)])
def test_a_selector_needs_functions(bad: Any) -> None:
    with pytest.raises(TypeError, match="create_selector takes"):
        create_selector(*bad)
