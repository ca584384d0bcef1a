"""The programs of somebody's own application in a simulated world, and what is asked of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from logux_store.actions import Action
from logux_store.log import Log
from logux_store.server import BaseServer
from logux_store.store import Reducer
from logux_store.testing.kept import keep_all
from logux_store.testing.simulation.checks import (
    Fault,
    check_connections,
    check_log,
    check_time,
)
from logux_store.testing.simulation.nodes import ClientProgram, ServerProgram
from logux_store.testing.simulation.own import SimulatedApplication
from logux_store.testing.simulation.sent import Sent, verdict
from logux_store.testing.texts import compare

__all__ = ["OwnClient", "OwnServer", "find_own_faults"]


class OwnServer(ServerProgram):
    """Runs a server with the application's rules."""

    def define(self, server: BaseServer) -> None:
        keep_all(server.log)
        server.auth(lambda: True)
        application_of(self).define(server)


class OwnClient(ClientProgram):
    """Runs a client with the application's reducers."""

    def begin(self) -> None:
        self.wanted = dict.fromkeys(application_of(self).channels(self.user_id))
        super().begin()

    def make_reducer(self) -> Reducer | Mapping[str, Any]:
        return type(application_of(self)).reducer

    def token(self) -> str | None:
        return application_of(self).token(self.user_id)

    def channel(self, room: str) -> str:
        return room

    def dispatch(self, actions: list[Action]) -> None:
        for action in actions:
            self.note(action, self.store.dispatch.sync(action))


def application_of(program: ServerProgram | ClientProgram) -> SimulatedApplication:
    """The application that a program is of."""
    application = program.scenario.application
    assert application is not None
    return application


def find_own_faults(
    servers: Sequence[ServerProgram], clients: Sequence[ClientProgram], sent: dict[str, Sent]
) -> Iterator[Fault]:
    """Everything that is wrong."""
    logs = {server.name: server.server.log for server in servers}
    for server in servers:
        yield from check_connections(server)
    for client in clients:
        # What a server has forgotten its clients show, and nobody can know it.
        if client.server.name not in client.scenario.forgetful:
            log = logs[client.server.name]
            expected = application_of(client).expected_state(log, client.user_id)
            shown = client.store.state
            if shown != expected:
                text = f"{client.name} does not show what the log of {client.server.name} gives"
                yield Fault("state", compare(text, expected=expected, shows=shown))
            yield from check_log(client, log)
    for item in sent.values():
        if item.client.server.name not in item.client.scenario.forgetful:
            yield from check_sent(item, logs[item.client.server.name])


def check_sent(sent: Sent, log: Log) -> Iterator[Fault]:
    """An action has one outcome, and the server's log says the same."""
    outcome = verdict(sent)
    name = f"{sent.id} {sent.action}"
    yield from check_time(sent, log)
    if sent.lost or outcome == "open":
        # Its client is gone, and with it whoever waited.
        return
    undone = any(
        action["type"] == "logux/undo" and action["id"] == sent.id for action, _ in log.entries()
    )
    if len({answer == "processed" for answer in sent.answers}) > 1 and not undone:
        yield Fault("outcome", f"{name} was answered {sent.answers}")
    there = log.by_id(sent.id) is not None
    if outcome == "processed" and not there:
        yield Fault("lost", f"{name} was lost after it was answered as processed")
    elif outcome != "processed" and there and not undone:
        yield Fault("outcome", f"{name} was answered as {outcome}, but it is there")
