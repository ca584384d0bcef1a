"""Every Python snippet of the README runs; the example prints what its comments say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SNIPPETS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def run(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_each_snippet_runs_without_a_warning(number: int) -> None:
    run(SNIPPETS[number])


def test_the_first_example_prints_what_it_says() -> None:
    assert run(SNIPPETS[0]) == "{'counter': 102}\ndenied {'counter': 2}\n"
