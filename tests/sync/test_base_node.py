import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from logux_store.log import MemoryStore
from logux_store.meta import Meta
from logux_store.sync import SharedAction
from logux_store.sync.outgoing import MAX_ENTRIES, MAX_TEXT
from logux_store.testing import run_virtual
from tests.sync.nodes import Asked, Other, Two

A, B, C = {"type": "a"}, {"type": "b"}, {"type": "c"}


def sync(added: int, *types: str) -> list[Any]:
    """A message with one entry for each type, whose ids are distinct."""
    message: list[Any] = ["sync", added]
    for type in types:
        message += [{"type": type}, {"id": [0, type, 0], "time": 0}]
    return message


def names(messages: list[list[Any]]) -> list[str]:
    return [message[0] for message in messages]


def syncs(messages: list[list[Any]]) -> list[list[Any]]:
    return [message for message in messages if message[0] == "sync"]


# What leaves.


def test_what_was_added_before_the_connection_is_sent_after_it() -> None:
    two = Two()
    two.client_log.add(A)
    two.client_log.add(B)
    two.server_log.add(C)
    two.connect()
    for log in (two.client_log, two.server_log):
        assert log.actions() == [A, B, C]
    assert two.client.state == two.server.state == "synchronized"


def test_what_is_added_on_a_connection_is_sent_at_once() -> None:
    two = Two()
    two.connect()
    two.client_log.add(A)
    assert two.client.state == "sending"
    two.pair.deliver()
    assert two.client.state == "synchronized"
    assert two.server_log.actions() == [A]
    two.server_log.add(B)
    two.pair.deliver()
    assert two.client_log.actions() == [A, B]


def test_ids_times_and_subprotocols_arrive_as_they_were() -> None:
    two = Two(client={"subprotocol": 2})
    two.connect()
    two.client_log.add(A, id="7 1:a:b 3", time=9, subprotocol=1)
    two.client_log.add(B, id="8 2:c:d 0", subprotocol=2)
    two.pair.deliver()
    metas = two.server_log.metas()
    assert [(m.id, m.time, m.subprotocol) for m in metas] == [
        ("8 2:c:d 0", 8, None),
        ("7 1:a:b 3", 9, 1),
    ]


def test_what_came_from_the_other_side_is_not_sent_back() -> None:
    two = Two()
    two.connect()
    two.pair.clear()
    two.client_log.add(A)
    two.pair.deliver()
    assert two.pair.right_sent == [["synced", 1]]


def test_all_that_is_added_in_one_turn_of_the_loop_leaves_as_one_message() -> None:
    async def test() -> None:
        two = Two()
        two.pair.left.connect()
        await two.client.wait_for("synchronized")
        two.pair.clear()
        for action in (A, B, C):
            two.client_log.add(action)
        assert two.client.state == "sending"
        await two.client.wait_for("synchronized")
        assert [(m[0], m[1], m[2::2]) for m in two.pair.left_sent] == [("sync", 3, [A, B, C])]
        assert two.pair.right_sent == [["synced", 3]]

    run_virtual(test())


def test_a_node_that_is_destroyed_sends_first_what_was_added_in_this_turn() -> None:
    async def test() -> None:
        two = Two()
        two.pair.left.connect()
        await two.client.wait_for("synchronized")
        two.client_log.add(A)
        two.client.destroy()
        await two.server.wait_for("disconnected")
        assert two.server_log.actions() == [A]

    run_virtual(test())


def test_what_was_added_in_the_turn_in_which_the_connection_broke_is_sent_by_the_next() -> None:
    async def test() -> None:
        two = Two()
        two.pair.left.connect()
        await two.client.wait_for("synchronized")
        two.client_log.add(A)
        two.pair.cut()
        two.serve()
        two.pair.clear()
        two.pair.left.connect()
        await two.client.wait_for("synchronized")
        assert two.server_log.actions() == [A]
        assert names(two.pair.left_sent) == ["connect", "sync"]

    run_virtual(test())


def test_more_than_fits_into_a_message_is_sent_in_order_as_several() -> None:
    two = Two()
    actions = [{"type": "a", "n": n} for n in range(MAX_ENTRIES + 1)]
    for action in actions:
        two.client_log.add(action)
    two.connect()
    assert [m[1] for m in syncs(two.pair.left_sent)] == [MAX_ENTRIES, MAX_ENTRIES + 1]
    assert two.server_log.actions() == actions


