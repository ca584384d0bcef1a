"""A clock that goes one millisecond further each time somebody looks at it."""

from logux_store.log import LogStore
from logux_store.testing.log import TestLog

__all__ = ["TestTime"]


class TestTime:
    """A clock for tests: the first reading is 1, the next 2, and so on. Logs that share it have
    actions with distinct times.
    """

    __test__ = False

    def __init__(self) -> None:
        self.now = 0
        self._last = 0

    def __call__(self) -> int:
        self.now += 1
        return self.now

    def next_log(self, *, node_id: str | None = None, store: LogStore | None = None) -> TestLog:
        """A log on this clock, of the node `test1`, the next one `test2`, unless `node_id` says
        otherwise.
        """
        return TestLog(node_id or f"test{self.next_number()}", store, self)

    def next_number(self) -> int:
        """A number for something that shares this clock: 1, 2, and so on."""
        self._last += 1
        return self._last
