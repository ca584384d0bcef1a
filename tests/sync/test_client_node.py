import asyncio
from typing import Any

import pytest

from logux_store.connections import LocalPair
from logux_store.log import Log
from logux_store.log.listeners import EVERY_KIND
from logux_store.meta import Entry, Meta
from logux_store.sync import ClientNode, ServerNode
from logux_store.testing import TestLog, VirtualClock, run_virtual
from tests.sync.nodes import Two

Action = dict[str, Any]
A, B, C = {"type": "a"}, {"type": "b"}, {"type": "c"}


class Clock:
    """A clock that the test sets."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


class Clocks(Two):
    """A client whose clock is wrong, and a server whose clock is right."""

    def __init__(self, client: int, server: int, **options: Any) -> None:
        self.client_clock, self.server_clock = Clock(client), Clock(server)
        super().__init__(
            client=options, client_clock=self.client_clock, server_clock=self.server_clock
        )

    def reconnect(self, client: int, server: int) -> None:
        """Break the connection, set the clocks, connect again."""
        self.pair.cut()
        self.client_clock.now, self.server_clock.now = client, server
        self.serve()
        self.connect()


def times(log: Log) -> dict[str, int]:
    return {action["type"]: meta.time for action, meta in log.entries()}


def test_the_defaults_are_the_protocols() -> None:
    async def test() -> None:
        node = ClientNode("1:a:b", Log("1:a:b"), LocalPair().left)
        assert (node.ping, node.timeout, node.fix_time, node.offset) == (10.0, 70.0, True, None)

    run_virtual(test())


@pytest.mark.parametrize(("client", "offset"), [(5000, 4000), (300, -700), (1000, 0)])
def test_what_the_local_clock_is_ahead_is_taken_off_the_time_of_new_actions(
    client: int, offset: int
) -> None:
    two = Clocks(client, 1000)
    two.connect()
    assert two.client.offset == two.client_log.offset == offset
    two.client_log.add(A)
    two.pair.deliver()
    for log in (two.client_log, two.server_log):
        assert [(m.id, m.time) for m in log.metas()] == [(f"{client} 1:a:b 0", 1000)]


def test_the_way_and_the_servers_thinking_are_not_mistaken_for_an_offset() -> None:
    async def think(*_: Any) -> bool:
        await asyncio.sleep(5)
        return True

    async def test() -> None:
        pair = LocalPair(delay=0.25)
        client_log = Log("1:a:b", clock=VirtualClock(start=9000))
        server_log = Log("server:x", clock=VirtualClock(start=2000))
        node = ClientNode("1:a:b", client_log, pair.left, ping=None, timeout=None)
        ServerNode("server:x", server_log, pair.right, ping=None, timeout=None, auth=think)
        pair.left.connect()
        await node.wait_for("synchronized")
        assert node.offset == 7000

    run_virtual(test())


@pytest.mark.parametrize("client", [5000, 300])
def test_actions_from_before_the_first_connection_are_moved_before_they_are_sent(
    client: int,
) -> None:
    two = Clocks(client, 1000)
    moves: list[Any] = []
    two.client_log.on("move", lambda action, meta, old: moves.append((action["type"], old[0])))
    two.client_log.on("batch", lambda: moves.append("batch"))
    two.client_log.add(A)
    two.client_clock.now += 10
    two.client_log.add(B)
    two.client_clock.now, two.server_clock.now = client + 20, 1020
    two.connect()
    assert moves[:3] == [("a", client), ("b", client + 10), "batch"]
    assert times(two.client_log) == times(two.server_log) == {"a": 1000, "b": 1010}
    two.client_log.add(C)
    assert times(two.client_log)["c"] == 1020


def test_only_what_was_never_sent_is_moved_when_the_offset_changes() -> None:
    two = Clocks(5000, 1000)
    two.connect()
    two.client_log.add(A)
    two.pair.deliver()
    two.client_log.add(B)
    two.pair.cut()
    two.client_clock.now = 5010
    two.client_log.add(C)
    two.reconnect(5020, 1030)
    assert two.client.offset == 3990
    # B was on its way when the connection broke, and might have arrived.
    assert times(two.client_log) == times(two.server_log) == {"a": 1000, "b": 1000, "c": 1020}


def test_a_moved_action_does_not_come_before_an_earlier_one_that_was_sent() -> None:
    two = Clocks(5000, 1000)
    two.connect()
    two.client_log.add(A)
    two.pair.cut()
    two.client_log.add(B)
    two.client_log.add(C)
    two.reconnect(5100, 1000)
    assert two.client.offset == 4100
    for log in (two.client_log, two.server_log):
        assert log.actions() == [A, B, C]
    assert times(two.client_log)["b"] == 1000


def only_sync(action: Action, meta: Meta) -> Entry | None:
    return (action, meta) if meta.sync else None


# Whether the node hears of actions that it does not send.
KINDS = pytest.mark.parametrize("kinds", [EVERY_KIND, ("sync", "logux")], ids=["all", "some"])


@KINDS
def test_an_action_that_was_given_a_time_keeps_it(kinds: Any) -> None:
    two = Clocks(5000, 1000, on_send=only_sync, kinds=kinds)
    two.client_log.add(A, time=700, sync=True)
    two.client_log.add({"type": "plain"}, time=800)
    two.connect()
    assert two.client.offset == 4000
    two.client_log.add(B, time=600, sync=True)
    two.pair.cut()
    two.client_log.add(C, time=500, sync=True)
    two.reconnect(5100, 1000)
    assert two.client.offset == 4100
    assert times(two.client_log) == {"a": 700, "b": 600, "c": 500, "plain": 800}
    assert times(two.server_log) == {"a": 700, "b": 600, "c": 500}


@KINDS
def test_an_action_that_was_added_with_a_meta_was_given_its_time(kinds: Any) -> None:
    two = Clocks(5000, 1000, on_send=only_sync, kinds=kinds)
    two.client_log.add(A, Meta("5001 1:a:b 0", 700, ["test"], sync=True))
    two.client_log.add(B, Meta("5002 1:a:b 0", 800, ["test"]))
    two.connect()
    two.reconnect(5100, 1000)
    assert times(two.client_log) == {"a": 700, "b": 800}
    assert times(two.server_log) == {"a": 700}


def test_a_time_that_was_given_does_not_hold_back_later_actions() -> None:
    two = Clocks(5000, 1000)
    two.client_log.add(A, time=9000)
    two.connect()
    two.client_log.add(B)
    assert times(two.client_log)["b"] == 1000
    two.pair.deliver()
    two.reconnect(5500, 1200)
    two.client_log.add(C)
    assert times(two.client_log) == {"a": 9000, "b": 1000, "c": 1200}


def test_an_action_that_was_added_again_with_a_time_has_not_been_given_it() -> None:
    two = Clocks(5000, 1000)
    meta = two.client_log.add(A)
    assert meta is not None
    assert two.client_log.add(A, id=meta.id, time=9000) is None
    two.connect()
    assert times(two.client_log) == {"a": 1000}


def test_an_action_after_a_change_of_the_offset_does_not_wait_for_the_time_that_was_wrong() -> None:
    two = Clocks(5000, 1000)
    two.client_log.add(A)
    two.client_log.on("preadd", lambda _, meta: meta.reasons.clear())
    two.client_log.add(B)
    two.connect()
    two.client_log.on("preadd", lambda _, meta: meta.reasons.append("test"))
    two.client_log.add(C)
    assert times(two.client_log) == {"a": 1000, "c": 1000}


@KINDS
def test_actions_that_stay_here_are_moved_until_a_later_one_is_sent(kinds: Any) -> None:
    two = Clocks(5000, 1000, on_send=only_sync, kinds=kinds)
    two.client_log.add(A)
    two.connect()
    assert times(two.client_log) == {"a": 1000}
    two.reconnect(5000, 900)
    assert times(two.client_log) == {"a": 900}
    two.client_log.add(B, sync=True)
    two.pair.deliver()
    two.client_log.add(C)
    two.reconnect(5000, 800)
    assert times(two.client_log) == {"a": 900, "b": 900, "c": 900}
    two.client_log.add({"type": "d"})
    two.reconnect(5000, 700)
    assert times(two.client_log) == {"a": 900, "b": 900, "c": 900, "d": 900}
    assert two.server_log.actions() == [B]


@KINDS
def test_own_actions_that_came_from_the_other_side_are_not_moved(kinds: Any) -> None:
    two = Clocks(5000, 1000, on_send=only_sync, kinds=kinds)
    two.server_log.add(A, id="700 1:a:b 0")
    two.connect()
    two.client_log.add(B)
    two.reconnect(5500, 1000)
    assert times(two.client_log) == {"a": 700, "b": 500}
    two.server_log.add(C, id="800 1:a:b 0")
    two.pair.deliver()
    two.reconnect(5500, 900)
    assert times(two.client_log) == {"a": 700, "b": 400, "c": 800}


@KINDS
def test_actions_of_the_former_user_are_moved_as_well(kinds: Any) -> None:
    two = Clocks(5000, 1000, on_send=only_sync, kinds=kinds)
    two.client_log.add(A)
    two.client.note_unsent()
    two.client_log.node_id = two.client.local_node_id = "0:a:b"
    two.client_log.add(B)
    two.connect()
    # The later one stays so, though its node id would come first.
    assert times(two.client_log) == {"a": 1000, "b": 1001}


def test_actions_of_others_and_of_an_earlier_life_are_not_moved() -> None:
    two = Clocks(5000, 1000)
    two.client.destroy()
    two.client_log.add(A)
    two.client = ClientNode("1:a:b", two.client_log, two.pair.left, ping=None, timeout=None)
    two.client_log.add(B, id="4000 2:c:d 0")
    two.connect()
    assert times(two.client_log) == {"a": 5000, "b": 4000}


def test_a_client_that_starts_again_uses_the_last_known_offset_before_it_connects() -> None:
    two = Clocks(5000, 1000)
    two.client_log.add(A)
    two.connect()
    two.client.destroy()
    two.pair.deliver()
    two.client_clock.now, two.server_clock.now = 6000, 2010
    log = TestLog("1:a:d", two.client_log.store, two.client_clock)
    log.keep_actions()
    two.client = ClientNode("1:a:d", log, two.pair.left, ping=None, timeout=None)
    log.add(B)
    assert times(log) == {"a": 1000, "b": 2000}
    two.serve()
    two.connect()
    assert two.client.offset == 3990
    assert times(log) == times(two.server_log) == {"a": 1000, "b": 2010}


def test_with_fix_time_off_the_local_clock_is_believed() -> None:
    two = Clocks(5000, 1000, fix_time=False)
    two.client_log.add(A)
    two.connect()
    assert (two.client.offset, two.client_log.offset) == (None, 0)
    assert times(two.server_log) == {"a": 5000}


def test_a_server_that_is_refused_moves_nothing() -> None:
    two = Clocks(5000, 1000, auth=lambda *_: False)
    two.client_log.add(A)
    two.server.on("error", lambda _: None)
    two.connect()
    assert (two.client.offset, times(two.client_log)) == (None, {"a": 5000})


def test_a_listener_that_raises_while_actions_are_moved_does_not_stop_the_exchange() -> None:
    two = Clocks(5000, 1000)
    two.client_log.add(A)
    two.client_log.add(B)
    two.client_log.on("batch", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        two.connect()
    assert times(two.server_log) == times(two.client_log) == {"a": 1000, "b": 1000}


def test_actions_that_the_log_drops_are_not_remembered() -> None:
    two = Clocks(5000, 1000)
    for _ in range(10):
        two.client_log.add(A)
    two.client_log.remove_reason("test")
    assert two.client._unsent == {}
    two.client_log.add(A)
    two.connect()
    assert two.client._unsent == {}


def test_a_client_that_connects_while_its_token_is_fetched_sends_one_greeting() -> None:
    async def test() -> None:
        two = Two(client={"token": lambda: asyncio.sleep(1, "late")})
        two.connect()
        two.pair.cut()
        two.serve()
        two.pair.left.connect()
        await two.client.wait_for("synchronized")
        assert [m[0] for m in two.pair.left_sent] == ["connect"]

    run_virtual(test())


def test_the_node_id_of_a_new_user_is_told_at_the_next_connection() -> None:
    two = Two()
    two.connect()
    two.pair.left.disconnect("destroy")
    two.pair.deliver()
    two.client.local_node_id = two.client_log.node_id = "2:c:d"
    two.serve()
    two.client_log.add(A)
    two.connect()
    assert two.server.remote_node_id == "2:c:d"
    assert [Meta.to_dict(meta)["id"].split(" ")[1] for meta in two.server_log.metas()] == ["2:c:d"]


@pytest.mark.parametrize("once", [True, False])
def test_a_server_that_says_once_is_sent_again_what_is_not_settled(once: bool) -> None:
    settled: list[str] = []
    two = Two(client={"on_send": lambda a, m: None if a["type"] in settled else (a, m)})

    def connect() -> list[str]:
        two.pair.clear()
        if once:
            two.server.set_local_headers({"once": True})
        two.connect()
        syncs = [message for message in two.pair.left_sent if message[0] == "sync"]
        two.pair.cut()
        two.serve()
        return [action["type"] for message in syncs for action in message[2::2]]

    for type in "abc":
        two.client_log.add({"type": type})
    assert connect() == ["a", "b", "c"]
    assert two.client.last_sent == 3
    settled += ["a", "c"]
    two.client_log.add({"type": "d"})
    assert connect() == (["b", "d"] if once else ["d"])
    settled += ["b"]
    assert connect() == (["d"] if once else [])
    settled += ["d"]
    assert connect() == []
    assert two.client_log.store.value("settled") == (4 if once else None)
    two.client_log.add({"type": "e"})
    assert connect() == ["e"]
