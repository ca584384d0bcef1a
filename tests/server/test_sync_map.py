"""Sync maps: objects whose fields are changed independently, the last write wins."""

import asyncio
from typing import Any

import pytest

from logux_store.server import (
    ChangedAt,
    NoConflictResolution,
    NotFoundError,
    add_sync_map,
    add_sync_map_filter,
    newer_fields,
)
from logux_store.server.sync_map import LATE
from logux_store.testing import run_virtual


class Tasks:
    """A database of tasks, each field with the time of its last change."""

    def __init__(self, server: Any) -> None:
        self.rows: dict[str, dict[str, ChangedAt]] = {}
        add_sync_map(
            server,
            "tasks",
            access=lambda ctx, id: id != "secret",
            load=self.load,
            create=self.create,
            change=self.change,
            delete=self.delete,
        )
        add_sync_map_filter(
            server, "tasks", access=lambda ctx, filter: filter != {"secret": 1}, initial=self.find
        )

    def load(self, ctx: Any, id: str, since: int) -> Any:
        if id not in self.rows:
            raise NotFoundError
        return {"id": id, **self.rows[id]}

    def find(self, ctx: Any, filter: Any) -> Any:
        return [
            {"id": id, **row}
            for id, row in self.rows.items()
            if all(row[name].value == value for name, value in (filter or {}).items())
        ]

    async def create(self, ctx: Any, id: str, fields: Any, time: int) -> Any:
        await asyncio.sleep(1)
        if id in self.rows:
            return False
        self.rows[id] = {name: ChangedAt(value, time) for name, value in fields.items()}
        return None

    def change(self, ctx: Any, id: str, fields: Any, time: int, action: Any, meta: Any) -> None:
        for name, value in newer_fields(fields, time, self.rows[id]).items():
            self.rows[id][name] = ChangedAt(value, time)

    def delete(self, ctx: Any, id: str) -> None:
        del self.rows[id]

    def values(self, id: str) -> dict[str, Any]:
        return {name: field.value for name, field in self.rows[id].items()}


def changes(peer: Any) -> list[tuple[Any, int]]:
    return [(a["fields"], m.time) for a, m in peer.entries if a["type"].endswith("/changed")]


def test_the_others_are_told_what_a_client_did_with_its_time(
    make_server: Any, peer_of: Any
) -> None:
    async def main() -> None:
        server = make_server()
        tasks = Tasks(server)
        author, reader = peer_of(server), peer_of(server, "20:a:1")
        for peer in (author, reader):
            peer.subscribe("tasks/1", creating=True)
        await asyncio.sleep(1)
        author.take(), reader.take()
        author.act("tasks/create", id="1", fields={"text": "a", "done": False})
        author.act("tasks/change", id="1", fields={"done": True})
        await asyncio.sleep(2)
        assert tasks.values("1") == {"text": "a", "done": True}
        fields = {"text": "a", "done": False}
        assert [(a, m.time - 1_000_000) for a, m in reader.entries] == [
            ({"type": "tasks/created", "id": "1", "fields": fields}, author.ms - 1),
            ({"type": "tasks/changed", "id": "1", "fields": {"done": True}}, author.ms),
        ]
        assert {a["type"] for a in author.got} == {"logux/processed"}
        reader.take()
        author.act("tasks/delete", id="1")
        await asyncio.sleep(1)
        assert reader.got == [{"type": "tasks/deleted", "id": "1"}]
        assert tasks.rows == {}

    run_virtual(main())


