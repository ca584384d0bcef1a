"""What counts as the same state, and how long that may take to find out."""

import math
from collections import OrderedDict, namedtuple
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import m, pset, v

from logux_store.timeline.same import LIMIT, same

Point = namedtuple("Point", "x y")


class Marked(tuple[int, ...]):
    """A tuple with something besides its items."""

    mark = ""


@dataclass
class User:
    name: str
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Slotted:
    name: str
    more: Any = None


@dataclass(frozen=True)
class Lazy:
    name: str

    @cached_property
    def upper(self) -> str:
        return self.name.upper()


@dataclass(eq=False)
class Entries(dict[str, int]):
    """A dataclass that holds more than its fields."""

    name: str


class Plain:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class Vague:
    """Is neither equal to anything nor different, as a NumPy array with several values."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("the truth value is ambiguous")

    __ne__ = __eq__
    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Guarded:
    data: dict[str, int]

    def __getattr__(self, name: str) -> int:
        return self.data[name]


class Color(Enum):
    RED = 1


def marked(mark: str) -> Marked:
    value = Marked((1, 2))
    value.mark = mark
    return value


def entries(**items: int) -> Entries:
    value = Entries("one")
    value.update(items)
    return value


def lazy(touch: bool) -> Lazy:
    value = Lazy("a")
    if touch:
        assert value.upper == "A"
    return value


@pytest.mark.parametrize(
    "make",
    [
        lambda: None,
        lambda: True,
        lambda: 10**30,
        lambda: 1.5,
        lambda: -0.0,
        lambda: "".join(["long ", "text"]),
        lambda: b"a" + bytes(1),
        list,
        lambda: [1, [2, (3, {"a": [4]})]],
        lambda: {"a": 1, "b": {"c": [1.0, "x"]}},
        lambda: {(1, "a"): [2]},
        lambda: Point(1, [2]),
        lambda: User("ann", ["x"]),
        lambda: [Slotted("ann", User("bob"))],
        lambda: Guarded({"a": 1}),
        lambda: m(a=v(1, 2), b=m(c="x")),
        lambda: Color.RED,
        lambda: [Plain, len],
    ],
)
def test_equal_values_of_the_same_types_are_the_same(make: Any) -> None:
    assert same(make(), make())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (1, True),
        (1, 1.0),
        (0, False),
        (0.0, -0.0),
        ([0.0], [-0.0]),
        (math.nan, float("nan")),
        (None, False),
        ("a", "b"),
        ("a", b"a"),
        ([1, 2], [1, 3]),
        ([1, 2], [2, 1]),
        ([1], [1, 1]),
        ([1], (1,)),
        ([1], v(1)),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"b": 1}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({1: "a"}, {True: "a"}),
        ({1: "a"}, {1.0: "a"}),
        ({"a": 1}, m(a=1)),
        ({"a": 1}, OrderedDict(a=1)),
        (OrderedDict(a=1), OrderedDict(a=1)),
        (Point(1, 2), (1, 2)),
        (Point(1, 2), Point(1, 3)),
        (marked("a"), marked("b")),
        (User("ann"), User("bob")),
        (User("ann"), Slotted("ann")),
        (Slotted("ann", 1), Slotted("ann", True)),
        (lazy(True), lazy(False)),
        (entries(a=1), entries(a=2)),
        (Plain(), Plain()),
        ({1, 2}, {1, 2}),
        (pset([1]), pset([1])),
        ([Plain()], [Plain()]),
        (Vague(), Vague()),
        ({"a": 1}, {"a": Vague()}),
        ({"a": Vague()}, {"a": 1}),
        (m(a="x"), m(a=Vague())),
        (Slotted("ann", 1), Slotted("ann", Vague())),
    ],
)
def test_values_that_a_reducer_could_tell_apart_are_not_the_same(first: Any, second: Any) -> None:
    assert not same(first, second)
    assert not same([{"in": first}], [{"in": second}])
    assert same(first, first)


def test_a_dataclass_without_all_its_values_is_compared_by_what_it_has() -> None:
    first, second = User("ann"), User("ann")
    del first.tags
    assert not same(first, second)
    bare, other = Slotted.__new__(Slotted), Slotted.__new__(Slotted)
    assert same(bare, other)
    assert not same(bare, Slotted("ann"))


def test_large_states_are_given_up() -> None:
    assert same([*range(LIMIT)], [*range(LIMIT)])
    assert not same([*range(LIMIT + 1)], [*range(LIMIT + 1)])
    deep_a: Any = "end"
    deep_b: Any = "end"
    for _ in range(100_000):
        deep_a, deep_b = [deep_a], [deep_b]
    assert not same(deep_a, deep_b)
    assert not same([[0] * 20] * 20, [[0] * 20 for _ in range(20)])
    names = [f"name {n}" for n in range(LIMIT + 1)]
    assert not same(dict.fromkeys(names), dict.fromkeys(names))


def test_a_state_that_holds_itself_is_given_up() -> None:
    first: list[Any] = []
    first.append(first)
    second: list[Any] = []
    second.append(second)
    assert not same(first, second)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 1) | st.sampled_from([0.0, -0.0, 1.0, "", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.sampled_from([0, 1, True, 0.0, "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(values, values)
def test_the_same_are_exactly_those_that_look_the_same(first: Any, second: Any) -> None:
    assert same(first, second) == (repr(first) == repr(second))
