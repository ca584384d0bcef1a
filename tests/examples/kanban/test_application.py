"""The whole application: the real rules, several people, connections that come and go."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant

from examples.kanban import simulation
from examples.kanban.board import COLUMNS, DOING, DONE, add, move, reducer, remove, rename, titles
from examples.kanban.server import define
from logux_store import create_store_creator
from logux_store.testing import ApplicationMachine, TestServer, strategies, virtual_time
from logux_store.testing.simulation import simulate

CARD = {"board": st.just("design"), "id": st.sampled_from("12345")}
BY = st.sampled_from(["ann", "bob"])


class Boards(ApplicationMachine):
    """Ann at two desks and Bob; some of what they try the server does not allow."""

    reducer = reducer
    users = ("ann", "ann", "bob")
    channel = "boards/design"
    actions: ClassVar[Any] = strategies.actions(
        {
            add: {**CARD, "title": st.sampled_from(["", "a", "b"]), "by": BY},
            rename: {**CARD, "title": st.sampled_from(["", "c"])},
            move: {**CARD, "column": st.sampled_from(COLUMNS)},
            remove: CARD,
        }
    )

    def define(self, server: TestServer) -> None:
        define(server)

    @invariant()
    def a_card_is_in_one_column(self) -> None:
        for store in self.stores:
            for columns in store.state["columns"].values():
                ids = [id for column in columns.values() for id in column]
                assert len(ids) == len({*ids})


TestBoards: Any = Boards.TestCase
TestBoards.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)


def test_nothing_is_wrong_in_simulated_worlds() -> None:
    simulate(simulation.Boards(), range(30))


@virtual_time
async def test_two_people_work_on_one_board_one_of_them_offline(logux_server: TestServer) -> None:
    define(logux_server)
    ann, bob = await logux_server.connect("ann"), await logux_server.connect("bob")
    stores = [create_store_creator(client)(reducer) for client in (ann, bob)]
    for client in (ann, bob):
        await client.subscribe("boards/design")
    for id, title in (("1", "logo"), ("2", "fonts")):
        await ann.process(add(board="design", id=id, title=title, by="ann"))

    await bob.disconnect()
    moving = stores[1].dispatch.sync(move(board="design", id="1", column=DONE))
    await ann.process(move(board="design", id="2", column=DONE))
    await ann.process(move(board="design", id="1", column=DOING))
    await asyncio.sleep(86400)  # virtual time: a day passes at once
    assert titles(stores[1].state, "design")["done"] == ["logo"]

    await bob.connect()
    await moving
    await bob.settle()
    # Ann did hers after Bob had done his, though the server heard of his a day later.
    expected = {"todo": [], "doing": ["logo"], "done": ["fonts"]}
    assert [titles(store.state, "design") for store in stores] == [expected, expected]


def test_the_story_is_told() -> None:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-m", "examples.kanban"],
        cwd=Path(__file__).parent.parent.parent.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    for text in ("was undone: full", "was undone: denied"):
        assert text in result.stdout
    ann, bob = result.stdout.splitlines()[-3:-1]
    assert ann.replace("ann", "bob") == bob
    assert ann.count("logo") == ann.count("colours") == 1
