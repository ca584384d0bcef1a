import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.charts import CHARTS, Series, draw, main, number, spread_out


def result(bench: str, case: str, ours: float, peer: float, name: str) -> dict[str, object]:
    return {"bench": bench, "case": case, "ours": ours, "peer": peer, "peer_name": name}


RESULTS = [
    result("dispatch", "plain, history of 1,000", 100_000.0, 50_000.0, "@logux/redux 0.8.4"),
    result("dispatch", "plain, history of 10,000", 100_000.0, 5_000.0, "@logux/redux 0.8.4"),
    result("dispatch", "plain, history of 1,000", 100_000.0, 1.0, "python-redux 1"),
    result("dispatch", "plain, history of 1,000, 50 at once", 1.0, 1.0, "@logux/redux 0.8.4"),
    result("late-insert", "a dict, 1 back", 10.0, 50.0, "@logux/redux 0.8.4"),
    result("late-insert", "a dict, 1 back", 10.0, 0.5, "the bare fold"),
    result("backlog", "1,000 newer", 5.0, 20.0, "@logux/redux 0.8.4"),
    result("log", "from 0 to 10k", 500_000.0, 10_000.0, "@logux/core 0.10.0"),
    result("log", "from 0 to 1M", 500_000.0, 600_000.0, "this log, 0 to 1k"),
]


def test_a_line_has_the_cases_and_the_peer_that_it_is_for() -> None:
    case = r"plain, history of ([\d,]+)"
    ours = Series("plain", "dispatch", case)
    assert ours.points(RESULTS) == [(1_000, 100_000), (10_000, 100_000)]
    peer = Series("plain", "dispatch", case, "@logux/redux", lambda rate: 1e6 / rate)
    assert peer.points(RESULTS) == [(1_000, 20), (10_000, 200)]
    log = Series("log", "log", r"from 0 to (\w+)", "@logux/core")
    assert log.points(RESULTS) == [(10_000, 10_000)]


def test_sizes_are_written_in_three_ways() -> None:
    assert [number(text) for text in ("1,000", "10k", "1M", "5")] == [1_000, 10_000, 1_000_000, 5]


def test_names_do_not_stand_on_each_other() -> None:
    assert spread_out([50, 10, 12], apart=5) == [50, 10, 15]


def test_each_chart_is_a_picture_with_its_lines(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    results.write_text("\n".join(map(json.dumps, RESULTS)))
    main([str(results), str(tmp_path / "charts")])
    files = sorted(path.stem for path in (tmp_path / "charts").iterdir())
    assert files == sorted(chart.name for chart in CHARTS)
    picture = ElementTree.fromstring((tmp_path / "charts" / "dispatch.svg").read_text())
    lines = picture.findall("{http://www.w3.org/2000/svg}polyline")
    assert [len(line.attrib["points"].split()) for line in lines] == [2, 2]


def test_a_chart_without_results_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing for the chart dispatch"):
        draw(CHARTS[0], [])