def test_the_last_write_of_each_field_wins(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    tasks = Tasks(server)
    tasks.rows["1"] = {"text": ChangedAt("old", 5), "done": ChangedAt(False, 5)}
    peer = peer_of(server)
    for ms, fields in ((20, {"text": "late"}), (10, {"text": "early", "done": True})):
        change = {"type": "tasks/change", "id": "1", "fields": fields}
        peer.sync((change, {"id": ms, "time": ms}))
    assert tasks.values("1") == {"text": "late", "done": True}


def test_loading_sends_each_field_with_its_time_to_the_client_only(
    make_server: Any, peer_of: Any
) -> None:
    server = make_server()
    tasks = Tasks(server)
    early, later = 500, 700
    tasks.rows["1"] = {
        "a": ChangedAt(1, early),
        "b": ChangedAt(2, later),
        "c": ChangedAt(3, later),
    }
    other = peer_of(server, "20:a:1")
    other.subscribe("tasks/1")
    other.take()
    peer = peer_of(server)
    peer.subscribe("tasks/1")
    assert changes(peer) == [({"a": 1}, early), ({"b": 2, "c": 3}, later)]
    assert other.got == []
    peer.take()
    # What others have done may come a week late.
    peer.subscribe("tasks/1", since={"time": later, "id": "700 server:a 0"})
    assert changes(peer) == [({"a": 1}, early), ({"b": 2, "c": 3}, later)]
    peer.take()
    peer.subscribe("tasks/1", since={"time": LATE + 600, "id": "1 server:a 0"})
    assert changes(peer) == [({"b": 2, "c": 3}, later)]


def test_a_field_of_unknown_time_is_sent_as_of_now(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    data = {"id": "1", "a": NoConflictResolution(1)}
    add_sync_map(server, "tasks", access=lambda ctx: True, load=lambda ctx: data)
    peer = peer_of(server)
    peer.subscribe("tasks/1", since={"time": 10**9, "id": "1 server:a 0"})
    ((fields, time),) = changes(peer)
    assert fields == {"a": 1}
    assert time >= 1_000_000


def test_a_field_that_says_nothing_of_its_time_is_an_error(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    add_sync_map(server, "tasks", access=lambda ctx: True, load=lambda ctx: {"id": "1", "a": 1})
    peer = peer_of(server)
    peer.subscribe("tasks/1")
    assert peer.got[0]["reason"] == "error"
    assert "ChangedAt" in str(server.errors[0])


def test_what_does_not_exist_is_not_found_unless_it_is_being_created(
    make_server: Any, peer_of: Any
) -> None:
    server = make_server()
    Tasks(server)
    peer = peer_of(server)
    peer.subscribe("tasks/1")
    peer.subscribe("tasks/1", creating=True)
    assert [a.get("reason") for a in peer.got] == ["notFound", None]


@pytest.mark.parametrize(
    "action",
    [
        {"type": "tasks/create", "id": "secret", "fields": {}},
        {"type": "tasks/change", "id": "1"},
        {"type": "tasks/change", "id": "1", "fields": [1]},
        {"type": "tasks/create", "id": {"a": 1}, "fields": {}},
        {"type": "tasks/delete"},
        {"type": "tasks/created", "id": "1", "fields": {}},
        {"type": "tasks/changed", "id": "1", "fields": {}},
        {"type": "tasks/deleted", "id": "1"},
        {"type": "logux/subscribe", "channel": "tasks/secret"},
        {"type": "logux/subscribe", "channel": "tasks", "filter": {"secret": 1}},
        {"type": "logux/subscribe", "channel": "tasks", "filter": [1]},
    ],
)
def test_what_a_client_may_not_do_is_denied(make_server: Any, peer_of: Any, action: Any) -> None:
    server = make_server()
    Tasks(server)
    peer = peer_of(server)
    peer.sync((action, None))
    assert [a.get("reason") for a in peer.got] == ["denied"]
    assert server.errors == []


def test_nobody_is_told_when_the_callback_says_no(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    add_sync_map(server, "tasks", access=lambda ctx: True, change=lambda *_: False)
    server.channel("tasks/:id", access=lambda *_: True)
    reader, author = peer_of(server, "20:a:1"), peer_of(server)
    reader.subscribe("tasks/1")
    reader.take()
    author.act("tasks/change", id="1", fields={"a": 1})
    assert reader.got == []
    assert [a["type"] for a in author.got] == ["logux/processed"]


def test_a_filter_gives_what_fits_and_then_what_comes_to_fit(
    make_server: Any, peer_of: Any
) -> None:
    async def main() -> None:
        server = make_server()
        tasks = Tasks(server)
        tasks.rows["1"] = {"list": ChangedAt("a", 5), "done": ChangedAt(False, 5)}
        tasks.rows["2"] = {"list": ChangedAt("b", 5)}
        reader, author = peer_of(server, "20:a:1"), peer_of(server)
        reader.subscribe("tasks", filter={"list": "a"})
        await asyncio.sleep(1)
        assert [(a["type"], a.get("channel", a.get("id"))) for a in reader.take()][:2] == [
            ("logux/subscribed", "tasks/1"),
            ("tasks/changed", "1"),
        ]
        for n, where in (("3", "a"), ("4", "b")):
            author.act("tasks/create", id=n, fields={"list": where})
        author.act("tasks/change", id="1", fields={"done": True})
        author.act("tasks/change", id="2", fields={"list": "b"})
        author.act("tasks/change", id="2", fields={"list": "a"})
        await asyncio.sleep(5)
        assert [(a["type"], a["id"]) for a in reader.got] == [
            ("tasks/created", "3"),
            ("tasks/changed", "1"),
            ("tasks/changed", "2"),
        ]

    run_virtual(main())


def test_a_filter_may_have_a_filter_of_its_own(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    add_sync_map(server, "tasks", access=lambda ctx: True, change=lambda ctx: None)
    add_sync_map_filter(
        server,
        "tasks",
        access=lambda ctx: True,
        initial=lambda ctx: [],
        actions=lambda mine: lambda ctx, action, meta: ctx.user_id == "server",
    )
    reader = peer_of(server, "20:a:1")
    reader.subscribe("tasks", filter={"a": 1})
    reader.take()
    for a in (1, 2):
        server.log.add({"type": "tasks/changed", "id": "1", "fields": {"a": a}})
    assert [action["fields"] for action in reader.got] == [{"a": 1}]
