import asyncio
from typing import Any

import pytest

from logux_store.errors import LoguxError
from logux_store.sync import NodeState
from logux_store.sync.waiting import MAX_WAITING, MAX_WAITING_SIZE
from logux_store.testing import run_virtual
from tests.sync.nodes import Asked, Other, Two, never


def heard(node: Any, event: str = "error") -> list[Any]:
    errors: list[Any] = []
    node.on(event, errors.append)
    return errors


def types(errors: list[Any]) -> list[str]:
    return [error.type for error in errors]


def test_nodes_greet_each_other() -> None:
    two = Two(client={"token": "c", "subprotocol": 2}, server={"token": "s", "subprotocol": 3})
    states: list[str] = []
    two.client.on("state", lambda: states.append(str(two.client.state)))
    two.pair.left.connect()
    two.pair.deliver()
    greeting = ["connect", 5, "1:a:b", 0, {"token": "c", "subprotocol": 2}]
    assert two.pair.left_sent == [greeting]
    answer = ["connected", 5, "server:x", [2, 3], {"token": "s", "subprotocol": 3}]
    assert two.pair.right_sent == [answer]
    assert states == ["connecting", "synchronized"]
    for node, other, subprotocol in ((two.client, "server:x", 3), (two.server, "1:a:b", 2)):
        assert node.connected
        assert node.authenticated
        assert node.state == "synchronized"
        assert node.base_time == 3
        assert (node.remote_node_id, node.remote_protocol) == (other, 5)
        assert node.remote_subprotocol == subprotocol


def test_a_greeting_without_options_has_none() -> None:
    two = Two()
    two.pair.left.connect()
    two.pair.deliver()
    assert two.pair.left_sent == [["connect", 5, "1:a:b", 0]]
    assert two.pair.right_sent == [["connected", 5, "server:x", [2, 3]]]
    assert two.client.remote_subprotocol == 0


def test_each_side_is_asked_whether_it_accepts_the_other() -> None:
    asked: list[Any] = []

    def accept(*who: Any) -> bool:
        asked.append(who)
        return True

    two = Two(
        client={"token": lambda: "made", "auth": accept}, server={"token": "s", "auth": accept}
    )
    two.client.set_local_headers({"language": "pl"})
    two.connect()
    assert asked == [("1:a:b", "made", {"language": "pl"}), ("server:x", "s", {})]
    assert two.client.authenticated


def test_a_client_that_is_refused_is_told_so_and_its_connection_ends() -> None:
    two = Two(server={"auth": lambda *_: False})
    errors, client_errors = heard(two.client), heard(two.server, "client_error")
    two.connect()
    assert [str(error) for error in errors] == [
        "The other node sent the error wrong-credentials (The user id or the token was refused)"
    ]
    assert types(client_errors) == ["wrong-credentials"]
    assert two.client.state is two.server.state is NodeState.DISCONNECTED
    assert not two.pair.left.connected


def test_a_server_that_is_refused_is_told_so_and_the_client_ends() -> None:
    two = Two(client={"auth": lambda *_: False})
    errors = heard(two.server)
    two.connect()
    assert types(errors) == ["wrong-credentials"]
    two.client_log.add({"type": "a"})
    two.pair.clear()
    two.connect()
    assert two.pair.left_sent == []


def test_auth_may_give_a_reason_for_its_refusal() -> None:
    def auth(*_: Any) -> bool:
        raise LoguxError("wrong-subprotocol", {"supported": 2, "used": 1})

    two = Two(server={"auth": auth})
    two.connect()
    assert two.client.state == "disconnected"
    assert two.pair.right_sent == [["error", "wrong-subprotocol", {"supported": 2, "used": 1}]]


def test_a_listener_to_connect_may_refuse_before_auth_is_asked() -> None:
    two = Two(server={"auth": never})
    seen: list[Any] = []

    def refuse() -> None:
        seen.append((two.server.remote_node_id, two.server.remote_subprotocol))
        raise LoguxError("wrong-subprotocol", {"supported": 2, "used": 0})

    two.server.on("connect", refuse)
    errors = heard(two.client)
    two.connect()
    assert seen == [("1:a:b", 0)]
    assert types(errors) == ["wrong-subprotocol"]
    assert "2 or newer" in str(errors[0])


