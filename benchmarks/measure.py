"""Cases, and how they are measured.

All sides of a case do the same work, taking turns, so that whatever else the machine does meanwhile
hits them alike. Each says after each run what it ended with, and a figure counts only if all agree.
The figure of a side is the median of its runs.
"""

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

__all__ = ["Case", "Result", "Run", "WrongResultError", "measure"]


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of one side gave: the figure in the case's unit, and what it ended with (JSON).

    The outcome is compared between all sides of the case, so it shows that they did the same work.
    """

    figure: float
    outcome: Any


Side = Callable[[], Run]


@dataclass(frozen=True, slots=True)
class Case:
    """One line of a benchmark: our side, and its peers by name.

    `better` says whether a higher or a lower figure is the better one; `runs` how often each side
    runs.
    """

    name: str
    unit: str
    ours: Side
    peers: dict[str, Side]
    better: Literal["higher", "lower"] = "higher"
    runs: int = 5


@dataclass(frozen=True, slots=True)
class Result:
    """What a case gave against one peer.

    `ratio` is above 1 when we are better; the spreads are the distance between the best and the
    worst run, as a part of the median.
    """

    bench: str
    case: str
    unit: str
    ours: float
    peer: float
    peer_name: str
    ratio: float
    ours_spread: float
    peer_spread: float
    runs: int


class WrongResultError(Exception):
    """Two sides of a case did not end with the same."""


def measure(bench: str, case: Case, runs: int | None = None) -> Iterator[Result]:
    """Run a case, `runs` times or as often as it asks for, and compare us with each peer.

    Raises WrongResultError when the sides did not end with the same.
    """
    sides = {"ours": case.ours, **case.peers}
    figures: dict[str, list[float]] = {name: [] for name in sides}
    times = runs or case.runs
    for _ in range(times):
        outcomes = {}
        for name, side in sides.items():
            # Nobody pays for the garbage of another.
            gc.collect()
            run = side()
            figures[name].append(run.figure)
            outcomes[name] = run.outcome
        for name, outcome in outcomes.items():
            if outcome != outcomes["ours"]:
                raise WrongResultError(
                    f"{bench}, {case.name}: {name} ended with {outcome!r}, "
                    f"we with {outcomes['ours']!r}"
                )
    ours = median(figures["ours"])
    for name in case.peers:
        peer = median(figures[name])
        yield Result(
            bench=bench,
            case=case.name,
            unit=case.unit,
            ours=ours,
            peer=peer,
            peer_name=name,
            ratio=ours / peer if case.better == "higher" else peer / ours,
            ours_spread=spread(figures["ours"]),
            peer_spread=spread(figures[name]),
            runs=times,
        )


def spread(figures: list[float]) -> float:
    return (max(figures) - min(figures)) / median(figures)
