"""An action is processed once, however often it is sent, and its answer arrives."""

import asyncio
from typing import Any

import pytest

from logux_store.log import MemoryStore
from logux_store.meta import Meta
from logux_store.server.answers import Answer, Unconfirmed
from logux_store.testing import run_virtual


def allow(ctx: Any, action: Any, meta: Any) -> bool:
    return True


class Copies(MemoryStore):
    """As on a disk, what is in the log is not the object that callbacks have."""

    def add(self, action: Any, meta: Meta) -> bool:
        copy = meta.copy()
        known = not super().add(action, copy)
        meta.added = copy.added
        return not known


class Disk(MemoryStore):
    """A store that takes its time to be durable; `commit` is when it is."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Any] = []

    def when_durable(self, callback: Any) -> None:
        self.waiting.append(callback)

    def commit(self) -> None:
        waiting, self.waiting = self.waiting, []
        for callback in waiting:
            callback()


def test_an_action_is_acknowledged_when_it_is_durable(make_server: Any, peer_of: Any) -> None:
    disk = Disk()
    server = make_server(store=disk)
    server.type("do", access=allow)
    peer = peer_of(server)
    peer.act("do")
    peer.act("do")
    assert peer.synced == []
    disk.commit()
    assert peer.synced == [1, 2]


@pytest.mark.parametrize("kept", [False, True])
def test_an_action_sent_again_after_a_lost_acknowledgement_is_processed_once(
    make_server: Any, peer_of: Any, kept: bool
) -> None:
    disk = Disk()
    server = make_server(store=disk)
    calls: list[str] = []
    server.type("do", access=allow, process=lambda ctx, action, meta: calls.append(meta.id))
    if kept:
        server.log.type("do", lambda action, meta: meta.reasons.append("keep"), event="preadd")
    peer = peer_of(server)
    id = peer.act("do")
    assert calls == [id]
    # The connection breaks between processing and acknowledgement.
    peer.pair.cut()
    disk.commit()
    assert peer.synced == []

    again = peer_of(server)
    disk.commit()
    assert again.act("do") == id
    disk.commit()
    assert calls == [id]
    assert again.synced == [1]
    assert again.got == [{"type": "logux/processed", "id": id}]

    # Who asks once more, though the answer is confirmed, gets both again.
    again.acknowledge()
    again.ms = 0
    assert again.act("do") == id
    disk.commit()
    assert calls == [id]
    assert again.synced == [1, 2]
    assert again.got == [{"type": "logux/processed", "id": id}] * 2


@pytest.mark.parametrize("kept", [False, True])
def test_an_undone_action_sent_again_is_undone_again(
    make_server: Any, peer_of: Any, kept: bool
) -> None:
    server = make_server()
    calls: list[int] = []

    def process(ctx: Any, action: Any, meta: Any) -> None:
        calls.append(1)
        raise RuntimeError

    server.type("do", access=allow, process=process, resend=lambda *_: {"user": "20"})
    if kept:
        server.log.type("do", lambda action, meta: meta.reasons.append("keep"), event="preadd")
    reader = peer_of(server, "20:b:1")
    peer = peer_of(server)
    id = peer.act("do")
    reader.take()
    peer.disconnect()
    again = peer_of(server)
    again.act("do")
    undo = {"type": "logux/undo", "id": id, "action": {"type": "do"}, "reason": "error"}
    # The undo of what is kept is kept as well, and comes from the log too.
    assert again.got == [undo] * (1 + kept)
    again.acknowledge()
    again.take()
    again.ms = 0
    again.act("do")
    assert again.got == [undo]
    assert reader.got == []
    assert calls == [1]


def test_a_denied_action_sent_again_is_checked_again(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    server.type("do", access=lambda *_: False)
    peer = peer_of(server)
    peer.act("do")
    peer.acknowledge()
    peer.disconnect()
    again = peer_of(server)
    assert again.got == []
    again.act("do")
    assert [action["reason"] for action in again.got] == ["denied"]


def test_an_action_whose_answer_is_on_its_way_is_not_asked_about_again(
    make_server: Any, peer_of: Any
) -> None:
    server = make_server()
    asked: list[str] = []

    def allow_at_second_sight(ctx: Any, action: Any, meta: Any) -> bool:
        asked.append(meta.id)
        return asked.count(meta.id) > 1

    server.type("do", access=allow_at_second_sight)
    peer = peer_of(server)
    id = peer.act("do")
    peer.pair.cut()
    again = peer_of(server)
    assert again.act("do") == id
    assert asked == [id]
    assert [action["reason"] for action in again.got] == ["denied"]
    assert again.synced == [1]


@pytest.mark.parametrize(("fails", "status"), [(False, "processed"), (True, "error")])
def test_what_is_kept_is_kept_with_the_way_it_ended(
    make_server: Any, peer_of: Any, fails: bool, status: str
) -> None:
    server = make_server(store=Copies())
    server.log.type("do", lambda action, meta: meta.reasons.append("keep"), event="preadd")
    server.type("do", access=allow, process=lambda *_: 1 / (not fails))
    id = peer_of(server).act("do")
    _, meta = server.log.by_id(id)
    assert (meta.status, meta.reasons) == (status, ["keep"])


def test_nothing_leaves_that_a_crash_could_take_back(make_server: Any, peer_of: Any) -> None:
    disk = Disk()
    server = make_server(store=disk)
    server.type("do", access=allow, resend=lambda *_: {"user": "20"})
    reader, peer = peer_of(server, "20:b:1"), peer_of(server)
    id = peer.act("do")
    reader.send(["ping", 0])
    assert reader.messages[-1][0] == "connected"
    assert (peer.got, peer.synced) == ([], [])
    disk.commit()
    assert [message[0] for message in reader.messages[-2:]] == ["sync", "pong"]
    assert peer.got == [{"type": "logux/processed", "id": id}]
    assert peer.synced == [1]


def test_once_holds_across_a_restart(make_server: Any, peer_of: Any) -> None:
    store = MemoryStore()
    calls: list[str] = []

    def start() -> Any:
        server = make_server(store=store)
        server.type("do", access=allow, process=lambda ctx, action, meta: calls.append(meta.id))
        return server

    first = peer_of(start())
    id = first.act("do")
    again = peer_of(start())
    again.act("do")
    assert calls == [id]
    assert again.got == [{"type": "logux/processed", "id": id}]


def test_what_was_accepted_but_not_processed_is_taken_up_after_a_restart(
    make_server: Any, peer_of: Any
) -> None:
    async def main() -> None:
        store = MemoryStore()
        calls: list[Any] = []

        def start(seconds: float) -> Any:
            server = make_server(store=store)

            async def process(ctx: Any, action: Any, meta: Any) -> None:
                await asyncio.sleep(seconds)
                calls.append(action["n"])

            server.type("do", access=allow, process=process, resend=lambda *_: {"user": "20"})
            return server

        crashed = start(1_000_000)
        peer = peer_of(crashed)
        ids = [peer.act("do", n=1), peer.act("do", n=2)]
        await asyncio.sleep(1)
        # Only the first is in the log: the second waits in the queue and is not acknowledged.
        assert peer.synced == [1]
        assert [meta.status for _, meta in store.entries()] == ["waiting"]

        server = start(1)
        reader = peer_of(server, "20:b:1")
        again = peer_of(server)
        await asyncio.sleep(2)
        assert calls == [1]
        assert {"type": "logux/processed", "id": ids[0]} in again.got
        assert len(store) == 0
        again.ms = 1
        assert again.act("do", n=2) == ids[1]
        await asyncio.sleep(2)
        assert calls == [1, 2]
        assert [action["n"] for action in reader.got] == [1, 2]

    run_virtual(main())


def test_the_same_action_twice_on_its_way_is_processed_once(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        server = make_server()
        calls: list[int] = []

        async def process(ctx: Any, action: Any, meta: Any) -> None:
            await asyncio.sleep(5)
            calls.append(1)

        server.type("do", access=allow, process=process)
        peer = peer_of(server)
        id = peer.act("do")
        peer.disconnect()
        again = peer_of(server)
        again.act("do")
        again.sync(({"type": "do"}, {"id": 1, "time": 1}))
        await asyncio.sleep(10)
        assert calls == [1]
        assert again.synced == [1, 2]
        assert again.got == [{"type": "logux/processed", "id": id}]

    run_virtual(main())


def test_an_answer_waits_for_a_client_that_is_away(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        server = make_server()

        async def process(ctx: Any, action: Any, meta: Any) -> None:
            await asyncio.sleep(5)

        server.type("do", access=allow, process=process)
        peer = peer_of(server)
        id = peer.act("do")
        await asyncio.sleep(1)
        assert peer.synced == [1]
        peer.disconnect()
        await asyncio.sleep(10)
        again = peer_of(server)
        assert again.got == [{"type": "logux/processed", "id": id}]
        # It was not confirmed, so it comes once more; then it is.
        again.disconnect()
        third = peer_of(server)
        assert third.got == [{"type": "logux/processed", "id": id}]
        third.acknowledge()
        third.disconnect()
        assert peer_of(server).got == []

    run_virtual(main())


def test_an_answer_that_was_not_confirmed_comes_again(server: Any, peer_of: Any) -> None:
    peer = peer_of(server)
    id = peer.act("do")
    peer.pair.cut()
    again = peer_of(server)
    assert again.got == [{"type": "logux/processed", "id": id}]


@pytest.mark.parametrize("ahead", [-5, 0, 7])
@pytest.mark.parametrize("type", ["denied", "broken"])
def test_an_undo_comes_after_its_action_whatever_the_clients_clock_says(
    make_server: Any, peer_of: Any, type: str, ahead: int
) -> None:
    server = make_server()
    server.type("denied", access=lambda *_: False)
    server.type("broken", access=allow, process=lambda *_: 1 / 0)
    peer = peer_of(server)
    peer.sync(({"type": type}, {"id": ahead, "time": ahead}))
    ((undo, meta),) = peer.entries
    assert undo["type"] == "logux/undo"
    assert meta.time == server.clock() + max(ahead + 1, 0)


@pytest.mark.parametrize(
    "addresses",
    [
        {"channels": ["room/1"], "exclude_clients": ["10:a", "30:c"]},
        {"clients": ["20:b"]},
        {"clients": ["20:b", "10:a"], "exclude_clients": ["10:a"]},
        {"nodes": ["20:b:1"]},
        {"users": ["20"]},
    ],
)
def test_an_undo_comes_to_the_sender_and_to_all_who_got_the_action_once(
    server: Any, peer_of: Any, addresses: Any
) -> None:
    server.type("fail", access=allow, resend=lambda *_: addresses, process=lambda *_: 1 / 0)
    peers = [peer_of(server, node_id) for node_id in ("10:a:1", "20:b:1", "30:c:1")]
    for peer in peers:
        peer.subscribe("room/1")
        peer.take()
    peers[0].act("fail")
    got = [[action["type"] for action in peer.take()] for peer in peers]
    assert got == [["logux/undo"], ["fail", "logux/undo"], []]


def test_an_answer_leaves_before_the_acknowledgement(server: Any, peer_of: Any) -> None:
    async def main() -> None:
        peer = peer_of(server)
        peer.act("do")
        peer.subscribe("room/1")
        await asyncio.sleep(1)
        # Who has the acknowledgement and loses the connection then has the answer as well.
        names = [message[0] for message in peer.messages if message[0] in ("sync", "synced")]
        assert names == ["sync", "synced", "synced"]

    run_virtual(main())


def test_nobody_is_told_later_to_have_been_subscribed(server: Any, peer_of: Any) -> None:
    peer = peer_of(server)
    peer.subscribe("room/1")
    assert [action["type"] for action in peer.got] == ["logux/processed"]
    peer.pair.cut()
    assert peer_of(server).got == []


def test_what_is_kept_of_answers_is_bounded() -> None:
    unconfirmed = Unconfirmed()
    for n in range(3000):
        unconfirmed.add(Answer({"type": "logux/processed", "id": str(n)}, Meta("1 a 0", 1), 100))
    assert len(unconfirmed) == 1000
    assert "2999" in unconfirmed
    assert "1999" not in unconfirmed
    for n in range(5):
        unconfirmed.add(Answer({"type": "logux/undo", "id": f"big{n}"}, Meta("1 a 0", 1), 400_000))
    assert [answer.action["id"] for answer in unconfirmed] == ["big3", "big4"]
    assert unconfirmed.size == 800_000
    unconfirmed.add(Answer({"type": "logux/undo", "id": "big4"}, Meta("1 a 0", 1), 100))
    assert unconfirmed.size == 400_100
    unconfirmed.clear()
    assert (len(unconfirmed), unconfirmed.size) == (0, 0)


def test_answers_for_those_who_went_away_first_are_forgotten_first(server: Any) -> None:
    for n in range(200):
        lost = Unconfirmed()
        lost.add(Answer({"type": "logux/undo", "id": "1"}, Meta("1 a 0", 1), 500_000))
        server.answers.keep(f"{n}:a", lost)
    assert len(server.answers.take("199:a")) == 1
    assert len(server.answers.take("199:a")) == 0
    assert len(server.answers.take("0:a")) == 0
    assert len([n for n in range(200) if len(server.answers.take(f"{n}:a"))]) == 127
