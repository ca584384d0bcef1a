"""Two nodes with a pair between them, without timers and so without an event loop."""

from typing import Any

import pytest

from logux_store.ids import Clock
from logux_store.sync import ClientNode, Message, ServerNode
from logux_store.testing import TestLog, TestPair, TestTime

__all__ = ["Asked", "Other", "Two", "never"]

NO_TIMERS: dict[str, Any] = {"ping": None, "timeout": None}


def never(*_: object) -> Any:
    """What must not be called."""
    pytest.fail("this was called")


class Two:
    """A client on the left, a server on the right; both keep what they are given."""

    def __init__(
        self,
        *,
        client: dict[str, Any] | None = None,
        server: dict[str, Any] | None = None,
        client_clock: Clock | None = None,
        server_clock: Clock | None = None,
    ) -> None:
        time = TestTime()
        self.pair = TestPair()
        self.client_log = TestLog("1:a:b", None, client_clock or time)
        self.server_log = TestLog("server:x", None, server_clock or time)
        self.client_log.keep_actions()
        self.server_log.keep_actions()
        options: dict[str, Any] = {**NO_TIMERS, "fix_time": client_clock is not None}
        self.client = ClientNode(
            "1:a:b", self.client_log, self.pair.left, **{**options, **(client or {})}
        )
        self.server = self.serve(**(server or {}))

    def serve(self, **options: Any) -> ServerNode:
        """A new server node; the old one lived as long as its connection."""
        self.server = ServerNode(
            "server:x", self.server_log, self.pair.right, **{**NO_TIMERS, **options}
        )
        return self.server

    def connect(self) -> None:
        """Let them meet."""
        self.pair.left.connect()
        self.pair.deliver()


class Other:
    """A server that meets whatever the test sends from the left, as somebody else's client."""

    def __init__(self, **options: Any) -> None:
        self.pair = TestPair()
        self.log = TestLog("server:x", None, lambda: 100)
        self.log.keep_actions()
        self.node = ServerNode("server:x", self.log, self.pair.right, **{**NO_TIMERS, **options})
        self.pair.left.connect()
        self.pair.deliver()

    def say(self, *message: Any) -> list[Message]:
        """Send a message; returns what came back."""
        self.pair.clear()
        self.pair.left.send([*message])
        self.pair.deliver()
        return list(self.pair.right_sent)

    def greet(self, synced: int = 0, **options: Any) -> list[Message]:
        return self.say("connect", 5, "1:a:b", synced, *([options] if options else []))


class Asked:
    """A client whose messages the test answers from the right, as somebody else's server."""

    def __init__(self, **options: Any) -> None:
        self.pair = TestPair()
        self.log = TestLog("1:a:b", None, lambda: 100)
        self.log.keep_actions()
        options = {**NO_TIMERS, "fix_time": False, **options}
        self.node = ClientNode("1:a:b", self.log, self.pair.left, **options)

    def answer(self, *message: Any) -> list[Message]:
        """Send a message; returns what came back."""
        self.pair.clear()
        self.pair.right.send([*message])
        self.pair.deliver()
        return list(self.pair.left_sent)

    def accept(self) -> None:
        self.pair.left.connect()
        self.pair.deliver()
        self.answer("connected", 5, "server:x", [100, 100])
