"""Clients of both languages edit one room, online and offline, and end with the same state."""

from random import Random
from typing import Any

import pytest

from tests.interop.application import JavaScriptServer
from tests.interop.conftest import World
from tests.interop.peers import Peer
from tests.interop.reducer import fold

START = 1_700_000_000_000
STEPS = 30


class Session:
    """Random edits by random clients; each edit has a time of its own, far enough from the others
    that the error with which a client knows the server's clock does not change the order.
    """

    def __init__(self, world: World, random: Random, peers: list[Peer]) -> None:
        self.world = world
        self.random = random
        self.peers = peers
        self.online = set(peers)
        self.questions = 0
        self.times = random.sample(range(1, 100), STEPS)
        self.edits: list[tuple[int, Peer, str, dict[str, Any]]] = []

    def action(self, number: int) -> dict[str, Any]:
        match self.random.randrange(3):
            case 0:
                action: dict[str, Any] = {"type": "room/append", "text": f"{number}"}
            case 1:
                action = {"type": "room/set", "key": self.random.choice("xy"), "value": number}
            case _:
                action = {"type": "room/calc", "by": number + 2, "plus": 1}
        action["room"] = "1"
        match self.random.randrange(8):
            case 0:
                action["forbidden"] = True
            case 1:
                action["fail"] = True
        return action

    async def edit(self, time: int) -> None:
        peer = self.random.choice(self.peers)
        action = self.action(time)
        id = await peer.sync(**action, time=START + time * 1000)
        self.edits.append((time, peer, id, action))

    async def answered(self, *peers: Peer) -> None:
        """The original's server forgets the answers that a lost connection did not carry, and the
        undos of what it has resent.
        """
        if not isinstance(self.world.server, JavaScriptServer):
            return
        for _, peer, id, _ in self.edits:
            if peer in self.online:
                await peer.outcome(id)
        # What the server has sent them before comes before the answer to this.
        question: dict[str, Any] = {
            "type": "room/append",
            "room": "1",
            "text": "?",
            "forbidden": True,
        }
        for peer in peers:
            self.questions += 1
            id = await peer.sync(**question, time=START + (100 + self.questions) * 1000)
            assert await peer.outcome(id) == "denied"

    async def change_connection(self) -> None:
        peer = self.random.choice(self.peers)
        if peer in self.online:
            await self.answered(peer)
            self.online.remove(peer)
            await peer.disconnect()
        else:
            self.online.add(peer)
            await peer.connect()

    async def run(self) -> None:
        for time in self.times:
            match self.random.randrange(6):
                case 0 | 1:
                    await self.change_connection()
                case 2 if self.random.random() < 0.3:
                    await self.answered(*self.online)
                    self.world.wire.cut()
            await self.edit(time)
        for peer in self.peers:
            await peer.connect()
            await peer.wait("synchronized")

    async def result(self) -> Any:
        """What everybody has to show."""
        good = []
        for time, peer, id, action in self.edits:
            outcome = await peer.outcome(id)
            if outcome == "processed":
                assert not {"forbidden", "fail"} & action.keys()
                good.append((time, id, action))
            else:
                # What waits behind an action that fails is undone with it.
                assert outcome == "error" or action["forbidden"]
        good.sort(key=lambda entry: entry[0])
        _, undone, _ = good.pop(self.random.randrange(len(good)))
        await self.world.server.undo(undone, "regret")
        # The oldest of all comes last: stores of @logux/redux replay everything then, and get right
        # what came together with late actions (see test_faults_of_redux.py).
        first = {"type": "room/append", "room": "1", "text": "first"}
        author = self.peers[0]
        assert await author.outcome(await author.sync(**first, time=START)) == "processed"
        return fold([first, *(action for _, _, action in good)])


@pytest.mark.parametrize("seed", range(6))
async def test_random_edits_online_and_offline_end_in_the_same_state(
    mixed: World, seed: int
) -> None:
    peers = [
        await mixed.join("ann", language="python", room="1"),
        await mixed.join("bob", language="javascript", room="1"),
        await mixed.join("cat", language="python", room="1", cross=True),
        await mixed.join("dan", language="javascript", room="1", cross=True),
    ]
    session = Session(mixed, Random(seed), peers)
    await session.run()
    state = await session.result()
    for peer in peers:
        await peer.until(state)
