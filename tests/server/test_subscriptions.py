"""Who gets what, against a model simple enough to be right."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logux_store.server import Limits, NotFoundError
from logux_store.server.subscriptions import filter_id
from logux_store.testing import run_virtual

CLIENTS = ["1:a", "2:a", "2:b"]
CHANNELS = ["room/1", "room/2"]
# None lets everything through; a number lets through what it divides.
FILTERS = st.sampled_from([1, 2, None])

client_number = st.integers(0, len(CLIENTS) - 1)
channel = st.sampled_from(CHANNELS)
subscribe = st.tuples(st.just("subscribe"), client_number, channel, FILTERS)
# Senders take turns, so that what one sends overtakes what another sends if it can.
act = st.tuples(
    st.just("act"),
    st.fixed_dictionaries(
        {"channels": st.lists(channel, min_size=1, max_size=3)},
        optional={
            "users": st.lists(st.sampled_from(["1", "2"]), max_size=2),
            "clients": st.lists(st.sampled_from(CLIENTS), max_size=2),
            "exclude_clients": st.lists(st.sampled_from(CLIENTS), max_size=1),
        },
    ),
)
direct = st.tuples(st.just("act"), st.just({"users": ["1", "2"]}))
others = st.one_of(
    st.tuples(st.just("unsubscribe"), client_number, channel, FILTERS),
    st.tuples(st.just("reconnect"), client_number),
    st.tuples(st.just("wait")),
)
scripts = st.builds(
    lambda *parts: [step for part in parts for step in part],
    st.lists(subscribe, min_size=1, max_size=6),
    st.lists(st.one_of(act, direct), min_size=2, max_size=10),
    st.lists(st.one_of(subscribe, act, direct, others), max_size=30),
)


def allow(ctx: Any, action: Any, meta: Any) -> bool:
    return True


class Model:
    """Each client's subscriptions, and what it must receive in which order."""

    def __init__(self) -> None:
        self.subscribed: dict[str, set[tuple[str, int | None]]] = {c: set() for c in CLIENTS}
        self.received: dict[str, list[int]] = {c: [] for c in CLIENTS}

    def act(self, sender: str, n: int, to: dict[str, list[str]]) -> None:
        for client in CLIENTS:
            wanted = client in to.get("clients", []) or (
                client != sender
                and (
                    client.split(":")[0] in to.get("users", [])
                    or any(
                        place in to.get("channels", []) and (by is None or n % by == 0)
                        for place, by in self.subscribed[client]
                    )
                )
            )
            if wanted and client not in to.get("exclude_clients", []):
                self.received[client].append(n)


@pytest.mark.parametrize("slow", [False, True], ids=["plain filters", "async filters"])
@given(script=scripts)
def test_everybody_gets_what_is_theirs_once_and_in_order(
    make_server: Any, peer_of: Any, slow: bool, script: list[Any]
) -> None:
    async def main() -> None:
        server, model = make_server(), Model()

        def make_filter(ctx: Any, subscribe: Any, meta: Any) -> Any:
            wanted = subscribe.get("filter")
            if wanted is None:
                return None

            def plain(ctx: Any, action: Any, meta: Any) -> bool:
                return bool(action["n"] % wanted["by"] == 0)

            async def late(ctx: Any, action: Any, meta: Any) -> bool:
                await asyncio.sleep(action["n"] * 7 % 5)
                return plain(ctx, action, meta)

            return late if slow else plain

        server.channel("room/:id", access=allow, filter=make_filter)
        server.type("do", access=allow, resend=lambda ctx, action, meta: action["to"])
        peers = {client: peer_of(server, f"{client}:1") for client in CLIENTS}
        received: dict[str, list[int]] = {client: [] for client in CLIENTS}

        def collect() -> None:
            for client, peer in peers.items():
                received[client] += [a["n"] for a in peer.take() if a["type"] == "do"]

        n = 0
        # Who waits for async filters in the server's queue, which the model has not.
        busy: set[str] = set()

        async def quiet() -> None:
            await asyncio.sleep(100)
            busy.clear()

        for name, *rest in script:
            if name == "wait":
                await quiet()
                continue
            client = CLIENTS[(n + 1) % 3 if name == "act" else rest[0]]
            if slow and (client in busy or name != "act"):
                await quiet()
            if name == "act":
                busy.add(client)
                n += 1
                peers[client].act("do", n=n, to=rest[0])
                model.act(client, n, rest[0])
            elif name == "reconnect":
                # What is on its way to a connection that ends is lost with it; that is not the
                # question here.
                await quiet()
                collect()
                peers[client].disconnect()
                ms = peers[client].ms
                peers[client] = peer_of(server, f"{client}:1")
                peers[client].ms = ms
                model.subscribed[client].clear()
            else:
                _, place, by = rest
                fields = {} if by is None else {"filter": {"by": by}}
                peers[client].act(f"logux/{name}", channel=place, **fields)
                known = model.subscribed[client]
                (known.add if name == "subscribe" else known.discard)((place, by))
        await quiet()
        collect()
        assert received == model.received
        assert server.errors == []
        assert {key: peer.client for key, peer in peers.items()} == server.client_ids
        expected = {(place, f"{c}:1") for c in CLIENTS for place, _ in model.subscribed[c]}
        channels = server.subscriptions.channels
        assert expected == {(place, node) for place in channels for node in channels[place]}

    run_virtual(main())


