"""A morning of a team, in a few seconds: `python -m examples.kanban`.

A server and three people, each with a client of their own, over real WebSockets on this machine.
"""

import asyncio
from typing import Any

from rich.console import Console
from rich.table import Table

from examples.kanban.board import DOING, DONE, add, move, reducer, remove, titles
from examples.kanban.server import make_server
from logux_store import Client, Store, UndoError, create_store_creator

BOARD = "design"
PATIENCE = 20.0  # seconds until something that does not happen ends the morning
console = Console(highlight=False, width=80)


def show(what: str, **stores: Store[Any]) -> None:
    """Show the board as each person sees it."""
    console.print(f"\n[bold]{what}[/]")
    table = Table("", "todo", "doing", "done")
    for person, store in stores.items():
        columns = titles(store.state, BOARD)
        table.add_row(person, *(", ".join(columns.get(name, ())) for name in columns or ("",)))
    console.print(table)


async def told(store: Store[Any], action: dict[str, Any]) -> None:
    """Do something that the server refuses, and say why."""
    try:
        await store.dispatch.sync(action)
    except UndoError as error:
        console.print(f"{action['type']} of {action['id']} was undone: [red]{error.reason}[/]")


async def agree(*stores: Store[Any], done: int) -> None:
    """Wait until all people see the same, with so many cards done."""
    changed = asyncio.Event()
    stops = [store.subscribe(changed.set) for store in stores]
    while True:
        seen = [titles(store.state, BOARD) for store in stores]
        if all(board == seen[0] for board in seen) and len(seen[0].get(DONE, ())) == done:
            break
        changed.clear()
        await changed.wait()
    for stop in stops:
        stop()


async def main() -> None:
    server = make_server(port=0)
    async with server, asyncio.timeout(PATIENCE):
        clients = {
            name: Client(server=server.url, subprotocol=1, user_id=name, token=f"token of {name}")
            for name in ("ann", "bob", "eve")
        }
        stores = {name: create_store_creator(client)(reducer) for name, client in clients.items()}
        team = {name: stores[name] for name in ("ann", "bob")}
        ann, bob = team.values()
        for client in clients.values():
            client.start()
        for name in team:
            await clients[name].sync({"type": "logux/subscribe", "channel": f"boards/{BOARD}"})

        for number, title in enumerate(("logo", "colours", "fonts", "icons"), 1):
            await ann.dispatch.sync(add(board=BOARD, id=str(number), title=title, by="ann"))
        for id in "123":
            await ann.dispatch.sync(move(board=BOARD, id=id, column=DOING))
        await agree(ann, bob, done=0)
        show("Ann fills the board", **team)

        console.print("\n[bold]What the server does not allow is undone[/]")
        await told(bob, move(board=BOARD, id="4", column=DOING))
        await told(bob, remove(board=BOARD, id="1"))
        await told(stores["eve"], add(board=BOARD, id="5", title="a song", by="eve"))

        clients["bob"].node.connection.disconnect()
        bob.dispatch.sync(move(board=BOARD, id="1", column=DONE))
        await asyncio.sleep(0.1)
        await ann.dispatch.sync(move(board=BOARD, id="2", column=DONE))
        show("Bob is offline, and works on", **team)
        clients["bob"].start()
        await clients["bob"].wait_for("synchronized")
        await agree(ann, bob, done=2)
        show("Bob is back: both see what both did, in the order of time", **team)
        for client in clients.values():
            await client.destroy()


if __name__ == "__main__":
    asyncio.run(main())
