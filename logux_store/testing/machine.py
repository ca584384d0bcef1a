"""A Hypothesis state machine for whole applications: a real server and real clients, which act,
lose their connections and come back, in every order that Hypothesis thinks of.

    class TodoMachine(ApplicationMachine):
        reducer = todos
        actions = actions({"todo/add": {"id": st.text(), "text": st.text()}})

    TestTodos = TodoMachine.TestCase

At the end everybody is connected, and what each client's store shows has to be the plain fold over
the server's log. A subclass may add rules and invariants of its own. A failure prints the fewest
steps that lead to it.

Needs Hypothesis (the extra `testing`).
"""

import logux_store.testing.extra  # noqa: F401  # isort: skip

from collections.abc import Mapping
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from hypothesis.strategies import SearchStrategy

from logux_store.actions import Action, to_json
from logux_store.meta import Entry, Meta
from logux_store.server import Context
from logux_store.store import Reducer, Store, create_store_creator
from logux_store.store.reducers import as_reducer
from logux_store.testing.client import TestClient
from logux_store.testing.server import TestServer
from logux_store.timeline import INIT

__all__ = ["ApplicationMachine"]

KEPT = "kept"


def some_client() -> SearchStrategy[int]:
    """The number of one of the machine's clients."""
    return st.runner().flatmap(lambda machine: st.integers(0, len(machine.users) - 1))


def some_action() -> SearchStrategy[Action]:
    """One of the machine's actions."""
    return st.runner().flatmap(lambda machine: type(machine).actions)


class ApplicationMachine(RuleBasedStateMachine):
    """Set `reducer` and `actions`; `users` are the user ids of the clients, `channel` is what they
    subscribe to.

    The server's log keeps every action. Unless `define` is overridden, everybody may do everything,
    and all actions go to the channel. `server`, and by their numbers the `clients` and their
    `stores`, are for rules and invariants of a subclass. There is no event loop, so the server's
    callbacks have to be plain functions.
    """

    reducer: ClassVar[Reducer | Mapping[str, Any]]
    actions: ClassVar[SearchStrategy[Action]]
    users: ClassVar[tuple[str, ...]] = ("10", "10", "20")
    channel: ClassVar[str] = "all"

    def __init__(self) -> None:
        super().__init__()
        self.server = TestServer()
        self.server.log.on("preadd", self._keep)
        self.define(self.server)
        self.clients = [TestClient(user, server=self.server) for user in self.users]
        self.stores: list[Store[Any]] = [
            create_store_creator(client)(type(self).reducer) for client in self.clients
        ]
        for client in self.clients:
            client.sync({"type": "logux/subscribe", "channel": self.channel})

    # What a subclass may do otherwise.

    def define(self, server: TestServer) -> None:
        """Define types and channels. `self.load` is a `load` that sends what the log has kept."""
        server.other_type(access=anybody, resend=lambda *_: self.channel)
        server.channel(self.channel, access=anybody, load=self.load)

    def load(self, _ctx: Context, _action: Action, _meta: Meta) -> list[Entry]:
        """All that the server's log has kept."""
        return [*self.server.log.entries("added")]

    def expected_state(self, _number: int) -> Any:
        """What the store of the client with this number has to show at the end: the fold of all
        that the server has accepted and not undone.
        """
        entries = [*self.server.log.entries()]
        undone = {action["id"] for action, _ in entries if action["type"] == "logux/undo"}
        reduce = as_reducer(type(self).reducer)
        state = reduce(None, INIT)
        for action, meta in entries:
            if action["type"] != "logux/undo" and meta.id not in undone:
                state = reduce(state, action)
        return state

    # Steps.

    @rule(number=some_client(), action=some_action())
    def act(self, number: int, action: Action) -> None:
        """A user does something."""
        self.stores[number].dispatch.sync(action)

    @rule(number=some_client())
    def connect(self, number: int) -> None:
        """A client connects, unless it is connected."""
        client = self.clients[number]
        if client.state == "disconnected":
            self.server.join(client)
            client.start()

    @rule(number=some_client())
    def disconnect(self, number: int) -> None:
        """A client disconnects; what is on its way may still arrive."""
        self.clients[number].node.connection.disconnect()

    @rule(number=some_client())
    def lose_connection(self, number: int) -> None:
        """A connection breaks, and what is on its way is lost."""
        self.clients[number].pair.cut()

    @rule(number=some_client(), count=st.integers(1, 5))
    def deliver(self, number: int, count: int) -> None:
        """Some of what is on its way arrives."""
        for _ in range(count):
            self.clients[number].pair.step()

    @rule()
    def deliver_all(self) -> None:
        """All that is on its way arrives, and what follows from it."""
        while any(client.pair.busy for client in self.clients):
            for client in self.clients:
                client.pair.deliver()

    @rule(place=st.integers(0, 20))
    def undo(self, place: int) -> None:
        """The server undoes an action of the past."""
        kept = [e for e in self.server.log.entries() if not e[0]["type"].startswith("logux/")]
        if kept:
            self.server.undo(*kept[place % len(kept)])

    def teardown(self) -> None:
        """Connect everybody, and compare."""
        self.deliver_all()
        for number in range(len(self.clients)):
            self.connect(number)
        self.deliver_all()
        for number, store in enumerate(self.stores):
            expected = self.expected_state(number)
            assert store.state == expected, (
                f"client {number} shows {store.state!r}, but the server's log gives {expected!r}:\n"
                f"{self._log()}"
            )

    def _keep(self, action: Action, meta: Meta) -> None:
        type = action["type"]
        if type == "logux/undo":
            if self.server.log.by_id(action["id"]) is not None:
                meta.reasons.append(KEPT)
        elif not type.startswith("logux/"):
            meta.reasons.append(KEPT)

    def _log(self) -> str:
        return "\n".join(
            f"  {meta.time:5} {meta.id:24} {to_json(action)}"
            for action, meta in self.server.log.entries()
        )


def anybody(_ctx: Context, _action: Action, _meta: Meta) -> bool:
    """Everybody may do this."""
    return True
