"""What one action costs inside our server, without sockets: `python -m benchmarks.inside`.

Messages of one client go straight to the end of a WebSocket that writes nowhere, `--window` of them
in a turn of the event loop; then the client acknowledges its answers. So nothing of the time is
the system's, and little the event loop's. `--heard` has somebody listen to every action,
`--profile` prints which functions the time is spent in.
"""

import argparse
import asyncio
import cProfile
import json
import pstats
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from time import process_time
from typing import Any

from benchmarks.serve import make_server
from logux_store.connections.end import ServerWebSocket
from logux_store.server import Server

RUNS = 15


class Link:
    """What a transport would send."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def write(self, texts: Sequence[str]) -> None:
        self.texts += texts

    def close(self, code: int = 1000) -> None:
        """There is nothing to close."""

    abort = close

    def take(self) -> list[Any]:
        """The messages since the last time."""
        texts, self.texts = self.texts, []
        return [json.loads(text) for text in texts]


class Client:
    """The other side of a server's connection."""

    def __init__(self, server: Server, profile: cProfile.Profile | None) -> None:
        self.link = Link()
        self.end = ServerWebSocket(self.add_to(server))
        self.end.opened(self.link, None, {})
        self.profile = profile
        self.seconds = 0.0

    def add_to(self, server: Server) -> Callable[[ServerWebSocket, object], None]:
        def add(end: ServerWebSocket, _: object) -> None:
            server.add_client(end)

        return add

    async def turn(self, messages: Iterable[Sequence[Any]]) -> list[Any]:
        """Let messages come in one turn of the loop, and note what they cost; gives the answers."""
        texts = [json.dumps(message, separators=(",", ":")).encode() for message in messages]
        start = process_time()
        if self.profile is not None:
            self.profile.enable()
        for text in texts:
            self.end.receive(self.link, text)
        await asyncio.sleep(0)
        if self.profile is not None:
            self.profile.disable()
        self.seconds += process_time() - start
        return self.link.take()


async def run(server: Server, actions: int, window: int, profile: cProfile.Profile | None) -> float:
    """Microseconds of processor time for an action."""
    client = Client(server, profile)
    await client.turn([("connect", 5, "1:c:t", 0, {"subprotocol": 1})])
    answered = 0
    acknowledgements: list[Any] = []
    for first in range(1, actions + 1, window):
        syncs = [
            ("sync", n, {"type": "save", "text": {"number": n}}, {"id": [n, n], "time": n})
            for n in range(first, min(first + window, actions + 1))
        ]
        # As a client does, that sends its next actions when the last are processed.
        answers = await client.turn([*acknowledgements, *syncs])
        syncs = [message for message in answers if message[0] == "sync"]
        answered += sum(len(message) // 2 - 1 for message in syncs)
        acknowledgements = [("synced", message[1]) for message in syncs]
    if answered != actions:
        raise RuntimeError(f"{answered} of {actions} actions were answered")
    await server.destroy()
    return client.seconds / actions * 1e6


def main() -> None:
    """Prints the median of some runs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inside", description=__doc__)
    parser.add_argument("--actions", type=int, default=6400)
    parser.add_argument("--window", type=int, default=64)
    parser.add_argument("--heard", action="store_true")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    profile = cProfile.Profile() if options.profile else None
    costs = []
    for _ in range(1 if profile else RUNS):
        server = make_server("websockets")
        if options.heard:
            server.on("add", lambda *_: None)
        costs.append(asyncio.run(run(server, options.actions, options.window, profile)))
    if profile is not None:
        pstats.Stats(profile).sort_stats("tottime").print_stats(50)
    else:
        print(f"{median(costs):.1f} µs an action, {min(costs):.1f} at best")


if __name__ == "__main__":
    main()
