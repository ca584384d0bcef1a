"""The machines of a simulated world: a server's and a client's, through crashes and restarts."""

import logging
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from logux_store.actions import Action
from logux_store.client import Client, Outcome
from logux_store.connections import Reconnect
from logux_store.errors import UndoError
from logux_store.meta import Meta
from logux_store.server import BaseServer, Limits
from logux_store.store import Store, create_store_creator
from logux_store.testing.simulation.application import Application, make_reducer
from logux_store.testing.simulation.disks import Disk
from logux_store.testing.simulation.network import Dialer, Network, Wire
from logux_store.testing.simulation.processes import Process

if TYPE_CHECKING:
    from logux_store.testing.simulation.scenario import Scenario

__all__ = ["ClientMachine", "Sent", "ServerMachine"]

silent = logging.Logger("simulation", logging.CRITICAL + 1)


class Machine:
    """Something that has a name, a clock and a disk, and on which a program may run."""

    def __init__(self, network: Network, scenario: "Scenario", name: str, disk: Disk) -> None:
        self.network = network
        self.scenario = scenario
        self.name = name
        self.disk = disk
        # Draws ids and decisions of this machine, so that others do not depend on how many.
        self.random = Random(f"{scenario.seed} {name}")
        self.ahead = 0
        self.process: Process | None = None

    @property
    def up(self) -> bool:
        return self.process is not None

    def step_clock(self, ms: int) -> None:
        """Set the clock forward, or back."""
        self.ahead += ms
        if self.process is not None:
            self.process.ahead = self.ahead

    def begin(self) -> Process:
        self.process = Process(self.network.loop, self.name, self.ahead)
        return self.process

    def crash(self, silent: bool = False) -> None:
        """End the process at once; with `silent`, the machine goes down with it."""
        if self.process is not None:
            process, self.process = self.process, None
            process.crash()
            self.disk.crash()
            self.network.crashed(process, silent)

    def call(self, call: Callable[..., object], *args: Any) -> None:
        """Let the program do something."""
        if self.process is not None:
            self.network.call(self.process, call, *args)


class ServerMachine(Machine):
    """Runs a `BaseServer`."""

    server: BaseServer

    def start(self) -> None:
        """Start the program, unless it runs."""
        if self.process is None:
            process = self.begin()
            self.network.call(process, self._start)
            self.network.listeners[self.name] = (process, self.server.add_client)

    def _start(self) -> None:
        scenario = self.scenario
        assert self.process is not None
        self.server = server = BaseServer(
            subprotocol=1,
            min_subprotocol=1,
            store=self.disk.open(),
            env="production",
            ping=scenario.server_ping,
            timeout=scenario.timeout,
            limits=Limits(ahead=None, logins=None),
            clock=self.process.clock,
            random=self.random.randbytes,
        )
        server.logger = silent
        Application(scenario.loads, lambda: self.random.random() < 0.5).define(server)
        server.resume()

    def stop(self) -> None:
        """End the program as a signal does."""
        if self.process is not None and not self.server.destroying:
            self.call(self._stop)

    def _stop(self) -> None:
        self.network.listeners.pop(self.name, None)
        task = self.network.loop.create_task(self.server.destroy())
        process = self.process

        def stopped(_: object) -> None:
            if self.process is process and process is not None:
                self.process = None
                self.disk.close()
                process.crash()
                self.network.crashed(process, silent=False)

        task.add_done_callback(stopped)

    def act(self, action: Action) -> None:
        """Let the server do something by itself."""

        def process() -> None:
            self.server.process(action)

        if self.process is not None and not self.server.destroying:
            self.call(process)

    def moderate(self, random: Random) -> None:
        """Undo some action of the past."""
        if self.process is None or self.server.destroying:
            return
        log = self.server.log
        kept = [entry for entry in log.entries() if not entry[0]["type"].startswith("logux/")]
        if kept:
            action, meta = random.choice(kept)
            self.call(self.server.undo, action, meta, "moderated")


class Sent:
    """An action that a client has dispatched for the server. `answers` are those that came, in
    order; `lost` says that a crash took it before it was durable.
    """

    __slots__ = ("action", "answers", "client", "id", "lost", "outcome")

    def __init__(self, client: "ClientMachine", action: Action, outcome: Outcome) -> None:
        self.client = client
        self.action = action
        self.id = outcome.id
        self.outcome = outcome
        self.lost = False
        self.answers: list[str] = []


