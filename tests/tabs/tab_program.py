"""A tab in a process of its own: `python tab_program.py OPTIONS`, which are JSON.

It dispatches actions until it is told not to, and tells on its standard output, as JSON lines, what
becomes of them. On its standard input it takes words: `quiet` ends the load, `report` asks for the
state, `stop` ends the program.
"""

import asyncio
import json
import sys
from typing import Any

from logux_adapters.sqlite import SQLiteStore

from logux_store import CrossTabClient, UndoError, create_store_creator
from logux_store.client.tabs import FileSpace
from logux_store.client.tabs.state_dir import tabs_directory

State = dict[str, Any]


def reducer(state: State | None, action: dict[str, Any]) -> State:
    """Who wrote a key last, and how many actions were applied: wrong if one is lost, doubled, or in
    another place in time.
    """
    state = state or {"applied": 0, "last": {}}
    if action["type"] != "set":
        return state
    return {
        "applied": state["applied"] + 1,
        "last": {**state["last"], action["key"]: action["value"]},
    }


def tell(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


class Program:
    def __init__(self, options: dict[str, Any]) -> None:
        self.every = options.get("every", 0.0)
        transport = options.get("transport")
        state_dir = options["state_dir"]
        self.client = CrossTabClient(
            server=options["url"],
            subprotocol=1,
            user_id="10",
            token="secret",
            store=SQLiteStore(options["store"]) if options.get("store") else None,
            state_dir=state_dir,
            tab_timeout=options.get("tab_timeout", 3.0),
            space=None
            if transport is None
            else lambda user: FileSpace(tabs_directory("logux", user, state_dir), transport),
            min_delay=0.01,
            max_delay=0.05,
        )
        self.client.on("preadd", self.keep)
        self.client.on("role", lambda: tell("role", role=self.client.role))
        self.client.on("state", lambda: tell("state", state=self.client.state))
        self.client.node.on("error", lambda error: tell("error", text=repr(error)))
        self.store = create_store_creator(self.client)(reducer)
        self.following: set[asyncio.Task[None]] = set()

    def keep(self, action: dict[str, Any], meta: Any) -> None:
        if action["type"] == "set":
            meta.reasons.append("kept")

    async def run(self) -> None:
        tell("here", tab_id=self.client.tab_id, node_id=self.client.node_id)
        self.client.start()
        tell("started", role=self.client.role)
        await self.client.wait_for("synchronized")
        await self.client.sync({"type": "logux/subscribe", "channel": "all"})
        tell("ready")
        load = asyncio.ensure_future(self.load())
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        while (word := (await reader.readline()).strip()) not in (b"stop", b""):
            if word == b"quiet":
                load.cancel()
                await asyncio.gather(*self.following)
                tell("quiet")
            elif word == b"report":
                tell(
                    "report",
                    state=self.store.state,
                    log=len([*self.client.log.entries()]),
                    role=self.client.role,
                )
        await self.client.destroy()

    async def load(self) -> None:
        number = 0
        while self.every:
            number += 1
            value = f"{self.client.tab_id} {number}"
            task = asyncio.ensure_future(self.follow(f"k{number % 7}", value))
            self.following.add(task)
            task.add_done_callback(self.following.discard)
            await asyncio.sleep(self.every)

    async def follow(self, key: str, value: str) -> None:
        outcome = self.store.dispatch.sync({"type": "set", "key": key, "value": value})
        tell("sent", id=outcome.id)
        self.client.log.store.when_durable(lambda: tell("durable", id=outcome.id))
        try:
            await outcome
        except UndoError as error:
            tell("outcome", id=outcome.id, result=error.reason)
        else:
            tell("outcome", id=outcome.id, result="processed")


if __name__ == "__main__":
    asyncio.run(Program(json.loads(sys.argv[1])).run())
