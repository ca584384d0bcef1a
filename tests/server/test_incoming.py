"""What a client may send, and how much."""

import asyncio
from typing import Any

import pytest

from logux_store.log import MemoryStore
from logux_store.meta import Meta
from logux_store.server import Limits
from logux_store.testing import VirtualClock, run_virtual

NOW = 1_000_000


def allow(ctx: Any, action: Any, meta: Any) -> bool:
    return True


@pytest.mark.parametrize(
    "meta",
    [
        {"id": [1, "20:b:1", 0], "time": 1},
        {"id": [1, "server:x", 0], "time": 1},
        {"id": [1, "10:aa:1", 0], "time": 1},
        {"id": [1, "10", 0], "time": 1},
        {"id": 1, "time": 1, "channels": ["room/1"]},
        {"id": 1, "time": 1, "status": "processed"},
        {"id": 1, "time": 1, "reasons": ["keep"]},
        {"id": 1, "time": 1, "added": 5},
    ],
)
def test_a_forged_id_or_meta_is_denied_and_nobody_else_hears_of_it(
    server: Any, peer_of: Any, meta: Any
) -> None:
    victim, peer = peer_of(server, "20:b:1"), peer_of(server)
    victim.subscribe("room/1")
    victim.take()
    ids = peer.sync(({"type": "do", "to": "room/1"}, meta))
    assert [(a["type"], a["reason"]) for a in peer.got] == [("logux/undo", "denied")]
    assert peer.got[0]["id"] == ids[0]
    assert peer.synced == [1]
    assert victim.got == []
    assert len(server.log.store) == 0
    # The owner of the id may still use it.
    assert not server.log.store.remembers(ids[0])


@pytest.mark.parametrize("node_id", ["10:a:1", "10:a:2", "10:a"])
def test_any_tab_of_a_client_may_send_by_its_connection(
    server: Any, peer_of: Any, node_id: str
) -> None:
    peer = peer_of(server)
    peer.sync(({"type": "do"}, {"id": [1, node_id, 0], "time": 1}))
    assert [a["type"] for a in peer.got] == ["logux/processed"]


@pytest.mark.parametrize("type", ["logux/undo", "logux/processed", "logux/subscribed"])
def test_a_client_may_not_send_the_servers_answers(
    make_server: Any, peer_of: Any, type: str
) -> None:
    server = make_server()
    server.other_type(access=allow, resend=lambda *_: "room/1")
    server.channel("room/:id", access=allow)
    victim, peer = peer_of(server, "20:b:1"), peer_of(server)
    victim.subscribe("room/1")
    victim.take()
    peer.act(type, id="1 20:b:1 0")
    assert [action["reason"] for action in peer.take()] == ["unknownType"]
    assert victim.take() == []
    assert len(server.log.store) == 0


def test_an_action_from_the_far_future_is_denied(make_server: Any, peer_of: Any) -> None:
    server = make_server(limits=Limits(ahead=60))
    server.type("do", access=allow)
    peer = peer_of(server)
    peer.sync(({"type": "do"}, {"id": 1, "time": 60_000}))
    peer.sync(({"type": "do"}, {"id": 2, "time": 60_001}))
    # Only its time counts: the ids of a client with a wrong clock are ahead, its times are not.
    peer.sync(({"type": "do"}, {"id": 10**12, "time": 5}))
    peer.sync(({"type": "do"}, {"id": 3, "time": -(10**5)}))
    assert [a.get("reason") for a in peer.got] == [None, "denied", None, None]
    assert any("future" in message[2] for message in peer.messages if message[0] == "debug")


def test_or_its_time_is_clamped(make_server: Any, peer_of: Any) -> None:
    server = make_server(limits=Limits(ahead=60), future="clamp")
    metas: list[Meta] = []
    server.type("do", access=allow, process=lambda ctx, action, meta: metas.append(meta))
    peer = peer_of(server)
    peer.sync(({"type": "do"}, {"id": 1, "time": 10**9}))
    assert metas[0].time == metas[0].key[0] == NOW
    assert [a["type"] for a in peer.got] == ["logux/processed"]


