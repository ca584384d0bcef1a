"""What the log has dropped while this program ran, though the state still has it.

Invariant: the ids that were added last are there, as many as the limit says.
"""

from collections import OrderedDict

__all__ = ["DROPPED", "Dropped"]

DROPPED = 20_000
"""How many ids are remembered. A server that sends again more than that, as the whole history of a
channel, has the oldest applied a second time.
"""


class Dropped:
    """Ids of actions that the log has dropped."""

    __slots__ = ("_ids", "_limit")

    def __init__(self, limit: int = DROPPED) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._limit = limit

    def add(self, id: str) -> None:
        """The log has dropped the action with this id."""
        self._ids[id] = None
        if len(self._ids) > self._limit:
            self._ids.popitem(last=False)

    def __contains__(self, id: str) -> bool:
        return id in self._ids
