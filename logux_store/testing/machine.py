"""A Hypothesis state machine for whole applications: a real server and real clients, which act,
lose their connections and come back, in every order that Hypothesis thinks of.

    class TodoMachine(ApplicationMachine):
        reducer = todos
        actions = strategies.actions({"todo/add": {"id": st.text(), "text": st.text()}})

    TestTodos = TodoMachine.TestCase
    TestTodos.settings = settings(max_examples=200, deadline=None)  # this line may be left out

At the end everybody is connected, and what each client's store shows has to be the plain fold over
the server's log. A subclass may add rules and invariants of its own. A failure prints the fewest
steps that lead to it.

Needs Hypothesis (the extra `testing`).
"""

import logux_store.testing.extra  # noqa: F401  # isort: skip

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from hypothesis.strategies import SearchStrategy

from logux_store.actions import Action, to_json
from logux_store.meta import Entry, Meta
from logux_store.server import Context
from logux_store.store import Reducer, Store, create_store_creator
from logux_store.testing.client import TestClient
from logux_store.testing.kept import fold_kept, keep_all
from logux_store.testing.pair import TestPair
from logux_store.testing.server import TestServer
from logux_store.testing.texts import compare
from logux_store.testing.virtual import VirtualLoop

__all__ = ["ApplicationMachine"]


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
    `stores`, are for rules and invariants of a subclass. What needs an event loop is called by
    `run`; its time is virtual and passes in the rule `wait`, so the server's callbacks may be
    plain functions or coroutine functions.
    """

    reducer: ClassVar[Reducer | Mapping[str, Any]]
    actions: ClassVar[SearchStrategy[Action]]
    users: ClassVar[tuple[str, ...]] = ("10", "10", "20")
    channel: ClassVar[str] = "all"

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.server = TestServer()
        keep_all(self.server.log)
        self.define(self.server)
        self.clients = [
            TestClient(user, server=self.server, pair=TestPair(held=True), token=self.token(user))
            for user in self.users
        ]
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

    def token(self, _user_id: str) -> str | None:
        """What a user's clients connect with, if `define` says what to ask for."""
        return None

    def load(self, _ctx: Context, _action: Action, _meta: Meta) -> list[Entry]:
        """All that the server's log has kept."""
        return [*self.server.log.entries("added")]

    def expected_state(self, _number: int) -> Any:
        """What the store of the client with this number has to show at the end: the fold of all
        that the server has accepted and not undone.
        """
        return fold_kept(type(self).reducer, self.server.log)

    def run(self, call: Callable[..., object], *args: Any) -> None:
        """Call something while the event loop runs."""

        async def inside() -> None:
            call(*args)
            # What callbacks have begun goes on, as far as it need not wait for time to pass.
            await asyncio.sleep(0)

        self.loop.run_until_complete(inside())

    # Steps.

    @rule(number=some_client(), action=some_action())
    def act(self, number: int, action: Action) -> None:
        """A user does something."""
        self.run(self.stores[number].dispatch.sync, action)

    @rule(number=some_client())
    def connect(self, number: int) -> None:
        """A client connects, unless it is connected."""
        client = self.clients[number]
        if client.state == "disconnected":
            self.run(self.server.join, client)
            self.run(client.start)

    @rule(number=some_client())
    def disconnect(self, number: int) -> None:
        """A client disconnects; what is on its way may still arrive."""
        self.run(self.clients[number].node.connection.disconnect)

    @rule(number=some_client())
    def lose_connection(self, number: int) -> None:
        """A connection breaks, and what is on its way is lost."""
        self.run(self.clients[number].pair.cut)

    @rule(number=some_client(), count=st.integers(1, 5))
    def deliver(self, number: int, count: int) -> None:
        """Some of what is on its way arrives."""
        for _ in range(count):
            self.run(self.clients[number].pair.step)

    @rule()
    def deliver_all(self) -> None:
        """All that is on its way arrives, and what follows from it."""
        while any(client.pair.busy for client in self.clients):
            for client in self.clients:
                self.run(client.pair.deliver)

    @rule(seconds=st.sampled_from([0.01, 1.0, 60.0]))
    def wait(self, seconds: float) -> None:
        """Time passes, which callbacks of the server may wait for."""
        self.loop.run_until_complete(asyncio.sleep(seconds))

    @rule(place=st.integers(0, 20))
    def undo(self, place: int) -> None:
        """The server undoes an action of the past."""
        kept = [e for e in self.server.log.entries() if not e[0]["type"].startswith("logux/")]
        if kept:
            self.run(self.server.undo, *kept[place % len(kept)])

    def teardown(self) -> None:
        """Connect everybody, wait until nothing happens any more, and compare."""
        try:
            for _ in range(3):
                # A connection may be lost still that somebody has given up meanwhile.
                self._settle()
                for number in range(len(self.clients)):
                    self.connect(number)
            self._settle()
            self._compare()
        finally:
            for client in self.clients:
                client.node.destroy()
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            if tasks:
                self.loop.run_until_complete(asyncio.wait(tasks))
            self.loop.close()

    def _settle(self) -> None:
        self.deliver_all()
        while self.server.flow.tasks:
            self.loop.run_until_complete(asyncio.wait([*self.server.flow.tasks]))
            self.deliver_all()

    def _compare(self) -> None:
        for number, store in enumerate(self.stores):
            client = self.clients[number]
            if client.state != "synchronized":
                raise AssertionError(
                    f"client {number} is {client.state} at the end: {client.error}"
                )
            expected = self.expected_state(number)
            if store.state != expected:
                text = (
                    f"client {number} (of the user {self.users[number]}) does not show what the "
                    "server's log gives"
                )
                states = compare(text, expected=expected, shows=store.state)
                raise AssertionError(f"{states}\n\n{self._log()}")

    def _log(self) -> str:
        """The server's log as a table for people."""
        names = {client.node_id: f"client {n}" for n, client in enumerate(self.clients)}
        lines = ["time  from      id"]
        for action, meta in self.server.log.entries():
            name = names.get(meta.id.split(" ")[1], "server")
            shown = to_json(action)
            if action["type"] == "logux/undo":
                shown = f"undo of {action['id']}: {action.get('reason')}"
            lines += [f"{meta.time:4}  {name:8}  {meta.id}", f"      {shown}"]
        return "\n".join(lines)


def anybody(_ctx: Context, _action: Action, _meta: Meta) -> bool:
    """Everybody may do this."""
    return True