class ClientMachine(Machine):
    """Runs a `Client` with a store, for one user."""

    client: Client
    store: Store[Any]

    def __init__(
        self,
        network: Network,
        scenario: "Scenario",
        name: str,
        disk: Disk,
        user_id: str,
        to: str,
        sent: dict[str, Sent],
    ) -> None:
        super().__init__(network, scenario, name, disk)
        self.user_id = user_id
        self.to = to
        self.sent = sent
        self.dialer: Dialer
        self.online = True
        # What the program subscribes to when it starts.
        self.wanted: dict[str, None] = {}

    @property
    def wire(self) -> Wire | None:
        """The connection that the program has at present."""
        return None if self.process is None or self.dialer.lane is None else self.dialer.lane.wire

    def start(self) -> None:
        """Start the program, unless it runs."""
        if self.process is None:
            self.network.call(self.begin(), self._start)

    def _start(self) -> None:
        scenario = self.scenario
        assert self.process is not None
        self.dialer = Dialer(self.network, self.process, self.to)
        self.client = client = Client(
            server=Reconnect(self.dialer, random=self.random.random),
            subprotocol=1,
            user_id=self.user_id,
            store=self.disk.open(),
            ping=scenario.client_ping,
            timeout=scenario.timeout,
            clock=self.process.clock,
            random=self.random.randbytes,
        )
        client.type("logux/processed", self._answered)
        client.type("logux/undo", self._answered)
        self.store = create_store_creator(client, save_state_every=scenario.save_state_every)(
            make_reducer()
        )
        self._track()
        for room in self.wanted:
            client.sync({"type": "logux/subscribe", "channel": f"rooms/{room}"})
        if self.online:
            client.start()

    def _track(self) -> None:
        """Go on waiting for what an earlier run has sent."""
        client = self.client
        entries = {meta.id: meta for _, meta in client.log.entries()}
        for sent in self.sent.values():
            if sent.client is self and verdict(sent) == "open" and not sent.lost:
                meta = entries.get(sent.id)
                if meta is None:
                    sent.lost = True
                elif "syncing" in meta.reasons:
                    sent.outcome = client.track(sent.id)

    def _answered(self, action: Action, _meta: Meta) -> None:
        sent = self.sent.get(str(action.get("id")))
        if sent is not None and sent.client is self:
            sent.answers.append(str(action.get("reason", "processed")))

    def stop(self) -> None:
        """End the program in an orderly way."""
        if self.process is not None:
            self.call(self._stop)

    def _stop(self) -> None:
        process = self.process

        async def stop() -> None:
            await self.client.destroy()

        def stopped(_: object) -> None:
            if self.process is process and process is not None:
                self.process = None
                self.disk.close()
                process.crash()
                self.network.crashed(process, silent=False)

        self.network.loop.create_task(stop()).add_done_callback(stopped)

    def act(self, actions: list[Action], batch: bool) -> None:
        """Let the user do something."""
        if self.process is not None and not self.client.destroyed:
            self.call(self._act, actions, batch)

    def _act(self, actions: list[Action], batch: bool) -> None:
        if batch:
            with self.client.log.batch():
                self._dispatch(actions)
        else:
            self._dispatch(actions)

    def _dispatch(self, actions: list[Action]) -> None:
        dispatch = self.store.dispatch
        for action in actions:
            if action["type"] == "draft/change":
                dispatch.cross_tab(action)
                continue
            outcome = dispatch.sync(action)
            self.sent[outcome.id] = Sent(self, action, outcome)

    def subscribe(self, room: str) -> None:
        """Subscribe to a room, unless the program is subscribed."""
        if room not in self.wanted:
            self.wanted[room] = None
            self._say("logux/subscribe", room)

    def unsubscribe(self, room: str) -> None:
        """End the subscription to a room."""
        if room in self.wanted:
            del self.wanted[room]
            self._say("logux/unsubscribe", room)

    def _say(self, type: str, room: str) -> None:
        def say() -> None:
            self.client.sync({"type": type, "channel": f"rooms/{room}"})

        if self.process is not None and not self.client.destroyed:
            self.call(say)

    def go_offline(self) -> None:
        """Let the user disconnect."""
        self.online = False
        if self.process is not None and not self.client.destroyed:
            self.call(lambda: self.client.node.connection.disconnect())

    def go_online(self) -> None:
        """Let the user connect."""
        self.online = True
        if self.process is not None and not self.client.destroyed:
            self.call(self.client.start)


def verdict(sent: Sent) -> str:
    """How the outcome of an action looks: `open`, `processed`, or the reason of an undo."""
    if not sent.outcome.done:
        return "open"
    try:
        sent.outcome.result()
    except UndoError as error:
        return error.reason
    except ConnectionAbortedError:
        return "open"
    return "processed"
