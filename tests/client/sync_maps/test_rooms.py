"""Several clients that work online and offline, and a server: in the end all of them, and the
database, have the same objects and lists.
"""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from logux_store import sync_map_template
from logux_store.server import NotFoundError
from logux_store.server.sync_map import (
    ChangedAt,
    add_sync_map,
    add_sync_map_filter,
    newer_fields,
)
from logux_store.testing import TestServer, run_virtual

CLIENTS = 3
WANTED = {"a": 0}

clients = st.integers(0, CLIENTS - 1)
numbers = st.integers(0, 5)
fields = st.dictionaries(st.sampled_from("ab"), st.integers(0, 2), min_size=1)
steps = st.one_of(
    st.tuples(st.just("create"), clients, fields),
    st.tuples(st.just("change"), clients, numbers, fields),
    st.tuples(st.just("delete"), clients, numbers),
    st.tuples(st.just("toggle"), clients),
    st.tuples(st.just("settle"), clients),
)


def check(fields: dict[str, Any]) -> None:
    if fields.get("b") == 2:
        raise ValueError("two is too much")


class Room:
    """The server, its database, and the clients, the first of which keeps what it sees."""

    def __init__(self) -> None:
        self.database: dict[str, dict[str, ChangedAt]] = {}
        self.ids: list[str] = []
        self.server = TestServer()
        add_sync_map(
            self.server,
            "tasks",
            access=lambda: True,
            load=self.load,
            create=self.create,
            change=self.change,
            delete=lambda ctx, id: self.database.pop(id) and None,
        )
        add_sync_map_filter(self.server, "tasks", access=lambda: True, initial=self.find)

    def load(self, ctx: Any, id: str) -> dict[str, Any]:
        if id not in self.database:
            raise NotFoundError(id)
        return {"id": id, **self.database[id]}

    def create(self, ctx: Any, id: str, fields: Any, time: int) -> None:
        check(fields)
        self.database[id] = {name: ChangedAt(value, time) for name, value in fields.items()}

    def change(self, ctx: Any, id: str, fields: Any, time: int) -> None:
        check(fields)
        task = self.database[id]
        for name, value in newer_fields(fields, time, task).items():
            task[name] = ChangedAt(value, time)

    def find(self, ctx: Any, filter: dict[str, Any] | None) -> list[dict[str, Any]]:
        return [self.load(ctx, id) for id in self.found(filter or {})]

    def found(self, wanted: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """The fields of the tasks in the database that have some values."""
        tasks = {
            id: {name: field.value for name, field in task.items()}
            for id, task in self.database.items()
        }
        return {id: task for id, task in tasks.items() if wanted.items() <= task.items()}

    async def run(self, steps: list[Any]) -> None:
        members = [await self.server.connect(str(number)) for number in range(CLIENTS)]
        maps = [
            sync_map_template("tasks", offline=number == 0)(client)
            for number, client in enumerate(members)
        ]
        filters = [tasks.create_filter(WANTED) for tasks in maps]
        everything = [tasks.create_filter() for tasks in maps]
        for verb, number, *arguments in steps:
            client, tasks = members[number], maps[number]
            if verb == "create":
                self.ids.append(str(len(self.ids)))
                tasks.create({"id": self.ids[-1], **arguments[0]})
            elif verb == "toggle":
                await (client.disconnect() if client.connected else client.connect())
            elif verb == "settle":
                await client.settle()
            elif seen := [*everything[number].maps]:
                id, *others = arguments
                getattr(tasks, verb)(seen[id % len(seen)], *others)
        for client in members:
            if not client.connected:
                await client.connect()
        for client in members:
            await client.settle()
        for filter in filters + everything:
            found = {id: map.fields for id, map in filter.maps.items()}
            assert found == self.found(filter.fields)
        for tasks in maps:
            assert tasks.kept.pending == {}
            for id in self.ids:
                with tasks.open(id) as map:
                    await members[maps.index(tasks)].settle()
                    assert (map.error is None) == (id in self.database)
        for tasks in maps:
            tasks.close()
        for client in members[1:]:
            await client.settle()
            assert client.log.actions() == []
        await self.server.destroy()


@given(st.lists(steps, max_size=20))
def test_all_end_with_what_the_database_has(steps: list[Any]) -> None:
    run_virtual(Room().run(steps))
