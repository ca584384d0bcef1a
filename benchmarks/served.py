"""A server in a process of its own, ours or the peer's, and a process with clients that load it.

What the server costs is asked of the operating system, which knows it from outside; that takes
Linux.
"""

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.measure import Run
from benchmarks.node import Node, find_node, package_name
from logux_store.connections import TransportName

__all__ = ["TRANSPORTS", "Served", "ours", "peer", "peer_name"]

TRANSPORTS: tuple[TransportName, ...] = ("websockets", "picows")

HERE = Path(__file__).parent


def ours(transport: TransportName = "websockets") -> "Served":
    """This library's server on a transport."""
    return Served([sys.executable, "-m", "benchmarks.serve", transport])


def peer() -> "Served":
    """The server of @logux/server."""
    return Served([find_node(), "--expose-gc", HERE / "js" / "server.js"])


def peer_name() -> str:
    return package_name("@logux/server")


class Served:
    """A server and its load, both running; a context manager."""

    def __init__(self, command: list[str | Path]) -> None:
        if not Path("/proc/self/stat").exists():
            raise RuntimeError("benchmarks of servers read /proc, which only Linux has")
        self._load = Node("load")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "NODE_ENV": "production"},
        )
        self._proc = Path(f"/proc/{self._process.pid}")
        self._url = f"ws://127.0.0.1:{self._answer()}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._load.__exit__(type, error, traceback)
        self._process.kill()
        self._process.communicate()

    def load(self, function: str, **arguments: Any) -> Run:
        """Call a function of `js/load.js`."""
        if function.startswith("open") or function == "cycle":
            arguments["url"] = self._url
        return self._load.run(function, **arguments)

    def processor_seconds(self) -> float:
        """What all threads of the server have used so far, in its own code and in the system's."""
        fields = (self._proc / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> int:
        """What the server has in memory, after a garbage collection."""
        assert self._process.stdin is not None
        print("collect", file=self._process.stdin, flush=True)
        self._answer()
        pages = int((self._proc / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the server has ended; its error is above")
        return line.strip()
