"""What is told of a simulated world, and how somebody's own application is tried in many."""

from collections.abc import Iterable

from logux_store.testing.simulation.own import SimulatedApplication
from logux_store.testing.simulation.scenario import Scenario, make_scenario
from logux_store.testing.simulation.shrink import shrink
from logux_store.testing.simulation.world import Result, run_scenario

__all__ = ["report", "shrunk", "simulate"]

SHOWN = ("servers", "clients", "durable", "skew", "latency", "commit_delay")


def simulate(application: SimulatedApplication, seeds: Iterable[int] = range(50)) -> None:
    """Let an application run in a simulated world for each seed. Raises AssertionError, with the
    few events that it takes, for the first one in which something is wrong.
    """
    __tracebackhide__ = True
    for seed in seeds:
        result = run_scenario(make_scenario(seed, application))
        if result.faults:
            raise AssertionError(
                f"something is wrong in a simulated world; `seeds=[{seed}]` runs it again\n"
                + report(shrunk(result), trace=False)
            )


def shrunk(result: Result) -> Result:
    """A fault of the same kind in a shorter scenario, with its trace."""
    kind = result.faults[0].kind

    def fails(scenario: Scenario) -> bool:
        return any(fault.kind == kind for fault in run_scenario(scenario).faults)

    return run_scenario(shrink(result.scenario, fails), trace=True)


def report(result: Result, trace: bool) -> str:
    """What a seed was, what happened and what is wrong."""
    scenario = result.scenario
    lines = [f"seed {scenario.seed}"]
    lines += [f"  {name}: {getattr(scenario, name)}" for name in SHOWN]
    lines += [
        f"  ping: {scenario.client_ping}, {scenario.server_ping}; timeout: {scenario.timeout}",
        f"  max_waiting: {scenario.max_waiting}",
    ]
    if scenario.application is None:
        lines.append(f"  loads: {scenario.loads}, listens: {scenario.listens}")
    lines += [f"  {line}" for line in (result.trace if trace else map(str, scenario.events))]
    lines += [f"FAULT {fault}" for fault in result.faults]
    return "\n".join(lines)
