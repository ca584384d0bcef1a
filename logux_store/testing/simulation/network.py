"""A network between simulated processes: slow, late, and unreliable in every way that a
`Connection` may be.

A *wire* joins a client's `Dialer` to a server's `End`; it has two *lanes*, one for each direction.
What is sent travels for a while and arrives in order. What can happen to a wire:

- it breaks: a random part of what is on its way is lost, and each side notices in its own time;
- it goes dead: nothing arrives any more and nobody notices, as when a cable is pulled;
- it stalls: what is sent arrives when the stall is over, as in a partition that ends in time;
- it is slow: its reader takes one message in a while, and a server gives up a reader that lets
  too much pile up.

Invariant: what the nodes see is within the `Connection` protocol.
"""

from collections import deque
from collections.abc import Callable
from contextvars import Context
from random import Random
from typing import Any, NamedTuple

from logux_store.events import Emitter, Listener, Unbind
from logux_store.sync.messages import Message, decode, encode
from logux_store.testing.simulation.processes import Process, SimulatedLoop

__all__ = ["Dialer", "End", "Network", "Side", "Wire"]

OPEN_TIMEOUT = 10.0
"""Seconds after which an attempt to connect fails, as `websockets` has it."""

Trace = Callable[[str, str], None]


class Packet(NamedTuple):
    """Something on its way: when it arrives, and what: the text of a message, or None for the end
    of the connection.
    """

    at: float
    text: str | None


class Network:
    """All wires of one world.

    `latency` are the shortest and the longest time (seconds) that a message travels, `max_waiting`
    how many characters may wait for a slow reader before a server gives it up; `trace` is called
    with the place and the text of what happens.
    """

    def __init__(
        self,
        loop: SimulatedLoop,
        random: Random,
        *,
        latency: tuple[float, float],
        max_waiting: int,
        trace: Trace,
    ) -> None:
        self.loop = loop
        self.random = random
        self.latency = latency
        self.max_waiting = max_waiting
        self.trace = trace
        self._context = Context()
        # Machines that are cut off: their attempts to connect hang.
        self.blocked: dict[str, None] = {}
        # By the server's name, who takes its connections.
        self.listeners: dict[str, tuple[Process, Callable[[End], object]]] = {}
        self.wires: dict[Wire, None] = {}
        self.errors: list[Exception] = []

    def later(self, seconds: float, call: Callable[..., object], *args: Any) -> None:
        """Let something happen that is no process's doing."""
        self.loop.call_later(seconds, call, *args, context=self._context)

    def travel(self, latency: tuple[float, float] | None = None) -> float:
        """How long the next message travels."""
        shortest, longest = latency or self.latency
        return shortest + (longest - shortest) * self.random.random() ** 2

    def call(self, process: Process, call: Callable[..., object], *args: Any) -> None:
        """Let a process see something; what it raises is kept for the world to judge."""
        process.run(process.step, self._try, call, *args)

    def _try(self, call: Callable[..., object], *args: Any) -> None:
        try:
            call(*args)
        except Exception as error:  # noqa: BLE001 - judged by the world
            self.errors.append(error)

    def crashed(self, process: Process, silent: bool) -> None:
        """The process is dead; with `silent`, its machine is, and says no good-bye."""
        for wire in [*self.wires]:
            for place, lane in enumerate(wire.lanes):
                if lane.receiver.process is process:
                    other = wire.lanes[1 - place]
                    if wire.latency is None:
                        other.lose_some()
                    if silent:
                        other.dumb = True
                    else:
                        other.put(None)
                    lane.kill()

    @property
    def quiet(self) -> bool:
        """Whether nothing is on its way, and no side believes in a dead wire."""
        return not any(lane.queue or lane.dumb for wire in self.wires for lane in wire.lanes)


