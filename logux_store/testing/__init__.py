"""What helps to test an application, and this library itself."""

from logux_store.testing.log import TestLog
from logux_store.testing.pair import TestPair
from logux_store.testing.time import TestTime
from logux_store.testing.virtual import VirtualClock, VirtualLoop, run_virtual

__all__ = ["TestLog", "TestPair", "TestTime", "VirtualClock", "VirtualLoop", "run_virtual"]
