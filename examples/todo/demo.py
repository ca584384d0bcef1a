"""The story of `make demo`: three people share a list, one of them goes offline, and a program of
another is killed.

The server is embedded in this process; each person's client is a process of its own, connected by
a real WebSocket and driven through its standard input and output. At the end all replicas have to
be equal; the exit status says whether they are.
"""

import asyncio
import json
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table

from examples.todo.reducers import reducer
from examples.todo.server import CHANNEL, make_server
from logux_store import combine_reducers
from logux_store.server import Server

PEOPLE = ("ann", "bob", "carol")
ROLE_STYLES = {"leader": "bold", "follower": "dim"}
STATUS_STYLES = {"wait": "yellow", "synchronizedAfterWait": "bold green", "synchronized": "green"}
PATIENCE = 20.0  # seconds until an event that does not come ends the demo

console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)


class Person:
    """A client in a process of its own."""

    def __init__(self, name: str, url: str, folder: str, process: Process) -> None:
        self.name = name
        self.url = url
        self.folder = folder
        self.process = process
        self.todos: dict[str, Any] = {}
        self.status = ""
        self.role = ""
        self.told: list[dict[str, Any]] = []
        self.heard = asyncio.Condition()
        self.listening = asyncio.ensure_future(self.listen())

    @classmethod
    async def start(cls, name: str, url: str, folder: str) -> "Person":
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "examples.todo.client", url),
            *("--user", name, "--folder", folder, "--json", "--duration", "0.5"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl+C is for the demo, which ends them.
        )
        return cls(name, url, folder, process)

    async def open_tab(self) -> "Person":
        """Start the program once more for the same person."""
        return await self.start(self.name, self.url, self.folder)

    async def kill(self) -> None:
        """End the process as `kill -9` does."""
        self.process.kill()
        await self.process.wait()
        await self.listening

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            event = json.loads(line)
            async with self.heard:
                if event["event"] == "list":
                    self.todos = event["todos"]
                elif event["event"] == "status":
                    self.status = event["value"]
                elif event["event"] == "role":
                    self.role = event["value"]
                self.told.append(event)
                self.heard.notify_all()
        async with self.heard:
            self.told.append({"event": "end"})
            self.heard.notify_all()

    def say(self, command: str) -> None:
        """Type a command."""
        assert self.process.stdin is not None
        self.told.clear()
        self.process.stdin.write(f"{command}\n".encode())

    async def wait(self, wanted: Callable[[], bool]) -> None:
        """Wait until something holds; ends the demo when it does not come."""
        async with asyncio.timeout(PATIENCE), self.heard:
            await self.heard.wait_for(
                lambda: wanted() or any(event["event"] == "end" for event in self.told)
            )
        if not wanted():
            raise RuntimeError(f"the client of {self.name} ended; its last words: {self.told}")

    async def event(self, event: str, **fields: Any) -> dict[str, Any]:
        """Wait for an event since the last command."""
        expected = {"event": event, **fields}
        found: list[dict[str, Any]] = []

        def came() -> bool:
            found[:] = [told for told in self.told if expected.items() <= told.items()]
            return bool(found)

        await self.wait(came)
        return found[0]

    async def sees(self, *texts: str) -> None:
        """Wait until the list has exactly these tasks; a ✓ before a text means that it is done."""
        await self.wait(
            lambda: [f"{_mark(todo)}{todo['text']}" for todo in self.todos.values()] == [*texts]
        )

    async def is_at_rest(self) -> None:
        """Wait until everything is saved."""
        await self.wait(lambda: self.status == "synchronized")

    async def end(self) -> None:
        if self.process.returncode is None:
            self.say("quit")
            await self.process.wait()
        await self.listening


def _mark(todo: dict[str, Any]) -> str:
    return "✓ " if todo["done"] else ""


def chapter(number: int, title: str, text: str) -> None:
    console.print(f"\n[bold]{number}. {title}[/]\n[dim]{text}[/]")


def show(people: list[Person]) -> None:
    """A column for each person: the status, and the list as that person sees it."""
    table = Table()
    for person in people:
        style = STATUS_STYLES.get(person.status, "dim")
        role = f"[{ROLE_STYLES.get(person.role, 'dim')}]{person.role}[/]"
        table.add_column(f"{person.name}  {role}\n[{style}]{person.status}[/]", width=24)
    lists = [[*person.todos.values()] for person in people]
    for row in range(max(map(len, lists))):
        table.add_row(
            *(
                f"{_mark(todos[row])}{todos[row]['text']}" if row < len(todos) else ""
                for todos in lists
            )
        )
    console.print(table)


