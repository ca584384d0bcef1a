"""Who gets an action, once, and in which order."""

import asyncio
from typing import Any

import pytest

from logux_store.meta import Meta
from logux_store.server import Limits
from logux_store.sync import SharedAction
from logux_store.testing import run_virtual

EVERYBODY = ("10:a:1", "10:b:1", "20:a:1")


def allow(ctx: Any, action: Any, meta: Any) -> bool:
    return True


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ({"users": ["10"]}, {"10:a:1", "10:b:1"}),
        ({"user": "20"}, {"20:a:1"}),
        ({"clients": ["10:b", "99:a"]}, {"10:b:1"}),
        ({"client": "10:a"}, {"10:a:1"}),
        ({"nodes": ["20:a:1", "20:a:2"]}, {"20:a:1"}),
        ({"node": "10:a:1"}, {"10:a:1"}),
        ({"channel": "room/1"}, {"10:b:1", "20:a:1"}),
        ({"channels": ["room/1", "room/2", "room/3"]}, {"10:b:1", "20:a:1"}),
        (
            {"users": ["10"], "clients": ["10:a"], "nodes": ["10:a:1"], "channels": ["room/1"]},
            set(EVERYBODY),
        ),
        ({"users": ["10"], "exclude_clients": ["10:a"]}, {"10:b:1"}),
        ({"channels": ["room/1"], "exclude_clients": ["20:a"]}, {"10:b:1"}),
        ({"clients": ["20:a"], "nodes": ["10:a:1"], "exclude_clients": ["20:a", "10:a"]}, set()),
        ({}, set()),
    ],
)
def test_an_action_goes_to_whom_its_meta_names_each_once(
    server: Any, peer_of: Any, addresses: Any, expected: set[str]
) -> None:
    peers = {node_id: peer_of(server, node_id) for node_id in EVERYBODY}
    peers["10:b:1"].subscribe("room/1")
    for channel in ("room/1", "room/2"):
        peers["20:a:1"].subscribe(channel)
    for peer in peers.values():
        peer.take()
    server.log.add({"type": "news"}, **addresses)
    received = {node_id: len(peer.got) for node_id, peer in peers.items()}
    assert received == {node_id: int(node_id in expected) for node_id in EVERYBODY}


def test_what_the_log_has_kept_is_sent_on_connecting(server: Any, peer_of: Any) -> None:
    names = ("user", "client", "node", "excluded", "other")
    for name, addresses in zip(
        names,
        (
            {"users": ["10"]},
            {"clients": ["10:a"]},
            {"nodes": ["10:a:1"]},
            {"users": ["10"], "exclude_clients": ["10:a"]},
            {"users": ["20"]},
        ),
        strict=True,
    ):
        server.log.add({"type": name}, reasons=["keep"], **addresses)
    peer = peer_of(server)
    assert [action["type"] for action in peer.got] == ["user", "client", "node"]
    assert [m[1] for m in peer.messages if m[0] == "sync"] == [3]
    later = peer_of(server, "10:a:1", synced=2)
    assert [action["type"] for action in later.got] == ["node"]


def test_what_is_sent_on_connecting_may_come_from_elsewhere(server: Any, peer_of: Any) -> None:
    asked: list[Any] = []

    def loader(ctx: Any, synced: int) -> Any:
        asked.append((ctx.user_id, ctx.node_id, synced))
        meta = {"id": "5 server:x 0", "time": 5, "added": 8}
        return [({"type": "a"}, meta), ({"type": "b"}, Meta("6 server:x 0", 6))]

    server.send_on_connect(loader)
    server.log.add({"type": "kept"}, reasons=["keep"], user="10")
    peer = peer_of(server, synced=3)
    assert asked == [("10", "10:a:1", 3)]
    assert [(a["type"], m.id, m.time) for a, m in peer.entries] == [
        ("a", "5 server:x 0", 5),
        ("b", "6 server:x 0", 6),
    ]


def test_what_comes_meanwhile_follows_what_is_loaded_on_connecting(
    server: Any, peer_of: Any
) -> None:
    async def main() -> None:
        async def loader(ctx: Any, synced: int) -> Any:
            await asyncio.sleep(5)
            return [({"type": "old"}, {"id": "5 server:x 0", "time": 5})]

        server.send_on_connect(loader)
        peer = peer_of(server)
        server.log.add({"type": "new"}, user="10")
        await asyncio.sleep(1)
        assert peer.got == []
        await asyncio.sleep(5)
        assert [action["type"] for action in peer.got] == ["old", "new"]

    run_virtual(main())


def test_a_loader_on_connecting_that_raises_is_an_error_and_no_end(
    server: Any, peer_of: Any
) -> None:
    server.send_on_connect(lambda ctx, synced: 1 / 0)
    peer = peer_of(server)
    server.log.add({"type": "new"}, user="10")
    assert [type(error) for error in server.errors] == [ZeroDivisionError]
    assert [action["type"] for action in peer.got] == ["new"]


def test_what_is_undone_before_it_is_sent_is_not_sent(server: Any, peer_of: Any) -> None:
    def resend(ctx: Any, action: Any, meta: Any) -> str:
        server.undo(action, meta, "late")
        return "room/1"

    server.type("late", access=allow, resend=resend)
    reader, peer = peer_of(server, "20:b:1"), peer_of(server)
    reader.subscribe("room/1")
    reader.take()
    peer.act("late")
    assert [action["reason"] for action in peer.got] == ["late"]
    assert reader.take() == []