def test_large_actions_are_sent_alone() -> None:
    two = Two()
    for size in (1, MAX_TEXT // 2, MAX_TEXT // 2, 2 * MAX_TEXT, 1):
        two.client_log.add({"type": "a", "text": "x" * size})
    two.connect()
    assert [len(m) // 2 - 1 for m in syncs(two.pair.left_sent)] == [2, 1, 1, 1]
    assert two.client.state == "synchronized"


def test_entries_that_the_log_does_not_keep_are_sent_with_the_last_number_known() -> None:
    two = Two()
    two.connect()
    two.pair.clear()
    two.client_log.add(A)
    two.client_log.on("preadd", lambda _, meta: meta.reasons.clear())
    two.client_log.add(B)
    two.pair.deliver()
    assert [message[:3] for message in two.pair.left_sent] == [["sync", 1, A], ["sync", 1, B]]
    assert two.client.state == "synchronized"


def test_the_number_that_is_told_never_goes_back() -> None:
    asked = Asked()
    asked.accept()
    asked.pair.clear()
    for added in (5, 3):
        meta = Meta(f"{added} 1:a:b 0", added)
        meta.added = added
        asked.node.enqueue(A, meta)
    asked.pair.deliver()
    assert [message[:2] for message in asked.pair.left_sent] == [["sync", 5], ["sync", 5]]


def test_an_entry_can_be_held_back_or_changed_on_its_way_out() -> None:
    def on_send(action: Any, meta: Meta) -> Any:
        if action == A:
            return None
        return {**action, "sent": True}, Meta(meta.id, meta.time)

    two = Two(client={"on_send": on_send})
    two.client_log.add(A)
    two.client_log.add(B)
    two.connect()
    two.client_log.add(A)
    two.client_log.add(C)
    two.pair.deliver()
    assert two.server_log.actions() == [{**B, "sent": True}, {**C, "sent": True}]
    assert two.client_log.actions() == [A, B, A, C]
    assert two.client.last_sent == 4


def test_a_node_that_holds_everything_back_is_synchronized() -> None:
    two = Two(client={"on_send": lambda *_: None})
    two.client_log.add(A)
    two.connect()
    two.client_log.add(B)
    assert two.client.state == "synchronized"
    assert names(two.pair.left_sent) == ["connect"]


def test_a_node_that_does_not_follow_its_log_sends_what_it_is_given() -> None:
    two = Two(server={"follow_log": False})
    two.connect()
    two.server_log.add(A)
    meta = two.server_log.add(B)
    assert meta is not None
    two.server.enqueue(SharedAction(B), meta)
    two.pair.deliver()
    assert two.client_log.actions() == [B]


def test_nothing_is_enqueued_before_authentication() -> None:
    two = Two()
    two.server.enqueue(A, Meta("1 a 0", 1))
    two.connect()
    assert two.client_log.actions() == []


def test_an_action_that_cannot_be_sent_is_an_error_of_its_caller_only() -> None:
    two = Two()
    two.connect()
    with pytest.raises(TypeError, match="no JSON form"):
        two.client_log.add({"type": "bad", "value": object()})
    two.client_log.add(A)
    two.pair.deliver()
    assert two.server_log.actions() == [A]


def test_an_action_that_cannot_be_sent_does_not_keep_the_others_from_being_sent() -> None:
    two = Two()
    two.client_log.add({"type": "bad", "value": object()})
    two.client_log.add(A)
    with pytest.raises(TypeError, match="no JSON form"):
        two.connect()
    assert two.server_log.actions() == [A]


# What comes.


def test_a_sync_is_acknowledged_and_its_number_stored() -> None:
    other = Other()
    other.greet()
    assert other.say(*sync(9, "a", "b")) == [["synced", 9]]
    assert [action["type"] for action in other.log.actions()] == ["a", "b"]
    assert other.say(*sync(10)) == [["synced", 10]]


def test_an_action_that_comes_again_is_acknowledged_and_not_added_again() -> None:
    other = Other()
    other.greet()
    other.say(*sync(1, "a"))
    assert other.say(*sync(2, "a", "b")) == [["synced", 2]]
    assert [action["type"] for action in other.log.actions()] == ["a", "b"]


def test_an_entry_can_be_refused_or_changed_on_its_way_in() -> None:
    def on_receive(action: Any, meta: Meta) -> Any:
        return None if action == A else ({**action, "received": True}, meta)

    other = Other(on_receive=on_receive)
    other.greet()
    assert other.say(*sync(1, "a", "b")) == [["synced", 1]]
    assert other.log.actions() == [{**B, "received": True}]


def test_entries_of_one_message_are_added_as_one_batch() -> None:
    other = Other()
    heard: list[str] = []
    other.log.on("add", lambda action, _: heard.append(action["type"]))
    other.log.on("batch", lambda: heard.append("batch"))
    other.greet()
    other.say(*sync(1, "a", "b"))
    assert heard == ["a", "b", "batch"]


def test_what_a_listener_raises_is_raised_when_all_is_added_and_acknowledged() -> None:
    other = Other()
    other.greet()
    other.log.type("a", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        other.say(*sync(1, "a", "b"))
    assert other.log.actions() == [A, B]
    assert other.pair.right_sent == [["synced", 1]]


@pytest.mark.parametrize("where", ["preadd", "add", "batch", "on_receive"])
def test_several_errors_of_one_message_are_raised_together(where: str) -> None:
    def broken(*_: Any) -> Any:
        raise KeyError

    other = Other(on_receive=broken if where == "on_receive" else None)
    other.greet()
    if where != "on_receive":
        other.log.on(where, broken)
    other.log.on("batch", lambda: 1 / 0)
    with pytest.raises(ExceptionGroup) as caught:
        other.say(*sync(1, "a", "b"))
    kinds = {type(error) for error in flat(caught.value)}
    assert kinds == {KeyError, ZeroDivisionError}
    assert other.pair.right_sent == [["synced", 1]]


def flat(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [one for inner in error.exceptions for one in flat(inner)]
    return [error]


class SlowStore(MemoryStore):
    """A store that the test commits, once something was added to it."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[Callable[[], None]] = []

    def when_durable(self, callback: Callable[[], None]) -> None:
        if self.last_added():
            self.commits.append(callback)
        else:
            callback()


def slow(other: Other | Asked) -> list[Callable[[], None]]:
    store = SlowStore()
    other.log.store = store
    return store.commits


def test_a_sync_is_acknowledged_only_when_it_is_durable() -> None:
    asked = Asked()
    commits = slow(asked)
    asked.accept()
    assert asked.answer(*sync(1, "a")) == []
    assert asked.node.last_received == 0
    commits[0]()
    asked.pair.deliver()
    assert asked.pair.left_sent == [["synced", 1]]
    assert asked.node.last_received == asked.log.store.last_synced().received == 1


def test_acknowledgements_leave_in_the_order_in_which_the_syncs_came() -> None:
    asked = Asked()
    commits = slow(asked)
    asked.accept()
    for added, type in ((1, "a"), (2, "b"), (3, "c")):
        asked.answer(*sync(added, type))
    asked.pair.clear()
    commits[1]()
    asked.pair.deliver()
    assert asked.pair.left_sent == []
    assert asked.node.last_received == 0
    commits[0]()
    commits[0]()
    asked.pair.deliver()
    assert asked.pair.left_sent == [["synced", 1], ["synced", 2]]
    commits[2]()
    asked.pair.deliver()
    assert asked.pair.left_sent[2:] == [["synced", 3]]


def test_a_number_that_is_durable_after_the_connection_ended_is_stored_but_not_sent() -> None:
    asked = Asked()
    commits = slow(asked)
    asked.accept()
    asked.answer(*sync(4, "a"))
    asked.pair.cut()
    asked.accept()
    asked.pair.clear()
    commits[0]()
    asked.pair.deliver()
    assert asked.pair.left_sent == []
    assert asked.node.last_received == 4


def test_a_ping_is_answered_and_its_number_believed_when_everything_is_durable() -> None:
    asked = Asked()
    commits = slow(asked)
    asked.accept()
    assert asked.answer("ping", 3) == [["pong", 0]]
    assert asked.node.last_received == 3
    asked.answer(*sync(5, "a"))
    asked.answer("ping", 9)
    asked.answer("pong", 9)
    assert asked.node.last_received == 3
    commits[0]()
    assert asked.node.last_received == 5
    asked.answer("pong", 9)
    assert asked.node.last_received == 9


def test_what_waits_to_leave_leaves_before_a_ping_or_pong_that_tells_its_number() -> None:
    async def test() -> None:
        two = Two(client={"ping": 1.0, "timeout": 5.0})
        two.pair.left.connect()
        await two.client.wait_for("synchronized")
        two.pair.clear()
        two.client_log.add(A)
        two.client._on_quiet()
        two.server_log.add(B)
        two.server.receive(["ping", 0])
        two.pair.deliver()
        assert [message[:2] for message in two.pair.left_sent] == [
            ["sync", 1],
            ["ping", 1],
            ["synced", 1],
        ]
        assert [message[:2] for message in two.pair.right_sent[:2]] == [["sync", 1], ["pong", 1]]
        two.client.destroy()

    run_virtual(test())


# What is acknowledged.


def test_the_state_is_sending_until_everything_is_acknowledged() -> None:
    asked = Asked()
    asked.accept()
    asked.log.add(A)
    asked.log.add(B)
    asked.answer("synced", 1)
    assert (asked.node.state, asked.node.last_sent) == ("sending", 1)
    asked.answer("synced", 2)
    assert (asked.node.state, asked.node.last_sent) == ("synchronized", 2)
    assert asked.log.store.last_synced().sent == 2


def test_one_acknowledgement_may_be_for_all_up_to_its_number() -> None:
    asked = Asked()
    asked.accept()
    for action in (A, B, C):
        asked.log.add(action)
    asked.answer("synced", 2)
    assert (asked.node.state, asked.node.last_sent) == ("sending", 2)
    asked.answer("synced", 3)
    assert (asked.node.state, asked.node.last_sent) == ("synchronized", 3)


def test_two_syncs_with_one_number_need_two_acknowledgements() -> None:
    asked = Asked()
    asked.accept()
    asked.log.add(A)
    asked.log.on("preadd", lambda _, meta: meta.reasons.clear())
    asked.log.add(B)
    asked.answer("synced", 1)
    assert asked.node.state == "sending"
    asked.answer("synced", 1)
    assert asked.node.state == "synchronized"


@pytest.mark.parametrize("number", [0, 100])
def test_an_acknowledgement_of_nothing_means_nothing(number: int) -> None:
    asked = Asked()
    asked.accept()
    asked.answer("synced", number)
    assert asked.node.last_sent == 0
    asked.log.add(A)
    asked.answer("synced", 0)
    assert (asked.node.state, asked.node.last_sent) == ("sending", 0)


def test_a_sync_without_an_answer_ends_the_connection_and_is_sent_again() -> None:
    async def test() -> None:
        asked = Asked(timeout=5.0)
        asked.accept()
        asked.log.add(A)
        await asked.node.wait_for("sending")
        await asked.node.wait_for("disconnected")
        assert asyncio.get_running_loop().time() == 5
        asked.accept()
        assert names(asked.pair.left_sent) == ["sync"]
        asked.node.destroy()

    run_virtual(test())


def test_only_what_the_other_side_lacks_is_sent_after_a_reconnection() -> None:
    two = Two()
    two.client_log.add(A)
    two.server_log.add(B)
    two.connect()
    two.pair.cut()
    two.client_log.add(C)
    two.serve()
    two.pair.clear()
    two.connect()
    assert two.pair.left_sent[0] == ["connect", 5, "1:a:b", 1]
    assert [m[2::2] for m in syncs(two.pair.left_sent)] == [[B, C]]
    assert [m[2::2] for m in syncs(two.pair.right_sent)] == [[A]]
    assert two.client_log.actions() == two.server_log.actions() == [A, B, C]


def test_a_node_goes_on_where_its_log_was_left() -> None:
    two = Two()
    two.server_log.add(A)
    two.client_log.add(B)
    two.connect()
    two.client.destroy()
    again = Two()
    again.client_log.store.set_last_synced(sent=1, received=1)
    again.client_log.add(B)
    again.client = type(again.client)(
        "1:a:b", again.client_log, again.pair.left, ping=None, timeout=None
    )
    assert (again.client.last_sent, again.client.last_received) == (1, 1)


def test_a_listener_that_adds_an_entry_while_one_comes_does_not_disturb_it() -> None:
    two = Two()
    two.server_log.type("a", lambda _, meta: two.server_log.add({"type": "answer"}))
    two.connect()
    two.client_log.add(A)
    two.pair.deliver()
    assert two.client_log.actions() == [A, {"type": "answer"}]
    assert two.client.state == two.server.state == "synchronized"


@pytest.mark.parametrize("where", ["state", "filter"])
def test_a_listener_may_end_the_connection_as_soon_as_it_is_open(where: str) -> None:
    two = Two()
    two.client_log.add(A)
    two.client_log.add(B)
    ends = [two.pair.left.disconnect]

    def end(*entry: Any) -> Any:
        if two.client.authenticated and ends:
            ends.pop()()
        return entry

    if where == "filter":
        two.client.on_send = end
    else:
        two.client.on("state", end)
    two.connect()
    assert (two.client.state, two.client.connected) == ("disconnected", False)
    two.client_log.add(C)
    assert two.client.state == "disconnected"
    two.serve()
    two.connect()
    assert two.client.state == "synchronized"
    assert [action["type"] for action in two.server_log.actions()] == ["a", "b", "c"]


def test_a_state_listener_that_raises_at_the_opening_loses_nothing() -> None:
    other = Other()
    other.say("sync", 1, A, {"id": 0, "time": 0})

    def broken() -> None:
        if other.node.authenticated:
            raise ZeroDivisionError

    other.node.on("state", broken)
    with pytest.raises(ZeroDivisionError):
        other.greet()
    assert other.log.actions() == [A]


def test_a_connection_that_breaks_between_two_messages_is_not_written_to() -> None:
    two = Two()
    for _ in range(2 * MAX_ENTRIES):
        two.client_log.add(A)
    sent: list[Any] = []

    class Narrow:
        def __getattr__(self, name: str) -> Any:
            return self.take if name == "send" else getattr(two.pair.left, name)

        def take(self, message: Any) -> None:
            two.pair.left.send(message)
            if message[0] == "sync":
                sent.append(message)
                two.pair.left.end(two.pair.left._number, "slow")

    two.client.connection = Narrow()
    two.connect()
    assert (two.client.state, len(sent)) == ("disconnected", 1)


def test_a_message_that_the_connection_does_not_take_ends_it() -> None:
    two = Two()
    two.connect()

    def broken(_: Any) -> None:
        raise OSError("broken")

    class Broken:
        def __getattr__(self, name: str) -> Any:
            return broken if name == "send" else getattr(two.pair.left, name)

    two.client.connection = Broken()
    with pytest.raises(OSError, match="broken"):
        two.client_log.add(A)
    assert two.client.state == "disconnected"


def test_nothing_of_what_came_and_went_is_remembered() -> None:
    two = Two()
    two.connect()
    for _ in range(100):
        two.client_log.add(A)
        two.server_log.add(B)
        two.pair.deliver()
    for node in (two.client, two.server):
        assert not node._received
        assert not node._arrived
        assert not node._unacknowledged
        assert not node._outgoing
        assert not node._waiting


def test_nothing_is_told_of_the_log_that_it_could_still_forget() -> None:
    two = Two()
    store = two.client_log.store = SlowStore()
    two.connect()
    two.pair.clear()
    two.client_log.add(A)
    two.client._on_quiet()
    two.pair.deliver()
    assert (two.pair.left_sent, two.client.state) == ([], "sending")
    for commit in store.commits:
        commit()
    two.pair.deliver()
    assert names(two.pair.left_sent) == ["sync", "ping"]
    assert two.client.state == "synchronized"


def test_what_became_durable_too_late_is_not_sent_on_the_next_connection() -> None:
    two = Two()
    store = two.client_log.store = SlowStore()
    two.connect()
    two.client_log.add(A)
    two.pair.cut()
    two.serve()
    two.pair.clear()
    two.connect()
    assert len(store.commits) == 2
    for commit in store.commits:
        commit()
    two.pair.deliver()
    assert names(two.pair.left_sent) == ["connect", "sync"]
    assert [action["type"] for action in two.server_log.actions()] == ["a"]
