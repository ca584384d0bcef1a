"""Whatever comes in, the server stays up, others do not notice, and errors are the protocol's."""

import asyncio
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect

from logux_store.server import Limits, Server
from logux_store.sync.messages import decode
from logux_store.testing import run_virtual

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=20,
)

numbers = st.integers(-5, 5) | st.integers()
node_ids = st.sampled_from(["10:a:1", "10:a:2", "20:b:1", "server:x", "a", "", " ", "é:ü:1"])
types = st.sampled_from(
    ["do", "slow", "raise", "logux/subscribe", "logux/unsubscribe", "logux/undo", "logux/processed"]
) | st.text(max_size=5)
actions = st.fixed_dictionaries(
    {"type": types},
    optional={
        "channel": st.sampled_from(["room/1", "room/2", "none"]) | json_values,
        "filter": json_values,
        "since": json_values,
        "to": json_values,
        "id": json_values,
        "action": json_values,
    },
)
metas = st.fixed_dictionaries(
    {
        "id": numbers
        | st.tuples(numbers, numbers).map(list)
        | st.tuples(numbers, node_ids, numbers).map(list),
        "time": numbers,
    },
    optional={
        "subprotocol": numbers,
        "channels": st.just(["room/1"]),
        "reasons": json_values,
        "status": json_values,
    },
)
good_metas = st.builds(lambda n: {"id": n, "time": n}, st.integers(1, 50))
syncs = st.builds(
    lambda added, entries: ["sync", added, *(part for entry in entries for part in entry)],
    st.integers(0, 100),
    st.lists(st.tuples(actions, good_metas | metas), max_size=4),
)
messages = st.one_of(
    syncs,
    syncs,
    st.tuples(st.sampled_from(["ping", "pong", "synced"]), numbers).map(list),
    st.tuples(st.just("connect"), numbers, node_ids, numbers).map(list),
    st.tuples(st.just("headers"), json_values).map(list),
    st.tuples(st.just("debug"), st.just("error"), json_values).map(list),
    st.tuples(st.just("error"), json_values, json_values).map(list),
    st.lists(json_values, min_size=1, max_size=5),
)

PROTOCOL_ERRORS = {
    "wrong-protocol",
    "wrong-format",
    "unknown-message",
    "wrong-credentials",
    "missed-auth",
    "wrong-subprotocol",
    "bruteforce",
    "timeout",
}


def define(server: Any) -> None:
    """Types and channels that fail in all ways; `raise` is the developer's own fault."""

    async def slow(ctx: Any, action: Any, meta: Any) -> bool:
        await asyncio.sleep(1)
        return True

    def resend(ctx: Any, action: Any, meta: Any) -> Any:
        return action.get("to")

    server.type("do", access=lambda *_: True, resend=resend)
    server.type("slow", access=slow, process=slow)
    server.type("raise", access=lambda *_: True, process=lambda *_: 1 / 0)
    server.other_type(access=lambda *_: True, resend=resend)
    server.channel(
        "room/:id",
        access=lambda *_: True,
        filter=lambda ctx, action, meta: action.get("filter") and slow,
        load=lambda ctx, action, meta: [{"type": "state"}],
    )


@given(script=st.lists(st.tuples(st.integers(0, 2), messages), max_size=15))
def test_no_message_harms_the_server_or_another_client(
    make_server: Any, peer_of: Any, script: list[Any]
) -> None:
    async def main() -> None:
        server = make_server(limits=Limits(ahead=None, logins=None))
        define(server)
        witness = peer_of(server, "99:witness:1")
        witness.subscribe("safe")
        peers = [
            peer_of(server, "10:a:1"),
            peer_of(server, "20:b:1"),
            peer_of(server, connect=False),
        ]
        for number, message in script:
            peers[number].send(message)
            if number == 1:
                await asyncio.sleep(0.3)
        await asyncio.sleep(200)
        for peer in peers:
            for message in peer.messages:
                decode(json.dumps(message))
                if message[0] == "error":
                    assert message[1] in PROTOCOL_ERRORS
        # What the developer's callbacks did not raise is no error of the server.
        assert {type(error) for error in server.errors} <= {ZeroDivisionError, TypeError}
        assert server.flow.tasks == set()
        assert [*server.incoming.queues] == []
        assert server.incoming.queues.jobs == {}
        assert len(server.log.store) == 0

        assert witness.connected
        witness.take()
        id = witness.act("do")
        await asyncio.sleep(1)
        assert {"type": "logux/processed", "id": id} in witness.got
        for key in ("client_ids", "node_ids"):
            assert all(not client.destroyed for client in getattr(server, key).values())

    run_virtual(main())


frames = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100),
    messages.map(json.dumps),
    json_values.map(json.dumps),
    st.sampled_from(["[" * 100_000, '["sync"' + ',{"a":1}' * 5000 + "]", "[1e999]", '["\\ud800"]']),
)


async def test_no_bytes_harm_the_server_or_another_client() -> None:
    server = Server(subprotocol=1, min_subprotocol=0, port=0, limits=Limits(logins=None))
    server.auth(lambda: True)
    define(server)
    failures: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    async with server, connect(server.url) as witness:
        await witness.send('["connect",5,"99:w:1",0]')
        scripts = st.lists(frames, min_size=1, max_size=6)

        async def play(script: list[str | bytes], greet: bool) -> None:
            async with connect(server.url) as socket:
                if greet:
                    await socket.send('["connect",5,"10:a:1",0]')
                for frame in script:
                    await socket.send(frame)
                await socket.send('["ping",0]')

        loop = asyncio.get_running_loop()

        @given(script=scripts, greet=st.booleans())
        def run(script: list[str | bytes], greet: bool) -> None:
            asyncio.run_coroutine_threadsafe(play(script, greet), loop).result(30)

        await asyncio.to_thread(run)
        await witness.send('["ping",7]')
        while json.loads(await witness.recv())[0] != "pong":
            pass
        while len(server.connected) > 1:
            await asyncio.sleep(0)
    assert failures == []
