"""A log that keeps everything, and the fold over it."""

from typing import Any

from logux_store.testing import TestTime
from logux_store.testing.kept import fold_kept, keep_all


def last(state: Any, action: dict[str, Any]) -> Any:
    return [*(state or []), action["n"]] if action["type"] == "add" else state or []


def test_actions_and_the_undos_of_what_is_there_are_kept() -> None:
    log = TestTime().next_log()
    keep_all(log)
    first = log.add({"type": "add", "n": 1})
    log.add({"type": "add", "n": 2})
    assert fold_kept(last, log) == [1, 2]
    assert first is not None
    log.add({"type": "logux/undo", "id": first.id})
    log.add({"type": "logux/undo", "id": "1 nobody 0"})
    log.add({"type": "logux/processed", "id": first.id})
    assert [action["type"] for action in log.actions()] == ["add", "add", "logux/undo"]
    assert fold_kept({"numbers": last}, log) == {"numbers": [2]}


def test_a_late_action_has_its_place_in_the_fold() -> None:
    log = TestTime().next_log()
    keep_all(log)
    log.add({"type": "add", "n": 2}, time=20)
    log.add({"type": "add", "n": 1}, time=10)
    assert fold_kept(last, log) == [1, 2]
