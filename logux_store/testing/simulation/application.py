"""The application that runs in the simulated world: rooms whose members write into them, and mail.

It is made to show every mistake in the order of actions: a room's state is different for each
order. What is to happen to an action stands in the action itself, so that the outcome can be
checked.

| action | what it is |
| --- | --- |
| `text/append {room, n}` | the room's text gets longer; kept by the server |
| `set/put {room, key, n}`, `set/drop {room, key}` | the room's values; kept; a queue of their own |
| `signal/send {room, n}` | goes to the room and is not kept |
| `mail/send {to, n}` | for a user, who may be away; kept |
| `draft/change {n}` | never leaves the client |

`verdict` of an action: `ok`; `denied` by the access callback; `fails`: the process callback raises;
`fickle`: the access callback allows it or not, at random. `access` and `work` are how many seconds
the callbacks take; 0 makes them plain functions.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any

from logux_store.actions import Action
from logux_store.ids import id_time
from logux_store.log import Log
from logux_store.meta import Entry, Meta
from logux_store.server import BaseServer, Context
from logux_store.store import Reducer, Slice, combine_reducers

__all__ = ["Application", "make_reducer", "room_of", "view"]

KEEP = "keep"
# How much older than a client's `since` an action may be and still be sent: a server's clock may
# have been set back.
MARGIN = 60_000


def queue_of(action: Action) -> str:
    """The queue in which a server processes an action."""
    return "sets" if action["type"].startswith("set/") else "main"


def address(_ctx: Context, action: Action, _meta: Meta) -> Any:
    """Whom an action goes to."""
    if action["type"] == "mail/send":
        return {"users": [action["to"]]}
    return f"rooms/{action['room']}"


def everybody(_ctx: Context, _action: Action, _meta: Meta) -> bool:
    """Anybody may subscribe."""
    return True


class SimulatedError(Exception):
    """What the application's callbacks raise when they are meant to."""


def make_reducer() -> Reducer:
    """The reducer of every client's store, and of the server's log."""
    texts: Slice[Mapping[str, Any]] = Slice({})
    sets: Slice[Mapping[str, Any]] = Slice({})
    mail: Slice[Mapping[str, Any]] = Slice({})

    @texts.on("text/append")
    def append(state: Mapping[str, Any], action: Action) -> Mapping[str, Any]:
        room = action["room"]
        return {**state, room: (*state.get(room, ()), action["n"])}

    @sets.on("set/put", "set/drop")
    def change(state: Mapping[str, Any], action: Action) -> Mapping[str, Any]:
        room = dict(state.get(action["room"], {}))
        before = room.pop(action["key"], 0)
        if action["type"] == "set/put":
            # What the value was before is part of what it is now.
            room[action["key"]] = action["n"] + before % 1000 * 1000
        return {**state, action["room"]: room}

    @mail.on("mail/send")
    def receive(state: Mapping[str, Any], action: Action) -> Mapping[str, Any]:
        to = action["to"]
        return {**state, to: (*state.get(to, ()), action["n"])}

    return combine_reducers({"texts": texts, "sets": sets, "mail": mail, "all": count})


def count(state: Mapping[str, int] | None, action: Action) -> Mapping[str, int]:
    """A reducer that declares nothing: how many kept actions each room has."""
    state = state or {}
    room = action.get("room")
    if room is None or action["type"] == "signal/send":
        return state
    return {**state, room: state.get(room, 0) + 1}


def view(state: Mapping[str, Any], room: str) -> Any:
    """What a state says of a room, which is `@` and the user's id for a user's mail."""
    if room[0] == "@":
        return state["mail"].get(room[1:], ())
    return (
        state["texts"].get(room, ()),
        state["sets"].get(room, {}),
        state["all"].get(room, 0),
    )


def room_of(action: Action) -> str | None:
    """The room that an action is about, also as what an undo undoes."""
    if action["type"] == "logux/undo":
        undone = action.get("action")
        return room_of(undone) if isinstance(undone, dict) else None
    if action["type"] == "mail/send":
        return f"@{action['to']}"
    room = action.get("room")
    return room if isinstance(room, str) else None


