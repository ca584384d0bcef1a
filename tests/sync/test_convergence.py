"""Two nodes that add at random, lose their connection at random and lose what is not durable in a
crash, against a model that knows every action.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from logux_store.log import Log, MemoryStore
from logux_store.meta import Entry, Meta
from logux_store.sync import ClientNode, ServerNode
from logux_store.testing import TestPair


class CrashingStore(MemoryStore):
    """A store that keeps only what was committed when it crashes."""

    def __init__(self, committed: list[Entry], last_added: int) -> None:
        super().__init__()
        # As a persistent store does: entries keep their numbers, and none is given twice.
        for action, meta in committed:
            self._last_added = meta.added - 1
            self.add(action, meta.copy(added=0))
        self._last_added = last_added
        self.committed = committed
        self.callbacks: list[Callable[[], None]] = []

    def when_durable(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)

    def commit(self) -> None:
        self.committed = list(self.entries("added"))
        callbacks, self.callbacks = self.callbacks, []
        for callback in callbacks:
            callback()


class TwoLogs(RuleBasedStateMachine):
    """The client on the left, whose clock is wrong; the server on the right, which may crash."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000
        self.wrong = 0
        self.added: list[str] = []
        self.heard: Counter[tuple[str, str]] = Counter()
        self.pair = TestPair()
        self.client_log = self.make_log("1:a:b", MemoryStore(), lambda: self.now + self.wrong)
        self.client = ClientNode("1:a:b", self.client_log, self.pair.left, ping=None, timeout=None)
        self.pair.right.on("disconnect", lambda _: self.serve())
        self.start_server(CrashingStore([], 0))

    def make_log(self, node_id: str, store: MemoryStore, clock: Callable[[], int]) -> Log:
        log = Log(node_id, store, clock)
        log.on("preadd", lambda _, meta: meta.reasons.append("keep"))
        log.on("add", lambda _, meta: self.heard.update([(node_id, meta.id)]))
        return log

    def start_server(self, store: CrashingStore) -> None:
        self.store = store
        self.server_log = self.make_log("server:x", store, lambda: self.now)
        self.serve()

    def serve(self) -> None:
        self.server = ServerNode(
            "server:x", self.server_log, self.pair.right, ping=None, timeout=None
        )

    def note(self, meta: Meta | None) -> None:
        assert meta is not None
        self.added.append(meta.id)

    @rule(count=st.integers(1, 3))
    def add_on_the_client(self, count: int) -> None:
        for _ in range(count):
            self.note(self.client_log.add({"type": "t", "n": len(self.added)}))

    @rule(count=st.integers(1, 3))
    def add_on_the_server(self, count: int) -> None:
        with self.server_log.batch():
            for _ in range(count):
                self.note(self.server_log.add({"type": "t", "n": len(self.added)}))
        # A server says nothing that it could forget.
        self.store.commit()

    @rule(passed=st.integers(1, 1000))
    def let_time_pass(self, passed: int) -> None:
        self.now += passed

    @rule(wrong=st.integers(-900_000, 900_000))
    def set_the_clients_clock(self, wrong: int) -> None:
        self.wrong = wrong

    @precondition(lambda self: self.client.state == "disconnected")
    @rule()
    def connect(self) -> None:
        self.pair.left.connect()

    @rule(count=st.integers(1, 6))
    def let_something_arrive(self, count: int) -> None:
        for _ in range(count):
            self.pair.step()

    @rule()
    def let_all_arrive(self) -> None:
        self.pair.deliver()

    @rule()
    def commit(self) -> None:
        self.store.commit()

    @rule(left=st.booleans())
    def ask_for_a_sign_of_life(self, left: bool) -> None:
        (self.client if left else self.server)._on_quiet()

    @rule()
    def hang_up_on_the_left(self) -> None:
        self.pair.left.disconnect()

    @rule()
    def hang_up_on_the_right(self) -> None:
        self.pair.right.disconnect()

    @rule()
    def break_the_connection(self) -> None:
        self.pair.cut()

    @rule()
    def crash_the_server(self) -> None:
        self.pair.cut()
        self.server.destroy()
        for key in [key for key in self.heard if key[0] == "server:x"]:
            del self.heard[key]
        committed = self.store.committed
        self.start_server(CrashingStore(committed, self.store.last_added()))
        for _, meta in committed:
            self.heard["server:x", meta.id] += 1

    def teardown(self) -> None:
        self.pair.deliver()
        if self.client.state == "disconnected":
            self.connect()
        for _ in range(3):
            self.pair.deliver()
            self.store.commit()
        assert self.client.state == self.server.state == "synchronized"
        client, server = (
            [(action["n"], meta.id, meta.time) for action, meta in log.entries()]
            for log in (self.client_log, self.server_log)
        )
        assert client == server
        assert sorted(id for _, id, _ in client) == sorted(self.added)
        assert self.heard == Counter(
            (node, id) for node in ("1:a:b", "server:x") for id in self.added
        )
        own = [n for n, id, _ in client if " 1:a:b " in id]
        assert own == sorted(own)


TestTwoLogs: Any = TwoLogs.TestCase