def test_a_type_or_a_channel_with_too_long_a_name_is_denied(make_server: Any, peer_of: Any) -> None:
    server = make_server(limits=Limits(name=10))
    asked: list[Any] = []

    def ask(ctx: Any, action: Any, meta: Any) -> bool:
        asked.append(action.get("channel") or action["type"])
        return True

    server.other_type(access=ask)
    server.channel("*", access=ask)
    peer = peer_of(server)
    for name in ("x" * 10, "x" * 11):
        peer.act(name)
        peer.subscribe(name)
    # What is no name may be of any length.
    peer.act("do", channel="x" * 11)
    assert asked == ["x" * 10, "x" * 10, "x" * 11]
    assert [a.get("reason") for a in peer.got] == [None, None, "denied", "denied", None]
    assert any("11 characters; 10 may" in m[2] for m in peer.messages if m[0] == "debug")


def test_too_many_actions_in_one_sync_end_the_connection(make_server: Any, peer_of: Any) -> None:
    server = make_server(limits=Limits(entries=3))
    server.type("do", access=allow)
    peer, other = peer_of(server), peer_of(server, "20:a:1")
    peer.sync(*[({"type": "do"}, None)] * 3)
    assert peer.synced == [3]
    peer.sync(*[({"type": "do"}, None)] * 4)
    assert peer.synced == [3]
    assert [message[:2] for message in peer.messages if message[0] == "error"] == [
        ["error", "wrong-format"]
    ]
    assert not peer.connected
    assert other.connected


@pytest.mark.parametrize("limits", [Limits(queue=2), Limits(queue_size=2000)])
def test_a_client_that_sends_faster_than_it_is_served_sends_again_later(
    make_server: Any, peer_of: Any, limits: Limits
) -> None:
    async def main() -> None:
        server = make_server(limits=limits, clock=VirtualClock(NOW))
        done: list[int] = []

        async def process(ctx: Any, action: Any, meta: Any) -> None:
            await asyncio.sleep(10)
            done.append(action["n"])

        server.type("do", access=allow, process=process)
        peer, other = peer_of(server), peer_of(server, "20:a:1")
        for n in range(1, 4):
            peer.act("do", n=n, text="x" * 1000)
        other.act("do", n=0)
        assert peer.connected
        peer.act("do", n=4)
        assert not peer.connected
        [*_, debug] = [message for message in peer.messages if message[0] == "debug"]
        assert "wait to be processed" in debug[2]
        assert other.connected
        await asyncio.sleep(35)
        assert sorted(done) == [0, 1, 2, 3]

        again = peer_of(server)
        # It had no acknowledgement, so it sends them all; what was done is not done again.
        base = server.clock()
        for n in range(1, 5):
            again.send(
                ["sync", n, {"type": "do", "n": n}, {"id": NOW + n - base, "time": NOW + n - base}]
            )
        await asyncio.sleep(15)
        assert sorted(done) == [0, 1, 2, 3, 4]
        assert again.synced == [1, 2, 3, 4]

    run_virtual(main())


def test_a_listener_that_raises_at_what_is_refused_keeps_nothing_from_an_answer(
    server: Any, peer: Any
) -> None:
    def fail(action: Any, meta: Any) -> None:
        if action["type"] == "logux/undo":
            raise RuntimeError

    server.log.on("add", fail)
    peer.sync(
        ({"type": "do"}, {"id": [1, "20:b:1", 0], "time": 1}),
        ({"type": "do"}, {"id": 2, "time": 2}),
    )
    assert [type(error) for error in server.errors] == [RuntimeError]
    assert [action["type"] for action in peer.got] == ["logux/undo", "logux/processed"]
    assert peer.synced == [2]


def test_an_empty_sync_is_acknowledged(server: Any, peer: Any) -> None:
    peer.send(["sync", 7])
    assert peer.synced == [7]