@pytest.mark.parametrize("where", ["auth", "connect"])
def test_an_exception_on_the_way_to_acceptance_ends_the_connection(where: str) -> None:
    def broken(*_: Any) -> bool:
        raise ZeroDivisionError

    two = Two(server={"auth": broken} if where == "auth" else {})
    if where == "connect":
        two.server.on("connect", broken)
    with pytest.raises(ZeroDivisionError):
        two.connect()
    assert two.client.state == "disconnected"
    two = Two(server={"auth": broken})
    errors = heard(two.server)
    two.connect()
    assert [type(error) for error in errors] == [ZeroDivisionError]


def test_an_older_protocol_is_refused_and_a_newer_one_accepted() -> None:
    other = Other()
    assert other.say("connect", 4, "1:a:b", 0) == [
        ["error", "wrong-protocol", {"supported": 5, "used": 4}]
    ]
    assert not other.node.connected
    other = Other()
    assert other.say("connect", 6, "1:a:b", 0) == [["connected", 5, "server:x", [100, 100]]]
    assert other.node.remote_protocol == 6


def test_a_client_refuses_a_server_of_an_older_protocol() -> None:
    asked = Asked()
    asked.pair.left.connect()
    asked.pair.deliver()
    versions = {"supported": 5, "used": 4}
    assert asked.answer("connected", 4, "server:x", [1, 2]) == [
        ["error", "wrong-protocol", versions]
    ]
    assert not asked.pair.right.connected


def test_headers_are_told_now_and_at_each_connection() -> None:
    two = Two()
    told = heard(two.client, "headers")
    two.server.set_local_headers({"env": "development"})
    two.connect()
    assert two.client.remote_headers == {"env": "development"}
    two.server.set_local_headers({"other": 1})
    two.pair.deliver()
    assert two.client.remote_headers == {"other": 1}
    assert told == [{"env": "development"}, {"other": 1}]
    two.pair.cut()
    two.serve()
    two.connect()
    assert two.client.remote_headers == {}


@pytest.mark.parametrize("bad", [object(), float("inf")])
def test_headers_that_cannot_be_sent_are_refused_at_the_call(bad: object) -> None:
    two = Two()
    with pytest.raises((TypeError, ValueError)):
        two.client.set_local_headers({"a": bad})
    assert two.client.local_headers == {}


def test_the_developer_is_told_of_an_error_on_the_other_side() -> None:
    two = Two()
    told: list[Any] = []
    two.client.on("debug", lambda *args: told.append(args))
    two.connect()
    two.server.send_debug("a trace")
    two.pair.deliver()
    assert told == [("error", "a trace")]


@pytest.mark.parametrize(
    "message",
    [
        ["connect", 5, "2:c:d", 0],
        ["connected", 5, "2:c:d", [1, 2]],
        ["ping", -1],
        ["sync", 1, {"type": 1}, {"id": 1, "time": 1}],
        ["sync", 1, {"type": "a"}, {"id": 10**15 - 1, "time": 1}],
    ],
)
def test_a_wrong_message_is_answered_and_ends_the_connection(message: list[Any]) -> None:
    other = Other()
    other.greet()
    answers = other.say(*message)
    assert [answer[:2] for answer in answers] == [["error", "wrong-format"]]
    assert not other.pair.left.connected
    assert other.node.remote_node_id == "1:a:b"
    assert other.log.actions() == []


def test_connected_is_wrong_for_who_did_not_ask() -> None:
    answers = Other(auth=never).say("connected", 5, "1:a:b", [1, 2])
    assert [answer[:2] for answer in answers] == [["error", "wrong-format"]]


def test_an_unknown_message_is_answered_and_ends_the_connection() -> None:
    other = Other()
    assert other.say("duilian", "x") == [["error", "unknown-message", "duilian"]]
    assert not other.pair.left.connected


def test_a_client_checks_what_comes_as_well() -> None:
    two = Two()
    two.connect()
    errors = heard(two.server)
    two.pair.right.send(["sync", 1, {}, {}])
    two.pair.deliver()
    assert types(errors) == ["wrong-format"]
    assert two.client.state == "disconnected"


