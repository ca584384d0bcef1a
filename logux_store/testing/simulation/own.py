"""Your own application in a simulated world.

class Boards(SimulatedApplication):
    reducer = reducer

    def define(self, server):
        define(server)

    def channels(self, user_id):
        return ["boards/design"]

    def write(self, random, user_id):
        return {"type": "cards/add", "id": str(random.randint(1, 5)), "by": user_id}
"""

from collections.abc import Iterable, Mapping
from random import Random
from typing import Any, ClassVar

from logux_store.actions import Action
from logux_store.log import Log
from logux_store.server import BaseServer
from logux_store.store import Reducer
from logux_store.testing.kept import fold_kept

__all__ = ["SimulatedApplication"]


class SimulatedApplication:
    """Says what there is to simulate; see the module's text. `users` are the user ids of those who
    take part, or of some of them.

    The server's log keeps every action. When the world has come to rest, each client has to show
    `expected_state`, and each of its actions must have been answered once, and must be in the
    server's log if the answer was that it is processed.
    """

    reducer: ClassVar[Reducer | Mapping[str, Any]]
    users: ClassVar[tuple[str, ...]] = ("ann", "bob", "eve")

    def define(self, server: BaseServer) -> None:
        """Define types and channels. It is called whenever a server starts: what the server knows
        from before is in `server.log`. Everybody may connect unless it says otherwise.
        """
        raise NotImplementedError("a simulated application needs define(server)")

    def channels(self, user_id: str) -> Iterable[str]:
        """The channels that a user's clients subscribe to."""
        raise NotImplementedError("a simulated application needs channels(user_id)")

    def write(self, random: Random, user_id: str) -> Action:
        """Something that a user does, drawn with `random` and nothing else."""
        raise NotImplementedError("a simulated application needs write(random, user_id)")

    def token(self, _user_id: str) -> str | None:
        """What a user's clients connect with, if `define` says what to ask for."""
        return None

    def expected_state(self, log: Log, _user_id: str) -> Any:
        """What the stores of a user's clients show in the end, by the server's log: the plain fold
        over it. Override it where not everybody gets everything.
        """
        return fold_kept(type(self).reducer, log)
