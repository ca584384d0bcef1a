"""Whole applications as state machines: a good one passes, a broken one is found and explained."""

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


class Forgetting(Notes):
    """Whoever was away does not get what happened meanwhile."""

    def define(self, server: TestServer) -> None:
        server.other_type(access=anybody, resend=lambda *_: self.channel)
        server.channel(self.channel, access=anybody)


TestNotes: Any = Notes.TestCase
TestNotes.settings = settings(max_examples=20, stateful_step_count=20)
TestRefusing: Any = Refusing.TestCase
TestRefusing.settings = settings(max_examples=20, stateful_step_count=20)


def test_a_broken_application_is_found_and_the_failure_can_be_read() -> None:
    with pytest.raises(AssertionError) as caught:
        run_state_machine_as_test(
            Forgetting,
            settings=settings(max_examples=100, stateful_step_count=8, database=None),
        )
    text = str(caught.value)
    assert "but the server's log gives [" in text
    assert '{"type":"add","n":0}' in text
    steps = [note for note in caught.value.__notes__ if "state." in note]
    assert any("state.act(" in step for step in steps)
    assert len("".join(steps).split("state.act(")) == 2
