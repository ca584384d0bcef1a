"""Tabs that meet in a directory: processes of one user on one machine.

| file               | what it says |
| ------------------ | --- |
| `client`           | the client's part of the client id |
| `client.lock`      | held while that is made |
| `term.<n>`         | the term n has begun; created once, by whoever is to lead in it |
| `leader.<n>`       | locked by the leader of the term n, as long as its process lives |
| `address.<n>`      | where this leader listens; there once it does |
| `socket.<n>`       | the Unix socket, unless its path is too long for one |
| `tabs/<tab id>`    | locked by the tab, as long as its process lives |

The locks are the operating system's and die with their holder. The highest n is the present term.
To lead, a tab takes the lock of the last leader, which proves that it is gone, creates the next
term's file, which only one can, and takes that term's lock, all before it lets go of the first.
When the last leader hangs, its lock is not to be had, and the first step is left out.

A tab may be stopped between any two steps. If it has created a term and not locked it, others take
it for dead and go on to the next term; it looks, when it has its lock, whether its term is still
the highest.
"""

import asyncio
import json
import os
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

from filelock import FileLock, Timeout

from logux_store.client.tabs.space import Channel
from logux_store.client.tabs.state_dir import make_directories, tabs_directory
from logux_store.client.tabs.stream import Proof, StreamChannel

__all__ = ["FileSpace", "open_space"]

Transport: TypeAlias = Literal["unix", "tcp"]

MAX_SOCKET_PATH = 100
"""Bytes of a Unix socket's path; systems allow 104 to 108."""

PATIENCE = 5.0
"""Seconds that another program may have a lock which it needs for a moment only."""


def open_space(
    prefix: str, user_id: str, state_dir: str | os.PathLike[str] | None = None
) -> "FileSpace":
    """The place of the tabs of this user. Raises OSError, with the way out, for a directory that
    cannot be used or is not safe.
    """
    return FileSpace(tabs_directory(prefix, user_id, state_dir))


