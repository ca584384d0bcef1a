"""What helps to test an application, and this library itself; docs/testing.md shows how.

Always there: `TestServer` (a real server, for tests of its callbacks) and `ServerDouble` (for tests
of clients), `TestClient`, `TestLog`, `TestPair`, `TestTime`, and virtual time (`virtual_time`,
`run_virtual`, `VirtualClock`). Whole worlds of them are in `logux_store.testing.simulation`.

With the extra `testing`, which brings Hypothesis: `strategies`, the `check_…` properties of
reducers, `ApplicationMachine`, `LogStoreContract`. They are loaded when they are asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from logux_store.testing.client import TestClient
from logux_store.testing.log import TestLog
from logux_store.testing.pair import TestPair
from logux_store.testing.server import TestServer
from logux_store.testing.server_double import ServerDouble
from logux_store.testing.time import TestTime
from logux_store.testing.virtual import VirtualClock, VirtualLoop, run_virtual, virtual_time

if TYPE_CHECKING:
    from logux_store.testing.history import History as History
    from logux_store.testing.log_store_contract import LogStoreContract as LogStoreContract
    from logux_store.testing.machine import ApplicationMachine as ApplicationMachine
    from logux_store.testing.properties import check_convergent as check_convergent
    from logux_store.testing.properties import check_pure as check_pure
    from logux_store.testing.properties import check_reducer as check_reducer
    from logux_store.testing.properties import check_serialisable as check_serialisable
    from logux_store.testing.properties import check_slice_honest as check_slice_honest
    from logux_store.testing.properties import check_total as check_total
    from logux_store.testing.properties import check_undo_exact as check_undo_exact

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
    "virtual_time",
]

_LOADED_LATER = {
    "ApplicationMachine": "machine",
    "History": "history",
    "LogStoreContract": "log_store_contract",
    "check_convergent": "properties",
    "check_pure": "properties",
    "check_reducer": "properties",
    "check_serialisable": "properties",
    "check_slice_honest": "properties",
    "check_total": "properties",
    "check_undo_exact": "properties",
}


def __getattr__(name: str) -> Any:
    if name in _LOADED_LATER:
        return getattr(import_module(f"{__name__}.{_LOADED_LATER[name]}"), name)
    if name == "strategies":
        return import_module(f"{__name__}.strategies")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LOADED_LATER, "strategies"])
