"""Callbacks that may be plain or async, with a task only for those that wait."""

import asyncio
from typing import Any

from logux_store.server.flow import Flow
from logux_store.testing import run_virtual


def test_steps_that_do_not_wait_are_done_at_once_without_a_loop() -> None:
    flow = Flow()
    done: list[Any] = []

    async def inner() -> None:
        done.append(await flow.settled("inner"))

    async def steps() -> None:
        done.append(await flow.settled(1))
        flow.start(inner())
        done.append(await flow.settled(None))

    flow.start(steps())
    assert done == [1, "inner", None]
    assert flow.tasks == set()


def test_what_waits_runs_in_a_task_of_its_own_from_its_first_line() -> None:
    async def main() -> None:
        flow = Flow()
        done: list[Any] = []
        tasks: list[Any] = []

        async def callback(n: int) -> int:
            tasks.append(asyncio.current_task())
            async with asyncio.timeout(100):
                await asyncio.sleep(n)
            return n

        async def steps() -> None:
            done.append(await flow.settled(0))
            done.append(await flow.settled(callback(1)))
            done.append(await flow.settled(2))
            done.append(await flow.settled(callback(3)))

        flow.start(steps())
        assert done == [0]
        assert len(flow.tasks) == 1
        await asyncio.sleep(10)
        assert done == [0, 1, 2, 3]
        assert tasks[0] is tasks[1]
        assert asyncio.current_task() not in tasks
        assert flow.tasks == set()

    run_virtual(main())


def test_what_starts_inside_a_task_runs_at_once_too() -> None:
    async def main() -> None:
        flow = Flow()
        done: list[str] = []

        async def inner() -> None:
            done.append("inner")
            await flow.settled(asyncio.sleep(5, "slept"))
            done.append("inner later")

        async def outer() -> None:
            await flow.settled(asyncio.sleep(1, "slept"))
            flow.start(inner())
            done.append("outer")
            await flow.settled(asyncio.sleep(1, "slept"))
            done.append("outer later")

        flow.start(outer())
        await asyncio.sleep(10)
        assert done == ["inner", "outer", "outer later", "inner later"]

    run_virtual(main())


def test_what_is_given_for_want_of_an_await_is_awaited() -> None:
    async def main() -> None:
        flow = Flow()

        async def inner() -> bool:
            await asyncio.sleep(1)
            return False

        async def outer() -> Any:
            return inner()

        assert await flow.settled(outer()) is False

    run_virtual(main())


def test_what_somebody_else_cancels_is_an_error_and_what_is_cancelled_itself_ends() -> None:
    async def main() -> None:
        flow = Flow()
        errors: list[str] = []
        shared: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def steps(value: Any) -> None:
            try:
                await flow.settled(value)
            except RuntimeError as error:
                errors.append(str(error))

        flow.start(steps(shared))
        [waiting] = flow.tasks
        flow.start(steps(asyncio.sleep(10)))
        [sleeping] = flow.tasks - {waiting}
        await asyncio.sleep(1)
        shared.cancel()
        sleeping.cancel()
        await asyncio.wait((waiting, sleeping))
        assert errors == ["what a callback waited for was cancelled"]
        assert sleeping.cancelled()
        assert not waiting.cancelled()

    run_virtual(main())
