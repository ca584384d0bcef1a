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
    """Ids of actions that the log has dropped: the keys of `ids`, for callers in a hurry."""

    __slots__ = ("_limit", "ids")

    def __init__(self, limit: int = DROPPED) -> None:
        self.ids: OrderedDict[str, None] = OrderedDict()
        self._limit = limit

    def add(self, id: str) -> None:
        """The log has dropped the action with this id."""
        self.ids[id] = None
        if len(self.ids) > self._limit:
            self.ids.popitem(last=False)

    def __contains__(self, id: str) -> bool:
        return id in self.ids
