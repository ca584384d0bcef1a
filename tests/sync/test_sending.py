"""What leaves a node by a connection that takes texts, as WebSockets do."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from logux_store.log import MemoryStore
from logux_store.sync import Message, ServerNode
from logux_store.sync.arrived import Arrived
from logux_store.sync.messages import decode
from logux_store.testing import TestLog, TestPair, run_virtual

SYNC = ({"type": "a"}, {"id": 1, "time": 1})


class Writing:
    """The right end of a pair, which takes texts too; `calls` are those of each call."""

    def __init__(self, pair: TestPair) -> None:
        self._end = pair.right
        self.calls: list[list[Message]] = []

    def send_texts(self, texts: Sequence[str]) -> None:
        self.calls.append([decode(text) for text in texts])
        for message in self.calls[-1]:
            self._end.send(message)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._end, name)


class Slow(MemoryStore):
    """Durable when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Any] = []

    def when_durable(self, callback: Any) -> None:
        self.waiting.append(callback)

    def commit(self) -> None:
        waiting, self.waiting = self.waiting, []
        for callback in waiting:
            callback()


class Later(ServerNode):
    """A node that acknowledges at the end of the turn, as a server's do."""

    def _acknowledge(self, arrived: Arrived) -> None:
        arrived.durable = True
        if not self._flushing:
            self._flush_later()


class Server:
    """A node that has met a client, whose messages the test sends."""

    def __init__(self, store: MemoryStore | None = None, *, texts: bool = True) -> None:
        self.pair = TestPair()
        self.writing = Writing(self.pair)
        self.log = TestLog("server:x", store, lambda: 100)
        self.log.keep_actions()
        end: Any = self.writing if texts else self.pair.right
        self.node = Later("server:x", self.log, end, ping=None, timeout=None)
        self.pair.left.connect()

    async def meet(self) -> list[Message]:
        await asyncio.sleep(1)
        return await self.say(["connect", 5, "1:a:b", 0])

    async def say(self, *messages: Message) -> list[Message]:
        """Send messages, let a turn pass, and give what has come back."""
        before = len(self.pair.right_sent)
        self.writing.calls.clear()
        for message in messages:
            self.pair.left.send(message)
        await asyncio.sleep(1)
        return self.pair.right_sent[before:]


def test_all_that_is_enqueued_in_a_turn_leaves_in_one_call() -> None:
    async def main() -> None:
        server = Server()
        await server.meet()
        server.log.add({"type": "b"})
        server.log.add({"type": "c"})
        answers = await server.say()
        assert server.writing.calls == [answers]
        assert [message[0] for message in answers] == ["sync"]
        assert [action["type"] for action in answers[0][2::2]] == ["b", "c"]

    run_virtual(main())


def test_answers_and_acknowledgements_leave_in_one_call_and_in_that_order() -> None:
    async def main() -> None:
        server = Server()

        def answer(action: Any, meta: Any) -> None:
            if action["type"] == "a":
                server.log.add({"type": "b"})

        await server.meet()
        server.log.on("add", answer)
        answers = await server.say(["sync", 1, *SYNC])
        assert [message[0] for message in answers] == ["sync", "synced"]
        assert server.writing.calls == [answers]

    run_virtual(main())


@pytest.mark.parametrize("slow", [False, True])
def test_a_connection_that_takes_texts_is_told_the_same(slow: bool) -> None:
    async def main(*, texts: bool) -> list[list[Message]]:
        store = Slow() if slow else None
        server = Server(store, texts=texts)
        heard = [await server.meet()]
        for type in ("b", "c"):
            server.log.add({"type": type}, id="50 1:a:b 7" if type == "c" else None)
        heard.append(await server.say())
        heard.append(await server.say(["sync", 1, *SYNC], ["ping", 1], ["synced", 2]))
        if store is not None:
            names = [message[0] for messages in heard for message in messages]
            assert not {"sync", "synced"} & {*names}
            for _ in range(3):
                store.commit()
                heard.append(await server.say())
        assert server.node.state == "synchronized"
        return heard

    assert run_virtual(main(texts=True)) == run_virtual(main(texts=False))
