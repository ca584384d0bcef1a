"""Somebody's own application in simulated worlds: a good one passes, a broken one is found."""

import re
from random import Random
from typing import Any

import pytest

from logux_store.server import BaseServer
from logux_store.testing.simulation import SimulatedApplication, make_scenario, simulate
from logux_store.testing.simulation.__main__ import main
from logux_store.testing.simulation.world import run_scenario

Action = dict[str, Any]


def notes(state: Any, action: Action) -> Any:
    return [*(state or []), action["n"]] if action["type"] == "add" else state or []


def anybody(*_: Any) -> bool:
    return True


def to_all(*_: Any) -> str:
    return "all"


class Notes(SimulatedApplication):
    """Everybody writes down numbers; a seven fails, an eight is denied."""

    reducer = notes
    users = ("ann", "bob")

    def define(self, server: BaseServer) -> None:
        def process(ctx: Any, action: Action, meta: Any) -> None:
            if action["n"] == 7:
                raise ValueError

        server.type("add", access=self.may, resend=to_all, process=process)
        server.channel("all", access=anybody, load=lambda *_: self.load(server))

    def may(self, ctx: Any, action: Action, meta: Any) -> bool:
        return bool(action["n"] != 8)

    def load(self, server: BaseServer) -> list[Any]:
        return [*server.log.entries()]

    def channels(self, user_id: str) -> list[str]:
        return ["all"]

    def write(self, random: Random, user_id: str) -> Action:
        return {"type": "add", "n": random.randint(0, 9)}


class Forgetting(Notes):
    """Whoever was away does not get what happened meanwhile."""

    def load(self, server: BaseServer) -> list[Any]:
        return []


class Losing(Notes):
    """The server forgets what it has accepted."""

    def define(self, server: BaseServer) -> None:
        super().define(server)
        server.on("processed", lambda *_: server.log.remove_reason("kept"))


class Contradicting(Notes):
    """The server refuses what it does nevertheless."""

    def may(self, ctx: Any, action: Action, meta: Any) -> bool:
        ctx.send_back({"type": "logux/undo", "id": meta.id, "reason": "no", "action": action})
        return True


def test_a_good_application_passes() -> None:
    simulate(Notes(), range(30))
    acted = [run_scenario(make_scenario(seed, Notes())).actions for seed in range(5)]
    assert sum(acted) > 50


def test_who_may_connect_is_asked() -> None:
    class Secret(Notes):
        def define(self, server: BaseServer) -> None:
            super().define(server)
            server.auth(lambda user_id, token: token == f"token of {user_id}")

        def token(self, user_id: str) -> str:
            return f"token of {user_id}"

    simulate(Secret(), range(5))


def test_the_same_seed_gives_the_same_trace() -> None:
    traces = [run_scenario(make_scenario(4, Notes()), trace=True).trace for _ in range(2)]
    assert traces[0] == traces[1]
    assert '"channel":"all"' in "\n".join(traces[0])


def test_a_broken_application_is_found_and_its_seed_told() -> None:
    with pytest.raises(AssertionError, match="something is wrong in a simulated world") as caught:
        simulate(Forgetting())
    text = str(caught.value)
    assert re.search(r"does not show what the log of s\d gives:\n  expected: \[\d", text)
    seed = int(text.split("`seeds=[")[1].split("]")[0])
    with pytest.raises(AssertionError) as again:
        simulate(Forgetting(), [seed])
    assert str(again.value) == text
    # What it takes is little.
    assert sum(" act(" in line for line in text.splitlines()) <= 2


@pytest.mark.parametrize(("application", "kind"), [(Losing, "lost"), (Contradicting, "outcome")])
def test_wrong_answers_are_found(application: type[Notes], kind: str) -> None:
    scenarios = (make_scenario(seed, application()) for seed in range(50))
    faults = [fault for scenario in scenarios for fault in run_scenario(scenario).faults]
    assert kind in {fault.kind for fault in faults}


def test_what_an_application_has_to_say_is_asked_for() -> None:
    empty = SimulatedApplication()
    calls: list[Any] = [lambda: empty.define(None), lambda: empty.channels("ann")]  # type: ignore[arg-type]
    for call in (*calls, lambda: empty.write(Random(), "ann")):
        with pytest.raises(NotImplementedError, match="a simulated application needs"):
            call()


def test_the_command_runs_an_application_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    boards = "examples.kanban.simulation:Boards"
    assert main(["--application", boards, "--seeds", "20"]) == 0
    assert capsys.readouterr().out.startswith("20 seeds, 0 failed, ")
    assert main(["--application", boards, "--seed", "3", "--trace"]) == 0
    assert '"boards/design"' in capsys.readouterr().out
    with pytest.raises(TypeError, match="no SimulatedApplication"):
        main(["--application", "examples.kanban.board:reducer"])
