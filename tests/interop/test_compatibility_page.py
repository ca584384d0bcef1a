"""`docs/compatibility.md` names tests that exist, and all of the interop tests."""

import re
from pathlib import Path

TESTS = Path(__file__).parent.parent
PAGE = TESTS.parent / "docs" / "compatibility.md"


def defined(folder: Path) -> set[str]:
    """The names of all tests in a folder."""
    return {
        name
        for path in folder.rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    }


def test_the_page_names_only_tests_that_exist() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text()))
    assert named <= defined(TESTS)


def test_the_page_names_every_test_against_the_originals() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text()))
    own = {name for name in defined(TESTS / "interop") if name.startswith("test_the_page_")}
    assert defined(TESTS / "interop") - own == named & defined(TESTS / "interop")
