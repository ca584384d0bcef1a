"""Electing a leader, with leaders that hang, close, or speak another language."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from logux_store.client.tabs import Channel, MemorySpace
from logux_store.client.tabs.following import VersionError
from logux_store.client.tabs.messages import VERSION
from tests.client.crew import Crew, Disk, DiskStore, make, role, virtual


class Mute:
    """Has claimed a term, listens and never says anything, unless it is told `answer`."""

    def __init__(self, space: MemorySpace, hung: int | None = None, *answer: Any) -> None:
        self.space = space
        self.answer = answer
        self.heard: list[Any] = []
        space.claim(hung)
        space.listen(self.accept)

    def accept(self, channel: Channel) -> None:
        channel.on_text = lambda text: self.heard.append(json.loads(text))
        channel.start()
        if self.answer:
            channel.send(json.dumps(self.answer))


@virtual
async def test_a_leader_that_says_nothing_is_replaced_when_the_time_is_up(crew: Crew) -> None:
    loop = asyncio.get_running_loop()
    mute = Mute(crew.space("10"))
    tab = crew.tab(tab_timeout=2.0)
    tab.start()
    assert tab.role == "candidate"
    await role(tab, "leader")
    assert 2.0 <= loop.time() < 3.0
    assert mute.heard[0][0] == "hello"


@virtual
async def test_tabs_that_replace_each_other_for_nothing_wait_longer_each_time(crew: Crew) -> None:
    loop = asyncio.get_running_loop()
    tab = crew.tab(tab_timeout=2.0)
    space = crew.space("10")
    Mute(space)
    tab.start()
    taken: list[float] = []
    for _ in range(3):
        begun = loop.time()
        await role(tab, "leader")
        taken.append(loop.time() - begun)
        Mute(space, space.term())
        await role(tab, "candidate")
    assert taken[1] > 1.5 * taken[0]
    assert taken[2] > 1.5 * taken[1]
    await role(tab, "leader")
    other = crew.tab(tab_timeout=2.0)
    other.start()
    await role(other, "follower")
    assert other._tab.election.patience == 2.0


@virtual
async def test_a_leader_that_never_listens_is_replaced_too(crew: Crew) -> None:
    crew.space("10").claim()
    tab = crew.tab(tab_timeout=2.0)
    tab.start()
    await role(tab, "leader")
    assert 2.0 <= asyncio.get_running_loop().time() < 3.0


@virtual
async def test_of_many_candidates_one_leads_and_the_others_find_it(crew: Crew) -> None:
    leader, *tabs = await crew.started(6)
    begun = asyncio.get_running_loop().time()
    crew.kill(leader)
    await asyncio.gather(*(tab.sync(make(number)) for number, tab in enumerate(tabs)))
    assert asyncio.get_running_loop().time() - begun < 0.3
    assert sorted(tab.role for tab in tabs) == ["follower"] * 4 + ["leader"]


@virtual
async def test_a_tab_of_another_version_says_so(crew: Crew) -> None:
    mute = Mute(crew.space("10"), None, "refused", VERSION + 1)
    tab = crew.tab()
    tab.start()
    with pytest.raises(VersionError, match="use the same version"):
        await tab.wait_for("synchronized")
    mute.space.resign()
    await role(tab, "leader")
    assert tab.error is None
    channel = await mute.space.connect(tab._tab.space.term())  # type: ignore[union-attr]
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    channel.on_text = lambda text: answer.set_result(json.loads(text))
    channel.start()
    channel.send(json.dumps(["hello", {"version": VERSION + 1}]))
    assert await answer == ["refused", VERSION]


@virtual
async def test_what_is_no_message_ends_the_channel_and_nothing_else(crew: Crew) -> None:
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    leader, follower = await crew.started(2)
    for text in ("{", "{}", '["ops"]', '["ops", [[1, ["destroy"]]]]', '["hello", {}]', "[1]"):
        channel = await crew.space("10").connect(leader._tab.space.term())  # type: ignore[union-attr]
        closed = asyncio.Event()
        channel.on_close = closed.set
        channel.start()
        channel.send(text)
        await closed.wait()
    assert len(reported) == 6
    await follower.sync(make(1))
    assert leader.role == "leader"


@virtual
async def test_a_tab_that_leaves_while_it_elects_is_gone(crew: Crew) -> None:
    Mute(crew.space("10"))
    tab = crew.tab(tab_timeout=1.0)
    outcome = tab.sync(make(1))
    tab.start()
    await asyncio.sleep(0.5)
    await tab.destroy()
    with pytest.raises(ConnectionAbortedError):
        await outcome
    await asyncio.sleep(10)
    assert tab.role == "follower"


@virtual
async def test_a_leader_whose_socket_is_gone_is_looked_for_again(crew: Crew) -> None:
    class Vanishing(MemorySpace):
        tries = 0

        async def connect(self, term: int) -> Channel:
            self.tries += 1
            if self.tries < 3:
                raise FileNotFoundError("no such socket")
            return await super().connect(term)

    [leader] = await crew.started(1)
    space = Vanishing(crew.spaces["10"][0], crew.delay)
    tab = crew.tab(space=lambda _: space)
    tab.start()
    await role(tab, "follower")
    assert asyncio.get_running_loop().time() < 1
    assert tab.error is None
    assert leader.role == "leader"


@virtual
async def test_a_tab_that_was_replaced_while_it_opened_the_store_has_not_failed(crew: Crew) -> None:
    class Slow(DiskStore):
        def take_over(self, holds: Callable[[], bool], owner: str) -> None:
            rogue = crew.space("10")
            rogue.claim(hung=rogue.term())
            rogue.resign()
            other.start()
            assert not holds()
            raise OSError("the store is another tab's")

    other = crew.tab()
    tab = crew.tab(store=Slow(Disk()))
    errors: list[Exception] = []
    tab.node.on("error", errors.append)
    tab.start()
    await role(tab, "follower")
    await tab.wait_for("synchronized")
    assert errors == []
