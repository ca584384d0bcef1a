"""Starting a server anew when its code changes, for development.

The server runs in a process of its own; this one only looks at the files and starts and stops it.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["run_reloading", "snapshot"]

INTERVAL = 0.5
IGNORED = frozenset({"__pycache__", "node_modules", "site-packages"})


def run_reloading(arguments: Sequence[str], folder: Path) -> int:
    """Run `logux-store` with these arguments, and again whenever a Python file in the folder
    changes, until SIGINT or SIGTERM.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    command = [sys.executable, "-m", "logux_store.server.command", *arguments]
    try:
        while True:
            before = snapshot(folder)
            process = subprocess.Popen(command)
            try:
                while (after := snapshot(folder)) == before:
                    time.sleep(INTERVAL)
            finally:
                stop(process)
            changed = sorted(set(before.items()) ^ set(after.items()))[0][0]
            print(f"{changed.relative_to(folder)} has changed: reloading", file=sys.stderr)
    except KeyboardInterrupt:
        return 0


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Let the server shut down."""
    if process.poll() is None:
        process.terminate()
    process.wait()


def snapshot(folder: Path) -> dict[Path, int]:
    """When each Python file was changed last; hidden folders and installed packages apart."""
    found: dict[Path, int] = {}
    for path in python_files(folder):
        with contextlib.suppress(FileNotFoundError):  # It was deleted just now.
            found[path] = path.stat().st_mtime_ns
    return found


def python_files(folder: Path) -> Iterator[Path]:
    """All Python files that a developer may edit."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name[0] != "." and name not in IGNORED]
        for name in files:
            if name.endswith(".py"):
                yield Path(parent, name)
