"""Subscriptions: access, filter, load, and their end."""

import asyncio
import re
from typing import Any

import pytest

from logux_store.server import NotFoundError
from logux_store.testing import run_virtual


def allow(ctx: Any, action: Any, meta: Any) -> bool:
    return True


def test_a_subscription_is_checked_loaded_and_answered(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    calls: list[Any] = []

    def access(ctx: Any, action: Any, meta: Any) -> bool:
        calls.append(("access", ctx.params, ctx.user_id))
        return True

    def load(ctx: Any, action: Any, meta: Any) -> Any:
        calls.append(("load", action.get("since")))
        return {"type": "user", "id": ctx.params["id"]}

    server.channel(
        "users/:id", access=access, load=load, finally_=lambda *_: calls.append(("finally",))
    )
    other = peer_of(server, "20:b:1")
    peer = peer_of(server)
    since = {"time": 5, "id": "5 10:a:1 0"}
    id = peer.subscribe("users/7", since=since)
    assert calls == [("access", {"id": "7"}, "10"), ("load", since), ("finally",)]
    assert peer.got == [{"type": "user", "id": "7"}, {"type": "logux/processed", "id": id}]
    assert peer.synced == [1]
    assert other.got == []
    assert ("subscribed", {"action_id": id, "channel": "users/7"}) in server.reports


@pytest.mark.parametrize(
    ("loaded", "expected"),
    [
        (None, []),
        ([], []),
        ({"type": "a"}, ["a"]),
        ([{"type": "a"}, {"type": "b"}], ["a", "b"]),
        (({"type": n} for n in "ab"), ["a", "b"]),
        ([({"type": "a"}, {"time": 7}), [{"type": "b"}, {"id": "9 10:x:y 0"}]], ["a", "b"]),
    ],
)
def test_load_gives_actions_with_meta_or_without(
    make_server: Any, peer_of: Any, loaded: Any, expected: list[str]
) -> None:
    server = make_server()
    server.channel("a", access=allow, load=lambda *_: loaded)
    peer = peer_of(server)
    peer.subscribe("a")
    assert [action["type"] for action in peer.got] == [*expected, "logux/processed"]
    assert server.errors == []


def test_load_may_set_time_and_id(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    pairs = [({"type": "a"}, {"time": 7}), ({"type": "b"}, {"id": "9 10:a:2 0"})]
    server.channel("a", access=allow, load=lambda *_: pairs)
    peer = peer_of(server)
    peer.subscribe("a")
    (_, first), (_, second), _ = peer.entries
    assert first.time == 7
    assert second.id == "9 10:a:2 0"


@pytest.mark.parametrize("loaded", [5, "text", [5], [("a", "b", "c")]])
def test_a_load_that_gives_something_else_is_an_error(
    make_server: Any, peer_of: Any, loaded: Any
) -> None:
    server = make_server()
    server.channel("a", access=allow, load=lambda *_: loaded)
    peer = peer_of(server)
    peer.subscribe("a")
    assert [action.get("reason") for action in peer.got] == ["error"]
    assert server.subscriptions.channels == {}


@pytest.mark.parametrize(
    ("callbacks", "reason"),
    [
        ({"access": lambda *_: False}, "denied"),
        ({"access": lambda *_: 1 / 0}, "error"),
        ({"access": allow, "filter": lambda *_: 1 / 0}, "error"),
        ({"access": allow, "load": lambda *_: 1 / 0}, "error"),
    ],
)
def test_what_fails_does_not_stay_subscribed(
    make_server: Any, peer_of: Any, callbacks: Any, reason: str
) -> None:
    server = make_server()
    ended: list[Any] = []
    server.channel("a", **callbacks, finally_=lambda *_: ended.append(1))
    peer = peer_of(server)
    id = peer.subscribe("a")
    assert [(a["type"], a["id"], a["reason"]) for a in peer.got] == [("logux/undo", id, reason)]
    assert server.subscriptions.channels == {}
    assert peer.client.subscribed == set()
    assert ended == [1]
    assert peer.synced == [1]


def test_what_is_not_found_is_undone_as_such(make_server: Any, peer_of: Any) -> None:
    server = make_server()

    def load(ctx: Any, action: Any, meta: Any) -> None:
        raise NotFoundError

    server.channel("a", access=allow, load=load)
    peer = peer_of(server)
    peer.subscribe("a")
    assert peer.got[0]["reason"] == "notFound"
    assert server.subscriptions.channels == {}
    assert server.errors == []


@pytest.mark.parametrize("channel", ["b", "a/1", "", None, 5, {"a": 1}])
@pytest.mark.parametrize("type", ["logux/subscribe", "logux/unsubscribe"])
def test_a_wrong_channel_is_undone(make_server: Any, peer_of: Any, channel: Any, type: str) -> None:
    server = make_server()
    server.channel("a", access=allow)
    peer = peer_of(server)
    peer.act(type, channel=channel)
    if type == "logux/unsubscribe" and isinstance(channel, str):
        assert [a["type"] for a in peer.got] == ["logux/processed"]
    else:
        assert [a.get("reason") for a in peer.got] == ["wrongChannel"]
        assert "wrong_channel" in server.names


def test_other_channels_may_be_defined_and_found_wrong(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    seen: list[str] = []

    def access(ctx: Any, action: Any, meta: Any) -> bool:
        seen.append(ctx.params[0])
        if action["channel"] == "bad":
            server.wrong_channel(action, meta)
            return False
        return True

    server.channel("a", access=allow)
    server.other_channel(access=access)
    peer = peer_of(server)
    peer.subscribe("good")
    peer.subscribe("bad")
    assert seen == ["good", "bad"]
    assert [a.get("reason") for a in peer.got] == [None, "wrongChannel"]
    assert [*server.subscriptions.channels] == ["good"]


def test_a_regular_expression_gives_its_match(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    seen: list[Any] = []
    server.channel(
        re.compile(r"^posts/(\d+)/(?P<part>\w+)$"),
        access=allow,
        load=lambda ctx, *_: seen.append((ctx.params[1], ctx.params["part"])),
    )
    peer_of(server).subscribe("posts/7/likes")
    assert seen == [("7", "likes")]


def test_access_and_load_denies_and_finds_nothing_by_raising(
    make_server: Any, peer_of: Any
) -> None:
    server = make_server()
    outcomes = iter([PermissionError(), NotFoundError(), ValueError(), {"type": "state"}])

    def access_and_load(ctx: Any, action: Any, meta: Any) -> Any:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    server.channel("a", access_and_load=access_and_load)
    peer = peer_of(server)
    for _ in range(4):
        peer.subscribe("a")
    assert [a.get("reason", a["type"]) for a in peer.got] == [
        "denied",
        "notFound",
        "error",
        "state",
        "logux/processed",
    ]


def test_unsubscribing_ends_the_subscription_and_is_answered(
    make_server: Any, peer_of: Any
) -> None:
    server = make_server()
    ended: list[Any] = []
    told: list[Any] = []
    server.channel(
        "users/:id",
        access=allow,
        unsubscribe=lambda ctx, action, meta: ended.append((ctx.params, action["type"])),
    )
    server.type("do", access=allow, resend=lambda *_: "users/1")
    server.on("unsubscribed", lambda action, meta, node_id: told.append(node_id))
    peer = peer_of(server)
    peer.subscribe("users/1")
    peer.take()
    id = peer.act("logux/unsubscribe", channel="users/1")
    server.log.add({"type": "do"})
    assert peer.got == [{"type": "logux/processed", "id": id}]
    assert ended == [({"id": "1"}, "logux/unsubscribe")]
    assert told == ["10:a:1"]
    assert server.subscriptions.channels == {}


def test_subscriptions_end_with_the_connection_all_filters_included(
    make_server: Any, peer_of: Any
) -> None:
    server = make_server()
    ended: list[Any] = []
    server.channel(
        ":name", access=allow, unsubscribe=lambda ctx, action, meta: ended.append(ctx.params)
    )
    peer = peer_of(server)
    peer.subscribe("a", filter={"n": 1})
    peer.subscribe("a", filter={"n": 2})
    peer.subscribe("b")
    # Another tab of the same client, over the same connection.
    peer.sync(({"type": "logux/subscribe", "channel": "b"}, {"id": [9, "10:a:2", 0], "time": 9}))
    peer.disconnect()
    assert server.subscriptions.channels == {}
    assert sorted(params["name"] for params in ended) == ["a", "a", "b", "b"]


def test_one_node_may_have_several_filters_and_gets_an_action_once(
    make_server: Any, peer_of: Any
) -> None:
    server = make_server()

    def make_filter(ctx: Any, subscribe: Any, meta: Any) -> Any:
        wanted = subscribe.get("filter")
        return wanted and (lambda ctx, action, meta: action["n"] % wanted["by"] == 0)

    server.channel("a", access=allow, filter=make_filter)
    server.type("do", access=allow, resend=lambda *_: ["a", "a"])
    peer = peer_of(server)

    def received() -> list[int]:
        peer.take()
        for n in range(7):
            server.log.add({"type": "do", "n": n})
        return [action["n"] for action in peer.take()]

    peer.subscribe("a", filter={"by": 2})
    assert received() == [0, 2, 4, 6]
    peer.subscribe("a", filter={"by": 3})
    assert received() == [0, 2, 3, 4, 6]
    peer.act("logux/unsubscribe", channel="a", filter={"by": 2})
    assert received() == [0, 3, 6]
    peer.subscribe("a")
    assert received() == [*range(7)]
    peer.act("logux/unsubscribe", channel="a")
    assert received() == [0, 3, 6]
    peer.act("logux/unsubscribe", channel="a", filter={"by": 3})
    assert received() == []


def test_a_filter_knows_who_sent_the_action(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    server.channel(
        "a", access=allow, filter=lambda *_: lambda ctx, action, meta: ctx.user_id == "20"
    )
    server.type("do", access=allow, resend=lambda *_: "a")
    reader, sender, other = (peer_of(server, f"{n}:a:1") for n in (10, 20, 30))
    reader.subscribe("a")
    reader.take()
    sender.act("do", by="sender")
    other.act("do", by="other")
    assert [action["by"] for action in reader.got] == ["sender"]


@pytest.mark.parametrize("later", [False, True])
def test_a_filter_that_raises_keeps_the_action_from_its_client_only(
    make_server: Any, peer_of: Any, later: bool
) -> None:
    async def main() -> None:
        server = make_server()

        async def fail(ctx: Any, action: Any, meta: Any) -> bool:
            await asyncio.sleep(1)
            raise ZeroDivisionError

        server.channel("bad", access=allow, filter=lambda *_: fail if later else lambda *_: 1 / 0)
        server.channel("good", access=allow)
        server.type("do", access=allow, resend=lambda *_: ["bad", "good"])
        one, two = peer_of(server, "1:a:1"), peer_of(server, "2:a:1")
        one.subscribe("bad")
        two.subscribe("good")
        await asyncio.sleep(1)
        one.take(), two.take()
        sender = peer_of(server, "3:a:1")
        id = sender.act("do")
        await asyncio.sleep(2)
        assert one.got == []
        assert two.got == [{"type": "do"}]
        assert sender.got == [{"type": "logux/processed", "id": id}]
        assert [type(error) for error in server.errors] == [ZeroDivisionError]

    run_virtual(main())


def test_async_filters_do_not_reorder_what_a_client_gets(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        server = make_server()

        async def wanted(ctx: Any, action: Any, meta: Any) -> bool:
            await asyncio.sleep(10 - action["n"])
            return bool(action["n"] % 2)

        server.channel("slow", access=allow, filter=lambda *_: wanted)
        server.channel("fast", access=allow)
        slow, fast = peer_of(server, "1:a:1"), peer_of(server, "2:a:1")
        for channel in ("slow", "fast"):
            slow.subscribe(channel)
        fast.subscribe("fast")
        await asyncio.sleep(0.1)
        slow.take(), fast.take()
        for n in range(5):
            server.log.add({"type": "do", "n": n}, channel="slow")
            server.log.add({"type": "do", "n": n + 0.5}, channel="fast")
        await asyncio.sleep(0.1)
        assert [action["n"] for action in fast.take()] == [0.5, 1.5, 2.5, 3.5, 4.5]
        assert slow.take() == []
        await asyncio.sleep(20)
        assert [action["n"] for action in slow.take()] == [0.5, 1, 1.5, 2.5, 3, 3.5, 4.5]

    run_virtual(main())


def test_no_action_is_missed_while_a_load_runs(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        server = make_server()

        async def load(ctx: Any, action: Any, meta: Any) -> Any:
            await asyncio.sleep(5)
            return {"type": "state"}

        server.channel("a", access=allow, load=load)
        peer = peer_of(server)
        peer.subscribe("a")
        await asyncio.sleep(1)
        server.log.add({"type": "news"}, channel="a")
        assert peer.synced == []
        await asyncio.sleep(5)
        assert [action["type"] for action in peer.got] == ["news", "state", "logux/processed"]
        assert peer.synced == [1]

    run_virtual(main())


def test_a_client_that_left_during_access_is_not_subscribed(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        server = make_server()
        cancelled: list[int] = []
        server.on("subscription_cancelled", lambda: cancelled.append(1))

        async def access(ctx: Any, action: Any, meta: Any) -> bool:
            await asyncio.sleep(5)
            return True

        server.channel("a", access=access, load=pytest.fail)
        peer = peer_of(server)
        peer.subscribe("a")
        peer.disconnect()
        await asyncio.sleep(6)
        assert cancelled == [1]
        assert server.subscriptions.channels == {}

    run_virtual(main())


def test_a_subscription_that_is_sent_again_on_a_new_connection_is_made_again(
    make_server: Any, peer_of: Any
) -> None:
    server = make_server()
    server.channel("a", access=allow, load=lambda *_: {"type": "state"})
    first = peer_of(server)
    first.subscribe("a")
    first.disconnect()
    second = peer_of(server)
    second.subscribe("a")
    assert [action["type"] for action in second.got][-2:] == ["state", "logux/processed"]
    assert server.subscriptions.has("a", "10:a:1")


def test_the_server_may_subscribe_a_node_itself(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    peer = peer_of(server)
    server.subscribe("10:a:1", "users/1")
    server.subscribe("10:a:1", "users/1")
    server.subscribe("99:a:1", "users/1")
    server.log.add({"type": "news"}, channel="users/1")
    assert peer.got == [{"type": "logux/subscribed", "channel": "users/1"}, {"type": "news"}]


def test_events_tell_of_subscriptions(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    told: list[str] = []
    for event in ("subscribing", "subscribed", "unsubscribed"):
        server.on(event, lambda *_, event=event: told.append(event))
    server.channel("a", access=allow, load=lambda *_: told.append("load"))
    peer = peer_of(server)
    peer.subscribe("a")
    peer.act("logux/unsubscribe", channel="a")
    assert told == ["subscribing", "load", "subscribed", "unsubscribed"]


def test_no_action_is_missed_while_access_and_load_runs(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        server = make_server()

        async def access_and_load(ctx: Any, action: Any, meta: Any) -> Any:
            await asyncio.sleep(5)
            if ctx.user_id != "10":
                raise PermissionError
            return {"type": "state"}

        server.channel(
            "a",
            access_and_load=access_and_load,
            filter=lambda *_: lambda ctx, action, meta: action["n"] > 1,
        )
        server.channel("b", access=allow)
        allowed, denied = peer_of(server), peer_of(server, "20:a:1")
        for peer in (allowed, denied):
            peer.subscribe("b")
            peer.subscribe("a")
        await asyncio.sleep(1)
        for n in (1, 2):
            server.log.add({"type": "news", "n": n}, channel="a")
        server.log.add({"type": "news", "n": 3}, channels=["a", "b"])
        await asyncio.sleep(5)
        server.log.add({"type": "news", "n": 4}, channel="a")
        await asyncio.sleep(5)
        assert [a.get("n") for a in allowed.got if a["type"] == "news"] == [3, 2, 4]
        assert [a.get("n") for a in denied.got if a["type"] == "news"] == [3]
        assert [*server.subscriptions.channels["a"]] == ["10:a:1"]
        assert [*server.subscriptions.channels["a"]["10:a:1"].subscriptions] == ["{}"]

    run_virtual(main())