def test_text_that_is_no_message_is_answered_and_ends_the_connection() -> None:
    two = Two()
    two.connect()
    errors = heard(two.client)
    two.server._on_error(LoguxError("wrong-format", "{"))
    two.pair.deliver()
    assert types(errors) == ["wrong-format"]
    assert two.client.state == "disconnected"


def test_an_error_of_the_other_side_is_raised_when_nobody_listens() -> None:
    other = Other()
    with pytest.raises(LoguxError, match="sent the error own"):
        other.say("error", "own", {"any": "thing"})
    errors = heard(other.node)
    other.say("error", "own")
    assert [(e.type, e.options, e.received) for e in errors] == [("own", None, True)]


@pytest.mark.parametrize("type", ["wrong-protocol", "wrong-subprotocol", "timeout"])
def test_errors_that_no_program_can_help_are_never_raised(type: str) -> None:
    Other().say("error", type)


def test_an_error_of_the_connection_is_raised_when_nobody_listens() -> None:
    two = Two()
    two.connect()
    with pytest.raises(OSError, match="broken"):
        two.client._on_error(OSError("broken"))
    assert two.client.state == "disconnected"


def test_messages_wait_for_authentication() -> None:
    verdict: list[bool] = []

    async def test() -> None:
        accept = asyncio.get_running_loop().create_future()
        other = Other(auth=lambda *_: accept)
        assert other.greet() == []
        assert other.say("ping", 0) == []
        assert other.say("sync", 1, {"type": "early"}, {"id": 0, "time": 0}) == []
        assert other.log.actions() == []
        accept.set_result(True)
        await asyncio.sleep(0)
        other.pair.deliver()
        assert [message[0] for message in other.pair.right_sent] == ["connected", "pong", "synced"]
        assert other.log.actions() == [{"type": "early"}]
        verdict.append(True)

    run_virtual(test())
    assert verdict == [True]


def test_more_messages_than_may_wait_are_a_missed_authentication() -> None:
    other = Other()
    for number in range(MAX_WAITING):
        assert other.say("ping", number) == []
    assert other.say("ping", MAX_WAITING) == [["error", "missed-auth", f'["ping",{MAX_WAITING}]']]
    assert not other.pair.left.connected