class Side:
    """One side of a wire, in one process. `lane` is the one that leads away from here, None when
    the side hears nothing of the wire (any more).
    """

    def __init__(self, process: Process) -> None:
        self.process = process
        self.lane: Lane | None = None

    def receive(self, text: str | None) -> None:
        """Something has arrived: a text, or None for the end."""
        raise NotImplementedError

    def leave(self) -> None:
        """Hear nothing of the wire any more."""
        lane, self.lane = self.lane, None
        if lane is not None:
            lane.wire.left(self)

    def give_up(self) -> None:
        """The other side reads too slowly."""
        self.leave()


class ConnectionSide(Side):
    """One side, as a node sees it."""

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self.events = Emitter()

    @property
    def connected(self) -> bool:
        return self.lane is not None

    def on(self, event: str, listener: Listener) -> Unbind:
        return self.events.on(event, listener)

    def send(self, message: Message) -> None:
        if self.lane is not None:
            self.lane.put(encode(message))

    def disconnect(self, reason: str = "user") -> None:
        if self.lane is not None:
            self.lane.put(None)
            self.end(reason)

    def destroy(self) -> None:
        self.disconnect("destroy")

    def give_up(self) -> None:
        self.end("slow")

    def end(self, reason: str) -> None:
        """The connection is over."""
        if self.lane is not None:
            self.leave()
            self.events.emit("disconnect", reason)

    def receive(self, text: str | None) -> None:
        if self.lane is None:
            return
        if text is None:
            self.end("closed")
        else:
            self.events.emit("message", decode(text))


class End(ConnectionSide):
    """The server's side of one connection."""

    def __init__(self, process: Process, name: str) -> None:
        super().__init__(process)
        # A server counts failed logins by address.
        self.remote_address = name
        self.http_headers: dict[str, str] = {}

    def connect(self) -> None:
        if self.lane is None:
            raise RuntimeError("a server's connection cannot be opened again; the client connects")


class Dialer(ConnectionSide):
    """The client's side, which can connect again and again to the server with the name `to`."""

    def __init__(self, network: Network, process: Process, to: str) -> None:
        super().__init__(process)
        self.network = network
        self.to = to
        self._attempt = 0
        self._connecting = False

    def connect(self) -> None:
        if self.lane is not None or self._connecting:
            return
        self._connecting = True
        self._attempt += 1
        network, attempt = self.network, self._attempt
        network.later(OPEN_TIMEOUT, self._fail, attempt)
        network.later(network.travel(), self._knock, attempt)
        self.events.emit("connecting")

    def disconnect(self, reason: str = "user") -> None:
        if self._connecting:
            self._connecting = False
            self.events.emit("disconnect", reason)
        else:
            super().disconnect(reason)

    def _tries(self, attempt: int) -> bool:
        return self.process.alive and self._connecting and attempt == self._attempt

    def _fail(self, attempt: int) -> None:
        if self._tries(attempt):
            self._connecting = False
            self.network.call(self.process, self.events.emit, "disconnect", "error")

    def _knock(self, attempt: int) -> None:
        """The request has reached the server's machine, if it can."""
        network = self.network
        if not self._tries(attempt) or self.process.name in network.blocked:
            return
        process, accept = network.listeners.get(self.to, (None, None))
        if process is None or accept is None or not process.alive:
            network.later(network.travel(), self._fail, attempt)
            return
        end = End(process, self.process.name)
        wire = Wire(network, self, end)
        network.call(process, accept, end)
        network.later(network.travel(), self._open, attempt, wire)

    def _open(self, attempt: int, wire: "Wire") -> None:
        """The answer has come."""
        there, back = wire.lanes
        if back.dead:
            return
        if not self._tries(attempt):
            there.put(None)
            back.kill()
            return
        self._connecting = False
        self.lane = there
        self.network.trace(self.process.name, "is connected")
        self.network.call(self.process, self.events.emit, "connect")
        back.start()


