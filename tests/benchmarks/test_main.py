import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.measure import Case, Run


def two_cases(stack: ExitStack) -> Iterator[Case]:
    stack.callback(lambda: closed.append(1))
    yield Case("first", "adds/s", lambda: Run(2000.0, 1), {"peer 1.0": lambda: Run(500.0, 1)})
    yield Case("second", "µs", lambda: Run(1.0, 1), {"é": lambda: Run(0.25, 1)}, better="lower")


closed: list[int] = []


@pytest.fixture(autouse=True)
def fake_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    closed.clear()
    monkeypatch.setitem(BENCHMARKS, "fake", two_cases)


def test_each_case_is_a_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    main(["fake", "--json", "--runs", "2"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["bench"], line["case"], line["unit"]) for line in lines] == [
        ("fake", "first", "adds/s"),
        ("fake", "second", "µs"),
    ]
    assert [(line["ours"], line["peer"], line["peer_name"], line["ratio"]) for line in lines] == [
        (2000.0, 500.0, "peer 1.0", 4.0),
        (1.0, 0.25, "é", 0.25),
    ]
    assert [line["runs"] for line in lines] == [2, 2]
    assert closed == [1], "what a benchmark opens is closed"


def test_each_case_is_a_line_of_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    main(["fake", "--runs", "1"])
    lines = capsys.readouterr().out.splitlines()
    (first,) = (line for line in lines if "first" in line)
    for cell in ("2,000", "500", "adds/s", "peer 1.0", "4.00"):
        assert cell in first
    (second,) = (line for line in lines if "second" in line)
    assert "0.25" in second


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fake", "lug"])
    assert "no benchmark lug; there are log" in capsys.readouterr().err
    assert closed == [], "nothing is run then"
