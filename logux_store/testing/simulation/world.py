"""A simulated world: clients, servers and a network in one process, in virtual time.

What happens is said by a scenario. When all of it has happened, the network is repaired, every
machine runs and every user is online; then the world has to come to rest, and what it has come to
is checked.

Invariant: the same scenario gives the same trace, byte for byte.
"""

import asyncio
import sys
import traceback
from collections.abc import Callable
from random import Random
from typing import Any

from logux_store.testing.simulation.checks import Fault, at_rest, find_faults
from logux_store.testing.simulation.disks import Disk, MemoryDisk, SimulatedDisk
from logux_store.testing.simulation.network import Network
from logux_store.testing.simulation.nodes import ClientMachine, Sent, ServerMachine
from logux_store.testing.simulation.processes import SimulatedLoop
from logux_store.testing.simulation.scenario import Event, Scenario

__all__ = ["Result", "World", "run_scenario"]

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
    make_disk: Callable[[str, Callable[[], float]], Disk] | None = None,
) -> Result:
    """Let a scenario happen. `make_disk(name, delay)` gives a machine's durable disk, in simulation
    by default.
    """
    result = Result(scenario)
    loop = SimulatedLoop()
    world = World(loop, scenario, result, trace, make_disk)
    try:
        loop.set_exception_handler(world.failed)
        loop.run_until_complete(world.run())
        result.seconds = loop.time()
    finally:
        for machine in (*world.servers.values(), *world.clients.values()):
            machine.crash()
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
        make_disk: Callable[[str, Callable[[], float]], Disk] | None,
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
        self.servers: dict[str, ServerMachine] = {}
        self.clients: dict[str, ClientMachine] = {}

        def disk(name: str) -> Disk:
            if not scenario.durable[name]:
                return MemoryDisk()
            random = Random(f"{scenario.seed} disk {name}")
            shortest, longest = scenario.commit_delay

            def delay() -> float:
                return random.uniform(shortest, longest)

            return SimulatedDisk(delay) if make_disk is None else make_disk(name, delay)

        for name in scenario.servers:
            self.servers[name] = ServerMachine(self.network, scenario, name, disk(name))
        for name, (user, server) in scenario.clients.items():
            self.clients[name] = ClientMachine(
                self.network, scenario, name, disk(name), user, server, self.sent
            )
        for machine in (*self.servers.values(), *self.clients.values()):
            machine.ahead = scenario.skew[machine.name]

    def trace(self, place: str, text: str) -> None:
        """Note what happens."""
        self.result.messages += 1
        # At the end nobody wants to read of all the signs of life.
        if self.tracing and not (self.repaired and text.startswith(('["ping', '["pong'))):
            self.result.trace.append(f"{self.loop.time():9.3f} {place} {text}")

    def failed(self, _loop: Any, context: dict[str, Any]) -> None:
        """Something raised in the loop."""
        error = context.get("exception")
        self.network.errors.append(
            error if isinstance(error, Exception) else RuntimeError(context["message"])
        )

    async def run(self) -> None:
        """Let everything happen, and judge it."""
        for machine in (*self.servers.values(), *self.clients.values()):
            machine.start()
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
            self.servers[event.machine].moderate(Random(arguments[0]))
            return
        machine = self.servers.get(event.machine) or self.clients[event.machine]
        if hasattr(machine, event.name):
            getattr(machine, event.name)(*arguments)
            return
        client = self.clients[event.machine]
        getattr(self, event.name)(client, *arguments)

    # What happens to a client's connection.

    def cut(self, client: ClientMachine) -> None:
        """It breaks."""
        if (wire := client.wire) is not None:
            wire.cut()

    def go_dead(self, client: ClientMachine) -> None:
        """It goes dead, and nobody notices."""
        if (wire := client.wire) is not None:
            wire.go_dead()

    def partition(self, client: ClientMachine, seconds: float) -> None:
        """Nothing gets through for a while."""
        if (wire := client.wire) is not None:
            wire.stall(seconds)
        self.network.blocked[client.name] = None
        self.network.later(seconds, self.network.blocked.pop, client.name, None)

    def slow(self, client: ClientMachine, seconds: float) -> None:
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
        for server in self.servers.values():
            server.start()
        for client in self.clients.values():
            client.start()
            client.go_online()
        deadline = self.loop.time() + PATIENCE
        quiet = 0
        while quiet < 3:
            await asyncio.sleep(0.5)
            if self.network.errors:
                return
            why = self.unrest()
            quiet = 0 if why else quiet + 1
            if self.loop.time() > deadline:
                self.result.faults += [Fault("restless", text) for text in why]
                return
        self.result.faults += find_faults(
            [*self.servers.values()], [*self.clients.values()], self.sent
        )

    def unrest(self) -> list[str]:
        """What is still under way; machines that were being stopped are started again."""
        for machine in (*self.servers.values(), *self.clients.values()):
            machine.start()
        why = [*at_rest([*self.servers.values()], [*self.clients.values()], self.sent)]
        if not self.network.quiet:
            why.append("messages are on their way")
        return why


def describe(error: Exception) -> str:
    """What was raised, and where."""
    return "".join(traceback.format_exception(error)).rstrip()
