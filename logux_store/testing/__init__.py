"""What helps to test an application, and this library itself."""

from logux_store.testing.log import TestLog
from logux_store.testing.pair import TestPair
from logux_store.testing.time import TestTime

__all__ = ["TestLog", "TestPair", "TestTime"]
