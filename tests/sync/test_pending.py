import asyncio
from typing import Any

from logux_store.sync.pending import Pending
from tests.sync.nodes import never


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_value_that_is_there_goes_on_at_once() -> None:
    values: list[int] = []
    Pending(never).resolve(lambda: 1, values.append)
    assert values == [1]


async def test_a_value_that_is_promised_goes_on_when_it_has_come() -> None:
    values: list[str] = []
    pending = Pending(never)

    async def promise() -> str:
        return "coroutine"

    pending.resolve(promise, values.append)
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    pending.resolve(lambda: future, values.append)
    assert values == []
    await settle()
    assert values == ["coroutine"]
    future.set_result("future")
    await settle()
    assert values == ["coroutine", "future"]


async def test_what_a_callback_raises_now_or_later_is_handed_over() -> None:
    errors: list[Exception] = []
    values: list[object] = []
    pending = Pending(errors.append)

    nothing: dict[str, Any] = {}

    async def later() -> Any:
        return nothing["later"]

    pending.resolve(lambda: nothing["now"], values.append)
    pending.resolve(later, values.append)
    await settle()
    assert values == []
    assert [error.args for error in errors] == [("now",), ("later",)]


async def test_nothing_goes_on_after_a_clear() -> None:
    heard: list[object] = []
    pending = Pending(heard.append)
    cancelled = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    pending.resolve(wait, heard.append)
    await settle()
    pending.resolve(pending.clear, heard.append)
    await settle()
    assert cancelled.is_set()
    assert heard == []


async def test_an_answer_that_is_under_way_at_a_clear_is_dropped() -> None:
    heard: list[object] = []
    pending = Pending(heard.append)
    done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    failed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    pending.resolve(lambda: done, heard.append)
    pending.resolve(lambda: failed, heard.append)
    done.set_result(1)
    failed.set_exception(KeyError("dropped"))
    pending.clear()
    await settle()
    assert heard == []


async def test_a_task_that_somebody_cancels_goes_nowhere() -> None:
    heard: list[object] = []
    pending = Pending(heard.append)
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    pending.resolve(lambda: future, heard.append)
    future.cancel()
    await settle()
    assert heard == []
    assert not pending._tasks
