"""The boards in a simulated world of slow and broken connections, crashes and wrong clocks:

python -m logux_store.testing.simulation --application examples.kanban.simulation:Boards
"""

from random import Random

from examples.kanban import board
from examples.kanban.board import COLUMNS, Action, add, move, remove, rename
from examples.kanban.server import authenticate, define
from logux_store.server import BaseServer
from logux_store.testing.simulation import SimulatedApplication


class Boards(SimulatedApplication):
    """Ann and Bob on one board; some of what they try the server does not allow."""

    reducer = board.reducer
    users = ("ann", "bob")

    def define(self, server: BaseServer) -> None:
        define(server)
        server.auth(authenticate)

    def token(self, user_id: str) -> str:
        return f"token of {user_id}"

    def channels(self, user_id: str) -> list[str]:
        return ["boards/design"]

    def write(self, random: Random, user_id: str) -> Action:
        card = {"board": "design", "id": str(random.randint(1, 6))}
        title = random.choice(["", "a", "b"])
        match random.choice([add, rename, move, move, remove]):
            case board.add:
                return add(**card, title=title, by=random.choice(["ann", user_id]))
            case board.rename:
                return rename(**card, title=title)
            case board.move:
                return move(**card, column=random.choice(COLUMNS))
        return remove(**card)
