"""A small application, on this server and on the JavaScript one (js/server.js), behind one
interface, so that the same test can be run against both.
"""

import re
from typing import Any, Protocol

from logux_store.ids import id_time
from logux_store.server import (
    ChangedAt,
    NotFoundError,
    Server,
    add_sync_map,
    add_sync_map_filter,
    newer_fields,
)
from tests.interop.node_process import NodeProcess

__all__ = ["Application", "JavaScriptServer", "PythonServer"]

Action = dict[str, Any]


class Application(Protocol):
    """What tests may ask a server for, besides speaking the protocol with it."""

    url: str

    async def start(self, **options: Any) -> None:
        """Listen, on the same port as before if it was stopped; options by their JavaScript
        names.
        """
        ...

    async def stop(self) -> None: ...
    async def nodes(self) -> list[str]:
        """The ids of the connected nodes."""
        ...

    async def connections(self) -> int:
        """How many connections there are."""
        ...

    async def headers(self, client_id: str) -> Any: ...
    async def processed(self) -> list[str]:
        """The ids of the actions that were processed, in that order."""
        ...

    async def room(self, room: str) -> list[Action]:
        """The actions of a room, in the order in which they were processed."""
        ...

    async def sinces(self) -> list[dict[str, Any] | None]:
        """What the subscriptions to rooms said about the last action that is known."""
        ...

    async def tasks(self) -> dict[str, dict[str, Any]]:
        """The fields of all tasks, by id."""
        ...

    async def task_sinces(self) -> list[int]:
        """The `since` (ms) with which tasks were loaded, 0 for all that there is."""
        ...

    async def undo(self, id: str, reason: str) -> None: ...
    async def say(self, action: Action, **meta: Any) -> None:
        """Add an action of the server."""
        ...


class JavaScriptServer:
    """The application on @logux/server."""

    def __init__(self, node: NodeProcess) -> None:
        self._node = node
        self._port = 0
        self.url = ""

    async def start(self, **options: Any) -> None:
        self._port = await self._node.call("server.start", **{"port": self._port, **options})
        self.url = f"ws://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        await self._node.call("server.stop")

    async def nodes(self) -> list[str]:
        nodes: list[str] = await self._node.call("server.nodes")
        return nodes

    async def connections(self) -> int:
        count: int = await self._node.call("server.connections")
        return count

    async def headers(self, client_id: str) -> Any:
        return await self._node.call("server.headers", clientId=client_id)

    async def processed(self) -> list[str]:
        processed: list[str] = await self._node.call("server.processed")
        return processed

    async def room(self, room: str) -> list[Action]:
        actions: list[Action] = await self._node.call("server.room", room=room)
        return actions

    async def sinces(self) -> list[dict[str, Any] | None]:
        sinces: list[dict[str, Any] | None] = await self._node.call("server.sinces")
        return sinces

    async def tasks(self) -> dict[str, dict[str, Any]]:
        tasks: dict[str, dict[str, Any]] = await self._node.call("server.tasks")
        return tasks

    async def task_sinces(self) -> list[int]:
        sinces: list[int] = await self._node.call("server.taskSinces")
        return sinces

    async def undo(self, id: str, reason: str) -> None:
        await self._node.call("server.undo", id=id, reason=reason)

    async def say(self, action: Action, **meta: Any) -> None:
        await self._node.call("server.say", action=action, meta=meta)


