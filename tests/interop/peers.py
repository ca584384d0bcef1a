"""A client with a store, in this language or in JavaScript, behind one interface, so that the same
test can be run with both.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from logux_store import (
    Client,
    CrossTabClient,
    LoguxError,
    Outcome,
    UndoError,
    create_store_creator,
    encrypt_actions,
)
from tests.interop.node_process import PATIENCE, NodeProcess
from tests.interop.reducer import reducer

__all__ = ["JavaScriptPeer", "Peer", "PythonPeer"]

Action = dict[str, Any]


class Peer(Protocol):
    """What tests may ask a client for. Options and states have their JavaScript names."""

    client_id: str
    node_id: str

    async def open(self, url: str, **options: Any) -> None: ...
    async def start(self) -> None: ...
    async def connect(self) -> None: ...
    async def disconnect(self) -> None: ...
    async def destroy(self) -> None: ...
    async def wait(self, state: str) -> None:
        """Wait for a state of the connection."""
        ...

    async def sync(self, type: str, **fields: Any) -> str:
        """Dispatch an action for the server; gives its id. `id` and `time` are those of meta."""
        ...

    async def outcome(self, id: str) -> str:
        """Wait for `processed`, or the reason of an undo."""
        ...

    async def state(self) -> Any: ...
    async def until(self, state: Any) -> None:
        """Wait for a state of the store."""
        ...

    async def heard(self, **part: Any) -> tuple[Action, Any]:
        """Wait for an action with these fields; gives it with its meta."""
        ...

    async def error(self) -> str:
        """Wait for the next error; gives the type of the connection's, the text of others."""
        ...


def meta_of(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: fields.pop(name) for name in ("id", "time") if name in fields}


class JavaScriptPeer:
    """`@logux/client` with a store of `@logux/redux`."""

    def __init__(self, node: NodeProcess, name: str) -> None:
        self._node = node
        self._name = name
        self.client_id = self.node_id = ""

    async def _call(self, function: str, **arguments: Any) -> Any:
        return await self._node.call(f"client.{function}", name=self._name, **arguments)

    async def open(self, url: str, **options: Any) -> None:
        ids = await self._call("open", server=url, **options)
        self.client_id, self.node_id = ids["clientId"], ids["nodeId"]

    async def start(self) -> None:
        await self._call("start")

    async def connect(self) -> None:
        await self._call("connect")

    async def disconnect(self) -> None:
        await self._call("disconnect")

    async def destroy(self) -> None:
        await self._call("destroy")

    async def wait(self, state: str) -> None:
        await self._call("wait", state=state)

    async def sync(self, type: str, **fields: Any) -> str:
        meta = meta_of(fields)
        id: str = await self._call("sync", action={"type": type, **fields}, meta=meta)
        return id

    async def outcome(self, id: str) -> str:
        outcome: str = await self._call("outcome", id=id)
        return outcome

    async def state(self) -> Any:
        return await self._call("state")

    async def until(self, state: Any) -> None:
        try:
            await self._call("until", state=state)
        except AssertionError:
            raise AssertionError(f"{await self.state()} does not become {state}") from None

    async def heard(self, **part: Any) -> tuple[Action, Any]:
        action, meta = await self._call("heard", action=part)
        return action, meta

    async def error(self) -> str:
        error: str = await self._call("error")
        return error


class PythonPeer:
    """A client and a store of this library. Tabs of one user meet in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.client_id = self.node_id = ""
        self._errors: asyncio.Queue[str] = asyncio.Queue()
        self._outcomes: dict[str, Outcome] = {}
        self._heard: list[tuple[Action, Any]] = []
        self._changed: set[asyncio.Event] = set()

    async def open(self, url: str, **options: Any) -> None:
        headers, key = options.pop("headers", None), options.pop("key", None)
        make: Callable[..., Client] = Client
        if options.pop("cross", False):
            make = partial(CrossTabClient, state_dir=self._folder)
        self.client = make(
            server=url,
            user_id=options.pop("userId"),
            min_delay=options.pop("minDelay") / 1000,
            max_delay=options.pop("maxDelay") / 1000,
            allow_dangerous_protocol=options.pop("allowDangerousProtocol", False),
            **options,
        )
        self.client_id, self.node_id = self.client.client_id, self.client.node_id
        self.store = create_store_creator(self.client)(reducer)
        if headers:
            self.client.node.set_local_headers(headers)
        if key:
            encrypt_actions(self.client, key, on_error=self._on_error)
        self.client.node.on("error", self._on_error)
        self.client.on("add", lambda action, meta: self._heard.append((action, meta)))
        for event in ("add", "state"):
            self.client.on(event, self._look)
        self.store.subscribe(self._look)

    def _on_error(self, error: Exception) -> None:
        self._errors.put_nowait(error.type if isinstance(error, LoguxError) else str(error))

    def _look(self, *_: Any) -> None:
        for event in self._changed:
            event.set()

    async def start(self) -> None:
        self.client.start()

    async def connect(self) -> None:
        self.client.node.connection.connect()

    async def disconnect(self) -> None:
        self.client.node.connection.disconnect()

    async def destroy(self) -> None:
        await self.client.destroy()

    async def wait(self, state: str) -> None:
        await self._until(lambda: self.client.state == state)

    async def sync(self, type: str, **fields: Any) -> str:
        meta = meta_of(fields)
        outcome = self.store.dispatch.sync({"type": type, **fields}, **meta)
        self._outcomes[outcome.id] = outcome
        return outcome.id

    async def outcome(self, id: str) -> str:
        try:
            await self._outcomes[id]
        except UndoError as error:
            return error.reason
        return "processed"

    async def state(self) -> Any:
        return self.store.state

    async def until(self, state: Any) -> None:
        try:
            await self._until(lambda: self.store.state == state)
        except TimeoutError:
            raise AssertionError(f"{self.store.state} does not become {state}") from None

    async def heard(self, **part: Any) -> tuple[Action, Any]:
        def found() -> Any:
            return next((e for e in self._heard if part.items() <= e[0].items()), None)

        await self._until(found)
        action, meta = found()
        return action, meta.to_dict()

    async def error(self) -> str:
        return await self._errors.get()

    async def _until(self, check: Any) -> None:
        changed = asyncio.Event()
        self._changed.add(changed)
        try:
            async with asyncio.timeout(PATIENCE):
                while not check():
                    await changed.wait()
                    changed.clear()
        finally:
            self._changed.discard(changed)
