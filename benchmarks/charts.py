"""Charts of cost against size: `python -m benchmarks.charts RESULTS.jsonl docs/charts`.

RESULTS.jsonl is what `python -m benchmarks … --json` printed. Both axes are logarithmic, so that a
cost that does not depend on the size is a flat line, and one that grows with it a diagonal.
"""

import argparse
import json
import math
import re
from collections.abc import Callable
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["CHARTS", "Chart", "Series", "draw", "main"]

Result = dict[str, Any]
Points = list[tuple[float, float]]

JS, FOLD = "@logux/redux", "the bare fold"
WIDTH, HEIGHT = 680, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 40, 50
COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#8250df", "#9a6700", "#57606a")


class Series(NamedTuple):
    """One line: the cases whose name matches, with the size as the first group; our figure, or that
    of the peer whose name begins so.
    """

    label: str
    bench: str
    case: str
    peer: str | None = None
    figure: Callable[[float], float] = float

    def points(self, results: list[Result]) -> Points:
        """Size and cost of each case, by size."""
        found: dict[float, float] = {}
        for result in results:
            match = re.fullmatch(self.case, result["case"])
            if result["bench"] != self.bench or match is None:
                continue
            if self.peer is None:
                found[number(match[1])] = self.figure(result["ours"])
            elif result["peer_name"].startswith(self.peer):
                found[number(match[1])] = self.figure(result["peer"])
        return sorted(found.items())


class Chart(NamedTuple):
    """One file."""

    name: str
    title: str
    sizes: str
    costs: str
    series: tuple[Series, ...]


def microseconds(per_second: float) -> float:
    return 1e6 / per_second


def both(label: str, bench: str, case: str, **options: Any) -> tuple[Series, Series]:
    """Our line and that of the JavaScript store."""
    return (
        Series(label, bench, case, **options),
        Series(f"{label}, JavaScript", bench, case, peer=JS, **options),
    )


CHARTS = (
    Chart(
        "dispatch",
        "One dispatch, while the history keeps its length",
        "actions in the history",
        "µs",
        (
            *both("cross_tab", "dispatch", r"cross_tab, history of ([\d,]+)", figure=microseconds),
            *both("plain", "dispatch", r"plain, history of ([\d,]+)", figure=microseconds),
        ),
    ),
    Chart(
        "late-insert",
        "One late action in a history of 1,000",
        "places before the end",
        "µs",
        (
            *both("a dict", "late-insert", r"a dict, ([\d,]+) back"),
            Series("a dict, the bare fold", "late-insert", r"a dict, ([\d,]+) back", FOLD),
            *both("16 slices", "late-insert", r"16 slices, ([\d,]+) back"),
        ),
    ),
    Chart(
        "sync",
        "Many actions in one sync",
        "actions that come",
        "ms",
        (
            *both("newer", "backlog", r"([\d,]+) newer"),
            *both("every second one", "late-batch", r"([\d,]+) of [\d,]+"),
        ),
    ),
    Chart(
        "log",
        "Adding to the log",
        "actions in the end",
        "µs an action",
        (
            Series("ours", "log", r"from 0 to (\w+)", figure=microseconds),
            Series("@logux/core", "log", r"from 0 to (\w+)", "@logux/core", microseconds),
        ),
    ),
)


def number(text: str) -> float:
    """1,000 or 10k or 1M."""
    scale = {"k": 1e3, "M": 1e6}.get(text[-1])
    return float(text[:-1]) * scale if scale else float(text.replace(",", ""))


def draw(chart: Chart, results: list[Result]) -> str:
    """The chart as SVG. Raises ValueError if no result is for it."""
    lines = [(series.label, series.points(results)) for series in chart.series]
    points = [point for _, line in lines for point in line]
    if not points:
        raise ValueError(f"the results have nothing for the chart {chart.name}")
    x = Axis([size for size, _ in points], LEFT, WIDTH - RIGHT)
    y = Axis([cost for _, cost in points], HEIGHT - BOTTOM, TOP)
    parts = [text(LEFT, 20, chart.title, "start", 15)]
    for value in x.ticks():
        parts.append(rule(x.place(value), TOP, x.place(value), HEIGHT - BOTTOM))
        parts.append(text(x.place(value), HEIGHT - BOTTOM + 18, label(value)))
    for value in y.ticks():
        parts.append(rule(LEFT, y.place(value), WIDTH - RIGHT, y.place(value)))
        parts.append(text(LEFT - 8, y.place(value) + 4, label(value), "end"))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, chart.sizes))
    parts.append(text(8, TOP - 8, chart.costs, "start"))
    ends = spread_out([y.place(line[-1][1]) for _, line in lines if line])
    for (name, line), colour, end in zip(
        ((name, line) for name, line in lines if line), COLOURS, ends, strict=False
    ):
        path = " ".join(f"{x.place(size):.1f},{y.place(cost):.1f}" for size, cost in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for point in path.split():
            px, py = point.split(",")
            parts.append(f'<circle cx="{px}" cy="{py}" r="3" fill="{colour}"/>')
        parts.append(text(WIDTH - RIGHT + 8, end + 4, name, "start", 11, colour))
    size = f'width="{WIDTH}" height="{HEIGHT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">'
    ground = f'<rect {size} fill="white"/>'
    return "\n".join([head, ground, *parts, "</svg>", ""])


class Axis:
    """Powers of ten from one end of the picture to the other."""

    def __init__(self, values: list[float], start: float, end: float) -> None:
        self.low = math.floor(math.log10(min(values)))
        self.high = max(math.ceil(math.log10(max(values))), self.low + 1)
        self.start, self.end = start, end

    def place(self, value: float) -> float:
        part = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)

    def ticks(self) -> list[float]:
        return [10.0**power for power in range(self.low, self.high + 1)]


def spread_out(places: list[float], apart: float = 13) -> list[float]:
    """Move names apart that would stand on each other."""
    order = sorted(range(len(places)), key=places.__getitem__)
    moved = [*places]
    for before, after in pairwise(order):
        moved[after] = max(moved[after], moved[before] + apart)
    return moved


def label(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#d0d7de"/>'


def text(
    x: float, y: float, words: str, anchor: str = "middle", size: int = 12, colour: str = "#24292f"
) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="{size}" fill="{colour}">{escape(words)}</text>'


def main(arguments: list[str] | None = None) -> None:
    """Write the files, one for each chart."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.charts", description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    results = [json.loads(line) for line in options.results.read_text().splitlines()]
    options.folder.mkdir(parents=True, exist_ok=True)
    for chart in CHARTS:
        (options.folder / f"{chart.name}.svg").write_text(draw(chart, results))


if __name__ == "__main__":
    main()