class FileSpace:
    """One tab's place in the directory. `transport` is `"unix"` where there are Unix sockets, else
    `"tcp"`, which also serves where no path is short enough for one.
    """

    def __init__(self, directory: Path, transport: Transport | None = None) -> None:
        self.directory = directory
        self.transport: Transport = transport or ("tcp" if sys.platform == "win32" else "unix")
        self._part: str | None = None
        self._tab_id = ""
        self._alive: FileLock | None = None
        self._leads: FileLock | None = None
        self._term = 0
        self._serving: tuple[asyncio.Task[asyncio.Server], socket.socket] | None = None

    def client_part(self, make: Callable[[], str]) -> str:
        path = self.directory / "client"
        try:
            with lock(self.directory / "client.lock", timeout=PATIENCE):
                # Nothing is in a file that was made just before the power failed.
                if not path.exists() or not path.stat().st_size:
                    write(path, make())
        except Timeout:
            raise TimeoutError(f"another program has not let go of {path}.lock") from None
        part = path.read_text(encoding="utf-8").strip()
        if not part or ":" in part or " " in part:
            raise ValueError(f"{path} holds no client id; remove it")
        self._part = part
        return part

    def enter(self, tab_id: str) -> None:
        self._tab_id = tab_id
        if not self.directory.exists():
            # Somebody has removed it since: this tab makes it again, as it was.
            make_directories(self.directory)
            if (part := self._part) is not None:
                self.client_part(lambda: part)
        tabs = self.directory / "tabs"
        tabs.mkdir(mode=0o700, exist_ok=True)
        # Another tab may just be looking whether this one lives.
        self._alive = lock(tabs / tab_id, timeout=PATIENCE)
        self._alive.acquire()

    def leave(self) -> None:
        self.resign()
        if self._alive is not None:
            self._alive.release()
            self._alive = None

    # Terms.

    def term(self) -> int:
        return max(self._numbers("term"), default=0)

    def claim(self, hung: int | None = None) -> int | None:
        if self._alive is not None and not self.directory.exists():
            self.enter(self._tab_id)
        last = self.term()
        if last == hung:
            return self._begin(last + 1)
        former = lock(self.directory / f"leader.{last}")
        if not acquired(former):
            return None
        try:
            return self._begin(last + 1)
        finally:
            former.release()

    def _begin(self, term: int) -> int | None:
        """Begin this term, unless another tab is quicker."""
        try:
            os.close(os.open(self._path("term", term), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return None
        mine = lock(self._path("leader", term))
        # Somebody may just be looking whether this term's leader lives.
        for _ in range(20):
            if acquired(mine):
                break
            time.sleep(0.001)
        else:
            return None
        if self.term() != term:
            mine.release()
            return None
        self._leads, self._term = mine, term
        self._clean_up(term)
        return term

    def _clean_up(self, term: int) -> None:
        """Remove what former leaders have left. One that is stopped does without: it will see that
        its term is over.
        """
        for kind in ("address", "socket", "term", "leader"):
            for old in self._numbers(kind):
                if old < term:
                    if kind == "address":
                        self._remove_socket(old)
                    remove(self._path(kind, old))

    def resign(self) -> None:
        if self._serving is not None:
            serving, listening = self._serving
            serving.add_done_callback(partial(close_server, listening))
            self._serving = None
        if self._leads is not None:
            self._remove_socket(self._term)
            remove(self._path("address", self._term))
            self._leads.release()
            self._leads = None

    def _path(self, kind: str, term: int) -> Path:
        return self.directory / f"{kind}.{term}"

    def _numbers(self, kind: str) -> list[int]:
        try:
            names = os.listdir(self.directory)
        except FileNotFoundError:
            # With the directory, the terms are gone.
            return []
        parts = (name.partition(".") for name in names)
        return [int(rest) for start, _, rest in parts if start == kind and rest.isdecimal()]

    # The way to the leader.

    def listen(self, accept: Callable[[Channel], None]) -> None:
        loop = asyncio.get_running_loop()
        secret: str | None = None
        path = socket_path(self._path("socket", self._term)) if self.transport == "unix" else None
        if path is not None:
            listening = listen_unix(path)
            address: dict[str, Any] = {"unix": str(path)}
        else:
            listening = socket.create_server(("127.0.0.1", 0))
            secret = secrets.token_hex(32)
            address = {"tcp": ["127.0.0.1", listening.getsockname()[1]], "secret": secret}

        def protocol() -> StreamChannel:
            return StreamChannel(accept, None if secret is None else Proof(secret, listens=True))

        # The socket listens already: who connects before the server runs waits in its queue.
        listening.setblocking(False)
        kind = loop.create_server if path is None else loop.create_unix_server
        self._serving = loop.create_task(kind(protocol, sock=listening)), listening
        write(self._path("address", self._term), json.dumps(address))

    async def connect(self, term: int) -> Channel:
        loop = asyncio.get_running_loop()
        address = self._address(term)
        if address is None:
            raise ConnectionRefusedError(f"the leader of the term {term} does not listen")
        ready: asyncio.Future[StreamChannel] = loop.create_future()

        def proved(channel: StreamChannel) -> None:
            if not ready.done():
                ready.set_result(channel)

        if "unix" in address:
            await loop.create_unix_connection(lambda: StreamChannel(proved), address["unix"])
            return await ready
        host, port = address["tcp"]
        proof = Proof(address["secret"], listens=False)

        def refused() -> None:
            if not ready.done():
                error = ConnectionRefusedError(
                    f"what listens on port {port} is no tab of this user"
                )
                ready.set_exception(error)

        await loop.create_connection(lambda: StreamChannel(proved, proof, refused), host, port)
        return await ready

    def _address(self, term: int) -> dict[str, Any] | None:
        try:
            text = self._path("address", term).read_text(encoding="utf-8")
            address: dict[str, Any] = json.loads(text)
        except (FileNotFoundError, ValueError):
            # Or the power failed before what was written was on the disk.
            return None
        return address

    def _remove_socket(self, term: int) -> None:
        """Remove a leader's socket, and the directory that was made for it alone."""
        address = self._address(term)
        if address is not None and "unix" in address:
            path = Path(address["unix"])
            remove(path)
            if path.parent != self.directory:
                with suppress(OSError):
                    path.parent.rmdir()

    # Tabs.

    def dead_tabs(self) -> list[str]:
        tabs = self.directory / "tabs"
        return [name for name in os.listdir(tabs) if not self.is_alive(name)]

    def forget(self, tab_id: str) -> None:
        path = self.directory / "tabs" / tab_id
        probe = lock(path)
        # It lives after all, if it was just coming when it was looked for.
        if acquired(probe):
            remove(path)
            probe.release()

    def is_alive(self, tab_id: str) -> bool:
        path = self.directory / "tabs" / tab_id
        if not path.exists():
            return False
        probe = lock(path)
        if not acquired(probe):
            return True
        probe.release()
        return False


def lock(path: Path, timeout: float = 0.0) -> FileLock:
    """A lock that the operating system releases when its holder dies, whatever the thread."""
    return FileLock(path, timeout=timeout, poll_interval=0.001, mode=0o600, thread_local=False)


def acquired(lock: FileLock) -> bool:
    """Take a lock, if nobody has it."""
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


def remove(path: Path) -> None:
    """Remove a file, or leave it to the next leader: Windows removes none that a program has open,
    such as the lock of a leader that hangs.
    """
    with suppress(OSError):
        path.unlink(missing_ok=True)


def write(path: Path, text: str) -> None:
    """Write a file that only this user may read, all at once."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.new.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(name, path)


def socket_path(path: Path) -> Path | None:
    """The path itself, or if it is too long one in a new directory of this user alone; None if that
    is too long as well.
    """
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        return path
    longest = Path(tempfile.gettempdir()) / "logux-12345678" / "socket"
    if len(os.fsencode(longest)) > MAX_SOCKET_PATH:
        return None
    return Path(tempfile.mkdtemp(prefix="logux-")) / "socket"


def listen_unix(path: Path) -> socket.socket:
    """Listen on a Unix socket that only this user may connect to."""
    if sys.platform == "win32":
        raise OSError("there are no Unix sockets on Windows; use the transport 'tcp'")
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(str(path))
        path.chmod(0o600)
        listening.listen(100)
    except BaseException:
        listening.close()
        raise
    return listening


def close_server(listening: socket.socket, serving: "asyncio.Task[asyncio.Server]") -> None:
    """Close a server once it has started, or its socket if it has not."""
    if serving.cancelled() or serving.exception() is not None:
        listening.close()
    else:
        serving.result().close()
