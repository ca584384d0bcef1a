"""Selectors: functions of the state, computed again only when what they look at has changed."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

__all__ = ["Selector", "create_selector", "differ"]

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")


class Selector(Generic[T]):
    """A memoized function of the state. `recomputations` counts how often it was computed."""

    __slots__ = ("_arguments", "_combine", "_inputs", "_result", "recomputations")

    def __init__(self, inputs: tuple[Callable[[Any], Any], ...], combine: Callable[..., T]) -> None:
        self._inputs = inputs
        self._combine = combine
        self._arguments: tuple[Any, ...] | None = None
        self._result: T
        self.recomputations = 0

    def __call__(self, state: Any) -> T:
        arguments = tuple(select(state) for select in self._inputs)
        last = self._arguments
        if last is None or any(new is not old for new, old in zip(arguments, last, strict=True)):
            self._result = self._combine(*arguments)
            self._arguments = arguments
            self.recomputations += 1
        return self._result


@overload
def create_selector(select: Callable[[Any], A], combine: Callable[[A], T], /) -> Selector[T]: ...


@overload
def create_selector(
    select_a: Callable[[Any], A], select_b: Callable[[Any], B], combine: Callable[[A, B], T], /
) -> Selector[T]: ...


@overload
def create_selector(
    select_a: Callable[[Any], Any],
    select_b: Callable[[Any], Any],
    select_c: Callable[[Any], Any],
    function: Callable[..., Any],
    /,
    *functions: Callable[..., Any],
) -> Selector[Any]: ...


def create_selector(*functions: Callable[..., Any]) -> Selector[Any]:
    """Make a selector: `create_selector(select_a, select_b, combine)`.

    All but the last take the state and select from it; the last one makes the result of what they
    selected, and is called only when one of its arguments is another object than before.

    >>> open_count = create_selector(
    ...     lambda state: state["todos"],
    ...     lambda todos: sum(not todo["done"] for todo in todos),
    ... )
    >>> open_count({"todos": [{"done": False}]})
    1
    """
    if len(functions) < 2 or not all(map(callable, functions)):
        raise TypeError(
            "create_selector takes one or more selectors and a function of their results"
        )
    return Selector(functions[:-1], functions[-1])


def differ(new: Any, old: Any) -> bool:
    """Whether what was selected is not equal to what was selected before. What cannot tell, as an
    array of NumPy with several items, is equal only to itself.
    """
    try:
        return new is not old and bool(new != old)
    except Exception:  # noqa: BLE001 - no answer is one: the listener looks at it
        return True
