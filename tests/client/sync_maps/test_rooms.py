"""Several clients that work online and offline, and a server: in the end all of them, and the
database, have the same objects and lists.
"""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logux_store import Client, sync_map_template
from logux_store.server import BaseServer, NotFoundError
from logux_store.server.sync_map import (
    ChangedAt,
    add_sync_map,
    add_sync_map_filter,
    newer_fields,
)
from logux_store.testing import TestServer, VirtualClock, run_virtual
from tests.client.crew import START, Dial

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

    def __init__(self, server: BaseServer) -> None:
        self.database: dict[str, dict[str, ChangedAt]] = {}
        self.ids: list[str] = []
        add_sync_map(
            server,
            "tasks",
            access=lambda: True,
            load=self.load,
            create=self.create,
            change=self.change,
            delete=lambda ctx, id: self.database.pop(id) and None,
        )
        add_sync_map_filter(server, "tasks", access=lambda: True, initial=self.find)

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

    def enter(self, clients: Sequence[Client]) -> None:
        """Open what the clients look at."""
        self.maps = [
            sync_map_template("tasks", offline=number == 0)(client)
            for number, client in enumerate(clients)
        ]
        self.everything = [tasks.create_filter() for tasks in self.maps]
        self.filters = [tasks.create_filter(WANTED) for tasks in self.maps]

    def do(self, verb: str, number: int, *arguments: Any) -> None:
        """Let a client do something with what it sees."""
        tasks = self.maps[number]
        if verb == "create":
            self.ids.append(str(len(self.ids)))
            tasks.create({"id": self.ids[-1], **arguments[0]})
        elif seen := [*self.everything[number].maps]:
            id, *others = arguments
            getattr(tasks, verb)(seen[id % len(seen)], *others)

    def check(self) -> None:
        """Nobody has anything to do any more, and all see what the database has."""
        for filter in self.filters + self.everything:
            found = {id: map.fields for id, map in filter.maps.items()}
            assert found == self.found(filter.fields)
        for tasks in self.maps:
            assert tasks.kept.pending == {}


async def with_short_ways(steps: list[Any]) -> None:
    server = TestServer()
    room = Room(server)
    members = [await server.connect(str(number)) for number in range(CLIENTS)]
    room.enter(members)
    for verb, number, *arguments in steps:
        client = members[number]
        if verb == "toggle":
            await (client.disconnect() if client.connected else client.connect())
        elif verb == "settle":
            await client.settle()
        else:
            room.do(verb, number, *arguments)
    for client in members:
        if not client.connected:
            await client.connect()
    for client in members:
        await client.settle()
    room.check()
    for tasks, client in zip(room.maps, members, strict=True):
        for id in room.ids:
            with tasks.open(id) as map:
                await client.settle()
                assert (map.error is None) == (id in room.database)
        tasks.close()
        await client.settle()
    for client in members[1:]:
        assert client.log.actions() == []
    await server.destroy()


@given(st.lists(steps, max_size=20))
def test_all_end_with_what_the_database_has(steps: list[Any]) -> None:
    run_virtual(with_short_ways(steps))


def skewed(clock: VirtualClock, skew: int) -> int:
    return clock() + skew


async def with_long_ways(steps: list[Any], delays: list[float], skews: list[int]) -> None:
    now = VirtualClock(START)
    server = BaseServer(subprotocol=1, min_subprotocol=1, clock=now, env="development")
    server.logger = logging.Logger("quiet", logging.CRITICAL + 1)
    server.auth(lambda: True)
    room = Room(server)
    members = [
        Client(
            server=Dial(server, delay),
            subprotocol=1,
            user_id=str(number),
            clock=partial(skewed, now, skew),
        )
        for number, (delay, skew) in enumerate(zip(delays, skews, strict=True))
    ]
    room.enter(members)
    for verb, number, *arguments in steps:
        client = members[number]
        if verb == "toggle":
            connection = client.node.connection
            (connection.disconnect if client.connected else connection.connect)()
        elif verb == "settle":
            await asyncio.sleep(1)
        else:
            room.do(verb, number, *arguments)
    for client in members:
        if not client.connected:
            client.node.connection.connect()
        await client.wait_for("synchronized")
    await asyncio.sleep(30)
    room.check()
    for client in members:
        await client.destroy()
    await server.destroy()


@given(
    st.lists(steps, max_size=20),
    st.lists(st.sampled_from([0.001, 0.01, 0.1]), min_size=CLIENTS, max_size=CLIENTS),
    st.lists(st.integers(-(10**6), 10**6), min_size=CLIENTS, max_size=CLIENTS),
)
def test_neither_slow_ways_nor_wrong_clocks_keep_them_from_it(
    steps: list[Any], delays: list[float], skews: list[int]
) -> None:
    run_virtual(with_long_ways(steps, delays, skews))


async def in_one_millisecond(delays: list[float]) -> None:
    now = VirtualClock(START)
    server = BaseServer(subprotocol=1, min_subprotocol=1, clock=now, env="development")
    server.auth(lambda: True)
    room = Room(server)
    # Ids on both sides of the server's, by which alone the time would not be decided alike.
    members = [
        Client(server=Dial(server, delay), subprotocol=1, user_id=user_id, clock=now)
        for user_id, delay in zip(("ann", "bob", "zoe"), delays, strict=True)
    ]
    room.enter(members)
    room.do("create", 0, {"a": 0})
    for client in members:
        client.start()
    await asyncio.sleep(10)
    moment = now()
    for number in range(CLIENTS):
        room.do("change", number, 0, {"b": f"{number}"})
    assert now() == moment
    await asyncio.sleep(10)
    room.check()
    for client in members:
        await client.destroy()
    await server.destroy()


@pytest.mark.parametrize("delays", [*permutations([0.01, 0.05, 0.2])])
def test_who_write_one_field_in_one_millisecond_see_the_same(delays: tuple[float, ...]) -> None:
    run_virtual(in_one_millisecond([*delays]))
