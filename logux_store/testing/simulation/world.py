"""A simulated world: clients, servers and a network in one process, in virtual time.

What happens is said by a scenario. When all of it has happened, the network is repaired, every
program runs and every user is online; then the world has to come to rest, and what it has come to
is checked.

Invariant: the same scenario gives the same trace, byte for byte.
"""

import asyncio
import sys
import traceback
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, TypeAlias

from logux_store.testing.simulation.checks import Fault, at_rest, find_faults
from logux_store.testing.simulation.disks import Disk, MemoryDisk, SimulatedDisk
from logux_store.testing.simulation.network import Network
from logux_store.testing.simulation.nodes import ClientProgram, Computer, ServerProgram
from logux_store.testing.simulation.own_programs import OwnClient, OwnServer, find_own_faults
from logux_store.testing.simulation.processes import SimulatedLoop
from logux_store.testing.simulation.scenario import Event, Scenario
from logux_store.testing.simulation.sent import Sent

__all__ = ["Result", "World", "run_scenario"]

MakeDisk: TypeAlias = Callable[[str, Callable[[], float]], Disk]
"""Gives a computer's durable disk, from its name and what draws how long a commit takes (s)."""

PATIENCE = 400.0
"""Seconds that a world may take to come to rest: a few timeouts and attempts to connect."""


class Result:
    """What became of a scenario: `faults` is empty if all is well; `trace` are the lines of what
    happened, if they were asked for.
    """

    __slots__ = ("actions", "faults", "messages", "scenario", "seconds", "trace")

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.faults: list[Fault] = []
        self.trace: list[str] = []
        self.actions = 0
        self.messages = 0
        self.seconds = 0.0


def run_scenario(
    scenario: Scenario,
    *,
    trace: bool = False,
    make_disk: MakeDisk | None = None,
) -> Result:
    """Let a scenario happen. `make_disk` gives the disks, which are simulated by default."""
    result = Result(scenario)
    loop = SimulatedLoop()
    world = World(loop, scenario, result, trace, make_disk)
    try:
        loop.set_exception_handler(world.failed)
        loop.run_until_complete(world.run())
        result.seconds = loop.time()
    finally:
        for program in world.programs():
            program.crash()
        loop.close()
    return result


