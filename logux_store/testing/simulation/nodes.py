"""The programs of a simulated world, a server's, a client's and a tab's, through crashes and
restarts, and the machines that they run on.
"""

import logging
from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any

from logux_store.actions import Action
from logux_store.client import Client, CrossTabClient, Outcome
from logux_store.connections import Reconnect
from logux_store.meta import Meta
from logux_store.server import BaseServer, Limits
from logux_store.store import Reducer, Store, create_store_creator
from logux_store.testing.simulation.application import (
    Application,
    SimulatedError,
    make_reducer,
)
from logux_store.testing.simulation.disks import Disk
from logux_store.testing.simulation.network import Dialer, Network, Wire
from logux_store.testing.simulation.processes import Process, SimulatedLoop, right_time
from logux_store.testing.simulation.sent import Sent, verdict
from logux_store.testing.simulation.tabs import Meeting, SimulatedSpace

if TYPE_CHECKING:
    from logux_store.testing.simulation.scenario import Scenario

__all__ = ["ClientProgram", "Computer", "ServerProgram"]

silent = logging.Logger("simulation", logging.CRITICAL + 1)


class Computer:
    """A machine with a clock and a disk. `ahead` is what its clock is ahead of the right time (ms);
    `meetings` is where the tabs of each user meet.
    """

    def __init__(self, loop: SimulatedLoop, name: str, disk: Disk, ahead: int) -> None:
        self.loop = loop
        self.name = name
        self.disk = disk
        self.ahead = ahead
        self.meetings: dict[str, Meeting] = {}
        self.programs: list[Program] = []

    def meeting(self, user_id: str) -> Meeting:
        """Where this user's tabs meet."""
        return self.meetings.setdefault(user_id, Meeting())

    def clock(self) -> int:
        """What its clock shows (ms)."""
        return right_time(self.loop) + self.ahead

    def step_clock(self, ms: int) -> None:
        """Set the clock forward, or back."""
        self.ahead += ms
        for program in self.programs:
            if program.process is not None:
                program.process.ahead = self.ahead


class Program:
    """A program that is started, ends and crashes on a computer."""

    def __init__(
        self, network: Network, scenario: "Scenario", name: str, computer: Computer
    ) -> None:
        self.network = network
        self.scenario = scenario
        self.name = name
        self.computer = computer
        computer.programs.append(self)
        # Draws ids and decisions of this program, so that others do not depend on how many.
        self.random = Random(f"{scenario.seed} {name}")
        self.process: Process | None = None
        self.ending = False
        self.log_store: Any = None

    def start(self) -> None:
        """Start the program, unless it runs."""
        if self.process is None:
            self.ending = False
            self.process = Process(self.network.loop, self.name, self.computer.ahead)
            self.call(self.begin)

    def begin(self) -> None:
        """What the program does first."""
        raise NotImplementedError

    async def end(self) -> None:
        """What the program does last."""
        raise NotImplementedError

    def stop(self) -> None:
        """Let the program end in an orderly way."""
        if self.process is None or self.ending:
            return
        self.ending = True
        process = self.process

        def ended(_: object) -> None:
            if self.process is process:
                self.gone(process, silent=False)

        def end() -> None:
            self.network.loop.create_task(self.end()).add_done_callback(ended)

        self.call(end)

    def crash(self, silent: bool = False) -> None:
        """End the process at once; with `silent`, the computer goes down and all with it."""
        if self.process is None:
            return
        for program in self.computer.programs if silent else [self]:
            if program.process is not None:
                program.lose()
                program.gone(program.process, silent)

    def open_store(self) -> Any:
        """The store of this run of the program."""
        self.log_store = self.computer.disk.open()
        return self.log_store

    def lose(self) -> None:
        """A crash loses what the program has not written down."""
        self.computer.disk.crash(self.log_store)

    def gone(self, process: Process, silent: bool) -> None:
        """The process does not exist any more."""
        self.process = None
        process.crash()
        for meeting in self.computer.meetings.values():
            meeting.crashed(process)
        self.network.crashed(process, silent)

    def hang(self, seconds: float) -> None:
        """Stop the process for a while."""
        if self.process is not None and not self.process.stopped:
            self.process.stop()
            self.network.later(seconds, self.process.go_on)

    def step_clock(self, ms: int) -> None:
        """Set the computer's clock."""
        self.computer.step_clock(ms)

    def call(self, call: Callable[..., object], *args: Any) -> None:
        """Let the program do something."""
        if self.process is not None:
            self.network.call(self.process, call, *args)

    @property
    def works(self) -> bool:
        """Whether the program runs and was not told to end."""
        return self.process is not None and not self.ending


class ServerProgram(Program):
    """Runs a `BaseServer`."""

    server: BaseServer
    application: Application

    def begin(self) -> None:
        scenario, process = self.scenario, self.process
        assert process is not None
        self.server = server = BaseServer(
            subprotocol=1,
            min_subprotocol=1,
            store=self.open_store(),
            env="production",
            ping=scenario.server_ping,
            timeout=scenario.timeout,
            limits=Limits(ahead=None, logins=None),
            clock=process.clock,
            random=self.random.randbytes,
        )
        server.logger = silent
        self.define(server)
        server.resume()
        self.network.listeners[self.name] = (process, server.add_client)

    def define(self, server: BaseServer) -> None:
        """Define the application."""
        scenario, random = self.scenario, self.random
        self.application = Application(
            scenario.loads, scenario.listens, lambda: random.random() < 0.5
        )
        self.application.define(server)
        server.on("error", self._raised)

    def _raised(self, error: Exception, _action: Action | None, _meta: Meta | None) -> None:
        """A callback raised, which only those do that are meant to."""
        if not isinstance(error, SimulatedError):
            self.network.errors.append(error)

    async def end(self) -> None:
        del self.network.listeners[self.name]
        await self.server.destroy()
        self.computer.disk.close(self.log_store)

    def act(self, action: Action) -> None:
        """Let the server do something by itself."""

        def process() -> None:
            self.application.process(self.server, action)

        if self.works:
            self.call(process)

    def moderate(self, random: Random) -> None:
        """Undo some action of the past."""
        if not self.works:
            return
        log = self.server.log
        kept = [entry for entry in log.entries() if not entry[0]["type"].startswith("logux/")]
        if kept:
            action, meta = random.choice(kept)
            self.call(self.server.undo, action, meta, "moderated")


