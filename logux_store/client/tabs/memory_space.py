"""Tabs in one process that meet in memory, without files and sockets: for tests and simulations, in
real or virtual time.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from logux_store.client.tabs.space import Channel
from logux_store.client.tabs.stream import ignore

__all__ = ["MemorySpace"]


class MemoryChannel:
    """One end of a channel in memory; what is sent arrives after `delay` seconds, in order."""

    def __init__(self, delay: float) -> None:
        self.on_text: Callable[[str], None] = ignore
        self.on_close: Callable[[], None] = ignore
        self.delay = delay
        self.other: MemoryChannel
        self._arrived: deque[str | None] = deque()
        self._on_way: deque[str | None] = deque()
        self._started = self._closed = False

    @property
    def busy(self) -> bool:
        return False

    def start(self) -> None:
        self._started = True
        self._hand_on()

    def send(self, text: str) -> None:
        if not self._closed:
            self.other.later(text)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self.other.later(None)

    def later(self, text: str | None) -> None:
        """Let a text, or the end, arrive."""
        self._on_way.append(text)
        asyncio.get_running_loop().call_later(self.delay, self._arrive)

    def _arrive(self) -> None:
        self._arrived.append(self._on_way.popleft())
        if self._started:
            self._hand_on()

    def _hand_on(self) -> None:
        while self._arrived and not self._closed:
            text = self._arrived.popleft()
            if text is None:
                self._closed = True
                self.on_close()
            else:
                self.on_text(text)


class Meeting:
    """What the tabs of one user have in common."""

    def __init__(self) -> None:
        self.client_part: str | None = None
        self.term = 0
        self.leader: MemorySpace | None = None
        self.accept: Callable[[Channel], None] | None = None
        self.alive: set[str] = set()
        self.dead: list[str] = []


class MemorySpace:
    """One tab's place among the others of the same `meeting`; without one, the first of its own.

    `delay` (seconds) is how long a text is on its way. `crash` ends the tab as `kill -9` would: the
    others notice, while the tab itself can do nothing any more.
    """

    def __init__(self, among: "MemorySpace | None" = None, delay: float = 0.0) -> None:
        self.meeting: Meeting = Meeting() if among is None else among.meeting
        self.delay = delay
        self.tab_id = ""
        self.crashed = False
        self._channels: list[MemoryChannel] = []

    def crash(self) -> None:
        """End this tab without a word."""
        self.crashed = True
        for channel in self._channels:
            channel.close()
        self.leave()

    def client_part(self, make: Callable[[], str]) -> str:
        if self.meeting.client_part is None:
            self.meeting.client_part = make()
        return self.meeting.client_part

    def enter(self, tab_id: str) -> None:
        self.tab_id = tab_id
        self.meeting.alive.add(tab_id)

    def leave(self) -> None:
        self.resign()
        if self.tab_id in self.meeting.alive:
            self.meeting.alive.discard(self.tab_id)
            self.meeting.dead.append(self.tab_id)

    def term(self) -> int:
        return -1 if self.crashed else self.meeting.term

    def claim(self, hung: int | None = None) -> int | None:
        meeting = self.meeting
        if self.crashed or (meeting.leader is not None and hung != meeting.term):
            return None
        meeting.leader = self
        meeting.accept = None
        meeting.term += 1
        return meeting.term

    def resign(self) -> None:
        if self.meeting.leader is self:
            self.meeting.leader = self.meeting.accept = None

    def listen(self, accept: Callable[[Channel], None]) -> None:
        self.meeting.accept = accept

    async def connect(self, term: int) -> Channel:
        meeting = self.meeting
        if self.crashed or meeting.accept is None or meeting.term != term:
            raise ConnectionRefusedError("nobody listens there")
        leader = meeting.leader
        assert leader is not None
        mine, its = MemoryChannel(self.delay), MemoryChannel(self.delay)
        mine.other, its.other = its, mine
        self._channels.append(mine)
        leader._channels.append(its)
        meeting.accept(its)
        return mine

    def dead_tabs(self) -> list[str]:
        return [*self.meeting.dead]

    def forget(self, tab_id: str) -> None:
        self.meeting.dead.remove(tab_id)

    def is_alive(self, tab_id: str) -> bool:
        return tab_id in self.meeting.alive
