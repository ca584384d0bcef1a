"""The same random scenarios on this library's store and on that of `@logux/redux`.

A wider search: `INTEROP_SEEDS=20000 make test ARGS=tests/interop/test_store_against_redux.py`.
"""

import json
import os
from typing import Any

import pytest

from tests.interop.node_process import NodeProcess
from tests.interop.scenarios import Scenario, expected, make_scenario, play, smaller

SEEDS = int(os.environ.get("INTEROP_SEEDS", "1000"))


def states(result: dict[str, Any]) -> dict[str, Any]:
    return {name: result[name] for name in ("state", "reloaded")}


async def original(node: NodeProcess, *scenarios: Scenario) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = await node.call("redux.run", scenarios=scenarios)
    return [states(result) for result in results]


@pytest.mark.parametrize("tame", [True, False], ids=["tame", "wild"])
def test_the_state_is_the_plain_fold_of_the_sorted_actions(tame: bool) -> None:
    for seed in range(SEEDS):
        scenario = make_scenario(seed, tame=tame)
        assert states(play(scenario)) == expected(scenario), f"seed {seed}: {scenario}"


async def test_redux_has_the_same_state_where_it_does_not_fall_into_its_known_faults(
    node: NodeProcess,
) -> None:
    for start in range(0, SEEDS, 100):
        scenarios = [make_scenario(seed, tame=True) for seed in range(start, start + 100)]
        for scenario, result in zip(scenarios, await original(node, *scenarios), strict=True):
            if result != states(play(scenario)):
                await explain(node, scenario)


async def explain(node: NodeProcess, scenario: Scenario) -> None:
    """Fail with a smallest scenario that still shows the difference."""
    smallest = scenario
    less: Scenario | None = scenario
    while less is not None:
        smallest, less = less, None
        for candidate in smaller(smallest):
            (result,) = await original(node, candidate)
            if result != states(play(candidate)):
                less = candidate
                break
    (result,) = await original(node, smallest)
    pytest.fail(
        f"{json.dumps(smallest)}\n@logux/redux: {result}\nthis library: {states(play(smallest))}"
    )
