"""Whole applications as state machines: a good one passes, a broken one is found and explained."""

import asyncio
import re
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from logux_store.testing import TestServer
from logux_store.testing.machine import ApplicationMachine, anybody
from logux_store.testing.strategies import actions

Action = dict[str, Any]


def notes(state: list[Any] | None, action: Action) -> list[Any]:
    return [*(state or []), action["n"]] if action["type"] == "add" else state or []


class Notes(ApplicationMachine):
    reducer = notes
    actions = actions({"add": {"n": st.integers(0, 9)}, "other": {}})


class Refusing(Notes):
    """An application that refuses, and that fails."""

    def define(self, server: TestServer) -> None:
        def process(ctx: Any, action: Action, meta: Any) -> None:
            if action["n"] == 8:
                raise ValueError

        server.type(
            "add",
            access=lambda ctx, action, meta: action["n"] != 9,
            resend=lambda *_: self.channel,
            process=process,
        )
        server.channel(self.channel, access=anybody, load=self.load)


class Slow(Notes):
    """An application whose callbacks wait for something, some of them for long."""

    def define(self, server: TestServer) -> None:
        async def access(ctx: Any, action: Action, meta: Any) -> bool:
            await asyncio.sleep(action["n"] % 2)
            return True

        async def process(ctx: Any, action: Action, meta: Any) -> None:
            await asyncio.sleep(action["n"])
            if action["n"] == 8:
                raise ValueError

        async def load(ctx: Any, action: Action, meta: Any) -> Any:
            await asyncio.sleep(0.1)
            entries = self.load(ctx, action, meta)
            await asyncio.sleep(0.1)
            return entries

        server.type("add", access=access, resend=lambda *_: self.channel, process=process)
        server.channel(self.channel, access=anybody, load=load)


class Forgetting(Notes):
    """Whoever was away does not get what happened meanwhile."""

    def define(self, server: TestServer) -> None:
        server.other_type(access=anybody, resend=lambda *_: self.channel)
        server.channel(self.channel, access=anybody)


TestNotes: Any = Notes.TestCase
TestNotes.settings = settings(max_examples=20, stateful_step_count=20)
TestRefusing: Any = Refusing.TestCase
TestRefusing.settings = settings(max_examples=20, stateful_step_count=20)
TestSlow: Any = Slow.TestCase
TestSlow.settings = settings(max_examples=20, stateful_step_count=20)


def test_time_passes_for_the_servers_callbacks() -> None:
    machine = Slow()
    machine.connect(0)
    machine.deliver_all()
    machine.wait(1.0)
    machine.deliver_all()
    machine.act(0, {"type": "add", "n": 7})
    machine.deliver_all()
    machine.wait(1.0)
    assert machine.server.flow.tasks
    machine.wait(60.0)
    assert not machine.server.flow.tasks
    machine.teardown()
    assert machine.stores[2].state == [7]


def test_who_cannot_be_connected_at_the_end_is_told() -> None:
    class Closed(Notes):
        def define(self, server: TestServer) -> None:
            super().define(server)
            server.auth(lambda user_id: user_id != "20")

    machine = Closed()
    with pytest.raises(AssertionError, match="client 2 is disconnected at the end: "):
        machine.teardown()


def test_clients_have_the_tokens_that_the_server_asks_for() -> None:
    class Secret(Notes):
        def define(self, server: TestServer) -> None:
            super().define(server)
            server.auth(lambda user_id, token: token == f"token of {user_id}")

        def token(self, user_id: str) -> str:
            return f"token of {user_id}"

    machine = Secret()
    machine.act(0, {"type": "add", "n": 1})
    machine.teardown()
    assert machine.stores[2].state == [1]


def test_a_broken_application_is_found_and_the_failure_can_be_read() -> None:
    with pytest.raises(AssertionError) as caught:
        run_state_machine_as_test(
            Forgetting,
            settings=settings(max_examples=100, stateful_step_count=8, database=None),
        )
    text = str(caught.value)
    assert "does not show what the server's log gives:\n  expected: [0]\n  shows:    []" in text
    assert re.search(r'\n   4  client \d  4 .*\n      {"type":"add","n":0}', text)
    steps = [note for note in caught.value.__notes__ if "state." in note]
    assert any("state.act(" in step for step in steps)
    assert len("".join(steps).split("state.act(")) == 2
