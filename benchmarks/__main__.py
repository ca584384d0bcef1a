"""The command: runs the benchmarks that it is told, or all, and prints tables or JSON lines."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from benchmarks import (
    backlog,
    connections,
    dispatch,
    fan_out,
    late_batch,
    late_insert,
    leader,
    log,
    request,
    room,
    storage,
    undo,
)
from benchmarks.measure import Case, Result, measure

BENCHMARKS: dict[str, Callable[[ExitStack], Iterable[Case]]] = {
    "log": log.cases,
    "dispatch": dispatch.cases,
    "late-insert": late_insert.cases,
    "late-batch": late_batch.cases,
    "backlog": backlog.cases,
    "undo": undo.cases,
    "storage": storage.cases,
    "leader": leader.cases,
    "fan-out": fan_out.cases,
    "request": request.cases,
    "room": room.cases,
    "connections": connections.cases,
}


def main(arguments: list[str] | None = None) -> None:
    """Run it; raises WrongResultError if two sides of a case did not end with the same."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--json", action="store_true", help="one JSON object a line and case")
    parser.add_argument("--runs", type=int, help="how often each side runs, instead of its default")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    for name in options.names or BENCHMARKS:
        with ExitStack() as stack:
            results = [
                result
                for case in BENCHMARKS[name](stack)
                for result in show_progress(name, case, options.runs)
            ]
        if options.json:
            for result in results:
                print(json.dumps(asdict(result), ensure_ascii=False), flush=True)
        else:
            # Wide enough for every column, also where the output is no terminal.
            Console(width=max(110, Console().width)).print(table(name, results))


def show_progress(name: str, case: Case, runs: int | None) -> list[Result]:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{name}: {case.name} …", end="", file=sys.stderr, flush=True)
    results = list(measure(name, case, runs))
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    return results


def table(name: str, results: list[Result]) -> Table:
    """A line for each case and peer; the spreads are those between the best and the worst run."""
    machine = f"Python {platform.python_version()}, {os.cpu_count()} processors"
    table = Table(title=name, caption=f"Median of all runs, ± half their spread. {machine}.")
    table.add_column("case")
    for column in ("ours", "peer"):
        table.add_column(column, justify="right")
        table.add_column("±", justify="right")
    table.add_column("unit")
    table.add_column("peer is")
    table.add_column("ratio", justify="right")
    for r in results:
        table.add_row(
            *(r.case, number(r.ours), f"{r.ours_spread / 2:.0%}"),
            *(number(r.peer), f"{r.peer_spread / 2:.0%}"),
            *(r.unit, r.peer_name, f"{r.ratio:.2f}"),
        )
    return table


def number(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"


if __name__ == "__main__":
    main()
