"""Run many seeds: `python -m logux_store.testing.simulation --seeds 1000 [--seed N] [--trace]`.

`--application module:name` runs an application of one's own. The exit status is 0 if nothing was
wrong. A seed that fails is shrunk to the events that it takes, and printed with what is wrong;
`--trace` prints every message as well.
"""

import argparse
import sys
import time
from importlib import import_module

from logux_store.testing.simulation.own import SimulatedApplication
from logux_store.testing.simulation.report import report, shrunk
from logux_store.testing.simulation.scenario import make_scenario
from logux_store.testing.simulation.world import run_scenario

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = parse(arguments)
    application = None if options.application is None else load(options.application)
    start = time.perf_counter()
    seeds = [options.seed] if options.seed is not None else range(options.seeds)
    actions = messages = ran = 0
    failed: list[int] = []
    for seed in seeds:
        result = run_scenario(make_scenario(seed, application), trace=options.trace)
        ran += 1
        actions += result.actions
        messages += result.messages
        if result.faults:
            failed.append(seed)
            print(report(result if options.no_shrink else shrunk(result), options.trace))
            if len(failed) >= options.failures:
                break
        elif options.seed is not None:
            print(report(result, options.trace))
        elif ran % 100 == 0 and sys.stderr.isatty():
            print(f"\r{ran} seeds", end="", file=sys.stderr, flush=True)
    print(
        f"{ran} seeds, {len(failed)} failed, {actions} actions, {messages} messages, "
        f"{time.perf_counter() - start:.1f} s"
    )
    return 1 if failed else 0


def load(name: str) -> SimulatedApplication:
    """Somebody's own application, `module:name`: a class or an instance."""
    module, _, attribute = name.partition(":")
    found = getattr(import_module(module), attribute or "application")
    application = found() if isinstance(found, type) else found
    if not isinstance(application, SimulatedApplication):
        raise TypeError(f"{name} is no SimulatedApplication, but {application!r}")
    return application


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m logux_store.testing.simulation",
        description="Simulate networks of clients and servers, each from a seed, and check them.",
    )
    parser.add_argument("--seeds", type=int, default=1000, help="how many, from 0 (%(default)s)")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--application", help="your own, as module:name")
    parser.add_argument("--trace", action="store_true", help="print every message")
    parser.add_argument("--failures", type=int, default=1, help="stop after so many (%(default)s)")
    parser.add_argument("--no-shrink", action="store_true", help="print all events of a failure")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
