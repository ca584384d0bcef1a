from dataclasses import asdict
from typing import Any

import pytest

from benchmarks.measure import Case, Run, Side, WrongResultError, measure


def side(
    figures: list[float], outcome: Any = "same", calls: list[str] | None = None, name: str = ""
) -> Side:
    """Gives one figure a run."""
    left = iter(figures)

    def run() -> Run:
        if calls is not None:
            calls.append(name)
        return Run(next(left), outcome)

    return run


def test_the_median_of_the_runs_counts_and_the_ratio_is_above_1_when_we_are_better() -> None:
    case = Case("c", "adds/s", side([300.0, 100.0, 200.0]), {"p": side([50.0, 90.0, 50.0])}, runs=3)
    (result,) = measure("b", case)
    assert asdict(result) == {
        "bench": "b",
        "case": "c",
        "unit": "adds/s",
        "ours": 200.0,
        "peer": 50.0,
        "peer_name": "p",
        "ratio": 4.0,
        "ours_spread": 1.0,
        "peer_spread": 0.8,
        "runs": 3,
    }


def test_a_lower_figure_can_be_the_better_one() -> None:
    case = Case("c", "µs", side([2.0]), {"p": side([8.0])}, better="lower", runs=1)
    assert [result.ratio for result in measure("b", case)] == [4.0]


def test_the_sides_take_turns_as_often_as_they_are_told() -> None:
    calls: list[str] = []

    def of(name: str) -> Side:
        return side([1.0, 1.0], calls=calls, name=name)

    case = Case("c", "adds/s", of("ours"), {"p": of("p"), "q": of("q")}, runs=5)
    results = list(measure("b", case, runs=2))
    assert calls == ["ours", "p", "q"] * 2
    assert [(result.peer_name, result.runs) for result in results] == [("p", 2), ("q", 2)]


def test_a_figure_for_other_work_counts_for_nothing() -> None:
    case = Case(
        "c", "adds/s", side([1.0], outcome=[1, 2]), {"p": side([1.0], outcome=[2, 1])}, runs=1
    )
    with pytest.raises(WrongResultError, match=r"b, c: p ended with \[2, 1\], we with \[1, 2\]"):
        list(measure("b", case))
