"""What an action costs inside the server."""

import asyncio
import sys

import pytest

from benchmarks.inside import main, run
from benchmarks.serve import make_server


@pytest.mark.parametrize("window", [1, 4, 100])
def test_every_action_is_answered(window: int) -> None:
    assert asyncio.run(run(make_server("websockets"), 10, window, None)) > 0


@pytest.mark.parametrize("option", ["--heard", "--profile"])
def test_the_cost_of_an_action_is_told(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["inside", "--actions", "20", option])
    main()
    told = capsys.readouterr().out
    assert "receive" in told if option == "--profile" else "µs an action" in told