class ClientProgram(Program):
    """Runs a `Client` with a store, for one user; with `tab`, a `CrossTabClient` among the other
    programs of its computer.
    """

    client: Client
    store: Store[Any]

    def __init__(
        self,
        network: Network,
        scenario: "Scenario",
        name: str,
        computer: Computer,
        *,
        user_id: str,
        server: Computer,
        tab: bool,
        sent: dict[str, Sent],
    ) -> None:
        super().__init__(network, scenario, name, computer)
        self.user_id = user_id
        self.server = server
        self.tab = tab
        self.sent = sent
        self.dialer: Dialer
        self.online = True
        # What the program subscribes to when it starts.
        self.wanted: dict[str, None] = {}

    @property
    def wire(self) -> Wire | None:
        """The connection that the program has at present."""
        return None if self.process is None or self.dialer.lane is None else self.dialer.lane.wire

    def begin(self) -> None:
        process = self.process
        assert process is not None
        self.dialer = Dialer(self.network, process, self.server.name)
        self.client = client = self._make_client(process)
        client.type("logux/processed", self._answered)
        client.type("logux/undo", self._answered)
        self.store = create_store_creator(
            client,
            save_state_every=self.scenario.save_state_every,
            reasonless_history=self.scenario.history,
        )(self.make_reducer())
        self._track()
        for room in self.wanted:
            client.sync({"type": "logux/subscribe", "channel": self.channel(room)})
        client.start(self.online)

    def make_reducer(self) -> Reducer | Mapping[str, Any]:
        """The reducer of the store."""
        return make_reducer()

    def token(self) -> str | None:
        """What the server asks for."""
        return None

    def channel(self, room: str) -> str:
        """The channel of a room."""
        return f"rooms/{room}"

    def _make_client(self, process: Process) -> Client:
        scenario, disk = self.scenario, self.computer.disk
        options: dict[str, Any] = {
            "server": Reconnect(self.dialer, random=self.random.random),
            "subprotocol": 1,
            "user_id": self.user_id,
            "token": self.token(),
            "ping": scenario.client_ping,
            "timeout": scenario.timeout,
            "clock": process.clock,
            "random": self.random.randbytes,
        }
        if not self.tab:
            return Client(store=self.open_store(), **options)

        def space(user_id: str) -> SimulatedSpace:
            return SimulatedSpace(self.network, process, self.computer.meeting(user_id))

        store = self.open_store()
        # Without a disk, tabs have a kind of store of their own.
        return CrossTabClient(store=store if disk.durable else None, space=space, **options)

    def _track(self) -> None:
        """Go on waiting for what an earlier run has sent."""
        client = self.client
        entries = {meta.id: meta for _, meta in client.log.entries()}
        for sent in self.sent.values():
            if sent.client is self and verdict(sent) == "open" and not sent.lost:
                meta = entries.get(sent.id)
                if meta is None or self.tab:
                    # Of what a tab had done, nobody knows how far it came.
                    sent.lost = True
                elif "syncing" in meta.reasons:
                    sent.outcome = client.track(sent.id)

    def _answered(self, action: Action, _meta: Meta) -> None:
        sent = self.sent.get(str(action.get("id")))
        if sent is not None and sent.client is self:
            sent.answers.append(str(action.get("reason", "processed")))

    async def end(self) -> None:
        await self.client.destroy()
        self.computer.disk.close(self.log_store)

    def act(self, actions: list[Action], batch: bool) -> None:
        """Let the user do something."""
        if self.works:
            self.call(self._act, actions, batch)

    def _act(self, actions: list[Action], batch: bool) -> None:
        if batch:
            with self.client.log.batch():
                self.dispatch(actions)
        else:
            self.dispatch(actions)

    def dispatch(self, actions: list[Action]) -> None:
        """Do these things."""
        dispatch = self.store.dispatch
        for action in actions:
            if action["type"] == "draft/change":
                dispatch.cross_tab(action)
                continue
            # Some are kept only until they are answered.
            brief = action["n"] % 5 == 0 and action["type"] != "mail/send"
            self.note(action, dispatch.sync(action, **({"reasons": []} if brief else {})))

    def note(self, action: Action, outcome: Outcome) -> None:
        """Remember an action that the server shall have."""
        self.sent[outcome.id] = Sent(self, action, outcome, self.server.clock())

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
            self.client.sync({"type": type, "channel": self.channel(room)})

        if self.works:
            self.call(say)

    def go_offline(self) -> None:
        """Let the user disconnect."""
        self.online = False
        if self.works:
            self.call(lambda: self.client.node.connection.disconnect())

    def go_online(self) -> None:
        """Let the user connect."""
        self.online = True
        if self.works:
            self.call(self.client.start)
