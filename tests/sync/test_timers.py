import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from logux_store.sync.timers import Deadlines, Idle
from logux_store.testing import run_virtual
from tests.sync.nodes import never


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test in virtual time, which begins at 0."""

    def run() -> None:
        run_virtual(test())

    return run


def now() -> float:
    return round(asyncio.get_running_loop().time(), 6)


@virtual
async def test_an_answer_that_does_not_come_in_time_is_noticed_once() -> None:
    noticed: list[float] = []
    deadlines = Deadlines(5.0, lambda: noticed.append(now()))
    deadlines.start()
    await asyncio.sleep(1)
    deadlines.start()
    await asyncio.sleep(100)
    assert noticed == [5.0]


@virtual
async def test_each_answer_ends_the_oldest_wait() -> None:
    noticed: list[float] = []
    deadlines = Deadlines(5.0, lambda: noticed.append(now()))
    for _ in range(3):
        deadlines.start()
        await asyncio.sleep(1)
    deadlines.end()
    deadlines.end()
    await asyncio.sleep(100)
    assert noticed == [7.0]


@virtual
async def test_nothing_is_noticed_when_all_answers_came_or_all_is_cleared() -> None:
    noticed: list[float] = []
    deadlines = Deadlines(5.0, lambda: noticed.append(now()))
    deadlines.end()
    deadlines.start()
    deadlines.end()
    await asyncio.sleep(3)
    deadlines.start()
    deadlines.clear()
    await asyncio.sleep(100)
    assert noticed == []


@virtual
async def test_a_wait_that_begins_after_an_expiry_is_a_new_one() -> None:
    noticed: list[float] = []
    deadlines = Deadlines(5.0, lambda: noticed.append(now()))
    deadlines.start()
    await asyncio.sleep(6)
    deadlines.start()
    await asyncio.sleep(100)
    assert noticed == [5.0, 11.0]


@virtual
async def test_silence_is_noticed_again_and_again_until_it_is_cleared() -> None:
    noticed: list[float] = []
    idle = Idle(5.0, lambda: noticed.append(now()))
    await asyncio.sleep(10)
    idle.touch()
    await asyncio.sleep(11)
    idle.clear()
    await asyncio.sleep(100)
    assert noticed == [15.0, 20.0]


@virtual
async def test_what_happens_puts_silence_off() -> None:
    noticed: list[float] = []
    idle = Idle(5.0, lambda: noticed.append(now()))
    for _ in range(4):
        idle.touch()
        await asyncio.sleep(4)
    assert noticed == []
    await asyncio.sleep(2)
    assert noticed == [17.0]


@virtual
async def test_a_thousand_messages_need_two_timers() -> None:
    loop = asyncio.get_running_loop()
    made: list[float] = []
    call_at = loop.call_at

    def counted(when: float, *rest: Any, **options: Any) -> asyncio.TimerHandle:
        made.append(when)
        return call_at(when, *rest, **options)

    setattr(loop, "call_at", counted)  # noqa: B010 - mypy lets no method be assigned
    deadlines, idle = Deadlines(5.0, lambda: None), Idle(5.0, lambda: None)
    for _ in range(1000):
        deadlines.start()
        idle.touch()
        deadlines.end()
    assert len(made) == 2
    deadlines.clear()
    idle.clear()


def test_without_a_duration_no_loop_is_needed() -> None:
    deadlines, idle = Deadlines(None, never), Idle(None, never)
    deadlines.start()
    idle.touch()
    deadlines.end()
    deadlines.clear()
    idle.clear()