@pytest.mark.parametrize("wrong", [{"no": "type"}, {"type": "a", "value": object()}, "text"])
def test_what_is_no_action_is_not_sent_on_connecting(server: Any, peer_of: Any, wrong: Any) -> None:
    keys = {"id": "5 server:x 0", "time": 5}
    server.send_on_connect(lambda ctx, synced: [({"type": "good"}, keys), (wrong, keys)])
    peer = peer_of(server)
    assert [type(error) for error in server.errors] == [TypeError]
    assert peer.got == [{"type": "good"}]


def test_answers_come_whatever_becomes_of_what_is_loaded_on_connecting(
    server: Any, peer_of: Any
) -> None:
    async def main() -> None:
        fails = False

        async def loader(ctx: Any, synced: int) -> Any:
            await asyncio.sleep(5)
            if fails:
                raise RuntimeError

        peer = peer_of(server)
        id = peer.act("do")
        peer.disconnect()
        server.send_on_connect(loader)
        # This one leaves before anything is loaded.
        peer_of(server).disconnect()
        await asyncio.sleep(10)
        fails = True
        again = peer_of(server)
        await asyncio.sleep(10)
        assert again.got == [{"type": "logux/processed", "id": id}]

    run_virtual(main())


def test_a_client_that_cannot_keep_up_with_a_filter_is_disconnected(
    make_server: Any, peer_of: Any
) -> None:
    async def main() -> None:
        server = make_server(limits=Limits(held=3, ahead=None))

        async def never(ctx: Any, action: Any, meta: Any) -> bool:
            await asyncio.sleep(1000)
            return True

        server.channel("a", access=allow, filter=lambda *_: never)
        server.channel("b", access=allow)
        slow, fast = peer_of(server), peer_of(server, "20:a:1")
        slow.subscribe("a")
        fast.subscribe("b")
        for channel in ("a", "b", "b"):
            server.log.add({"type": "do"}, channels=[channel], users=["10"][: channel == "b"])
        assert not slow.client.destroyed
        server.log.add({"type": "do"}, channels=["b"], users=["10"])
        assert slow.client.destroyed
        assert not fast.client.destroyed
        assert server.subscriptions.channels.keys() == {"b"}

    run_virtual(main())


def test_a_client_that_is_loaded_for_too_long_is_disconnected(
    make_server: Any, peer_of: Any
) -> None:
    async def main() -> None:
        server = make_server(limits=Limits(held=3, ahead=None))
        server.channel("a", access_and_load=lambda *_: asyncio.sleep(1000))
        slow = peer_of(server)
        slow.subscribe("a")
        await asyncio.sleep(1)
        for _ in range(3):
            server.log.add({"type": "do"}, channel="a")
        assert not slow.client.destroyed
        server.log.add({"type": "do"}, channel="a")
        assert slow.client.destroyed

    run_virtual(main())


def test_a_filter_that_nobody_waits_for_any_more_is_cancelled(
    make_server: Any, peer_of: Any
) -> None:
    async def main() -> None:
        server = make_server()
        undecided: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        filters = {"later": lambda *_: undecided, "yes": lambda *_: True}
        server.channel("b", access=allow, filter=lambda _, action, __: filters[action["filter"]])
        peer = peer_of(server)
        for name in filters:
            peer.subscribe("b", filter=name)
        await asyncio.sleep(1)
        peer.take()
        server.log.add({"type": "do"}, channel="b")
        await asyncio.sleep(1)
        assert peer.got == [{"type": "do"}]
        assert undecided.cancelled()

    run_virtual(main())


def test_an_action_is_serialised_once_for_all_that_get_it(server: Any, peer_of: Any) -> None:
    peers = [peer_of(server, f"{n}:a:1") for n in range(5)]
    for peer in peers:
        peer.subscribe("room/1")
    server.log.add({"type": "big"}, channel="room/1")
    sent = [peer.client.connection.sent[-1][2] for peer in peers]
    assert sent[0] == {"type": "big"}
    assert isinstance(sent[0], SharedAction)
    assert all(action is sent[0] for action in sent)


def test_a_client_that_begins_anew_gets_what_it_has_sent_before(server: Any, peer_of: Any) -> None:
    async def main() -> None:
        allowed = asyncio.get_running_loop().create_future()

        async def wait(ctx: Any, action: Any, meta: Any) -> bool:
            return bool(await asyncio.shield(allowed))

        server.type("mail", access=wait, resend=lambda ctx, action, meta: {"users": ["10"]})
        first, other = peer_of(server), peer_of(server, "10:b:1")
        first.act("mail")
        again = peer_of(server)
        assert not first.connected
        other_again = peer_of(server, "10:c:1")
        id = other_again.act("mail")
        allowed.set_result(True)
        await asyncio.sleep(1)
        for peer, count in ((again, 2), (other, 2), (other_again, 1)):
            assert [action["type"] for action in peer.got].count("mail") == count
        assert {"type": "logux/processed", "id": id} in other_again.got

    run_virtual(main())


def test_a_client_that_sends_an_action_again_does_not_get_it(server: Any, peer_of: Any) -> None:
    async def main() -> None:
        allowed = asyncio.get_running_loop().create_future()

        async def wait(ctx: Any, action: Any, meta: Any) -> bool:
            return bool(await asyncio.shield(allowed))

        server.type("mail", access=wait, resend=lambda ctx, action, meta: {"users": ["10"]})
        peer_of(server).act("mail")
        again = peer_of(server)
        again.act("mail")
        allowed.set_result(True)
        await asyncio.sleep(1)
        assert [action["type"] for action in again.got] == ["logux/processed"]

    run_virtual(main())
