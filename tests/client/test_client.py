"""The client against a real server node on the other side of a pair; no event loop where none is
needed.
"""

import asyncio
from typing import Any

import pytest

from logux_store import (
    Client,
    CrossTabClient,
    DangerousProtocolError,
    LocalPair,
    LoguxError,
    MemoryStore,
    ServerNode,
    UndoError,
    create_store_creator,
)
from logux_store.client.tabs import MemorySpace
from logux_store.testing import TestLog, TestPair, TestTime, run_virtual

Action = dict[str, Any]


def make_client(server: Any = None, **options: Any) -> Client:
    defaults = {"subprotocol": 1, "user_id": "10", "ping": None, "timeout": None}
    return Client(server=TestPair().left if server is None else server, **{**defaults, **options})


class Network:
    """A client and a server node; the server keeps what it gets and answers when told."""

    def __init__(self, once: bool = False, **options: Any) -> None:
        self.once = once
        self.pair = TestPair()
        # One clock for both: the order of what they do depends on no millisecond.
        clock = TestTime()
        self.log = TestLog("server:x", clock=clock)
        self.log.keep_actions()
        self.node = self.new_node()
        self.client = make_client(self.pair.left, clock=clock, **options)

    def new_node(self, **options: Any) -> ServerNode:
        node = ServerNode("server:x", self.log, self.pair.right, ping=None, timeout=None, **options)
        if self.once:
            node.set_local_headers({"once": True})
        return node

    def connect(self) -> None:
        self.client.start()
        self.pair.deliver()

    def disconnect(self) -> None:
        self.client.node.connection.disconnect()
        self.pair.deliver()
        self.node = self.new_node()

    def answer(self, id: str, type: str = "logux/processed", **fields: Any) -> None:
        self.log.add({"type": type, "id": id, **fields})
        self.pair.deliver()

    def received(self, type: str) -> list[Action]:
        return [action for action in self.log.actions() if action["type"] == type]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"subprotocol": "1"}, "subprotocol is an integer"),
        ({"subprotocol": True}, "subprotocol is an integer"),
        ({"subprotocol": -1}, "subprotocol is not negative"),
        ({"user_id": None}, 'user_id="anonymous"'),
        ({"user_id": "a:b"}, "no colon"),
        ({"user_id": "a b"}, "no space"),
        ({"token": 1}, "token is a string or a callable"),
        ({"prefix": ""}, "prefix"),
        ({"server": "https://example.com"}, "begins with wss://"),
        ({"server": object()}, "lacks connected, connect"),
    ],
)
def test_a_wrong_option_is_refused_with_the_way_out(options: Any, text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        make_client(**options)


@pytest.mark.parametrize("missing", ["server", "subprotocol", "user_id"])
def test_a_missing_option_is_named(missing: str) -> None:
    options: Any = {"server": TestPair().left, "subprotocol": 1, "user_id": "10"}
    del options[missing]
    with pytest.raises(TypeError, match=missing):
        Client(**options)


def test_the_ids_of_a_client_are_joined() -> None:
    client = make_client()
    assert client.client_id.startswith("10:")
    assert client.node_id == f"{client.client_id}:{client.tab_id}" == client.log.node_id
    assert len(client.tab_id) == 8
    assert (client.user_id, client.role, client.state) == ("10", "leader", "disconnected")


def test_random_ids_come_from_the_given_source() -> None:
    first, second = (make_client(random=lambda n: bytes(range(n))) for _ in range(2))
    assert first.node_id == second.node_id


def test_only_synchronized_actions_leave() -> None:
    network = Network()
    network.connect()
    network.client.log.add({"type": "local"}, reasons=["x"])
    network.client.sync({"type": "a"})
    assert network.client.state == "sending"
    network.pair.deliver()
    assert [action["type"] for action in network.log.actions()] == ["a"]
    assert network.client.state == "synchronized"
    assert network.client.connected


def test_actions_carry_the_subprotocol_of_the_client() -> None:
    client = make_client()
    client.log.add({"type": "own"}, reasons=["x"])
    client.log.add({"type": "other"}, id="1 20:a:b 0", reasons=["x"])
    assert [meta.subprotocol for _, meta in client.log.entries()] == [None, 1]


def test_a_synchronized_action_is_kept_until_it_is_processed() -> None:
    network = Network()
    outcome = network.client.sync({"type": "a"})
    entry = network.client.log.by_id(outcome.id)
    assert entry is not None
    assert entry[1].reasons == ["syncing"]
    network.connect()
    assert not outcome.done
    network.answer(outcome.id)
    assert network.client.log.by_id(outcome.id) is None
    assert outcome.result().id == network.log.metas()[-1].id


def test_an_undone_action_raises_where_it_is_awaited() -> None:
    network = Network()
    network.connect()
    outcome = network.client.sync({"type": "a"})
    network.pair.deliver()
    network.answer(outcome.id, "logux/undo", reason="denied", action={"type": "a"})
    with pytest.raises(UndoError, match="'a': denied"):
        outcome.result()
    assert network.client.log.by_id(outcome.id) is None


def test_the_outcome_of_an_action_can_be_tracked_by_its_id() -> None:
    network = Network()
    network.connect()
    id = network.client.log.generate_id()
    assert network.client.sync({"type": "a"}, id=id) is network.client.track(id)


def test_what_cannot_be_sent_is_refused_before_it_is_added() -> None:
    client = make_client()
    with pytest.raises(TypeError, match="cannot be sent"):
        client.sync({"type": "a", "value": object()})
    with pytest.raises(TypeError, match="string 'type'"):
        client.sync({"value": 1})
    assert [*client.log.entries()] == []


def test_what_is_done_offline_is_sent_once() -> None:
    network = Network()
    for name in "abc":
        network.client.sync({"type": name})
    network.connect()
    network.disconnect()
    network.connect()
    assert [action["type"] for action in network.log.actions()] == ["a", "b", "c"]


def test_an_answered_action_is_not_sent_again_when_its_acknowledgement_was_lost() -> None:
    net = Network()
    net.connect()
    net.client.log.on("preadd", lambda action, meta: meta.reasons.append("mine"))
    undone, processed, open = [net.client.sync({"type": "name", "n": n}) for n in (1, 2, 3)]
    net.client.log.add({"type": "logux/undo", "id": undone.id, "reason": "denied"})
    net.client.log.add({"type": "logux/processed", "id": processed.id})
    net.pair.cut()
    net.node = net.new_node()
    net.log.remove_reason("test")
    net.connect()
    assert [action["n"] for action in net.received("name")] == [3]
    assert not open.done


def test_unsent_actions_outlive_the_client_in_its_store() -> None:
    store = MemoryStore()
    make_client(store=store).sync({"type": "a"})
    network = Network(store=store)
    network.connect()
    assert [action["type"] for action in network.log.actions()] == ["a"]


def test_an_action_that_was_dropped_is_not_taken_for_new_when_it_comes_again() -> None:
    network = Network()
    network.connect()
    added: list[str] = []
    network.client.on("preadd", lambda action, meta: meta.reasons.append("history"))
    network.client.on("add", lambda action, meta: added.append(action["type"]))
    entry: Any = ({"type": "a"}, network.log.add({"type": "a"}))
    network.pair.deliver()
    assert network.client.log.remove_reason("history") == 1
    network.node.enqueue(*entry)
    network.pair.deliver()
    assert added == ["a"]


@pytest.mark.parametrize("saves_state", [False, True])
def test_what_was_dropped_is_new_to_the_next_run_unless_the_state_is_saved(
    saves_state: bool,
) -> None:
    store = MemoryStore()
    entry: Any = None
    for expected in (1, 0 if saves_state else 1):
        network = Network(store=store)
        network.client.saves_state = saves_state
        network.client.on("preadd", lambda action, meta: meta.reasons.append("history"))
        network.connect()
        if entry is None:
            entry = ({"type": "a"}, network.log.add({"type": "a"}))
        else:
            network.node.enqueue(*entry)
        network.pair.deliver()
        assert network.client.log.remove_reason("history") == expected


@pytest.mark.parametrize(("kind", "times"), [(Client, 1), (CrossTabClient, 2)])
def test_an_own_action_that_was_dropped_is_taken_again_for_other_tabs(
    kind: type[Client], times: int
) -> None:
    async def test() -> None:
        pair, log = TestPair(), TestLog("server:x")
        log.keep_actions()
        node = ServerNode("server:x", log, pair.right, ping=None, timeout=None)
        options: dict[str, Any] = {} if kind is Client else {"space": lambda _: MemorySpace()}
        client = kind(server=pair.left, subprotocol=1, user_id="10", **options)
        client.start()
        await client.wait_for("synchronized")
        heard: list[str] = []
        client.type("name", lambda action, meta: heard.append(meta.id))
        counter = create_store_creator(client)(lambda state, action: (state or 0) + 1)
        before = counter.state
        outcome = counter.dispatch.sync({"type": "name"}, reasons=[])
        await asyncio.sleep(1)
        log.add({"type": "logux/processed", "id": outcome.id})
        await outcome
        assert client.log.by_id(outcome.id) is None
        entry = log.by_id(outcome.id)
        assert entry is not None
        node.enqueue(*entry)
        await asyncio.sleep(1)
        assert heard == [outcome.id] * times
        assert counter.state == before + 1
        await client.destroy()

    run_virtual(test())


def test_subscriptions_come_back_after_a_reconnection() -> None:
    network = Network()
    network.connect()
    outcome = network.client.sync({"type": "logux/subscribe", "channel": "a"})
    network.pair.deliver()
    network.answer(outcome.id)
    since = outcome.result()
    network.disconnect()
    network.connect()
    first, second = network.received("logux/subscribe")
    assert first == {"type": "logux/subscribe", "channel": "a"}
    assert second == {**first, "since": {"id": since.id, "time": since.time}}


def test_a_subscription_that_still_waits_is_sent_once() -> None:
    network = Network()
    network.client.sync({"type": "logux/subscribe", "channel": "a"})
    network.connect()
    assert len(network.received("logux/subscribe")) == 1


def test_a_subscription_of_an_earlier_run_is_not_sent() -> None:
    store = MemoryStore()
    make_client(store=store).sync({"type": "logux/subscribe", "channel": "a"})
    network = Network(store=store)
    network.connect()
    assert network.received("logux/subscribe") == []
    assert [*network.client.log.entries()] == []


def test_the_server_hears_of_the_last_unsubscription_only() -> None:
    network = Network()
    network.connect()
    for _ in range(2):
        network.client.sync({"type": "logux/subscribe", "channel": "a"})
    first = network.client.sync({"type": "logux/unsubscribe", "channel": "a"})
    assert first.done
    network.pair.deliver()
    assert network.received("logux/unsubscribe") == []
    second = network.client.sync({"type": "logux/unsubscribe", "channel": "a"})
    network.pair.deliver()
    assert not second.done
    assert len(network.received("logux/unsubscribe")) == 1


def test_unsubscribing_offline_takes_the_subscription_back() -> None:
    network = Network()
    subscribed = network.client.sync({"type": "logux/subscribe", "channel": "a"})
    unsubscribed = network.client.sync({"type": "logux/unsubscribe", "channel": "a"})
    assert subscribed.done
    assert unsubscribed.done
    network.connect()
    assert network.log.actions() == []


def test_a_subscription_that_was_taken_back_does_not_come_after_its_unsubscription() -> None:
    network = Network()
    network.connect()
    subscribed = network.client.sync({"type": "logux/subscribe", "channel": "a"})
    unsubscribed = network.client.sync({"type": "logux/unsubscribe", "channel": "a"})
    network.pair.deliver()
    # The server was still loading the channel when the connection was lost.
    network.answer(unsubscribed.id)
    assert not subscribed.done
    network.disconnect()
    assert subscribed.done
    network.once = True
    network.node.set_local_headers({"once": True})
    network.connect()
    types = [action["type"] for action in network.log.actions()]
    assert types == ["logux/subscribe", "logux/unsubscribe", "logux/processed"]
    assert [*network.client.log.entries()] == []


def test_a_subscription_needs_a_channel() -> None:
    client = make_client()
    with pytest.raises(TypeError, match="string 'channel'"):
        client.sync({"type": "logux/subscribe"})


def test_another_user_has_another_client_id_and_the_former_ones_actions_stay() -> None:
    network = Network()
    users: list[str] = []
    network.client.on("user", users.append)
    network.client.sync({"type": "a"})
    former = network.client.client_id
    network.client.change_user("20", "token")
    network.client.sync({"type": "b"})
    network.connect()
    assert users == ["20"]
    assert network.client.client_id.startswith("20:")
    assert network.client.client_id != former
    assert network.node.remote_node_id == network.client.node_id
    assert [action["type"] for action in network.log.actions()] == ["b"]
    assert len([*network.client.log.entries()]) == 2


def test_each_user_has_one_client_id_as_long_as_the_log_lasts() -> None:
    store = MemoryStore()
    first = make_client(store=store)
    again = make_client(store=store)
    assert (again.client_id, again.tab_id != first.tab_id) == (first.client_id, True)
    again.change_user("20", "token")
    assert make_client(store=store, user_id="20").client_id == again.client_id
    again.change_user("10", "token")
    assert again.client_id == first.client_id
    assert make_client().client_id != first.client_id


@pytest.mark.parametrize("once", [False, True])
def test_what_a_user_has_not_sent_is_sent_when_that_user_is_back(once: bool) -> None:
    network = Network(once=once)
    client = network.client
    client.sync({"type": "name", "n": 0})
    network.connect()
    network.disconnect()
    client.sync({"type": "name", "n": 1})
    client.change_user("20")
    client.sync({"type": "name", "n": 2})
    network.connect()
    network.disconnect()
    assert [action["n"] for action in network.received("name")] == [0, 2]
    client.change_user("10")
    client.sync({"type": "name", "n": 3})
    network.connect()
    assert [action["n"] for action in network.received("name")] == [0, 1, 2, 3]
    network.disconnect()
    network.connect()
    assert len(network.received("name")) == 4


@pytest.mark.parametrize("once", [False, True])
def test_what_a_user_has_not_sent_is_sent_by_that_users_next_program(once: bool) -> None:
    store = MemoryStore()
    make_client(store=store).sync({"type": "a"})
    for user_id, expected in (("20", ["b"]), ("10", ["a", "b"]), ("20", ["b"])):
        network = Network(store=store, user_id=user_id, once=once)
        network.client.sync({"type": "b"})
        network.connect()
        sent = [entry for entry in network.log.entries() if entry[0]["type"] in ("a", "b")]
        for _, meta in sent:
            network.answer(meta.id)
        assert sorted(action["type"] for action, _ in sent) == expected


def test_what_the_server_has_kept_for_a_user_comes_though_another_got_later_actions() -> None:
    network = Network()
    network.connect()
    network.disconnect()
    network.log.add({"type": "a"})
    network.log.add({"type": "b"})
    network.client.change_user("20")
    network.connect()
    network.disconnect()
    added: list[str] = []
    network.client.on("add", lambda action, meta: added.append(action["type"]))
    network.client.change_user("10")
    network.connect()
    assert added == ["a", "b"]


def test_what_is_durable_after_the_user_has_changed_does_not_count_for_the_next() -> None:
    class SlowStore(MemoryStore):
        def __init__(self) -> None:
            super().__init__()
            self.waiting: list[Any] = []

        def when_durable(self, callback: Any) -> None:
            self.waiting.append(callback)

        def commit(self) -> None:
            waiting, self.waiting = self.waiting, []
            for callback in waiting:
                callback()

    store = SlowStore()
    network = Network(store=store)
    network.connect()
    network.log.add({"type": "a"})
    network.pair.deliver()
    network.client.node.connection.disconnect()
    network.client.change_user("20")
    store.commit()
    assert (network.client.node.last_received, store.last_synced().received) == (0, 0)


def test_a_subscription_of_the_former_user_that_had_no_answer_is_not_waited_for() -> None:
    client = make_client()
    outcome = client.sync({"type": "logux/subscribe", "channel": "a"})
    action = client.sync({"type": "a"})
    client.change_user("20")
    assert not action.done
    with pytest.raises(ConnectionAbortedError, match="the user has changed"):
        outcome.result()


def test_changing_the_user_connects_again() -> None:
    network = Network()
    network.connect()
    network.client.change_user("20", "token")
    network.pair.step()  # the server's side notices the end of the first connection
    network.node = network.new_node()
    network.pair.deliver()
    assert network.client.state == "synchronized"
    assert network.node.remote_node_id == network.client.node_id
    with pytest.raises(ValueError, match="no colon"):
        network.client.change_user("a:b")


def test_events_are_for_those_who_listen() -> None:
    network = Network()
    states: list[str] = []
    types: list[str] = []
    network.client.on("state", lambda: states.append(network.client.state))
    network.client.type("b", lambda action, meta: types.append(action["type"]))
    network.connect()
    network.client.sync({"type": "a"})
    network.client.sync({"type": "b"})
    network.pair.deliver()
    assert states == ["connecting", "synchronized", "sending", "synchronized"]
    assert types == ["b"]
    with pytest.raises(ValueError, match="'change'"):
        network.client.on("change", print)


async def test_waiting_for_a_state_ends_when_it_comes_or_cannot_come() -> None:
    pair = LocalPair()
    log = TestLog("server:x")
    ServerNode("server:x", log, pair.right, auth=lambda id, token, headers: token == "right")
    async with make_client(pair.left, token="right") as client:
        await client.wait_for("synchronized")
        with pytest.raises(ValueError, match="ready"):
            await client.wait_for("ready")
    pair = LocalPair()
    ServerNode("server:x", log, pair.right, auth=lambda id, token, headers: token == "right")
    client = make_client(pair.left, token="wrong")
    client.node.on("error", lambda error: None)
    client.start()
    with pytest.raises(LoguxError, match="wrong-credentials"):
        await client.wait_for("synchronized")
    await client.destroy()


@pytest.mark.parametrize("type", ["wrong-protocol", "wrong-subprotocol", "of the application"])
def test_a_server_that_the_client_refuses_ends_it(type: str) -> None:
    async def test() -> None:
        pair = TestPair()
        client = make_client(pair.left)

        def refuse() -> None:
            if type != "wrong-protocol":
                raise LoguxError(type)

        client.node.on("connect", refuse)
        client.start()
        while not pair.left_sent:
            await pair.wait("right")
        pair.right.send(["connected", 5 if type != "wrong-protocol" else 4, "server:x", [1, 1]])
        with pytest.raises(LoguxError) as raised:
            await client.wait_for("synchronized")
        assert (raised.value.type, raised.value.received) == (type, False)
        assert client.error is raised.value
        assert client.state == "disconnected"
        with pytest.raises(RuntimeError, match="make a new one"):
            client.start()

    run_virtual(test())


def test_a_wrong_message_of_the_server_ends_the_connection_only() -> None:
    network = Network()
    network.connect()
    network.node.on("error", lambda error: None)
    network.pair.right.send(["sync"])
    network.pair.deliver()
    assert network.client.state == "disconnected"
    assert network.client.error is None
    network.node = network.new_node()
    network.connect()
    assert network.client.state == "synchronized"


async def test_a_token_can_come_from_a_callable() -> None:
    tokens: list[Any] = []

    def authenticate(id: str, token: Any, headers: Any) -> bool:
        tokens.append(token)
        return True

    async def fetch() -> str:
        return "fresh"

    for token in (lambda: "made", fetch):
        pair = LocalPair()
        ServerNode("server:x", TestLog("server:x"), pair.right, auth=authenticate)
        async with make_client(pair.left, token=token) as client:
            await client.wait_for("synchronized")
    assert tokens == ["made", "fresh"]


async def test_what_a_tokens_callable_raises_is_not_lost() -> None:
    def broken() -> Any:
        raise OSError("the keychain is locked")

    async def broken_later() -> Any:
        broken()

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.set_result(context["exception"]))
    for token, text in ((broken, "locked"), (broken_later, "locked"), (lambda: 5, "class 'int'")):
        reported = loop.create_future()
        client = make_client(LocalPair().left, token=token)
        client.start()
        assert text in str(await reported)
        assert client.state == "disconnected"
        # Who listens is told instead.
        reported = loop.create_future()
        client.node.on("error", reported.set_result)
        client.start()
        assert text in str(await reported)
        await client.destroy()


async def test_a_destroyed_client_stops_for_good() -> None:
    client = make_client()
    outcome = client.sync({"type": "a"})
    client.log.add({"type": "mine"}, reasons=[f"tab{client.tab_id}"])
    await client.destroy()
    await client.destroy()
    with pytest.raises(ConnectionAbortedError, match="destroyed"):
        await outcome
    assert [action["type"] for action, _ in client.log.entries()] == ["a"]
    with pytest.raises(RuntimeError, match="destroyed"):
        client.start()
    with pytest.raises(ConnectionAbortedError):
        await client.wait_for("synchronized")
    await client.clean()
    assert [*client.log.entries()] == []


async def test_the_network_without_encryption_is_refused_outside_development() -> None:
    client = make_client("ws://127.0.0.1:1")
    with pytest.raises(DangerousProtocolError, match="use wss://"):
        client._check_protocol()
    assert client.destroyed
    for allowed in (
        make_client("ws://127.0.0.1:1", allow_dangerous_protocol=True),
        make_client("wss://127.0.0.1:1"),
        make_client(),
    ):
        allowed._check_protocol()
        assert not allowed.destroyed
