"""A pytest plugin with fixtures for what an application's tests need; pytest finds it by itself.

| fixture | what it is |
| --- | --- |
| `logux_time` | a `TestTime`, shared by all below |
| `logux_log` | a `TestLog` that keeps all actions |
| `logux_pair` | a `TestPair` |
| `logux_server` | a `TestServer`, on which the test, or the application, defines what it needs |
| `logux_double` | a `ServerDouble`, for tests of clients |
| `logux_client` | makes a `TestClient` of a user, for the double: `logux_client("10")` |

Whatever is connected is disconnected at the end of the test, and a callback of `logux_server` that
has raised without the test being told fails it.
"""

from collections.abc import Callable, Iterator

import pytest

from logux_store.testing.client import TestClient
from logux_store.testing.log import TestLog
from logux_store.testing.pair import TestPair
from logux_store.testing.server import TestServer
from logux_store.testing.server_double import ServerDouble
from logux_store.testing.time import TestTime

__all__: list[str] = []


@pytest.fixture
def logux_time() -> TestTime:
    """A clock that goes one millisecond further at each look."""
    return TestTime()


@pytest.fixture
def logux_log(logux_time: TestTime) -> TestLog:
    """A log that keeps all actions."""
    log = logux_time.next_log()
    log.keep_actions()
    return log


@pytest.fixture
def logux_pair() -> TestPair:
    """Two connections that show what goes over them."""
    return TestPair()


@pytest.fixture
def logux_server(logux_time: TestTime) -> Iterator[TestServer]:
    """A real server with nothing defined on it but that everybody may connect."""
    server = TestServer(time=logux_time)
    yield server
    for client in server.test_clients:
        client.node.destroy()
    server.check_errors()


@pytest.fixture
def logux_double(logux_time: TestTime) -> ServerDouble:
    """A server that does as the test says."""
    return ServerDouble(logux_time)


@pytest.fixture
def logux_client(logux_double: ServerDouble) -> Iterator[Callable[..., TestClient]]:
    """Makes clients of the double; the arguments are those of `TestClient`."""
    clients: list[TestClient] = []

    def make(user_id: str = "10", **options: object) -> TestClient:
        client = TestClient(user_id, **{"server": logux_double, **options})  # type: ignore[arg-type]
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.node.destroy()
