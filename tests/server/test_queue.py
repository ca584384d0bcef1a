"""One client's actions are processed one after the other."""

import asyncio
from typing import Any

from logux_store.testing import run_virtual


def allow(ctx: Any, action: Any, meta: Any) -> bool:
    return True


def make(server: Any, name: str, calls: list[str], *, fails: bool = False, **options: Any) -> None:
    """Define a type whose callbacks take their time and note what they do."""

    def step(stage: str, result: Any = None) -> Any:
        async def callback(ctx: Any, action: Any, meta: Any) -> Any:
            await asyncio.sleep(1)
            calls.append(f"{name} {stage}")
            if fails and stage == "process":
                raise RuntimeError(name)
            return result

        return callback

    server.type(
        name, access=step("access", True), resend=step("resend"), process=step("process"), **options
    )


def test_the_next_action_starts_when_the_one_before_is_finished(
    make_server: Any, peer_of: Any
) -> None:
    async def main() -> None:
        server = make_server()
        calls: list[str] = []
        make(server, "a", calls)
        server.type("b", access=allow, process=lambda *_: calls.append("b process"))
        peer = peer_of(server)
        peer.sync(({"type": "a"}, None), ({"type": "b"}, None))
        peer.act("b")
        await asyncio.sleep(10)
        assert calls == ["a access", "a resend", "a process", "b process", "b process"]
        assert [action["type"] for action in peer.got] == ["logux/processed"] * 3
        assert peer.synced == [2, 3]

    run_virtual(main())


def test_clients_and_queues_do_not_wait_for_each_other(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        server = make_server()
        calls: list[str] = []
        make(server, "slow", calls)
        server.type("quick", access=allow, process=lambda *_: calls.append("quick"), queue="other")
        server.channel("a", access=lambda *_: calls.append("channel"), queue="third")
        peer, other = peer_of(server), peer_of(server, "20:b:1")
        peer.sync(({"type": "slow"}, None), ({"type": "quick"}, None))
        peer.subscribe("a")
        other.act("quick")
        await asyncio.sleep(0.5)
        assert calls == ["quick", "channel", "quick"]
        # The first sync is only acknowledged when both its actions are accepted; the others follow.
        assert peer.synced == []
        await asyncio.sleep(10)
        assert peer.synced == [2, 3]
        assert calls[3:] == ["slow access", "slow resend", "slow process"]

    run_virtual(main())


def test_an_undone_action_does_not_undo_those_behind_it(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        server = make_server()
        calls: list[str] = []
        make(server, "good", calls)
        make(server, "bad", calls, fails=True)
        server.type("denied", access=lambda *_: False)
        peer = peer_of(server)
        ids = peer.sync(
            *(({"type": type}, None) for type in ("good", "bad", "denied", "unknown", "good"))
        )
        await asyncio.sleep(20)
        answers = {action["id"]: action.get("reason") for action in peer.got}
        expected = [None, "error", "denied", "unknownType", None]
        assert answers == dict(zip(ids, expected, strict=True))
        assert peer.synced == [5]
        assert [str(error) for error in server.errors] == ["bad"]

    run_virtual(main())


def test_empty_queues_do_not_stay(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        server = make_server()
        calls: list[str] = []
        make(server, "a", calls)
        make(server, "b", calls, queue="other")
        peer = peer_of(server)
        peer.act("a")
        peer.act("b")
        assert [queue.name for queue in server.incoming.queues] == ["main", "other"]
        await asyncio.sleep(10)
        assert server.incoming.queues._by_client == {}
        assert server.incoming.queues.jobs == {}
        assert server.flow.tasks == set()

    run_virtual(main())


def test_an_action_is_processed_though_its_client_has_gone(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        server = make_server()
        calls: list[str] = []
        make(server, "a", calls)
        peer = peer_of(server)
        peer.act("a")
        peer.disconnect()
        await asyncio.sleep(10)
        assert calls[-1] == "a process"

    run_virtual(main())


def test_a_callback_may_add_and_process_actions_itself(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        server = make_server()
        done: list[Any] = []

        async def process(ctx: Any, action: Any, meta: Any) -> None:
            result = await server.process({"type": "inner", "n": action["n"]}, user="10")
            done.append(result.status)
            ctx.send_back({"type": "back"})

        async def inner(ctx: Any, action: Any, meta: Any) -> None:
            await asyncio.sleep(1)
            if action["n"] == 2:
                raise ValueError("two")

        server.type("outer", access=allow, process=process)
        server.type("inner", access=lambda *_: False, process=inner)
        peer = peer_of(server)
        peer.act("outer", n=1)
        await asyncio.sleep(2)
        assert done == ["processed"]
        assert [a["type"] for a in peer.take()] == ["inner", "back", "logux/processed"]
        peer.act("outer", n=2)
        await asyncio.sleep(2)
        assert [a["type"] for a in peer.take()] == ["inner", "logux/undo", "logux/undo"]
        assert {str(error) for error in server.errors} == {"two"}

    run_virtual(main())


def test_a_queue_that_is_cancelled_takes_again_what_it_had(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        server = make_server()
        calls: list[int] = []

        async def access(ctx: Any, action: Any, meta: Any) -> bool:
            calls.append(action["n"])
            if len(calls) == 1:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            await asyncio.sleep(1)
            return True

        server.type("a", access=access)
        peer = peer_of(server)
        actions = [({"type": "a", "n": n}, {"id": n, "time": n}) for n in (1, 2)]
        peer.sync(*actions)
        await asyncio.sleep(5)
        assert (calls, peer.synced) == ([1], [])
        again = peer_of(server)
        again.sync(*actions)
        await asyncio.sleep(5)
        assert calls == [1, 1, 2]
        assert [action["type"] for action in again.got] == ["logux/processed"] * 2
        assert again.synced == [2]

    run_virtual(main())