async def story(people: list[Person]) -> None:
    """Play it; `people` are those who are there, then and at the end."""
    ann, bob, carol = people
    chapter(1, "Three people share a list", "Each is a process with a WebSocket to the server.")
    for person in people:
        await person.event("status", value="synchronized")
    ann.say("add milk")
    for person in people:
        await person.sees("milk")
    bob.say("add bread")
    for person in people:
        await person.sees("milk", "bread")
    show(people)

    chapter(
        2,
        "bob goes offline, and goes on working",
        "What he does applies to his copy at once and waits to be sent.",
    )
    bob.say("offline")
    await bob.event("status", value="disconnected")
    bob.say("rename 1 oat milk")
    await bob.event("status", value="wait")
    bob.say("check 2")
    await bob.sees("oat milk", "✓ bread")
    show(people)

    chapter(
        3,
        "Meanwhile ann renames the same task, and carol adds one",
        "ann's edit is later than bob's, though the server sees it first.",
    )
    ann.say("rename 1 two litres of milk")
    await carol.sees("two litres of milk", "bread")
    carol.say("add eggs")
    await ann.sees("two litres of milk", "bread", "eggs")
    show(people)

    chapter(
        4,
        "carol removes ann's task, which only ann may do",
        "It is gone from carol's list at once, and comes back when the server denies it.",
    )
    carol.say("remove 1")
    await carol.event("list")
    first = next(event for event in carol.told if event["event"] == "list")
    console.print(f"carol, at once: {', '.join(todo['text'] for todo in first['todos'].values())}")
    undone = await carol.event("undone")
    await carol.event("status", value="denied")
    await carol.sees("two litres of milk", "bread", "eggs")
    console.print(f"carol, a moment later, undone ([red]{undone['reason']}[/]):")
    show(people)

    chapter(
        5,
        "bob comes back",
        "His edits are older than ann's: each copy puts them in their place in time and replays.",
    )
    bob.say("online")
    for value in ("connectingAfterWait", "synchronizedAfterWait"):
        await bob.event("status", value=value)
        console.print(f"bob: [{STATUS_STYLES.get(value, 'yellow')}]{value}[/]")
    for person in people:
        await person.sees("two litres of milk", "✓ bread", "eggs")
    for person in people:
        await person.is_at_rest()
    show(people)

    chapter(
        6,
        "ann opens a second tab, and her first one is killed",
        "Tabs of one user share a connection and a log in a file; the second takes both over.",
    )
    tab = await ann.open_tab()
    people.insert(1, tab)
    await tab.wait(lambda: tab.role == "follower")
    await tab.sees("two litres of milk", "✓ bread", "eggs")
    await tab.is_at_rest()
    show(people)
    await ann.kill()
    people.remove(ann)
    await tab.wait(lambda: tab.role == "leader")
    tab.say("check 3")
    await tab.event("processed")
    for person in people:
        await person.sees("two litres of milk", "✓ bread", "✓ eggs")
        await person.is_at_rest()
    show(people)


async def compare(people: list[Person], server: Server) -> bool:
    """Compare all replicas with the plain fold over the server's log, and say the result."""
    actions = [action for action, _ in server.log.entries() if action["type"].startswith(CHANNEL)]
    fold = combine_reducers(reducer)
    state = fold(None, {"type": "@@init"})
    for action in actions:
        state = fold(state, action)
    reports = []
    for person in people:
        person.say("report")
        reports.append(await person.event("report"))
    chapter(7, "All replicas are compared", "The server's is the plain fold over its log.")
    table = Table("replica", "tasks", "renames", "replays", "equal")
    replicas = [("server", state, 0)]
    replicas += [(p.name, r["state"], r["replays"]) for p, r in zip(people, reports, strict=True)]
    for name, replica, replays in replicas:
        tasks = ", ".join(f"{_mark(todo)}{todo['text']}" for todo in replica["todos"].values())
        equal = "[green]yes[/]" if replica == state else "[red]no[/]"
        table.add_row(name, tasks, str(sum(replica["renames"].values())), str(replays), equal)
    console.print(table)
    converged = all(replica == state for _, replica, _ in replicas)
    replays = sum(replays for _, _, replays in replicas)
    word = "converged" if converged else "diverged"
    print(
        f"{word}: {len(replicas)} replicas, {len(actions)} actions, {replays} replays", flush=True
    )
    return converged


async def main() -> int:
    server = make_server(port=0)

    async def authenticate(user_id: str, token: str, **_: Any) -> bool:
        await asyncio.sleep(0.2)  # about as long as asking a database of users takes
        return token == f"token of {user_id}"

    server.auth(authenticate)
    with tempfile.TemporaryDirectory(prefix="logux-todo-") as folder:
        async with server:
            people = [await Person.start(name, server.url, folder) for name in PEOPLE]
            try:
                await story(people)
                converged = await compare(people, server)
            finally:
                for person in people:
                    await person.end()
    return 0 if converged else 1


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except KeyboardInterrupt:
        sys.exit(130)
