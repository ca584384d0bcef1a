"""Every Python snippet of the README and of the pages in `docs` runs; the example prints what its
comments say.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SNIPPETS = {
    f"{page.stem}-{number}": code
    for page in PAGES
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
}


def run(code: str, *arguments: str) -> str:
    result = subprocess.run(
        [sys.executable, "-W", "error", *(arguments or ("-c", code))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    return result.stdout


@pytest.mark.parametrize("name", SNIPPETS)
def test_each_snippet_runs_without_a_warning(name: str, tmp_path: Path) -> None:
    code = SNIPPETS[name]
    if re.search(r"^(async )?def test_|^class Test|^Test\w+ = ", code, re.MULTILINE):
        # A test of the reader's is run as one, with the plugin that the library brings.
        (tmp_path / "test_snippet.py").write_text(code)
        run(code, "-m", "pytest", "-q", "-c", "pyproject.toml", str(tmp_path))
    else:
        run(code)


def test_the_first_example_prints_what_it_says() -> None:
    assert run(SNIPPETS["README-0"]) == "{'counter': 102}\ndenied {'counter': 2}\n"