def test_larger_messages_than_may_wait_are_a_missed_authentication() -> None:
    other = Other()
    text = "x" * (MAX_WAITING_SIZE // 2)
    for number in range(2):
        assert other.say("sync", number, {"type": text}, {"id": number, "time": 0}) == []
    assert other.say("ping", 2) == [["error", "missed-auth", '["ping",2]']]
    assert not other.pair.left.connected


def test_messages_that_waited_on_an_ended_connection_are_dropped() -> None:
    asked = Asked()
    asked.pair.left.connect()
    asked.pair.deliver()
    asked.answer("sync", 1, {"type": "early"}, {"id": 0, "time": 0})
    asked.pair.cut()
    asked.accept()
    assert asked.log.actions() == []
    assert asked.node.last_received == 0


def test_an_error_in_a_waiting_message_does_not_keep_the_next_from_being_handled() -> None:
    other = Other()
    for type in ("bad", "good"):
        other.say("sync", 1, {"type": type}, {"id": len(type), "time": 0})
    other.log.type("bad", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        other.greet()
    assert [action["type"] for action in other.log.actions()] == ["bad", "good"]
    assert [message[0] for message in other.pair.right_sent] == ["connected", "synced", "synced"]


def test_a_token_may_have_to_be_fetched() -> None:
    async def token() -> str:
        await asyncio.sleep(1)
        return "fetched"

    async def auth(_node_id: str, token: str | None, _headers: Any) -> bool:
        await asyncio.sleep(1)
        return token == "fetched"

    async def test() -> None:
        two = Two(client={"token": token}, server={"auth": auth, "token": token})
        two.pair.left.connect()
        await two.client.wait_for("synchronized")
        assert asyncio.get_running_loop().time() == 3
        assert two.pair.right_sent[0][4] == {"token": "fetched"}

    run_virtual(test())


def test_a_verdict_that_comes_too_late_is_dropped() -> None:
    async def test() -> None:
        accept = asyncio.get_running_loop().create_future()
        two = Two(server={"auth": lambda *_: accept})
        two.connect()
        two.pair.cut()
        assert accept.cancelled()
        await asyncio.sleep(0)
        assert not two.server.authenticated

    run_virtual(test())


def test_a_token_that_cannot_be_fetched_ends_the_connection() -> None:
    async def token() -> str:
        raise OSError("no token")

    async def test() -> None:
        two = Two(client={"token": token})
        errors = heard(two.client)
        two.pair.left.connect()
        await two.client.wait_for("connecting")
        await two.client.wait_for("disconnected")
        assert [str(error) for error in errors] == ["no token"]

    run_virtual(test())


def test_a_silent_other_side_is_asked_and_given_up() -> None:
    async def test() -> None:
        asked = Asked(ping=10.0, timeout=70.0)
        errors = heard(asked.node)
        reasons = heard(asked.pair.left, "disconnect")
        asked.accept()
        await asyncio.sleep(11)
        assert asked.pair.left_sent == [["ping", 0]]
        assert asked.answer("pong", 0) == []
        await asked.node.wait_for("disconnected")
        assert asyncio.get_running_loop().time() == 91
        assert asked.pair.left_sent == [["ping", 0]] * 7
        assert [str(error) for error in errors] == ["No answer came within 70 seconds"]
        assert reasons == ["timeout"]

    run_virtual(test())


def test_a_greeting_without_an_answer_is_given_up_without_raising() -> None:
    async def test() -> None:
        asked = Asked(timeout=70.0)
        asked.pair.left.connect()
        await asked.node.wait_for("connecting")
        await asked.node.wait_for("disconnected")
        assert asyncio.get_running_loop().time() == 70

    run_virtual(test())


def test_nobody_is_asked_while_messages_come() -> None:
    async def test() -> None:
        two = Two(client={"ping": 10.0, "timeout": 70.0})
        two.pair.left.connect()
        await two.client.wait_for("synchronized")
        for _ in range(5):
            await asyncio.sleep(9)
            two.server_log.add({"type": "a"})
        assert {message[0] for message in two.pair.left_sent} == {"connect", "synced"}
        two.client.destroy()

    run_virtual(test())


def test_a_ping_needs_a_timeout() -> None:
    with pytest.raises(ValueError, match="timeout"):
        Two(client={"ping": 1.0})


def test_a_destroyed_node_hears_nothing_any_more() -> None:
    two = Two()
    two.connect()
    two.client.destroy()
    two.client.destroy()
    two.pair.deliver()
    assert two.client.state is two.server.state is NodeState.DISCONNECTED
    two.client_log.add({"type": "a"})
    two.serve()
    two.pair.clear()
    two.connect()
    assert two.pair.left_sent == []


def test_a_destroyed_node_is_deaf_even_when_a_listener_raises() -> None:
    two = Two()
    two.connect()
    two.client.on("state", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        two.client.destroy()
    two.serve()
    two.pair.clear()
    two.connect()
    assert two.pair.left_sent == []


def test_a_state_is_waited_for() -> None:
    async def test() -> None:
        two = Two()
        await two.client.wait_for("disconnected")
        waiting = asyncio.ensure_future(two.client.wait_for(NodeState.SYNCHRONIZED))
        given_up = asyncio.ensure_future(two.client.wait_for("sending"))
        await asyncio.sleep(0)
        given_up.cancel()
        two.pair.left.connect()
        await waiting
        assert two.client.state is NodeState.SYNCHRONIZED
        with pytest.raises(ValueError, match="asleep"):
            await two.client.wait_for("asleep")

    run_virtual(test())


def test_an_unknown_event_is_refused() -> None:
    with pytest.raises(ValueError, match="client_error"):
        Two().client.on("clientError", print)


def test_what_comes_when_the_connection_has_ended_is_not_heard() -> None:
    other = Other()
    other.greet()
    other.pair.cut()
    other.node.receive(["sync", 1, {"type": "late"}, {"id": 1, "time": 1}])
    assert other.log.actions() == []
