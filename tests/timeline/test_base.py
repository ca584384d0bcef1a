"""A timeline that starts in the middle is as good as one that saw everything."""

from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logux_store.ids import order_key
from logux_store.timeline import Timeline

Action = dict[str, Any]


def trace(state: tuple[int, ...] | None, action: Action) -> tuple[int, ...]:
    return (*(state or ()), action["n"]) if action["type"] == "a" else state or ()


def entry(n: int, time: int | None = None) -> Any:
    id = f"{n} a 0"
    return order_key(id, n if time is None else time), id, {"type": "a", "n": n}


@given(
    st.lists(st.integers(1, 40), unique=True, min_size=1),
    st.integers(0, 40),
    st.lists(st.tuples(st.integers(1, 80), st.booleans()), max_size=10),
    st.integers(1, 4),
)
def test_it_goes_on_from_any_place(
    before: list[int], place: int, later: list[tuple[int, bool]], every: int
) -> None:
    known = sorted(before)
    base = order_key(f"{place} a 0", place)
    whole = Timeline(trace, save_state_every=every)
    whole.insert(map(entry, known))
    state = tuple(n for n in known if n <= place)
    part = Timeline(trace, state, save_state_every=every, base=base)
    part.insert(entry(n) for n in known if n > place)
    assert (part.state, part.base) == (whole.state, base)
    for n, undo in later:
        if n > place:
            for timeline in (whole, part):
                if undo:
                    timeline.remove([f"{n} a 0"])
                else:
                    timeline.insert([entry(n)])
        assert part.state == whole.state


def test_what_comes_before_the_base_is_missed() -> None:
    missed: list[Action] = []
    timeline = Timeline(trace, (1, 3), base=order_key("3 a 0", 3), on_missed_history=missed.append)
    timeline.insert([entry(4)])
    timeline.insert([entry(2)])
    timeline.remove(["1 a 0"])
    assert timeline.state == (1, 3, 2, 4)
    assert missed == [{"type": "a", "n": 2}, {"type": "logux/undo", "id": "1 a 0"}]


def test_what_was_undone_before_is_ignored_when_it_comes() -> None:
    missed: list[Action] = []
    timeline = Timeline(
        trace,
        (1,),
        base=order_key("1 a 0", 1),
        undone=["2 a 0", "0 a 0"],
        on_missed_history=missed.append,
    )
    timeline.insert([entry(2), entry(3), entry(0)])
    timeline.remove(["0 a 0"])
    assert timeline.state == (1, 3)
    assert missed == []
    assert timeline.undone == {"2 a 0", "0 a 0"}
    timeline.forget_undo("2 a 0")
    timeline.insert([entry(2)])
    assert timeline.state == (1, 2, 3)


def test_parts_that_the_new_reducer_lacks_are_left_out_of_the_state_at_the_base() -> None:
    class Parts:
        parts: ClassVar[Any] = {"a": trace}

    state = {"a": (1,), "b": (2,)}
    timeline = Timeline(Parts(), state, base=order_key("1 a 0", 1))  # type: ignore[arg-type]
    assert timeline.state == {"a": (1,)}
    with pytest.raises(ValueError, match="'b'"):
        Timeline(Parts(), state)  # type: ignore[arg-type]


@given(
    st.lists(
        st.tuples(st.integers(1, 60), st.sampled_from(["insert", "remove", "release", "batch"])),
        max_size=60,
    ),
    st.integers(0, 6),
    st.integers(1, 4),
)
def test_the_state_is_that_of_what_was_forgotten_and_of_the_rest(
    steps: list[tuple[int, str]], history: int, every: int
) -> None:
    forgotten: list[Any] = []
    timeline = Timeline(trace, save_state_every=every, history=history, on_forget=forgotten.extend)
    for n, step in steps:
        match step:
            case "insert":
                timeline.insert([entry(n)])
            case "batch":
                timeline.insert([entry(n), entry(n + 1, n), entry(n + 2)])
            case "remove":
                timeline.remove([f"{n} a 0"])
            case _:
                for item in timeline.oldest(n % 7):
                    timeline.release(item[1])
        rest = timeline.oldest(len(timeline))
        assert timeline.state == tuple(item[2]["n"] for item in [*forgotten, *rest])
        assert timeline.base == (forgotten[-1][0] if forgotten else ())
        keys = [item[0] for item in [*forgotten, *rest]]
        assert keys == sorted(keys)
    assert timeline.oldest(0) == timeline.oldest(-1) == []