class World:
    """One run of a scenario."""

    def __init__(
        self,
        loop: SimulatedLoop,
        scenario: Scenario,
        result: Result,
        trace: bool,
        make_disk: MakeDisk | None,
    ) -> None:
        self.loop = loop
        self.scenario = scenario
        self.result = result
        self.tracing = trace
        self.repaired = False
        self.network = Network(
            loop,
            Random(f"{scenario.seed} network"),
            latency=scenario.latency,
            max_waiting=scenario.max_waiting,
            trace=self.trace,
        )
        self.sent: dict[str, Sent] = {}
        computers = {
            name: Computer(loop, name, self.make_disk(name, make_disk), scenario.skew[name])
            for name in scenario.durable
        }
        self.taken_over = tuple({computer.disk.taken_over for computer in computers.values()})
        own = scenario.application is not None
        make_server = OwnServer if own else ServerProgram
        make_client = OwnClient if own else ClientProgram
        self.find_faults = find_own_faults if own else find_faults
        self.servers = {
            name: make_server(self.network, scenario, name, computers[name])
            for name in scenario.servers
        }
        self.clients = {
            name: make_client(
                self.network,
                scenario,
                name,
                computers[person.computer],
                user_id=person.user,
                server=computers[person.server],
                tab=person.tab,
                sent=self.sent,
            )
            for name, person in scenario.clients.items()
        }

    def make_disk(self, name: str, make: MakeDisk | None) -> Disk:
        """The disk of a computer."""
        scenario = self.scenario
        if not scenario.durable[name]:
            return MemoryDisk()
        random = Random(f"{scenario.seed} disk {name}")
        shortest, longest = scenario.commit_delay

        def delay() -> float:
            return random.uniform(shortest, longest)

        return SimulatedDisk(name, delay) if make is None else make(name, delay)

    def trace(self, place: str, text: str) -> None:
        """Note what happens."""
        self.result.messages += 1
        # At the end nobody wants to read of all the signs of life.
        if self.tracing and not (self.repaired and text.startswith(('["ping', '["pong'))):
            self.result.trace.append(f"{self.loop.time():9.3f} {place} {text}")

    def failed(self, _loop: Any, context: dict[str, Any]) -> None:
        """Something raised in the loop."""
        error = context.get("exception")
        if isinstance(error, self.taken_over):
            # How a former leader finds out.
            return
        self.network.errors.append(
            error if isinstance(error, Exception) else RuntimeError(context["message"])
        )

    async def run(self) -> None:
        """Let everything happen, and judge it."""
        for program in self.programs():
            program.start()
        for event in self.scenario.events:
            await asyncio.sleep(max(0.0, event.at - self.loop.time()))
            self.happen(event)
            if self.network.errors:
                break
        if not self.network.errors:
            await self.rest()
        self.result.actions = len(self.sent)
        self.result.faults += [Fault("raised", describe(error)) for error in self.network.errors]
        if self.tracing:
            self.result.trace += [f"FAULT {fault}" for fault in self.result.faults]

    def happen(self, event: Event) -> None:
        """Let one event happen."""
        if self.tracing:
            self.result.trace.append(str(event))
        arguments = event.arguments
        if event.name == "moderate":
            self.servers[event.program].moderate(Random(arguments[0]))
            return
        program = self.servers.get(event.program) or self.clients[event.program]
        if hasattr(program, event.name):
            getattr(program, event.name)(*arguments)
        else:
            getattr(self, event.name)(program, *arguments)

    # What happens to a client's connection.

    def cut(self, client: ClientProgram) -> None:
        """It breaks."""
        if (wire := client.wire) is not None:
            wire.cut()

    def go_dead(self, client: ClientProgram) -> None:
        """It goes dead, and nobody notices."""
        if (wire := client.wire) is not None:
            wire.go_dead()

    def partition(self, client: ClientProgram, seconds: float) -> None:
        """Nothing gets through for a while."""
        if (wire := client.wire) is not None:
            wire.stall(seconds)
        self.network.blocked[client.name] = None
        self.network.later(seconds, self.network.blocked.pop, client.name, None)

    def slow(self, client: ClientProgram, seconds: float) -> None:
        """The client reads one message in a while."""
        if (wire := client.wire) is not None:
            wire.slow_down(0.5)
            self.network.later(seconds, wire.slow_down, 0.0)

    # The end.

    async def rest(self) -> None:
        """Repair everything, wait until nothing happens any more, and check what there is."""
        if self.tracing:
            self.result.trace.append(f"{self.loop.time():9.3f} everything is repaired")
        self.repaired = True
        self.network.latency = (0.001, 0.01)
        self.network.max_waiting = sys.maxsize
        for program in self.programs():
            if program.process is not None and program.process.stopped:
                program.process.go_on()
            program.start()
        for client in self.clients.values():
            client.go_online()
        deadline = self.loop.time() + PATIENCE
        quiet = 0
        # Never in step with the signs of life that the programs give.
        random = Random(f"{self.scenario.seed} rest")
        while quiet < 3:
            await asyncio.sleep(random.uniform(0.8, 1.2))
            if self.network.errors:
                return
            why = next(self.unrest(), None)
            quiet = 0 if why else quiet + 1
            if self.loop.time() > deadline:
                self.result.faults += [Fault("restless", text) for text in self.unrest()]
                return
        self.result.faults += self.find_faults(
            [*self.servers.values()], [*self.clients.values()], self.sent
        )

    def unrest(self) -> Iterator[str]:
        """What is still under way; programs that were being stopped are started again."""
        for program in self.programs():
            program.start()
        if not self.network.quiet:
            yield "messages are on their way"
        yield from at_rest([*self.servers.values()], [*self.clients.values()], self.sent)

    def programs(self) -> list[ServerProgram | ClientProgram]:
        """All of them, the servers first."""
        return [*self.servers.values(), *self.clients.values()]


def describe(error: Exception) -> str:
    """What was raised, and where."""
    return "".join(traceback.format_exception(error)).rstrip()
