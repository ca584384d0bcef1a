"""A tab's copy of the shared log, in memory."""

from collections.abc import Callable

from logux_store.log import MemoryStore

__all__ = ["ReplicaStore"]

REMEMBERED_PER_CLIENT = 10_000
"""How many dropped actions of the tabs' own client are remembered, so that one which a tab hands
over again is not taken for new.
"""


class ReplicaStore(MemoryStore):
    """`when_shared` says when the other tabs have what was written; that is what durable means to a
    tab that may be killed.
    """

    def __init__(self, when_shared: Callable[[Callable[[], None]], None]) -> None:
        super().__init__(remembered_per_client=REMEMBERED_PER_CLIENT)
        self._when_shared = when_shared

    def when_durable(self, callback: Callable[[], None]) -> None:
        self._when_shared(callback)
