import pytest

from benchmarks.log import add_more, fill
from benchmarks.node import PACKAGES, Node


def test_our_side_says_how_many_actions_the_logs_kept() -> None:
    run = fill(10, 3)()
    assert run.outcome == 30
    assert run.figure > 0


def test_what_is_added_to_a_full_log_is_taken_off_again() -> None:
    side = add_more(10)
    assert [side().outcome, side().outcome] == [20_000, 20_000]


@pytest.mark.skipif(not PACKAGES.exists(), reason="needs the packages that `make test` gets")
def test_the_peer_does_the_same_work() -> None:
    with Node("log") as node:
        run = node.side("fill", size=10, logs=3)()
        assert run.outcome == 30
        assert run.figure > 0
        with pytest.raises(RuntimeError, match="ended while it ran nothing"):
            node.run("nothing")
