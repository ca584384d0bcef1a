"""Where the tabs of one user on one simulated machine meet: what files with locks and local sockets
are in the real world.

The lock of a process that dies is free at once; that of one that is stopped is not. What a process
had written to its channels before it died arrives.
"""

from collections import deque
from collections.abc import Callable

from logux_store.client.tabs import Channel
from logux_store.testing.simulation.network import Network, Side, Wire
from logux_store.testing.simulation.processes import Process

__all__ = ["Meeting", "SimulatedSpace"]

LATENCY = (0.0, 0.002)


class Meeting:
    """What the machine keeps for one user's tabs."""

    def __init__(self) -> None:
        self.client_part: str | None = None
        self.term = 0
        self.leader: SimulatedSpace | None = None
        self.accept: Callable[[Channel], object] | None = None
        self.alive: dict[str, Process] = {}
        self.dead: list[str] = []

    def crashed(self, process: Process) -> None:
        """The operating system lets go of what a dead process held."""
        if self.leader is not None and self.leader.process is process:
            self.leader = self.accept = None
        for tab_id in [tab_id for tab_id, its in self.alive.items() if its is process]:
            del self.alive[tab_id]
            self.dead.append(tab_id)


class SimulatedSpace:
    """A `TabSpace` for one process."""

    def __init__(self, network: Network, process: Process, meeting: Meeting) -> None:
        self.network = network
        self.process = process
        self.meeting = meeting
        self.tab_id = ""

    def client_part(self, make: Callable[[], str]) -> str:
        if self.meeting.client_part is None:
            self.meeting.client_part = make()
        return self.meeting.client_part

    def enter(self, tab_id: str) -> None:
        self.tab_id = tab_id
        self.meeting.alive[tab_id] = self.process

    def leave(self) -> None:
        self.resign()
        if self.meeting.alive.pop(self.tab_id, None) is not None:
            self.meeting.dead.append(self.tab_id)

    def term(self) -> int:
        return self.meeting.term

    def claim(self, hung: int | None = None) -> int | None:
        meeting = self.meeting
        if meeting.leader is not None and hung != meeting.term:
            return None
        meeting.leader = self
        meeting.accept = None
        meeting.term += 1
        self.network.trace(self.process.name, f"leads in term {meeting.term}")
        return meeting.term

    def resign(self) -> None:
        if self.meeting.leader is self:
            self.meeting.leader = self.meeting.accept = None

    def listen(self, accept: Callable[[Channel], None]) -> None:
        self.meeting.accept = accept

    async def connect(self, term: int) -> Channel:
        meeting = self.meeting
        if meeting.leader is None or meeting.accept is None or meeting.term != term:
            raise ConnectionRefusedError("nobody listens there")
        leader = meeting.leader.process
        mine, its = ChannelEnd(self.process), ChannelEnd(leader)
        wire = Wire(self.network, mine, its, LATENCY)
        mine.lane, _ = wire.lanes
        wire.lanes[1].start()
        self.network.call(leader, meeting.accept, its)
        return mine

    def dead_tabs(self) -> list[str]:
        return [*self.meeting.dead]

    def forget(self, tab_id: str) -> None:
        self.meeting.dead.remove(tab_id)

    def is_alive(self, tab_id: str) -> bool:
        return tab_id in self.meeting.alive


class ChannelEnd(Side):
    """One end of a channel between two tabs."""

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self.on_text: Callable[[str], None] = ignore
        self.on_close: Callable[[], None] = ignore
        self._arrived: deque[str | None] = deque()
        self._started = False

    @property
    def busy(self) -> bool:
        return False

    def start(self) -> None:
        self._started = True
        self._hand_on()

    def send(self, text: str) -> None:
        if self.lane is not None:
            self.lane.put(text)

    def close(self) -> None:
        if self.lane is not None:
            self.lane.put(None)
            self.leave()

    def receive(self, text: str | None) -> None:
        if self.lane is not None:
            self._arrived.append(text)
            if self._started:
                self._hand_on()

    def _hand_on(self) -> None:
        while self._arrived and self.lane is not None:
            text = self._arrived.popleft()
            if text is None:
                self.leave()
                self.on_close()
            else:
                self.on_text(text)


def ignore(*_: object) -> None:
    """Nobody listens yet."""
