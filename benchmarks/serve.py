"""This library's server in a process of its own: the peer of `js/server.js`, with the same
application. `python -m benchmarks.serve [TRANSPORT]`

The first line of output is the port; each line of input asks for a garbage collection, and is
answered by a line; the end of input ends the server.
"""

import asyncio
import gc
import sys
from typing import Any, cast

from logux_store.connections import TransportName, find_loop
from logux_store.server import Server


def make_server(transport: TransportName) -> Server:
    """The application: a room, and actions that nobody else gets."""
    server = Server(subprotocol=1, min_subprotocol=1, port=0, env="production", transport=transport)
    for event in ("error", "client_error", "fatal"):
        server.on(event, fail)
    server.auth(lambda: True)
    server.type(
        "room/say", access=lambda *_: True, resend=lambda _, action, __: f"rooms/{action['room']}"
    )
    server.type("save", access=lambda *_: True, process=lambda *_: None)
    server.channel("rooms/:id", access=lambda *_: True)
    return server


async def serve(transport: TransportName) -> None:
    """Serve until the input ends, with one of the transports."""
    server = make_server(transport)
    async with server:
        print(server.port, flush=True)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        while await reader.readline():
            gc.collect()
            print("collected", flush=True)


def fail(error: Exception, *_: Any) -> None:
    print(f"the server reports {error!r}", file=sys.stderr, flush=True)
    sys.exit(1)


def main(transport: str = "websockets") -> None:
    """Run the server, in the event loop that `Server.run` takes for the transport."""
    name = cast(TransportName, transport)
    with asyncio.Runner(loop_factory=find_loop(name)) as runner:
        runner.run(serve(name))


if __name__ == "__main__":
    main(*sys.argv[1:])
