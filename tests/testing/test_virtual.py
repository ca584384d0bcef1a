import asyncio
import inspect
import time

import pytest

from logux_store.testing import VirtualClock, run_virtual, virtual_time


def test_hours_pass_at_once_and_to_the_moment() -> None:
    async def test() -> float:
        await asyncio.sleep(3600)
        await asyncio.wait_for(asyncio.sleep(86400 * 3), None)
        return asyncio.get_running_loop().time()

    start = time.monotonic()
    assert run_virtual(test()) == 3600 + 86400 * 3
    assert time.monotonic() - start < 10


def test_things_happen_in_the_order_of_their_time() -> None:
    async def test() -> list[tuple[float, str]]:
        loop = asyncio.get_running_loop()
        happened: list[tuple[float, str]] = []

        async def wait(seconds: float, name: str) -> None:
            await asyncio.sleep(seconds)
            happened.append((loop.time(), name))

        await asyncio.gather(wait(3, "c"), wait(1, "a"), wait(2, "b"))
        return happened

    assert run_virtual(test()) == [(1, "a"), (2, "b"), (3, "c")]


def test_no_time_passes_while_there_is_something_to_do() -> None:
    async def test() -> float:
        for _ in range(100):
            await asyncio.sleep(0)
        return asyncio.get_running_loop().time()

    assert run_virtual(test()) == 0


def test_a_wait_that_can_never_end_is_an_error() -> None:
    async def test() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="nothing can ever happen") as caught:
        run_virtual(test())
    # The line at which it waits is told.
    assert f"{__file__}:" in str(caught.value)
    assert "in test: await asyncio.Event().wait()" in str(caught.value)


def test_a_decorated_test_is_a_plain_function_of_the_same_arguments() -> None:
    @virtual_time
    async def test(seconds: float, *, name: str = "x") -> str:
        await asyncio.sleep(seconds)
        return f"{name} {asyncio.get_running_loop().time():.0f}"

    assert test(86400, name="a day:") == "a day: 86400"
    assert not inspect.iscoroutinefunction(test)
    assert [*inspect.signature(test).parameters] == ["seconds", "name"]


def test_what_the_coroutine_raises_reaches_the_caller_and_the_rest_is_cancelled() -> None:
    ended: list[str] = []

    async def other() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            ended.append("other")

    async def test() -> None:
        task = asyncio.ensure_future(other())
        await asyncio.sleep(1)
        assert not task.done()
        raise KeyError

    with pytest.raises(KeyError):
        run_virtual(test())
    assert ended == ["other"]


def test_a_clock_follows_the_loop_in_milliseconds() -> None:
    async def test() -> None:
        clock, ahead = VirtualClock(), VirtualClock(start=1_700_000_005_000)
        first = clock()
        await asyncio.sleep(1.0004)
        assert clock() - first == 1000
        await asyncio.sleep(1.0006)
        assert clock() - first == 2001
        assert ahead() - clock() == 5000

    run_virtual(test())
    assert VirtualClock()() == VirtualClock().start


def test_what_is_no_exception_ends_the_run_from_whatever_callback_it_comes() -> None:
    class TimeIsUpError(BaseException):
        pass

    async def endless() -> None:
        loop = asyncio.get_running_loop()
        turns = 0

        def again() -> None:
            nonlocal turns
            turns += 1
            if turns == 100:
                raise TimeIsUpError
            loop.call_soon(again)

        def beside() -> None:
            loop.call_soon(beside)

        again()
        beside()
        await loop.create_future()

    with pytest.raises(TimeIsUpError):
        run_virtual(endless())
