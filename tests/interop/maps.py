"""The tasks of the application as one client sees them, in this language or in JavaScript, behind
one interface.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from logux_store import Outcome, SyncMap, SyncMapFilter, UndoError, sync_map_template
from tests.interop.node_process import PATIENCE, NodeProcess
from tests.interop.peers import PythonPeer

__all__ = ["JavaScriptMaps", "Maps", "PythonMaps"]

Fields = dict[str, Any]

Task = sync_map_template("tasks")


class Maps(Protocol):
    """What tests may ask for. Outcomes are `processed`, or the reason of an undo."""

    async def create(self, id: str, **fields: Any) -> str: ...
    async def change(self, id: str, **fields: Any) -> str: ...
    async def delete(self, id: str) -> str: ...
    async def load(self, id: str) -> str:
        """Open a task, which stays open."""
        ...

    async def filter(self, **fields: Any) -> str:
        """Open a list, which stays open."""
        ...

    async def until(self, id: str, **fields: Any) -> None:
        """Wait for a task to be loaded and to have these fields."""
        ...

    async def until_listed(self, *ids: str) -> None:
        """Wait for the list to have these tasks."""
        ...


class JavaScriptMaps:
    """Of `@logux/client`."""

    def __init__(self, node: NodeProcess, name: str) -> None:
        self._node = node
        self._name = name

    async def _call(self, function: str, **arguments: Any) -> Any:
        return await self._node.call(f"maps.{function}", name=self._name, **arguments)

    async def _outcome(self, function: str, **arguments: Any) -> str:
        outcome: str = await self._call(function, **arguments)
        return outcome

    async def create(self, id: str, **fields: Any) -> str:
        return await self._outcome("create", id=id, fields=fields)

    async def change(self, id: str, **fields: Any) -> str:
        return await self._outcome("change", id=id, fields=fields)

    async def delete(self, id: str) -> str:
        return await self._outcome("delete", id=id)

    async def load(self, id: str) -> str:
        return await self._outcome("load", id=id)

    async def filter(self, **fields: Any) -> str:
        return await self._outcome("filter", fields=fields)

    async def until(self, id: str, **fields: Any) -> None:
        value = {"id": id, "isLoading": False, **fields}
        try:
            await self._call("untilMap", id=id, value=value)
        except AssertionError:
            map = await self._call("map", id=id)
            raise AssertionError(f"{map} does not become {value}") from None

    async def until_listed(self, *ids: str) -> None:
        await self._call("untilListed", ids=[*ids])


class PythonMaps:
    """Of this library."""

    def __init__(self, peer: PythonPeer) -> None:
        self.tasks = Task(peer.client)
        self.open: dict[str, SyncMap] = {}
        self.list: SyncMapFilter

    async def create(self, id: str, **fields: Any) -> str:
        return await result(self.tasks.create({"id": id, **fields}))

    async def change(self, id: str, **fields: Any) -> str:
        return await result(self.tasks.change(id, fields))

    async def delete(self, id: str) -> str:
        return await result(self.tasks.delete(id))

    async def load(self, id: str) -> str:
        map = self.open[id] = self.tasks.open(id)
        return await result(map.loading)

    async def filter(self, **fields: Any) -> str:
        self.list = self.tasks.create_filter(fields)
        return await result(self.list.loading)

    async def until(self, id: str, **fields: Any) -> None:
        map = self.open[id]
        await until(map, lambda: not map.is_loading and map.fields == fields, fields)

    async def until_listed(self, *ids: str) -> None:
        await until(self.list, lambda: sorted(self.list.maps) == [*ids], ids)


async def result(outcome: Outcome) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            await outcome
    except UndoError as error:
        return error.reason
    return "processed"


async def until(what: SyncMap | SyncMapFilter, check: Callable[[], bool], wanted: object) -> None:
    changed = asyncio.Event()
    unbind = what.listen(lambda _: changed.set())
    try:
        async with asyncio.timeout(PATIENCE):
            while not check():
                await changed.wait()
                changed.clear()
    except TimeoutError:
        raise AssertionError(f"{what} does not become {wanted}") from None
    finally:
        unbind()
