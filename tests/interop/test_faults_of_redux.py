"""Faults of `@logux/redux` 0.8.4 that this library does not repeat, each with a smallest scenario;
`docs/compatibility.md` explains them.

Every test shows both results, so that it tells when a newer version of the original is repaired.
"""

from typing import Any

import pytest

from tests.interop.node_process import NodeProcess
from tests.interop.scenarios import OWN, Scenario, play

Lines = list[str]


def append(text: str) -> dict[str, str]:
    return {"type": "room/append", "text": text}


def at(time: int, node: str = "20:a:b") -> dict[str, Any]:
    return {"id": f"{time} {node} 0", "time": time}


def receive(*entries: Any) -> dict[str, Any]:
    return {"op": "receive", "entries": [*entries]}


def undo(id: str, time: int) -> tuple[Any, Any]:
    return {"type": "logux/undo", "id": id, "reason": "error"}, at(time, "server:s")


def scenario(*steps: Any, every: int = 50, history: int = 10_000) -> Scenario:
    return {"saveStateEvery": every, "reasonlessHistory": history, "steps": [*steps]}


async def both(node: NodeProcess, scenario: Scenario) -> tuple[Any, Any]:
    """The results of `@logux/redux` and of this library."""
    (result,) = await node.call("redux.run", scenarios=[scenario])
    return result, play(scenario)


async def lines(node: NodeProcess, *steps: Any, **options: Any) -> tuple[Lines, Lines]:
    results = await both(node, scenario(*steps, **options))
    return results[0]["state"]["lines"], results[1]["state"]["lines"]


async def test_dispatch_ignores_that_newer_actions_are_there(node: NodeProcess) -> None:
    steps = (
        receive((append("new"), at(2000))),
        {"op": "dispatch", "now": 1000, "action": append("old")},
    )
    assert await lines(node, *steps) == (["new", "old"], ["old", "new"])


async def test_an_undo_is_not_seen_when_its_time_is_before_that_of_its_action(
    node: NodeProcess,
) -> None:
    steps = (receive((append("a"), at(2000))), receive(undo("2000 20:a:b 0", 1999)))
    assert await lines(node, *steps) == (["a"], [])


async def test_an_undo_is_lost_when_it_arrives_before_its_action(node: NodeProcess) -> None:
    steps = (receive(undo("1000 20:a:b 0", 1001)), receive((append("a"), at(1000))))
    assert await lines(node, *steps) == (["a"], [])


async def test_an_undo_does_nothing_when_only_syncing_keeps_its_action(node: NodeProcess) -> None:
    meta = {**at(1000, OWN), "reasons": []}
    steps = (
        {"op": "sync", "action": append("a"), "meta": meta},
        receive(undo(meta["id"], 1001)),
    )
    assert await lines(node, *steps) == (["a"], [])


async def test_what_comes_with_a_late_action_is_not_known_to_be_the_newest(
    node: NodeProcess,
) -> None:
    steps = (
        receive((append("2"), at(2000))),
        receive((append("1"), at(1000)), (append("4"), at(4000))),
        receive((append("3"), at(3000))),
    )
    assert await lines(node, *steps) == (["1", "2", "4", "3"], ["1", "2", "3", "4"])


@pytest.mark.parametrize("reasons", [{"reasons": []}, {"keepLast": "last"}])
async def test_what_the_log_has_dropped_vanishes_at_the_next_replay(
    node: NodeProcess, reasons: Any
) -> None:
    python = {"keep_last": "last"} if "keepLast" in reasons else reasons
    for name, keys in (("original", reasons), ("ours", python)):
        steps = [
            {"op": "local", "action": append("a"), "meta": {**at(1000, OWN), **keys}},
            {"op": "local", "action": append("b"), "meta": {**at(2000, OWN), **keys}},
            receive((append("d"), at(4000))),
            receive((append("c"), at(3000))),
        ]
        if name == "original":
            (result,) = await node.call("redux.run", scenarios=[scenario(*steps)])
            kept = ["b"] if "keepLast" in reasons else []
            assert result["state"]["lines"] == [*kept, "c", "d"]
        else:
            assert play(scenario(*steps))["state"]["lines"] == ["a", "b", "c", "d"]


async def test_history_is_missed_where_the_log_still_has_it(node: NodeProcess) -> None:
    steps = [receive((append(f"{i}"), at(1000 + 10 * i))) for i in range(50)]
    late = append("late")
    # The log has dropped the first 30; this one comes after the 35th.
    steps.append(receive((late, at(1000 + 10 * 34 + 5))))
    theirs, ours = await both(node, scenario(*steps, every=20, history=20))
    numbers = [f"{i}" for i in range(50)]
    assert ours["missed"] == []
    assert ours["state"]["lines"] == [*numbers[:35], "late", *numbers[35:]]
    assert theirs["missed"] == [late]
    assert theirs["state"]["lines"] == [*numbers[:41], "late", *numbers[41:]]


async def test_what_is_too_late_goes_after_a_checkpoint_and_not_to_the_earliest_place(
    node: NodeProcess,
) -> None:
    steps = [receive((append(f"{i}"), at(1000 + 10 * i))) for i in range(50)]
    late = append("late")
    steps.append(receive((late, at(999))))
    theirs, ours = await both(node, scenario(*steps, every=20, history=20))
    numbers = [f"{i}" for i in range(50)]
    assert theirs["missed"] == ours["missed"] == [late]
    place = ours["state"]["lines"].index("late")
    assert place <= 30
    assert ours["state"]["lines"] == [*numbers[:place], "late", *numbers[place:]]
    assert theirs["state"]["lines"] == [*numbers[:41], "late", *numbers[41:]]


async def test_a_replaced_reducer_changes_the_past_at_the_next_replay_only(
    node: NodeProcess,
) -> None:
    first = receive((append("a"), at(2000)))
    replace = {"op": "replaceReducer"}
    assert await lines(node, first, replace) == (["a"], ["a!"])
    late = receive((append("late"), at(1000)))
    assert await lines(node, first, replace, late) == (["late!", "a!"], ["late!", "a!"])
