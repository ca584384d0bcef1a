from collections.abc import Callable

import pytest

from benchmarks import served
from benchmarks.connections import idle
from benchmarks.fan_out import fan_out
from benchmarks.node import PACKAGES
from benchmarks.room import talk
from benchmarks.served import Served

pytestmark = pytest.mark.skipif(
    not PACKAGES.exists(), reason="needs the packages that `make test` gets"
)


@pytest.mark.parametrize("start", [served.ours, served.peer])
def test_both_servers_bring_every_action_to_every_subscriber(start: Callable[[], Served]) -> None:
    with start() as server:
        assert server.load("openRoom", size=5).outcome == 5
        for actions, window in ((20, 1), (30, 8)):
            assert server.load("fanOut", actions=actions, window=window).figure > 0
        assert talk(server, 1)().outcome == [50] * 5
        assert server.load("close").outcome == 6


@pytest.mark.parametrize("start", [served.ours, served.peer])
def test_both_servers_answer_every_request(start: Callable[[], Served]) -> None:
    with start() as server:
        server.load("openSender")
        assert server.load("request", actions=100, window=8).outcome == 100
        assert server.load("roundTrip", actions=10).outcome == 10
        assert server.load("cycle", count=10, atOnce=3).outcome == 10


def test_the_operating_system_tells_what_a_server_costs() -> None:
    with served.ours() as server:
        before = server.processor_seconds()
        assert server.resident_bytes() > 10_000_000
        server.load("openRoom", size=10)
        assert fan_out(server, 300, 8)().figure > 0
        assert server.processor_seconds() > before
    assert idle(served.ours)().outcome == 2000


def test_what_goes_wrong_is_an_error() -> None:
    with served.ours() as server:
        server.load("openRoom", size=2)
        server._process.kill()
        with pytest.raises(RuntimeError, match="ended while it ran fanOut"):
            server.load("fanOut", actions=10, window=1)
