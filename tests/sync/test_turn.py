import asyncio
from collections.abc import Callable
from typing import Any

from logux_store.sync import Turn


class Node:
    def __init__(self, flush: Callable[[], object]) -> None:
        self.flush: Any = flush


async def test_all_flush_in_one_callback_in_the_order_in_which_they_came() -> None:
    turn = Turn()
    flushed: list[str] = []
    assert turn.add(Node(lambda: flushed.append("a")))
    asyncio.get_running_loop().call_soon(flushed.append, "later")
    assert turn.add(Node(lambda: flushed.append("b")))
    assert flushed == []
    await asyncio.sleep(0)
    assert flushed == ["a", "b", "later"]


async def test_who_comes_while_others_flush_has_the_next_turn() -> None:
    turn = Turn()
    flushed: list[str] = []
    turn.add(Node(lambda: turn.add(Node(lambda: flushed.append("second")))))
    await asyncio.sleep(0)
    assert flushed == []
    await asyncio.sleep(0)
    assert flushed == ["second"]


async def test_a_faulty_one_does_not_keep_the_others_from_flushing() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    turn = Turn()
    flushed: list[str] = []
    turn.add(Node(lambda: 1 / 0))
    turn.add(Node(lambda: flushed.append("b")))
    await asyncio.sleep(0)
    assert flushed == ["b"]
    assert [type(context["exception"]) for context in told] == [ZeroDivisionError]


def test_there_is_no_turn_without_a_loop() -> None:
    turn = Turn()
    flushed: list[str] = []
    assert not turn.add(Node(lambda: flushed.append("a")))

    async def main() -> None:
        assert turn.add(Node(lambda: flushed.append("b")))

    # What a loop left behind when it ended does not block the next one.
    asyncio.run(main())
    asyncio.run(main())
    assert flushed == ["b", "b"]
