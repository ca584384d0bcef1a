"""Run many seeds: `python -m logux_store.testing.simulation --seeds 1000 [--seed N] [--trace]`.

The exit status is 0 if nothing was wrong. A seed that fails is shrunk to the events that it takes,
and printed with what is wrong; `--trace` prints every message as well.
"""

import argparse
import sys
import time

from logux_store.testing.simulation.scenario import Scenario, make_scenario
from logux_store.testing.simulation.shrink import shrink
from logux_store.testing.simulation.world import Result, run_scenario

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = parse(arguments)
    start = time.perf_counter()
    seeds = [options.seed] if options.seed is not None else range(options.seeds)
    actions = messages = ran = 0
    failed: list[int] = []
    for seed in seeds:
        result = run_scenario(make_scenario(seed), trace=options.trace)
        ran += 1
        actions += result.actions
        messages += result.messages
        if result.faults:
            failed.append(seed)
            show(result if options.no_shrink else shrunk(result), options.trace)
            if len(failed) >= options.failures:
                break
        elif options.seed is not None:
            show(result, options.trace)
        elif ran % 100 == 0 and sys.stderr.isatty():
            print(f"\r{ran} seeds", end="", file=sys.stderr, flush=True)
    print(
        f"{ran} seeds, {len(failed)} failed, {actions} actions, {messages} messages, "
        f"{time.perf_counter() - start:.1f} s"
    )
    return 1 if failed else 0


def shrunk(result: Result) -> Result:
    """A fault of the same kind in a shorter scenario, with its trace."""
    kind = result.faults[0].kind

    def fails(scenario: Scenario) -> bool:
        return any(fault.kind == kind for fault in run_scenario(scenario).faults)

    return run_scenario(shrink(result.scenario, fails), trace=True)


def show(result: Result, trace: bool) -> None:
    """Print what a seed was, what happened and what is wrong."""
    scenario = result.scenario
    print(f"seed {scenario.seed}")
    for name in ("servers", "clients", "durable", "skew", "latency", "commit_delay"):
        print(f"  {name}: {getattr(scenario, name)}")
    print(f"  ping: {scenario.client_ping}, {scenario.server_ping}; timeout: {scenario.timeout}")
    print(f"  loads: {scenario.loads}; max_waiting: {scenario.max_waiting}")
    for line in result.trace if trace else map(str, scenario.events):
        print(f"  {line}")
    for fault in result.faults:
        print(f"FAULT {fault}")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m logux_store.testing.simulation",
        description="Simulate networks of clients and servers, each from a seed, and check them.",
    )
    parser.add_argument("--seeds", type=int, default=1000, help="how many, from 0 (%(default)s)")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--trace", action="store_true", help="print every message")
    parser.add_argument("--failures", type=int, default=1, help="stop after so many (%(default)s)")
    parser.add_argument("--no-shrink", action="store_true", help="print all events of a failure")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
