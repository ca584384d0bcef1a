"""A server with tasks in a database, and clients that share them."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from logux_store import SyncMapFilter, SyncMaps, sync_map_template
from logux_store.server import NotFoundError
from logux_store.server.sync_map import (
    ChangedAt,
    add_sync_map,
    add_sync_map_filter,
    newer_fields,
)
from logux_store.testing import TestClient, TestServer, run_virtual

Fields = dict[str, Any]

Task = sync_map_template("tasks")
OfflineTask = sync_map_template("tasks", offline=True)
LocalTask = sync_map_template("tasks", offline=True, remote=False)


class World:
    """`database` has the tasks. Titles that are `bad` fail; nobody may see the tasks whose ids, and
    the lists one of whose fields, are `refused`. Loading fails `failures` times, and takes so many
    `seconds`.
    """

    def __init__(self) -> None:
        self.database: dict[str, dict[str, ChangedAt]] = {}
        self.loads: list[str] = []
        self.refused = {"closed", "secret"}
        self.failures = 0
        self.seconds = 0.0
        server = self.server = TestServer()
        add_sync_map(
            server,
            "tasks",
            access=lambda ctx, id: id not in self.refused,
            load=self.load,
            create=self.write,
            change=self.write,
            delete=self.delete,
        )
        add_sync_map_filter(
            server,
            "tasks",
            access=lambda ctx, filter: not self.refused.intersection(filter or {}),
            initial=self.find,
        )

    async def load(self, ctx: Any, id: str, since: int) -> dict[str, Any]:
        self.loads.append(id)
        if self.failures:
            self.failures -= 1
            raise OSError("the database cannot be reached")
        if id not in self.database:
            raise NotFoundError(id)
        task = {"id": id, **self.database[id]}
        await asyncio.sleep(self.seconds)
        return task

    async def write(self, ctx: Any, id: str, fields: Fields, time: int) -> None:
        await asyncio.sleep(0.1)
        if fields.get("title") == "bad":
            raise ValueError("a bad title")
        task = self.database.setdefault(id, {})
        for name, value in newer_fields(fields, time, task).items():
            task[name] = ChangedAt(value, time)

    async def delete(self, ctx: Any, id: str) -> None:
        await asyncio.sleep(0.1)
        if self.database[id].get("locked"):
            raise ValueError("it is locked")
        del self.database[id]

    def find(self, ctx: Any, filter: Fields | None) -> list[dict[str, Any]]:
        return [
            {"id": id, **task}
            for id, task in self.database.items()
            if all(task[name].value == value for name, value in (filter or {}).items())
        ]

    def put(self, id: str, **fields: Any) -> None:
        """A task that was there before."""
        time = self.server.time()
        self.database[id] = {name: ChangedAt(value, time) for name, value in fields.items()}

    def stored(self, id: str) -> Fields:
        """The fields of a task in the database."""
        return {name: field.value for name, field in self.database[id].items()}

    async def join(
        self, user_id: str, template: Any = Task, **options: Any
    ) -> tuple[TestClient, SyncMaps]:
        client = await self.server.connect(user_id, **options)
        return client, template(client)


def ids(filter: SyncMapFilter) -> list[str]:
    return sorted(filter.maps)


def virtual(test: Callable[[World], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test in virtual time, with a world of its own."""

    @wraps(test)
    def run() -> None:
        async def main() -> None:
            world = World()
            await test(world)
            await world.server.destroy()

        run_virtual(main())

    del run.__wrapped__
    return run
