"""What to tell the user about the synchronization, in one word.

A client's state says what the connection does; a status says what it means to a person: whether
there is unsaved work, and when it is safe. Short states are held back, so that nothing flickers.
"""

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from logux_store.actions import Action, is_logux
from logux_store.client.client import Client
from logux_store.client.reasons import SYNCING, is_to_send
from logux_store.errors import LoguxError
from logux_store.events import Unbind
from logux_store.meta import Meta
from logux_store.sync import NodeState

__all__ = ["Status", "status"]

# Seconds that a state must last before it is worth telling.
CONNECTING_DELAY = 0.1
SYNCHRONIZED_DELAY = 0.5


class Status(StrEnum):
    """The values that `status` reports."""

    DISCONNECTED = "disconnected"
    """There is no connection, and nothing that waits for one."""
    WAIT = "wait"
    """There is no connection, and actions wait to be sent."""
    CONNECTING = "connecting"
    CONNECTING_AFTER_WAIT = "connectingAfterWait"
    SENDING = "sending"
    SENDING_AFTER_WAIT = "sendingAfterWait"
    SYNCHRONIZED = "synchronized"
    SYNCHRONIZED_AFTER_WAIT = "synchronizedAfterWait"
    """What had waited is saved; said for `duration`, then `synchronized` follows."""
    DENIED = "denied"
    """The server denied an action: `details` has its `logux/undo` as `action`, and the `meta`."""
    ERROR = "error"
    """The server undid an action for another reason; `details` as for `denied`."""
    SYNC_ERROR = "syncError"
    """The protocol was violated on either side: `details` has the `error`."""
    PROTOCOL_ERROR = "protocolError"
    """The server wants a newer protocol or subprotocol: the user has to update the program."""
    WRONG_CREDENTIALS = "wrongCredentials"
    """The server refused the user id or the token."""


Callback = Callable[[Status, dict[str, Any] | None], object]


def status(client: Client, callback: Callback, *, duration: float = 3.0) -> Unbind:
    """Call `callback(value, details)` with a `Status` now and whenever it changes.

    `duration` is for how many seconds `synchronizedAfterWait` is kept. Returns a function that
    stops it. Values as in `@logux/client`.
    """
    reporter = _Reporter(client, callback, duration)
    unbind = [
        client.on("state", reporter.state_changed),
        client.node.on("error", reporter.failed),
        client.node.on("client_error", reporter.refused),
        client.on("add", reporter.added),
        client.on("user", reporter.user_changed),
        reporter.stop,
    ]
    reporter.start()

    def stop() -> None:
        for stop_one in unbind:
            stop_one()

    return stop


def nothing(*_: object) -> None:
    """Nobody is told any more."""


class _Reporter:
    __slots__ = (
        "callback",
        "client",
        "disconnected",
        "duration",
        "failed_before",
        "processing",
        "timer",
        "told",
        "wait",
    )

    def __init__(self, client: Client, callback: Callback, duration: float) -> None:
        self.client = client
        self.callback = callback
        self.duration = duration
        self.disconnected = client.state == NodeState.DISCONNECTED
        # An error stays on the screen until all is well again.
        self.failed_before = False
        self.timer: asyncio.TimerHandle | None = None
        self.told: Status | None = None

    def start(self) -> None:
        """Say how it is now."""
        client = self.client
        # Actions that are sent, or shall be, and not processed; and whether some of them wait.
        self.processing = {
            meta.id
            for action, meta in client.log.store.entries_with_reason(SYNCING)
            if meta.added > client.node.last_sent
            and is_to_send(meta, client.user_id)
            and not is_logux(action)
        }
        self.wait = self.disconnected and bool(self.processing)
        self.state_changed()

    def stop(self) -> None:
        self.cancel()
        # It may be the callback that stops it, before what follows.
        self.callback = nothing

    def user_changed(self, _user_id: str) -> None:
        """What the former user has not saved waits for that user."""
        self.failed_before = False
        self.start()

    def cancel(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def tell(self, value: Status, details: dict[str, Any] | None = None) -> None:
        if value != self.told or details is not None:
            self.told = value
            self.callback(value, details)

    def after(self, delay: float, call: Callable[..., object], *args: Any) -> None:
        """Call later, unless something else happens before."""
        self.cancel()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # Without a loop nothing happens by itself, so nothing can flicker.
            call(*args)
            return
        self.timer = loop.call_later(delay, call, *args)

    def state_changed(self) -> None:
        self.cancel()
        state = self.client.state
        if state == NodeState.DISCONNECTED:
            self.disconnected = True
            if not self.failed_before:
                self.tell(Status.WAIT if self.wait else Status.DISCONNECTED)
        elif state == NodeState.SYNCHRONIZED:
            self.failed_before = self.disconnected = False
            self.synchronized(SYNCHRONIZED_DELAY)
        elif self.failed_before:
            return
        elif state == NodeState.CONNECTING:
            value = Status.CONNECTING_AFTER_WAIT if self.wait else Status.CONNECTING
            self.after(CONNECTING_DELAY, self.tell, value)
        else:
            self.tell(Status.SENDING_AFTER_WAIT if self.wait else Status.SENDING)

    def synchronized(self, delay: float) -> None:
        """Everything is sent; it is saved once everything is processed."""
        if self.processing or self.client.state != NodeState.SYNCHRONIZED:
            return
        if self.wait:
            self.wait = False
            self.cancel()
            self.tell(Status.SYNCHRONIZED_AFTER_WAIT)
            delay = self.duration
        self.after(delay, self.tell, Status.SYNCHRONIZED)

    def failed(self, error: Exception) -> None:
        type = error.type if isinstance(error, LoguxError) else None
        if type == "timeout":
            return
        self.cancel()
        self.failed_before = True
        if type in ("wrong-protocol", "wrong-subprotocol"):
            self.tell(Status.PROTOCOL_ERROR)
        elif type == "wrong-credentials":
            self.tell(Status.WRONG_CREDENTIALS)
        else:
            self.tell(Status.SYNC_ERROR, {"error": error})

    def refused(self, error: Exception) -> None:
        self.tell(Status.SYNC_ERROR, {"error": error})

    def added(self, action: Action, meta: Meta) -> None:
        type = action["type"]
        if type in ("logux/subscribe", "logux/unsubscribe"):
            return
        if type == "logux/processed":
            self.processing.discard(str(action.get("id")))
            self.synchronized(SYNCHRONIZED_DELAY)
        elif type == "logux/undo":
            self.processing.discard(str(action.get("id")))
            self.cancel()
            if action.get("reason"):
                value = Status.DENIED if action["reason"] == "denied" else Status.ERROR
                self.tell(value, {"action": action, "meta": meta})
            # The bad news stays for a while before the good.
            self.after(self.duration, self.synchronized, SYNCHRONIZED_DELAY)
        elif is_to_send(meta, self.client.user_id):
            self.processing.add(meta.id)
            if self.disconnected and meta.added:
                if not self.wait:
                    self.tell(Status.WAIT)
                self.wait = True
