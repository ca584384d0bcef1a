"""Channels over sockets, on real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from logux_store.client.tabs import stream
from logux_store.client.tabs.stream import Proof, StreamChannel


def same(channel: StreamChannel) -> StreamChannel:
    return channel


class Ends:
    """Both ends of a socket; each has what came and when it closed."""

    def __init__(self) -> None:
        self.ready: asyncio.Queue[StreamChannel] = asyncio.Queue()
        self.refused = asyncio.Event()
        self.texts: asyncio.Queue[str] = asyncio.Queue()
        self.closed = asyncio.Event()
        self.channels: list[StreamChannel] = []

    async def connect(self, *proofs: Proof | None) -> list[StreamChannel]:
        loop = asyncio.get_running_loop()
        for end, proof in zip(socket.socketpair(), proofs or (None, None), strict=True):
            end.setblocking(False)
            channel = StreamChannel(self.ready.put_nowait, proof, self.refused.set)
            self.channels.append(channel)
            await loop.connect_accepted_socket(partial(same, channel), end)
        return self.channels

    def listen(self, channel: StreamChannel) -> None:
        channel.on_text = self.texts.put_nowait
        channel.on_close = self.closed.set
        channel.start()


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    ends = Ends()
    yield ends
    for channel in ends.channels:
        channel.close()
    for _ in range(3):
        await asyncio.sleep(0)


async def test_texts_arrive_in_order_also_those_that_come_before_somebody_listens(
    ends: Ends,
) -> None:
    one, two = await ends.connect()
    for text in ("first", "", "ж", "x" * 1_000_000):
        one.send(text)
    one.close()
    for _ in range(100):
        await asyncio.sleep(0)
    ends.listen(two)
    assert [await ends.texts.get() for _ in range(4)] == ["first", "", "ж", "x" * 1_000_000]
    await ends.closed.wait()
    two.send("into nothing")


async def test_the_end_is_told_to_the_other_side_only(ends: Ends) -> None:
    one, two = await ends.connect()
    ends.listen(one)
    one.close()
    one.close()
    other = asyncio.Event()
    two.on_close = other.set
    two.start()
    await other.wait()
    assert not ends.closed.is_set()


async def test_a_text_that_raises_does_not_keep_the_next_from_coming(ends: Ends) -> None:
    one, two = await ends.connect()
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    done = asyncio.Event()

    def read(text: str) -> None:
        if text == "bad":
            raise ZeroDivisionError
        done.set()

    two.on_text = read
    two.start()
    one.send("bad")
    one.send("good")
    await done.wait()
    assert [type(context["exception"]) for context in reported] == [ZeroDivisionError]


async def test_who_does_not_read_is_hung_up_on(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MAX_WAITING", 1_000_000)
    one, two = await ends.connect()
    two._transport.pause_reading()  # type: ignore[union-attr]
    ends.listen(one)
    for _ in range(3):
        one.send("x" * 1_000_000)
    await ends.closed.wait()


async def test_a_channel_is_busy_until_the_other_side_has_read_most_of_what_was_sent(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BUSY", 500_000)
    one, two = await ends.connect()
    two._transport.pause_reading()  # type: ignore[union-attr]
    assert not one.busy
    one.send("x" * 2_000_000)
    assert one.busy
    two._transport.resume_reading()
    ends.listen(two)
    await ends.texts.get()
    assert not one.busy


def test_a_long_text_takes_time_for_its_length_only() -> None:
    channel = StreamChannel(same)
    texts: list[str] = []
    channel.on_text = texts.append
    channel.start()
    part = b"x" * 1000
    for _ in range(100_000):
        channel.data_received(part)
    assert texts == []
    channel.data_received(b"\nsecond\nth")
    channel.data_received(b"ird\n")
    assert [len(text) for text in texts] == [100_000_000, 6, 5]


async def test_both_sides_prove_that_they_know_the_secret(ends: Ends) -> None:
    one, two = await ends.connect(Proof("secret", listens=True), Proof("secret", listens=False))
    assert {await ends.ready.get(), await ends.ready.get()} == {one, two}
    ends.listen(two)
    one.send("hello")
    assert await ends.texts.get() == "hello"


@pytest.mark.parametrize("secrets", [("one", "other"), ("other", "one")])
async def test_who_does_not_know_it_is_refused(secrets: tuple[str, str], ends: Ends) -> None:
    await ends.connect(Proof(secrets[0], listens=True), Proof(secrets[1], listens=False))
    await ends.refused.wait()
    assert ends.ready.empty()


async def test_who_says_nothing_is_refused_after_a_while(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "PATIENCE", 0.01)
    await ends.connect(Proof("secret", listens=True), None)
    assert await ends.ready.get() is ends.channels[1]
    await ends.refused.wait()


@pytest.mark.parametrize("line", [b"", b"no challenge", b"wrong answer"])
def test_a_wrong_proof_is_none(line: bytes) -> None:
    proof = Proof("secret", listens=True)
    sent: list[bytes] = []
    proof.begin(sent.append)
    assert not proof.take(line, sent.append)
    assert len(sent) == 1


def test_a_proof_cannot_be_sent_back() -> None:
    # Who does not know the secret could let us answer our own challenge.
    listening, connecting = Proof("secret", listens=True), Proof("secret", listens=False)
    sent: list[bytes] = []
    listening.begin(sent.append)
    connecting.take(sent.pop(), sent.append)
    own = sent.pop().split(b" ")[1]
    assert not connecting.take(own, sent.append)
    assert sent == []
