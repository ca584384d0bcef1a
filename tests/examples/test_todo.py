"""The to-do example: its reducers, and the story that `make demo` plays, as a person starts it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from examples.todo.client import print_for_people
from examples.todo.reducers import add, check, reducer, remove, rename
from logux_store import combine_reducers

ROOT = Path(__file__).parent.parent.parent


def test_the_reducers_keep_the_list() -> None:
    fold = combine_reducers(reducer)
    state = fold(None, {"type": "@@init"})
    for action in (
        add(id="1", text="milk", by="ann"),
        add(id="2", text="bread", by="bob"),
        rename(id="1", text="oat milk"),
        check(id="1", done=True),
        remove(id="2"),
        check(id="2", done=True),
    ):
        state = fold(state, action)
    assert state == {
        "todos": {"1": {"text": "oat milk", "done": True, "by": "ann"}},
        "renames": {"1": 1},
    }


def test_what_others_write_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    todo = {"text": "[/] [bold]milk\x1b[2J", "done": False, "by": "[/ann]"}
    print_for_people("list", todos={"1": todo})
    print_for_people("error", message="[/x]")
    out = capsys.readouterr().out
    assert "[/] [bold]milk[2J  [/ann]" in out
    assert "error: [/x]" in out


def test_the_demo_tells_its_story_and_converges() -> None:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-m", "examples.todo.demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    lines = result.stdout.splitlines()
    last = re.fullmatch(r"converged: 4 replicas, (\d+) actions, (\d+) replays", lines[-1])
    assert last, lines[-1]
    assert int(last[1]) == 7
    assert int(last[2]) > 0
    for word in ("wait", "connectingAfterWait", "synchronizedAfterWait", "denied", "follower"):
        assert word in result.stdout
    assert result.stderr == ""