class Wire:
    """One connection: `lanes` to the server and to the client. One with a `latency` of its own is
    within a computer: what was sent on it arrives, even if the process that sent it is dead.
    """

    def __init__(
        self,
        network: Network,
        dialer: Side,
        end: Side,
        latency: tuple[float, float] | None = None,
    ) -> None:
        self.network = network
        self.latency = latency
        self.lanes = (Lane(self, dialer, end), Lane(self, end, dialer))
        end.lane = self.lanes[1]
        # What the server sends first waits until the client hears that it is connected.
        self.lanes[1].held = True
        network.wires[self] = None

    def left(self, side: Side) -> None:
        """A side hears nothing of this wire any more."""
        for lane in self.lanes:
            if lane.receiver is side:
                lane.kill()

    def cut(self) -> None:
        """The connection breaks."""
        for lane in self.lanes:
            lane.lose_some()
            lane.put(None)

    def go_dead(self) -> None:
        """Nothing arrives any more, and nobody notices."""
        for lane in self.lanes:
            lane.lose_some()
            lane.dumb = True

    def slow_down(self, pause: float) -> None:
        """Let the client take so many seconds for each message."""
        self.lanes[1].pause = pause

    def stall(self, seconds: float) -> None:
        """What is sent arrives after so many seconds at the earliest."""
        until = self.network.loop.time() + seconds
        for lane in self.lanes:
            lane.stall(until)


class Lane:
    """One direction of a wire: a queue of what is on its way."""

    def __init__(self, wire: Wire, sender: Side, receiver: Side) -> None:
        self.wire = wire
        self.sender = sender
        self.receiver = receiver
        self.queue: deque[Packet] = deque()
        self.dead = False
        # A dumb lane takes everything and delivers nothing.
        self.dumb = False
        self.held = False
        # Seconds that its reader takes for one message.
        self.pause = 0.0
        self._last = 0.0
        self._waiting = 0
        self._scheduled = False

    def put(self, text: str | None) -> None:
        """Send something."""
        if self.dead or self.dumb:
            return
        network = self.wire.network
        travel = network.travel(self.wire.latency)
        at = max(network.loop.time() + travel, self._last + self.pause)
        self._last = at
        self.queue.append(Packet(at, text))
        if text is not None:
            self._waiting += len(text)
            if self._waiting > network.max_waiting and isinstance(self.sender, End):
                network.trace(self.sender.process.name, f"gives up {self.receiver.process.name}")
                self.lose_some()
                self._last = network.loop.time()
                self.queue.append(Packet(self._last, None))
                self.sender.give_up()
        self._schedule()

    def start(self) -> None:
        """Deliver what was held back."""
        self.held = False
        self._schedule()

    def stall(self, until: float) -> None:
        """Deliver nothing before this time."""
        self.queue = deque(Packet(max(at, until), text) for at, text in self.queue)
        self._last = max(self._last, until)

    def lose_some(self) -> None:
        """Lose what was sent last, a random part of what is on its way."""
        kept = self.wire.network.random.randint(0, len(self.queue))
        while len(self.queue) > kept:
            text = self.queue.pop().text
            self._waiting -= len(text or "")
        if self.queue:
            self._last = self.queue[-1].at

    def kill(self) -> None:
        """Nobody listens any more."""
        self.dead = True
        self.queue.clear()
        wire = self.wire
        if all(lane.dead for lane in wire.lanes):
            wire.network.wires.pop(wire, None)

    def _schedule(self) -> None:
        if self.queue and not self._scheduled and not self.held:
            self._scheduled = True
            network = self.wire.network
            network.later(max(0.0, self.queue[0].at - network.loop.time()), self._deliver)

    def _deliver(self) -> None:
        self._scheduled = False
        network = self.wire.network
        if self.queue and self.queue[0].at <= network.loop.time() + 1e-9:
            text = self.queue.popleft().text
            self._waiting -= len(text or "")
            receiver = self.receiver
            if receiver.process.alive:
                network.trace(
                    f"{self.sender.process.name}→{receiver.process.name}", text or "the end"
                )
                network.call(receiver.process, receiver.receive, text)
        self._schedule()
