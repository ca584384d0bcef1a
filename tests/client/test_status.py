"""What a person is told, in virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from logux_store import Client, LoguxError, MemoryStore, ServerNode, Status, status
from logux_store.testing import TestLog, TestPair, run_virtual


class Told:
    """A client with a server node, and what `status` says of it."""

    def __init__(self, delay: float, store: MemoryStore | None = None, **options: Any) -> None:
        self.pair = TestPair(delay)
        self.log = TestLog("server:x")
        self.client = Client(server=self.pair.left, subprotocol=1, user_id="10", store=store)
        self.client.node.on("error", lambda error: None)
        self.values: list[str] = []
        self.details: list[Any] = []
        self.stop = status(self.client, self.tell, **options)

    def tell(self, value: Status, details: Any) -> None:
        self.values.append(value)
        self.details.append(details)

    async def connect(self, **options: Any) -> None:
        ServerNode("server:x", self.log, self.pair.right, **options)
        self.client.start()
        await self.client.wait_for("synchronized")

    def disconnect(self) -> None:
        self.client.node.connection.disconnect()

    async def sync(self, type: str = "a") -> str:
        id = self.client.sync({"type": type}).id
        if self.client.connected:
            await self.client.wait_for("synchronized")
        return id

    def answer(self, id: str, type: str = "logux/processed", **fields: Any) -> None:
        self.log.add({"type": type, "id": id, **fields})


def play(
    script: Callable[[Told], Coroutine[Any, Any, None]], delay: float = 0.001, **options: Any
) -> Told:
    """Run a script, and a virtual minute more; gives what was told."""

    async def main() -> Told:
        told = Told(delay, **options)
        await script(told)
        await asyncio.sleep(60)
        told.stop()
        await told.client.destroy()
        return told

    return run_virtual(main())


def test_a_quick_connection_is_told_as_its_result() -> None:
    assert play(Told.connect).values == ["disconnected", "synchronized"]


def test_a_slow_connection_is_told_meanwhile() -> None:
    assert play(Told.connect, delay=0.1).values == ["disconnected", "connecting", "synchronized"]


def test_work_is_told_until_it_is_processed() -> None:
    async def script(told: Told) -> None:
        await told.connect()
        await asyncio.sleep(1)
        id = await told.sync()
        await asyncio.sleep(10)
        assert told.values[-1] == "sending"
        told.answer(id)

    assert play(script).values == ["disconnected", "synchronized", "sending", "synchronized"]


def test_unsent_work_waits_and_the_good_news_lasts_for_the_duration() -> None:
    async def script(told: Told) -> None:
        first, second = await told.sync(), await told.sync()
        assert told.values == ["disconnected", "wait"]
        await told.connect()
        told.answer(first)
        told.answer(second)
        await asyncio.sleep(4.9)
        assert told.values[-1] == "synchronizedAfterWait"

    values = play(script, delay=0.1, duration=5.0).values
    assert values == [
        "disconnected",
        "wait",
        "connectingAfterWait",
        "sendingAfterWait",
        "synchronizedAfterWait",
        "synchronized",
    ]


def test_a_lost_connection_is_told_with_what_it_means() -> None:
    async def script(told: Told) -> None:
        await told.connect()
        await asyncio.sleep(1)
        told.disconnect()
        await told.sync()
        await asyncio.sleep(1)
        told.disconnect()

    assert play(script).values == ["disconnected", "synchronized", "disconnected", "wait"]


@pytest.mark.parametrize(("reason", "value"), [("denied", "denied"), ("wrongChannel", "error")])
def test_an_undone_action_is_told_with_details_before_all_is_well_again(
    reason: str, value: str
) -> None:
    async def script(told: Told) -> None:
        await told.connect()
        told.answer(await told.sync(), "logux/undo", reason=reason)

    told = play(script)
    assert told.values == ["disconnected", "sending", value, "synchronized"]
    details = told.details[2]
    assert details["action"]["reason"] == reason
    assert details["meta"].id.split(" ")[1] == "server:x"


def test_subscriptions_are_not_work() -> None:
    async def script(told: Told) -> None:
        told.client.sync({"type": "logux/subscribe", "channel": "a"})
        told.client.log.add({"type": "local"}, reasons=["x"])

    assert play(script).values == ["disconnected"]


@pytest.mark.parametrize(
    ("type", "value"),
    [
        ("wrong-protocol", "protocolError"),
        ("wrong-subprotocol", "protocolError"),
        ("wrong-credentials", "wrongCredentials"),
        ("bruteforce", "syncError"),
    ],
)
def test_an_error_of_the_server_stays_on_the_screen(type: str, value: str) -> None:
    async def script(told: Told) -> None:
        def refuse(*_: Any) -> bool:
            raise LoguxError(type, {"supported": 2, "used": 1})

        ServerNode("server:x", told.log, told.pair.right, auth=refuse)
        told.client.start()

    told = play(script)
    assert told.values == ["disconnected", value]
    if value == "syncError":
        assert told.details[-1]["error"].type == "bruteforce"


def test_a_wrong_message_of_the_server_is_told() -> None:
    async def script(told: Told) -> None:
        await told.connect()
        told.pair.right.send(["sync"])

    told = play(script)
    assert "syncError" in told.values
    assert told.details[told.values.index("syncError")]["error"].type == "wrong-format"


def test_attempts_that_fail_at_once_are_not_told() -> None:
    async def script(told: Told) -> None:
        for _ in range(3):
            told.client.start()
            await asyncio.sleep(0.01)
            told.disconnect()

    assert play(script, delay=1).values == ["disconnected"]


def test_another_user_begins_without_the_errors_of_the_former_one() -> None:
    async def script(told: Told) -> None:
        ServerNode("server:x", told.log, told.pair.right, auth=lambda *_: False)
        told.client.start()
        await asyncio.sleep(1)
        assert told.values == ["disconnected", "wrongCredentials"]
        told.client.change_user("20")
        assert told.values[-1] == "disconnected"

    play(script)


def test_nothing_is_told_after_the_end() -> None:
    async def script(told: Told) -> None:
        await told.connect()
        told.stop()

    assert play(script).values == ["disconnected"]


def test_the_callback_may_stop_it() -> None:
    async def script(told: Told) -> None:
        id = await told.sync()
        values = told.values

        def stop(value: Status, details: Any) -> None:
            values.append(value)
            if value == "synchronizedAfterWait":
                told.stop()

        told.stop()
        told.stop = status(told.client, stop)
        await told.connect()
        told.answer(id)

    values = play(script, delay=0.01).values
    assert values == ["disconnected", "wait", "wait", "sendingAfterWait", "synchronizedAfterWait"]


def test_what_an_earlier_run_has_not_sent_waits() -> None:
    store = MemoryStore()
    earlier = Client(server=TestPair().left, subprotocol=1, user_id="10", store=store)
    outcome = earlier.sync({"type": "a"})

    async def script(told: Told) -> None:
        await told.connect()
        assert told.values == ["wait", "sendingAfterWait"]
        told.answer(outcome.id)

    values = play(script, store=store).values
    assert values == ["wait", "sendingAfterWait", "synchronizedAfterWait", "synchronized"]


def test_what_the_former_user_has_not_saved_is_nothing_to_the_next() -> None:
    async def script(told: Told) -> None:
        await told.sync()
        told.client.change_user("20")
        assert told.values == ["disconnected", "wait", "disconnected"]
        await told.connect()
        await asyncio.sleep(1)
        assert told.values[-1] == "synchronized"
        told.client.change_user("10")
        assert told.values[-1] == "wait"

    play(script)


def test_without_an_event_loop_nothing_is_held_back() -> None:
    pair = TestPair()
    client = Client(server=pair.left, subprotocol=1, user_id="10", ping=None, timeout=None)
    ServerNode("server:x", TestLog("server:x"), pair.right, ping=None, timeout=None)
    values: list[str] = []
    status(client, lambda value, details: values.append(value))
    client.start()
    pair.deliver()
    assert values == ["disconnected", "connecting", "synchronized"]
