"""Many worlds, each from its seed: nothing is wrong in any of them."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from logux_store.client.subscriptions import Subscriptions
from logux_store.testing.simulation import Event, make_scenario, run_scenario, shrink
from logux_store.testing.simulation.__main__ import main

SEEDS = 300
GROUP = 25
"""Seeds for each test, so that a failure is found soon and said early."""


@pytest.mark.parametrize("first", range(0, SEEDS, GROUP))
def test_nothing_is_wrong_in_any_world(first: int) -> None:
    for seed in range(first, first + GROUP):
        result = run_scenario(make_scenario(seed))
        assert result.faults == [], f"python -m logux_store.testing.simulation --seed {seed}"


def test_the_same_seed_gives_the_same_trace_byte_for_byte() -> None:
    def trace(hash_seed: str) -> bytes:
        return subprocess.run(
            [sys.executable, "-m", "logux_store.testing.simulation", "--seed", "7", "--trace"],
            env={"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        ).stdout

    lines = trace("1").splitlines()
    assert len(lines) > 100
    # All but the last line, which says how long it took.
    assert lines[:-1] == trace("2").splitlines()[:-1]


def test_a_trace_tells_of_events_connections_and_messages() -> None:
    result = run_scenario(make_scenario(7), trace=True)
    text = "\n".join(result.trace)
    for word in ("is connected", '["connect",5,', "act(", "everything is repaired"):
        assert word in text
    assert result.actions > 0
    assert result.messages > 100
    assert run_scenario(make_scenario(7)).trace == []


def test_a_scenario_is_shrunk_to_the_events_that_it_takes() -> None:
    scenario = make_scenario(4)
    needed = scenario.events[3], scenario.events[-2]

    def fails(shorter: Any) -> bool:
        return set(map(str, needed)) <= set(map(str, shorter.events))

    assert shrink(scenario, fails).events == [*needed]
    # Some attempts are better than none.
    assert 2 < len(shrink(scenario, fails, attempts=9).events) < len(scenario.events)


def test_what_is_done_at_once_is_shrunk_as_well() -> None:
    scenario = make_scenario(4)
    actions = [{"type": "text/append", "n": n} for n in range(6)]
    scenario.events.append(Event(99.0, "c1", "act", (actions, True)))

    def fails(shorter: Any) -> bool:
        numbers = [a["n"] for e in shorter.events if e.at == 99.0 for a in e.arguments[0]]
        return {2, 4} <= {*numbers}

    (event,) = shrink(scenario, fails).events
    assert event.arguments == ([actions[2], actions[4]], True)


def test_the_command_prints_what_fails_and_the_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Subscriptions, "missing", lambda _: [])
    assert main(["--seeds", "100", "--trace"]) == 1
    printed = capsys.readouterr().out
    assert "FAULT state: " in printed or "FAULT restless: " in printed
    assert "is connected" in printed
    assert ", 1 failed, " in printed.splitlines()[-1]


def test_the_command_says_that_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "3"]) == 0
    assert capsys.readouterr().out.startswith("3 seeds, 0 failed, ")
    assert main(["--seed", "5"]) == 0
    assert "seed 5\n" in capsys.readouterr().out


def test_what_raises_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Subscriptions, "subscribe", lambda *_: 1 / 0)
    scenario = replace(make_scenario(3), events=[])
    client = next(iter(scenario.clients))
    scenario.events.append(Event(1.0, client, "subscribe", ("r1",)))
    (fault, *_) = run_scenario(scenario).faults
    assert fault.kind == "raised"
    assert "ZeroDivisionError" in fault.text
