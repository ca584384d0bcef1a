"""The rule of the layout: a folder imports only from those above it, adapters only public names."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "logux_store"
ADAPTERS = ROOT / "adapters" / "logux_adapters"

# From the ground up: a module may import from its own floor and from those before it.
GROUND = ["errors", "events", "ids", "actions", "meta"]
FLOORS = [
    *GROUND,
    "log",
    "timeline",
    "sync",
    "connections",
    "client",
    "store",
    "server",
    "testing",
]
PUBLIC = {"logux_store", "logux_store.server", "logux_store.testing"}


def imports(path: Path) -> Iterator[tuple[str, ast.stmt, bool]]:
    """Each imported module of a file, and whether the import stands inside a function."""
    tree = ast.parse(path.read_text())
    inside = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, node, node in inside
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            yield node.module or "", node, node in inside


def floor(module: str) -> int | None:
    """The floor of a module of the package; None for the package's own `__init__`."""
    parts = module.split(".")
    return FLOORS.index(parts[1]) if len(parts) > 1 and parts[1] in FLOORS else None


def modules(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def test_every_part_of_the_package_has_a_floor() -> None:
    names = {p.stem for p in PACKAGE.glob("*.py")} | {
        p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name != "__pycache__"
    }
    assert names - {"__init__", "__main__"} <= set(FLOORS)


@pytest.mark.parametrize("path", modules(PACKAGE), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_from_above(path: Path) -> None:
    own = floor(".".join(path.relative_to(ROOT).with_suffix("").parts))
    for module, node, _ in imports(path):
        if not module.startswith("logux_store"):
            continue
        where = f"{path.relative_to(ROOT)}:{node.lineno} imports {module}"
        if own is None:
            continue
        other = floor(module)
        assert other is not None, f"{where}: the package's own __init__ is for users"
        assert other <= own, f"{where}, which is below it"


@pytest.mark.parametrize("path", modules(PACKAGE), ids=lambda p: str(p.relative_to(ROOT)))
def test_no_import_of_the_package_hides_in_a_function(path: Path) -> None:
    for module, node, inside in imports(path):
        assert not (inside and module.startswith("logux_store")), f"{path}:{node.lineno}"


@pytest.mark.parametrize("path", modules(ADAPTERS), ids=lambda p: str(p.relative_to(ROOT)))
def test_adapters_import_only_public_names(path: Path) -> None:
    for module, node, _ in imports(path):
        if module.split(".")[0] == "logux_store":
            assert module in PUBLIC, f"{path.relative_to(ROOT)}:{node.lineno} imports {module}"


def test_what_few_programs_need_is_imported_when_they_need_it() -> None:
    code = "import sys, logux_store; print({'cryptography', 'rich'} & {*sys.modules})"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout == "set()\n"