class PythonServer:
    """The application on this server."""

    def __init__(self) -> None:
        self._server: Server | None = None
        self._port = 0
        self.url = ""
        self._rooms: dict[str, list[tuple[Action, Any, int]]] = {}
        self._processed: list[str] = []
        self._tasks: dict[str, dict[str, Any]] = {}
        self._sinces: list[dict[str, Any] | None] = []
        self._task_sinces: list[int] = []

    @property
    def server(self) -> Server:
        assert self._server is not None
        return self._server

    async def start(self, **options: Any) -> None:
        names = {"minSubprotocol": "min_subprotocol"}
        options = {names.get(name, name): value for name, value in options.items()}
        self._server = Server(
            **{"subprotocol": 1, "min_subprotocol": 1, "port": self._port, **options}
        )
        self._define(self._server)
        await self._server.listen()
        self._port = self._server.port
        self.url = self._server.url

    def _define(self, server: Server) -> None:
        server.auth(
            lambda user_id, token, headers: (
                user_id != "nobody" and "secret" in (token, headers.get("token"))
            )
        )
        server.type(
            re.compile("^room/"),
            access=lambda ctx, action, meta: not action.get("forbidden"),
            process=self._process,
            resend=lambda ctx, action, meta: f"rooms/{action['room']}",
        )
        server.channel(
            "rooms/:id",
            access=lambda ctx, action, meta: ctx.params["id"] != "closed",
            filter=self._filter,
            load=self._load,
        )
        add_sync_map(
            server,
            "tasks",
            access=lambda ctx, id: id != "closed",
            load=self._load_task,
            create=lambda ctx, id, fields, time: self._write(id, fields, time),
            change=lambda ctx, id, fields, time: self._write(id, fields, time),
            delete=lambda ctx, id: self._tasks.pop(id, None) and None,
        )
        add_sync_map_filter(
            server,
            "tasks",
            access=lambda ctx, filter: True,
            initial=lambda ctx, filter: [
                self._task(id)
                for id, fields in self._tasks.items()
                if all(fields[key].value == value for key, value in (filter or {}).items())
            ],
        )
        server.type(
            "0",
            access=lambda ctx, action, meta: True,
            process=lambda ctx, action, meta: self._keep("encrypted", action, meta),
            resend=lambda ctx, action, meta: "rooms/encrypted",
        )
        server.type("0/clean", access=lambda ctx, action, meta: True)

    def _process(self, ctx: Any, action: Action, meta: Any) -> None:
        self._processed.append(meta.id)
        if action.get("fail"):
            raise ArithmeticError("The action fails")
        self._keep(action["room"], action, meta)

    def _keep(self, room: str, action: Action, meta: Any) -> None:
        # Comparable to the ids that clients name in `since`: those can be ahead of the clock, which
        # would do for the times, but the JavaScript client names its own clock's.
        entry = (action, meta, id_time(self.server.log.generate_id()))
        self._rooms.setdefault(room, []).append(entry)

    def _filter(self, ctx: Any, action: Action, meta: Any) -> Any:
        author = (action.get("filter") or {}).get("author")
        return (lambda ctx, action, meta: action.get("author") == author) if author else None

    def _load(self, ctx: Any, action: Action, meta: Any) -> Any:
        if ctx.params["id"] == "missing":
            raise NotFoundError
        self._sinces.append(action.get("since"))
        since = id_time(action["since"]["id"]) if "since" in action else 0
        author = (action.get("filter") or {}).get("author")
        return [
            (said, {"id": meta.id, "time": meta.time})
            for said, meta, at in self._rooms.get(ctx.params["id"], [])
            if at >= since and (not author or said.get("author") == author)
        ]

    def _load_task(self, ctx: Any, id: str, since: int) -> dict[str, Any]:
        self._task_sinces.append(since)
        return self._task(id)

    def _task(self, id: str) -> dict[str, Any]:
        if id not in self._tasks:
            raise NotFoundError
        return {"id": id, **self._tasks[id]}

    def _write(self, id: str, fields: dict[str, Any], time: int) -> None:
        if fields.get("title") == "bad":
            raise ArithmeticError("A bad title")
        task = self._tasks.setdefault(id, {})
        for name, value in newer_fields(fields, time, task).items():
            task[name] = ChangedAt(value, time)

    async def stop(self) -> None:
        await self.server.destroy()

    async def nodes(self) -> list[str]:
        return sorted(self.server.node_ids)

    async def connections(self) -> int:
        return len(self.server.connected)

    async def headers(self, client_id: str) -> Any:
        return self.server.client_ids[client_id].node.remote_headers

    async def processed(self) -> list[str]:
        return self._processed

    async def room(self, room: str) -> list[Action]:
        return [action for action, _, _ in self._rooms.get(room, [])]

    async def sinces(self) -> list[dict[str, Any] | None]:
        return self._sinces

    async def tasks(self) -> dict[str, dict[str, Any]]:
        return {
            id: {name: field.value for name, field in fields.items()}
            for id, fields in self._tasks.items()
        }

    async def task_sinces(self) -> list[int]:
        return self._task_sinces

    async def undo(self, id: str, reason: str) -> None:
        for name, entries in self._rooms.items():
            for action, meta, _ in entries:
                if meta.id == id:
                    self._rooms[name] = [entry for entry in entries if entry[1].id != id]
                    self.server.undo(action, meta, reason)

    async def say(self, action: Action, **meta: Any) -> None:
        self.server.log.add(action, **meta, status="processed")