class Application:
    """The server's half. `loads` says how a channel is defined: `since` sends what came since the
    client was last there, `all` everything, `slow` takes its time over it, `at_once` is one
    callback for access and load. With `listens` a listener of the log says what is kept, else the
    access callback does, and the server takes the shorter ways that there are where nobody listens.
    `decide` is what a fickle access callback asks.
    """

    def __init__(self, loads: str, listens: bool, decide: Callable[[], bool]) -> None:
        self.loads = loads
        self.listens = listens
        self.decide = decide

    def define(self, server: BaseServer) -> None:
        """Define everything on a server."""
        log = server.log
        server.auth(lambda: True)
        if self.listens:
            log.on("preadd", lambda action, meta: self._keep(log, action, meta))
        for type in ("text/append", "set/put", "set/drop", "signal/send", "mail/send"):
            server.type(
                type,
                access=self._access,
                resend=address,
                process=self._process,
                queue=queue_of({"type": type}),
            )
        if self.loads == "at_once":
            server.channel("rooms/:room", access_and_load=self._load_slowly)
        else:
            load = self._load_slowly if self.loads == "slow" else self._load
            server.channel("rooms/:room", access=everybody, load=load)

    def process(self, server: BaseServer, action: Action) -> None:
        """Let a server do something by itself."""
        server.process(action, **({} if self.listens else kept(server.log, action)))

    def _keep(self, log: Log, action: Action, meta: Meta) -> None:
        if action["type"] != "logux/undo" or log.by_id(action["id"]) is not None:
            self._mark(log, action, meta)

    def _mark(self, log: Log, action: Action, meta: Meta) -> None:
        keys = kept(log, action)
        meta.reasons += keys.pop("reasons", ())
        meta.update(keys)

    def _access(self, ctx: Context, action: Action, meta: Meta) -> Any:
        if action["access"]:
            return self._slow_access(ctx, action, meta)
        return self._allows(ctx, action, meta)

    async def _slow_access(self, ctx: Context, action: Action, meta: Meta) -> bool:
        await asyncio.sleep(action["access"])
        return self._allows(ctx, action, meta)

    def _allows(self, ctx: Context, action: Action, meta: Meta) -> bool:
        verdict = action["verdict"]
        allowed = self.decide() if verdict == "fickle" else verdict != "denied"
        if allowed and not self.listens:
            self._mark(ctx.server.log, action, meta)
        return allowed

    def _process(self, ctx: Context, action: Action, meta: Meta) -> Any:
        if action["work"]:
            return self._slow_process(ctx, action, meta)
        self._write(ctx, action, meta)
        return None

    async def _slow_process(self, ctx: Context, action: Action, meta: Meta) -> None:
        await asyncio.sleep(action["work"])
        self._write(ctx, action, meta)

    def _write(self, ctx: Context, action: Action, meta: Meta) -> None:
        """Write into the database, which is where the log is, so that a crash takes both back."""
        if action["verdict"] == "fails":
            raise SimulatedError(meta.id)
        store = ctx.server.log.store
        store.set_value(f"done {meta.id}", (store.value(f"done {meta.id}") or 0) + 1)
        if not ctx.is_server and action["verdict"] != "fickle":
            # One that was denied first, and that answer lost, comes later than the others.
            queue = f"last {ctx.node_id} {queue_of(action)}"
            last = store.value(queue) or 0
            if id_time(meta.id) < last:
                store.set_value("disorder", f"{meta.id} was processed after the one of {last}")
            store.set_value(queue, id_time(meta.id))

    def _load(self, ctx: Context, action: Action, _meta: Meta) -> list[tuple[Action, Meta]]:
        since = action.get("since")
        oldest = since["time"] - MARGIN if since and self.loads == "since" else 0
        return [*entries_since(ctx.server.log, ctx.params["room"], oldest)]

    async def _load_slowly(
        self, ctx: Context, action: Action, meta: Meta
    ) -> list[tuple[Action, Meta]]:
        await asyncio.sleep(0.05)
        loaded = self._load(ctx, action, meta)
        await asyncio.sleep(0.3)
        return loaded


def kept(log: Log, action: Action) -> dict[str, Any]:
    """The keys of meta with which a server's log keeps an action; none if it need not be kept."""
    room = room_of(action)
    if room is None or action["type"] == "signal/send":
        return {}
    return {"reasons": [KEEP], "indexes": [room], "arrived": log.clock()}


def entries_of(log: Log, room: str) -> list[Entry]:
    """The entries of a room. An undo has the room's index only where a listener of the log has
    given it one; those that have none come last.
    """
    undos = [entry for entry in log.entries("added") if is_undo_in(entry, room)]
    return [*log.entries("added", index=room), *undos]


def is_undo_in(entry: Entry, room: str) -> bool:
    """Whether this is an undo in a room that does not have the room's index."""
    action, meta = entry
    return action["type"] == "logux/undo" and not meta.indexes and room_of(action) == room


def entries_since(log: Log, room: str, oldest: int) -> Iterable[Entry]:
    """The entries of a room that have come to the server since a time (ms), and all undos of which
    nobody knows when they came.
    """
    return (entry for entry in entries_of(log, room) if entry[1].get("arrived", oldest) >= oldest)


def write_action(random: Random, rooms: list[str], users: list[str], number: int) -> Action:
    """An action that somebody does, with a number that no other action has."""
    type = random.choices(
        ("text/append", "set/put", "set/drop", "signal/send", "mail/send", "draft/change"),
        (8, 4, 2, 2, 2, 1),
    )[0]
    action: Action = {"type": type, "n": number}
    if type == "draft/change":
        return action
    if type == "mail/send":
        action["to"] = random.choice(users)
    else:
        action["room"] = random.choice(rooms)
    if type.startswith("set/"):
        action["key"] = random.choice("ab")
    action["verdict"] = random.choices(("ok", "denied", "fails", "fickle"), (12, 2, 1, 1))[0]
    action["access"] = random.choice((0, 0, 0, 0.01, 0.5))
    action["work"] = random.choice((0, 0, 0, 0.01, 0.5))
    return action
