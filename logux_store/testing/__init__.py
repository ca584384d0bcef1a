"""What helps to test an application, and this library itself."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from logux_store.testing.client import TestClient
from logux_store.testing.log import TestLog
from logux_store.testing.pair import TestPair
from logux_store.testing.server import TestServer
from logux_store.testing.server_double import ServerDouble
from logux_store.testing.time import TestTime
from logux_store.testing.virtual import VirtualClock, VirtualLoop, run_virtual

if TYPE_CHECKING:
    from logux_store.testing.log_store_contract import LogStoreContract as LogStoreContract

__all__ = [
    "ServerDouble",
    "TestClient",
    "TestLog",
    "TestPair",
    "TestServer",
    "TestTime",
    "VirtualClock",
    "VirtualLoop",
    "run_virtual",
]

# What needs Hypothesis, which comes with the extra `testing`, is loaded when it is asked for; the
# rest works without.
_LOADED_LATER = {"LogStoreContract": "logux_store.testing.log_store_contract"}


def __getattr__(name: str) -> Any:
    if name in _LOADED_LATER:
        return getattr(import_module(_LOADED_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
