"""Several tabs of one user in one process and in virtual time, with a server without sockets."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial, wraps
from typing import Any

from logux_store import CrossTabClient, LocalPair, MemoryStore, create_store_creator
from logux_store.client.tabs import MemorySpace
from logux_store.events import Emitter, Listener, Unbind
from logux_store.server.base_server import BaseServer
from logux_store.store import Store
from logux_store.sync import Message
from logux_store.sync.connection import EVENTS
from logux_store.testing import VirtualClock, run_virtual

Action = dict[str, Any]

START = 1_700_000_000_000


def reducer(state: Any, action: Action) -> Any:
    """The values of all `set` actions, in the order of their time."""
    return [*(state or []), action["value"]] if action["type"] == "set" else state or []


def allow(ctx: Any, action: Action, meta: Any) -> bool:
    return action.get("value") != "denied"


class Dial:
    """A connection to a server without sockets: each time a new one, as with sockets."""

    def __init__(self, server: BaseServer, delay: float) -> None:
        self.server = server
        self.delay = delay
        self._events = Emitter()
        self._end = LocalPair(delay).left

    @property
    def connected(self) -> bool:
        return self._end.connected

    def connect(self) -> None:
        self.destroy()
        pair = LocalPair(self.delay)
        self._end = pair.left
        for event in EVENTS:
            pair.left.on(event, partial(self._events.emit, event))
        self.server.add_client(pair.right)
        pair.left.connect()

    def disconnect(self, reason: str = "user") -> None:
        self._end.disconnect(reason)

    def send(self, message: Message) -> None:
        self._end.send(message)

    def destroy(self) -> None:
        self._end.destroy()

    def on(self, event: str, listener: Listener) -> Unbind:
        return self._events.on(event, listener)


class Crew:
    """Makes tabs, each with a connection of its own to one server, and the place where they meet.

    The server resends `set` to the channel `all`, and denies the value `denied`.
    """

    def __init__(self, delay: float = 0.01) -> None:
        self.delay = delay
        self.processed: list[Any] = []
        self.spaces: dict[str, list[MemorySpace]] = {}
        self.tabs: list[CrossTabClient] = []
        server = self.server = BaseServer(
            subprotocol=1, min_subprotocol=1, clock=VirtualClock(START), env="development"
        )
        server.auth(lambda token: token == "secret")
        server.type("set", access=allow, resend=lambda ctx, action, meta: "all", process=self.note)
        server.channel("all", access=allow)
        server.on("preadd", self.keep)

    def keep(self, action: Action, meta: Any) -> None:
        if action["type"] == "set" and meta.tab is None:
            meta.reasons.append("kept")

    def note(self, ctx: Any, action: Action, meta: Any) -> None:
        self.processed.append(action["value"])

    def space(self, user_id: str) -> MemorySpace:
        """A place among the tabs of this user."""
        spaces = self.spaces.setdefault(user_id, [])
        spaces.append(MemorySpace(spaces[0] if spaces else None, self.delay))
        return spaces[-1]

    def tab(self, **options: Any) -> CrossTabClient:
        """One more tab, which is not started."""
        defaults = {
            "server": Dial(self.server, self.delay),
            "subprotocol": 1,
            "user_id": "10",
            "token": "secret",
            "space": self.space,
            "clock": VirtualClock(START),
        }
        client = CrossTabClient(**{**defaults, **options})
        client.on("preadd", self.keep)
        self.tabs.append(client)
        return client

    async def started(self, count: int, **options: Any) -> list[CrossTabClient]:
        """So many tabs, all synchronized; the first leads."""
        tabs = [self.tab(**options) for _ in range(count)]
        for tab in tabs:
            tab.start()
            await tab.wait_for("synchronized")
        return tabs

    @property
    def connected(self) -> list[str]:
        """The node ids that are connected to the server."""
        return [*self.server.node_ids]

    def kill(self, tab: CrossTabClient) -> None:
        """End a tab as `kill -9` does: it says nothing more, to nobody."""
        tab._space.crash()  # type: ignore[attr-defined]
        tab.node.connection.disconnect("destroy")

    def values(self, client: CrossTabClient) -> list[Any]:
        """The values of the `set` actions in a log, oldest first."""
        return [action["value"] for action, _ in client.log.entries() if action["type"] == "set"]

    async def end(self) -> None:
        for tab in self.tabs:
            await tab.destroy()
        await self.server.destroy()


def store_of(client: CrossTabClient) -> Store[Any]:
    return create_store_creator(client)(reducer)


async def role(client: CrossTabClient, role: str) -> None:
    """Wait until a tab has this role, however shortly."""
    reached = asyncio.get_running_loop().create_future()

    def look() -> None:
        if client.role == role and not reached.done():
            reached.set_result(None)

    unbind = client.on("role", look)
    look()
    await reached
    unbind()


class Disk:
    """A file: what is committed is there for whoever opens it next."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.owner: DiskStore | None = None


class DiskStore:
    """A `SharedStore` on a `Disk`. What is written in a turn of the loop is durable in the next."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.opened = 0
        self._holds: Callable[[], bool] = bool

    @property
    def identity(self) -> str:
        return str(id(self.disk))

    def take_over(self, holds: Callable[[], bool], owner: str) -> None:
        self.disk.owner = self
        self.opened += 1
        self._holds = holds

    def release(self) -> None:
        if self.disk.owner is self:
            self.disk.owner = None

    def when_durable(self, callback: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_soon(self._commit, callback)

    def _commit(self, callback: Callable[[], None]) -> None:
        if self.disk.owner is self and self._holds():
            callback()

    def _owned(self) -> MemoryStore:
        if self.disk.owner is not self:
            raise RuntimeError("another tab has the file")
        return self.disk.store


def _on_disk(name: str) -> Callable[..., Any]:
    method = getattr(MemoryStore, name)
    return lambda self, *args, **options: method(self._owned(), *args, **options)


# All else that a log store does. As methods of the class, since isinstance looks for those only.
for name in vars(MemoryStore).keys() - vars(DiskStore).keys():
    if not name.startswith("_"):
        setattr(DiskStore, name, _on_disk(name))


def virtual(
    test: Callable[[Crew], Coroutine[Any, Any, None]],
) -> Callable[[], None]:
    """A test of a crew in virtual time."""

    async def run() -> None:
        crew = Crew()
        await test(crew)
        await crew.end()

    @wraps(test)
    def wrapper() -> None:
        run_virtual(run())

    del wrapper.__wrapped__
    return wrapper


def make(value: Any) -> dict[str, Any]:
    return {"type": "set", "value": value}