def test_an_action_has_the_subprotocol_of_its_client_or_its_own(
    make_server: Any, peer_of: Any
) -> None:
    server = make_server(subprotocol=3)
    seen: list[Any] = []
    server.type("do", access=allow, process=lambda ctx, action, meta: seen.append(meta.subprotocol))
    peer = peer_of(server, subprotocol=2)
    peer.act("do")
    peer.sync(({"type": "do"}, {"id": 9, "time": 9, "subprotocol": 1}))
    server.log.add({"type": "do"})
    assert seen == [2, 1, 3]


def test_nothing_is_taken_while_the_server_shuts_down(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        server = make_server(shutdown_timeout=30)
        done: list[int] = []

        async def process(ctx: Any, action: Any, meta: Any) -> None:
            await asyncio.sleep(5)
            done.append(action["n"])

        server.type("do", access=allow, process=process)
        peer = peer_of(server)
        peer.act("do", n=1)
        peer.act("do", n=2)
        closing = asyncio.get_running_loop().create_task(server.destroy())
        await asyncio.sleep(1)
        peer.act("do", n=3)
        await closing
        assert done == [1, 2]
        assert not peer.connected
        assert peer.synced == [1, 2]
        answers = [action["id"] for action in peer.got]
        assert len(answers) == 2

    run_virtual(main())


def test_shutting_down_does_not_wait_for_ever(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        server = make_server(shutdown_timeout=10)
        cancelled: list[str] = []

        async def process(ctx: Any, action: Any, meta: Any) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append("process")
                raise

        server.type(
            "do", access=allow, process=process, finally_=lambda *_: cancelled.append("finally")
        )
        peer = peer_of(server)
        peer.act("do")
        start = asyncio.get_running_loop().time()
        await server.destroy()
        assert asyncio.get_running_loop().time() - start == 10
        assert not peer.connected
        await asyncio.sleep(1)
        assert cancelled == ["process", "finally"]
        # It was accepted, so the next start takes it up.
        assert [meta.status for _, meta in server.log.entries()] == ["waiting"]

    run_virtual(main())


def test_a_callback_may_shut_the_server_down(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        server = make_server(shutdown_timeout=10)
        done: list[str] = []

        async def stop(ctx: Any, action: Any, meta: Any) -> None:
            await server.destroy()
            done.append("stop")

        async def slow(ctx: Any, action: Any, meta: Any) -> None:
            await asyncio.sleep(5)
            done.append("slow")

        server.type("stop", access=allow, process=stop)
        server.type("slow", access=allow, process=slow)
        other, peer = peer_of(server, "20:b:1"), peer_of(server)
        other.act("slow")
        peer.act("stop")
        await asyncio.sleep(6)
        assert done == ["slow", "stop"]
        assert not peer.connected

    run_virtual(main())


def test_what_was_not_accepted_before_the_shutdown_is_not_acknowledged(
    make_server: Any, peer_of: Any
) -> None:
    async def main() -> None:
        server = make_server(shutdown_timeout=10)
        ended: list[bool] = []

        async def access(ctx: Any, action: Any, meta: Any) -> bool:
            await asyncio.sleep(1000)
            return True

        server.type("do", access=access, finally_=lambda *_: ended.append(True))
        peer = peer_of(server)
        peer.act("do")
        await server.destroy()
        await asyncio.sleep(1)
        assert peer.synced == []
        assert ended == [True]

    run_virtual(main())


def test_what_was_accepted_is_undone_after_a_restart_without_its_type(
    make_server: Any, peer_of: Any
) -> None:
    async def main() -> None:
        store = MemoryStore()
        crashed = make_server(store=store)
        crashed.type("do", access=allow, process=lambda *_: asyncio.Event().wait())
        id = peer_of(crashed).act("do")
        await asyncio.sleep(1)
        assert len(store) == 1
        again = peer_of(make_server(store=store))
        assert [(action["id"], action["reason"]) for action in again.got] == [(id, "unknownType")]
        assert len(store) == 0
        assert store.remembers(id)

    run_virtual(main())
