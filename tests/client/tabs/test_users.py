"""Tabs whose user changes, at whatever moment: all are the new user's, and nothing is lost."""

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from logux_store import CrossTabClient
from logux_store.testing import run_virtual
from tests.client.crew import Crew, Disk, DiskStore, make, role


class Users(Crew):
    """Tabs of users who take turns, over one file or with none."""

    def __init__(self, on_disk: bool) -> None:
        super().__init__()
        self.disk = Disk() if on_disk else None
        self.user_id = "10"
        self.made: list[int] = []
        self.errors: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, e: self.errors.append(e))

    def one_more(self, connect: bool = True) -> CrossTabClient:
        store = None if self.disk is None else DiskStore(self.disk)
        tab = self.tab(store=store, user_id=self.user_id)
        tab.start(connect)
        return tab

    def act(self, tab: CrossTabClient) -> None:
        self.made.append(len(self.made))
        tab.sync(make(self.made[-1]))

    def change(self, tab: CrossTabClient) -> None:
        self.user_id = "20" if self.user_id == "10" else "10"
        tab.change_user(self.user_id, "secret")

    def check(self) -> None:
        assert {tab.user_id for tab in self.tabs} == {self.user_id}
        assert {tab.state for tab in self.tabs} == {"synchronized"}
        assert Counter(tab.role for tab in self.tabs)["leader"] == 1

    async def finish(self) -> None:
        """Let each user be there once more, so that what was not sent can be."""
        for _ in range(3):
            await asyncio.sleep(10)
            for tab in self.tabs:
                tab.start()
            await asyncio.sleep(10)
            self.check()
            self.change(self.tabs[0])
        assert Counter(self.processed) == Counter(self.made)
        assert self.errors == []
        await self.end()


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_users_take_turns_at_random_moments(seed: int, on_disk: bool) -> None:
    async def test() -> None:
        dice, users = random.Random(seed), Users(on_disk)
        for _ in range(dice.randint(1, 3)):
            await users.one_more().wait_for("synchronized")
        for _ in range(25):
            tab, chance = dice.choice(users.tabs), dice.random()
            if chance < 0.5 and tab.user_id == users.user_id:
                users.act(tab)
            elif 0.5 <= chance < 0.65:
                users.change(tab)
                await asyncio.sleep(dice.choice([2, 4]))
            elif 0.65 <= chance < 0.75:
                tab.node.connection.disconnect()
            elif 0.75 <= chance < 0.85:
                tab.start()
            elif 0.85 <= chance < 0.9 and len(users.tabs) < 4:
                users.one_more(connect=dice.random() < 0.5)
            await asyncio.sleep(dice.choice([0, 0.005, 0.02, 0.3, 2]))
        await users.finish()

    run_virtual(test())


def test_a_follower_lets_the_leader_come_first_and_bring_the_store() -> None:
    async def test() -> None:
        users = Users(on_disk=True)
        for _ in range(3):
            await users.one_more().wait_for("synchronized")
        # The leader looks after its store before it hears of the new user.
        looks = [tab._tab.part._last_beat for tab in users.tabs[:1]]  # type: ignore[union-attr]
        beat = users.tabs[0]._tab.timeout / 4
        await asyncio.sleep(looks[0] + 8 * beat - asyncio.get_running_loop().time() - 0.001)
        for tab in users.tabs:
            users.act(tab)
        users.change(users.tabs[1])
        await asyncio.sleep(1)
        users.check()
        assert users.tabs[0].role == "leader"
        await users.finish()

    run_virtual(test())


def test_a_follower_leads_when_the_leader_does_not_come() -> None:
    async def test() -> None:
        users = Users(on_disk=True)
        for _ in range(2):
            await users.one_more().wait_for("synchronized")
        users.kill(users.tabs.pop(0))
        users.change(users.tabs[0])
        await role(users.tabs[0], "leader")
        await users.finish()

    run_virtual(test())


@pytest.mark.parametrize("joins", [0, 1], ids=["joining tab", "leader"])
@pytest.mark.parametrize("wait", [0.011, 0.021, 0.031])
def test_a_tab_that_is_just_joining_has_its_part_in_it(wait: float, joins: int) -> None:
    async def test() -> None:
        users = Users(on_disk=True)
        await users.one_more().wait_for("synchronized")
        users.one_more()
        await asyncio.sleep(wait)
        users.change(users.tabs[1 - joins])
        await users.finish()

    run_virtual(test())
