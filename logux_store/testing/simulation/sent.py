"""What clients of a simulated world have sent to their servers, and what became of it."""

from typing import TYPE_CHECKING

from logux_store.actions import Action
from logux_store.client import Outcome
from logux_store.errors import UndoError

if TYPE_CHECKING:
    from logux_store.testing.simulation.nodes import ClientProgram

__all__ = ["Sent", "verdict"]


class Sent:
    """An action that a client has dispatched for the server, when the server's clock showed `time`.
    `answers` are those that came, in order; `lost` says that a crash took it before it was durable.
    """

    __slots__ = (
        "_knew_time",
        "_run",
        "action",
        "answers",
        "client",
        "id",
        "lost",
        "outcome",
        "time",
    )

    def __init__(
        self, client: "ClientProgram", action: Action, outcome: Outcome, time: int
    ) -> None:
        self.time = time
        self.client = client
        self.action = action
        self.id = outcome.id
        self.outcome = outcome
        self.lost = False
        self.answers: list[str] = []
        self._run = client.client
        self._knew_time = client.client.node.offset is not None

    @property
    def is_timed(self) -> bool:
        """Whether the action must have the server's time: the client knew it, or has learned it in
        the same run. Of an earlier run nobody knows how wrong its clock was.
        """
        return self._knew_time or self._run is self.client.client


def verdict(sent: Sent) -> str:
    """How the outcome of an action looks: `open`, `processed`, or the reason of an undo."""
    if not sent.outcome.done:
        return "open"
    try:
        sent.outcome.result()
    except UndoError as error:
        return error.reason
    except ConnectionAbortedError:
        return "open"
    return "processed"