def test_equal_filters_have_one_id_whatever_their_order() -> None:
    assert filter_id({"filter": {"a": 1, "b": 2}}) == filter_id({"filter": {"b": 2, "a": 1}})
    assert filter_id({}) == filter_id({"filter": {}}) == filter_id({"filter": None})
    assert filter_id({"filter": {"a": 1}}) != filter_id({"filter": {"a": 2}})


def test_a_client_has_so_many_subscriptions_and_no_more(make_server: Any, peer_of: Any) -> None:
    server = make_server(limits=Limits(subscriptions=4))
    server.channel("room/:id", access=allow)
    server.channel("loaded/:id", access_and_load=allow)
    peer, other = peer_of(server), peer_of(server, "10:b:1")
    long = {"x": "y" * 1000}
    for channel, filter, reason in (
        ("room/1", None, None),
        ("room/1", {"a": 1}, None),
        ("room/1", {"a": 1}, None),
        ("room/1", long, None),
        ("room/2", None, "denied"),
        ("loaded/2", None, "denied"),
    ):
        peer.subscribe(channel, filter=filter)
        assert peer.take()[0].get("reason") == reason
    assert peer.client.subscriptions == 4
    other.subscribe("room/1")
    assert other.take()[0]["type"] == "logux/processed"
    for _ in range(2):
        peer.act("logux/unsubscribe", channel="room/1", filter=long)
        assert peer.client.subscriptions == 2
    peer.take()
    peer.subscribe("loaded/2")
    assert peer.take()[0]["type"] == "logux/processed"
    peer.disconnect()
    assert peer.client.subscriptions == 0


@pytest.mark.parametrize("name", ["load", "access_and_load"])
@pytest.mark.parametrize("error", [None, RuntimeError(), NotFoundError()])
def test_what_becomes_of_a_lost_connections_subscription_does_not_concern_the_next_one(
    make_server: Any, peer_of: Any, name: str, error: Exception | None
) -> None:
    async def main() -> None:
        server = make_server()
        loads: list[str] = []

        async def load(ctx: Any, action: Any, meta: Any) -> Any:
            loads.append(meta.id)
            if len(loads) == 1:
                await asyncio.sleep(5)
                if error is not None:
                    raise error
                return {"type": "late"}
            return {"type": "loaded"}

        callbacks: Any = {name: load} if name != "load" else {name: load, "access": allow}
        server.channel("room/:id", **callbacks)
        lost = peer_of(server)
        lost.subscribe("room/1")
        await asyncio.sleep(1)
        peer = peer_of(server)
        # It was not acknowledged, so it is sent again.
        assert peer.subscribe("room/1") == loads[0]
        await asyncio.sleep(10)
        assert loads == [loads[0]] * 2
        assert [action["type"] for action in peer.got] == ["loaded", "logux/processed"]
        assert peer.client.subscriptions == 1
        assert [type(raised) for raised in server.errors] == (
            [RuntimeError] if isinstance(error, RuntimeError) else []
        )

    run_virtual(main())


def test_listeners_of_the_log_hear_of_subscriptions_and_may_refuse_them(
    server: Any, peer: Any
) -> None:
    heard: list[str] = []
    server.on("add", lambda action, meta: heard.append(action["type"]))
    peer.subscribe("room/1")
    assert heard == ["logux/subscribe", "logux/processed"]
    peer.take()
    server.on("preadd", lambda action, meta: 1 / (action["type"] != "logux/subscribe"))
    id = peer.subscribe("room/2")
    assert [(action["id"], action["reason"]) for action in peer.got] == [(id, "error")]
    assert [type(error) for error in server.errors] == [ZeroDivisionError]
    assert [*server.subscriptions.channels] == ["room/1"]


@pytest.mark.parametrize("name", ["unsubscribe", "finally_"])
def test_what_a_callback_raises_at_the_end_is_told_and_changes_nothing(
    make_server: Any, peer_of: Any, name: str
) -> None:
    server = make_server()
    server.channel("a", access=allow, **{name: lambda *_: 1 / 0})
    peer = peer_of(server)
    ids = [peer.subscribe("a"), peer.act("logux/unsubscribe", channel="a")]
    assert peer.got == [{"type": "logux/processed", "id": id} for id in ids]
    assert [type(error) for error in server.errors] == [ZeroDivisionError]
    assert server.subscriptions.channels == {}
