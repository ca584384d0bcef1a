"""A badge: what a user interface shows of the synchronization, as a text and how serious it is.

It is a model without a look: a widget renders `text` and `severity`, and nothing while `visible` is
false.

Invariant: what is shown stays until something else is worth showing or all is well; connecting and
sending are not, unless unsaved work waited for them.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from logux_store.client.client import Client
from logux_store.client.status import Status, status
from logux_store.events import Emitter, Unbind

__all__ = ["BADGE_MESSAGES", "Badge", "Severity", "badge"]

Severity: TypeAlias = Literal["info", "success", "warning", "error"]

BADGE_MESSAGES: Mapping[str, str] = {
    "synchronized": "Your data has been saved",
    "disconnected": "No Internet connection",
    "wait": "No Internet connection. Your data has not been saved",
    "sending": "Saving your data",
    "error": "Server error. Your changes were reverted",
    "denied": "You have no access. Your changes were reverted",
    "syncError": "Server error. Your data has not been saved",
    "protocolError": "Saving is not working. Update the program",
    "wrongCredentials": "You are signed out. Sign in again",
}
"""What the badge says, by name; `badge` takes other texts, or other languages."""

# The name of the message and the severity, for each status at which something is shown.
SHOWN: dict[Status, tuple[str, Severity]] = {
    Status.SENDING_AFTER_WAIT: ("sending", "info"),
    Status.CONNECTING_AFTER_WAIT: ("sending", "info"),
    Status.SYNCHRONIZED_AFTER_WAIT: ("synchronized", "success"),
    Status.DISCONNECTED: ("disconnected", "warning"),
    Status.WAIT: ("wait", "warning"),
    Status.PROTOCOL_ERROR: ("protocolError", "error"),
    Status.SYNC_ERROR: ("syncError", "error"),
    Status.ERROR: ("error", "error"),
    Status.DENIED: ("denied", "error"),
    Status.WRONG_CREDENTIALS: ("wrongCredentials", "error"),
}


class Badge:
    """Made by `badge`. `text` and `severity` (`info`, `success`, `warning` or `error`) are what to
    show while `visible` is true.
    """

    __slots__ = ("_events", "_messages", "_unbind", "severity", "text", "visible")

    def __init__(self, client: Client, messages: Mapping[str, str], duration: float) -> None:
        self.text = ""
        self.severity: Severity = "info"
        self.visible = False
        self._messages = {**BADGE_MESSAGES, **messages}
        self._events = Emitter()
        self._unbind = status(client, self._show, duration=duration)

    def on_change(self, listener: Callable[["Badge"], object]) -> Unbind:
        """Call `listener(badge)` whenever something has changed; returns the unbind function."""
        return self._events.on("change", listener)

    def stop(self) -> None:
        """Follow the client no more."""
        self._unbind()

    def _show(self, value: Status, _details: dict[str, Any] | None) -> None:
        before = (self.visible, self.text, self.severity)
        if value in SHOWN:
            name, self.severity = SHOWN[value]
            self.text = self._messages[name]
            self.visible = True
        elif value is Status.SYNCHRONIZED:
            self.visible = False
        if (self.visible, self.text, self.severity) != before:
            self._events.emit("change", self)

    def __repr__(self) -> str:
        return f"<Badge: {self.text if self.visible else 'hidden'!r}>"


def badge(
    client: Client, *, messages: Mapping[str, str] | None = None, duration: float = 3.0
) -> Badge:
    """A badge for a client. `messages` replaces some of `BADGE_MESSAGES`; for `duration` seconds it
    says that all has been saved.

    Raises ValueError for a message that there is not.
    """
    unknown = (messages or {}).keys() - BADGE_MESSAGES.keys()
    if unknown:
        raise ValueError(
            f"a badge has the messages {', '.join(BADGE_MESSAGES)}; not {', '.join(unknown)}"
        )
    return Badge(client, messages or {}, duration)
