"""A wire between a client and a server that a test can cut, or make deaf on one side."""

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit

__all__ = ["Proxy"]


class Proxy:
    """Passes bytes on to the server at `target` (a URL) and back; `url` is where it listens."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self.url = ""
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._to_clients: set[asyncio.StreamWriter] = set()
        self._deaf = False
        self._silent = False

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._silent = False
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    def deafen(self) -> None:
        """Let nothing more come to the client, until the connection is cut."""
        self._deaf = True

    def cut(self) -> None:
        """End the connections that there are; new ones hear everything."""
        for writer in self._writers:
            writer.transport.abort()
        self._deaf = False

    def cut_silently(self) -> None:
        """End the connections that there are, with no word to the server, now and later."""
        self._silent = True
        for writer in self._to_clients:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
        except OSError:
            writer.transport.abort()
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pass(reader, back, to_client=False))
            tasks.create_task(self._pass(there, writer, to_client=True))

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, to_client: bool
    ) -> None:
        self._writers.add(writer)
        if to_client:
            self._to_clients.add(writer)
        try:
            with suppress(ConnectionError):
                while data := await reader.read(65536):
                    if not (to_client and self._deaf):
                        writer.write(data)
        finally:
            if to_client or not self._silent:
                writer.close()
                self._writers.discard(writer)
                self._to_clients.discard(writer)
