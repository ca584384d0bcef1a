"""Lost acknowledgements, wrong clocks and networks that cannot be trusted, in both languages."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.application import Application, JavaScriptServer, PythonServer
from tests.interop.conftest import World
from tests.interop.node_process import NodeProcess
from tests.interop.peers import PythonPeer
from tests.interop.proxy import Proxy
from tests.interop.reducer import EMPTY

HOUR = 3_600_000


async def test_what_is_sent_again_after_a_lost_acknowledgement_is_processed_once(
    world: World,
) -> None:
    bob = await world.join("bob", room="1")
    async with Proxy(world.server.url) as proxy:
        ann = await world.open("ann", url=proxy.url)
        await ann.start()
        await ann.wait("synchronized")
        proxy.deafen()
        id = await ann.sync("room/append", room="1", text="a")
        await bob.until({**EMPTY, "lines": ["a"]})
        proxy.cut()
        assert await ann.outcome(id) == "processed"
        processed = await world.server.processed()
        if isinstance(world.server, JavaScriptServer):
            # The original remembers only what its log keeps.
            assert processed == [id, id]
        else:
            assert processed == [id]


async def test_an_unencrypted_connection_is_refused_outside_development(world: World) -> None:
    await world.server.stop()
    await world.server.start(env="production")
    ann = await world.open("ann")
    await ann.start()
    if isinstance(ann, PythonPeer):
        assert "wss://" in await ann.error()
    # Once it is refused, it does not come back.
    await ann.wait("disconnected")
    safe = await world.join("bob", allowDangerousProtocol=True)
    assert await world.server.nodes() == [safe.node_id]


class Clocks:
    """The server's clock is right and the client's is wrong; both can be put forward, so that
    steps lie further apart than what clocks are measured to be off.
    """

    def __init__(self, node: NodeProcess, server: Application, skew: int) -> None:
        self.node = node
        self.server = server
        self.skew = skew
        self.passed = 0

    def python(self) -> int:
        wrong = self.skew if isinstance(self.server, JavaScriptServer) else 0
        return round(time.time() * 1000) + self.passed + wrong

    async def forward(self, ms: int) -> None:
        self.passed += ms
        wrong = 0 if isinstance(self.server, JavaScriptServer) else self.skew
        await self.node.call("clock.set", skew=self.passed + wrong)


@pytest.mark.parametrize("skew", [HOUR, -HOUR], ids=["ahead", "behind"])
@pytest.mark.parametrize("language", ["javascript", "python"])
async def test_a_wrong_clock_of_a_client_is_corrected(
    node: NodeProcess, tmp_path: Path, language: str, skew: int
) -> None:
    server: Application = PythonServer()
    if language == "python":
        server = JavaScriptServer(node)
    clocks = Clocks(node, server, skew)
    await clocks.forward(0)
    options: dict[str, Any] = {"clock": clocks.python} if language == "python" else {}
    await server.start(**({} if language == "python" else {"clock": clocks.python}))
    async with World(node, server, language, tmp_path) as world:
        wrong = await world.join("ann", room="1", **options)
        other = "python" if language == "javascript" else "javascript"
        options = {"clock": clocks.python} if other == "python" else {"fixTime": False}
        right = await world.join("bob", language=other, room="1", **options)
        # The last one is said offline, and the clock has changed when it is sent.
        for text, peer in (("a", right), ("b", wrong), ("c", right), ("d", wrong)):
            await clocks.forward(10_000)
            if text == "d":
                await wrong.disconnect()
            id = await peer.sync("room/append", room="1", text=text)
            if text == "d":
                await wrong.connect()
            assert await peer.outcome(id) == "processed"
        for peer in (right, wrong):
            await peer.until({**EMPTY, "lines": ["a", "b", "c", "d"]})
        _, said = await right.heard(type="room/append", text="b")
        _, answer = await right.heard(type="logux/processed")
        assert abs(said["time"] - answer["time"]) < 60_000
        (*_, since) = await server.sinces()
        assert since is not None
        off = since["time"] - int(since["id"].split(" ")[0])
        if language == "javascript":
            # The original says in its own clock since when it knows the channel.
            assert abs(off - skew) < 5_000
        else:
            assert abs(off) < 5_000


def distinct_time() -> Callable[[], int]:
    """The clock, which never shows the same millisecond twice."""
    last = 0

    def now() -> int:
        nonlocal last
        last = max(last + 1, round(time.time() * 1000))
        return last

    return now


async def test_tabs_of_one_user_share_one_connection_and_the_next_one_takes_over(
    mixed: World,
) -> None:
    bob = await mixed.join("bob", language="javascript", room="1")
    # Within a millisecond the ids of the tabs would decide what comes first.
    clock = distinct_time()
    tabs = [await mixed.open("ann", cross=True, clock=clock) for _ in range(2)]
    for tab in tabs:
        await tab.start()
        await tab.wait("synchronized")
    assert await mixed.server.nodes() == sorted([tabs[0].node_id, bob.node_id])
    id = await tabs[0].sync("logux/subscribe", channel="rooms/1")
    assert await tabs[0].outcome(id) == "processed"
    for tab, text in zip(tabs, "ab", strict=True):
        assert await tab.outcome(await tab.sync("room/append", room="1", text=text)) == "processed"
    for peer in (bob, *tabs):
        await peer.until({**EMPTY, "lines": ["a", "b"]})
    await tabs[0].destroy()
    id = await tabs[1].sync("room/append", room="1", text="c")
    assert await tabs[1].outcome(id) == "processed"
    await bob.until({**EMPTY, "lines": ["a", "b", "c"]})
    assert await mixed.server.nodes() == sorted([tabs[1].node_id, bob.node_id])
