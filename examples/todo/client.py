"""The to-do list in a terminal: `python -m examples.todo.client ws://127.0.0.1:31337 --user ann`.

Commands, one a line: `add TEXT`, `rename N TEXT`, `check N`, `remove N`, `list`, `offline`,
`online`, `quit`. With `--json` it prints JSON lines instead of a table, for programs that drive it.

Run it several times for one user, and the programs are tabs: one of them leads, and keeps the log
in a file beside the state directory that they share.
"""

import argparse
import asyncio
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from logux_adapters.sqlite import SQLiteStore
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from examples.todo.reducers import add, check, reducer, remove, rename
from examples.todo.server import CHANNEL
from logux_store import CrossTabClient, Status, UndoError, create_store_creator, status


class TodoList:
    """One person's copy of the list. `tell(event, **fields)` hears of everything that happens;
    `folder` is where the tabs of all users on this machine meet.
    """

    def __init__(
        self,
        url: str,
        user: str,
        token: str,
        folder: Path,
        tell: Callable[..., None],
        duration: float = 3.0,
    ) -> None:
        self.user = user
        self.tell = tell
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.client = CrossTabClient(
            server=url,
            subprotocol=1,
            user_id=user,
            token=token,
            state_dir=folder,
            store=SQLiteStore(folder / f"{user}.db"),
        )
        self.client.on("role", lambda: tell("role", value=self.client.role))
        self.store = create_store_creator(self.client)(reducer)
        self.store.subscribe(lambda: tell("list", todos=self.store.state["todos"]))
        self.sending: set[asyncio.Task[None]] = set()
        status(self.client, self.show_status, duration=duration)

    def show_status(self, value: Status, details: dict[str, Any] | None) -> None:
        self.tell("status", value=value)

    def command(self, line: str) -> None:
        """Do what a line says; raises ValueError for one that makes no sense."""
        word, _, rest = line.strip().partition(" ")
        number, _, text = rest.partition(" ")
        match word:
            case "add" if rest:
                self.sync(add(id=self.client.log.generate_id(), text=rest, by=self.user))
            case "rename" if text:
                self.sync(rename(id=self.find(number), text=text))
            case "check":
                id = self.find(number)
                self.sync(check(id=id, done=not self.store.state["todos"][id]["done"]))
            case "remove":
                self.sync(remove(id=self.find(number)))
            case "offline":
                self.client.node.connection.disconnect()
            case "online":
                self.client.start()
            case "list":
                self.tell("list", todos=self.store.state["todos"])
            case "report":
                self.tell("report", state=self.store.state, replays=self.store.replays)
            case _:
                raise ValueError(
                    f"{line.strip()!r} is none of: add TEXT, rename N TEXT, check N, remove N, "
                    "list, offline, online, quit"
                )

    def find(self, number: str) -> str:
        """The id of the task with this number in the list, from 1."""
        ids: list[str] = [*self.store.state["todos"]]
        if not number.isdecimal() or not 1 <= int(number) <= len(ids):
            raise ValueError(f"there is no task {number!r}; the list has {len(ids)}")
        return ids[int(number) - 1]

    def sync(self, action: dict[str, Any]) -> None:
        task = asyncio.ensure_future(self.follow(action))
        self.sending.add(task)
        task.add_done_callback(self.sending.discard)

    async def follow(self, action: dict[str, Any]) -> None:
        try:
            await self.store.dispatch.sync(action)
        except UndoError as error:
            self.tell("undone", type=action["type"], reason=error.reason)
        except ConnectionAbortedError:
            self.tell("unsent", type=action["type"])
        else:
            self.tell("processed", type=action["type"])


def lines(stop: str) -> "asyncio.Queue[str]":
    """The lines of standard input, and `stop` at its end."""
    queue: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(queue.put_nowait, line)
        loop.call_soon_threadsafe(queue.put_nowait, stop)

    threading.Thread(target=read, daemon=True).start()
    return queue


def print_json(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


def plain(value: Any) -> str:
    """What somebody has written, with nothing that `rich` or the terminal would obey."""
    return escape("".join(char for char in str(value) if char.isprintable()))


def print_for_people(event: str, **fields: Any) -> None:
    console = Console(highlight=False)
    if event == "list":
        table = Table("", "task", "by", box=None)
        for number, todo in enumerate(fields["todos"].values(), 1):
            mark = "[green]✓[/]" if todo["done"] else " "
            table.add_row(f"{number} {mark}", plain(todo["text"]), f"[dim]{plain(todo['by'])}[/]")
        console.print(table)
    else:
        console.print(f"[dim]{event}: {', '.join(map(plain, fields.values()))}[/]")


async def main(arguments: argparse.Namespace) -> None:
    tell = print_json if arguments.json else print_for_people
    token = arguments.token or f"token of {arguments.user}"
    folder, duration = arguments.folder, arguments.duration
    todo = TodoList(arguments.url, arguments.user, token, folder, tell, duration)
    async with todo.client:
        # Once on this connection; after a reconnection the client subscribes again by itself.
        todo.client.sync({"type": "logux/subscribe", "channel": CHANNEL})
        input = lines("quit")
        while (line := await input.get()).strip() != "quit":
            if not line.strip():
                continue
            try:
                todo.command(line)
            except ValueError as error:
                tell("error", message=str(error))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.todo.client", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--user", required=True)
    parser.add_argument("--token")
    parser.add_argument("--folder", type=Path, default=Path.home() / ".logux-todo")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--duration", type=float, default=3.0, help="of synchronizedAfterWait, s")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        asyncio.run(main(parse()))
    except KeyboardInterrupt:
        sys.exit(130)
