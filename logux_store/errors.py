"""Errors of the protocol, as values that can travel, and the outcome of an undone action.

Touches nothing else. `LoguxError` is both what a node sends in an `error` message and what it
raises or reports when it receives one.
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["FATAL_ERRORS", "MESSAGE_ERRORS", "LoguxError", "UndoError"]

FATAL_ERRORS = frozenset({"wrong-protocol", "wrong-subprotocol", "wrong-credentials"})
"""The errors that trying again does not mend."""

MESSAGE_ERRORS = frozenset({"wrong-format", "unknown-message", "missed-auth"})
"""The errors of a single message, which say nothing of the next connection."""


class LoguxError(Exception):
    """An error with a protocol type.

    `type` is one of the protocol's words (`wrong-protocol`, `wrong-format`, `unknown-message`,
    `wrong-credentials`, `missed-auth`, `timeout`, `wrong-subprotocol`, `bruteforce`), `options`
    what travels with it: `{"supported": …, "used": …}` for the two version errors, seconds for
    `timeout` that was found here, the offending text for the format errors. `received` says that
    the other side sent it.
    """

    def __init__(self, type: str, options: Any = None, received: bool = False) -> None:
        self.type = type
        self.options = options
        self.received = received
        self.description = describe(type, options)
        if received:
            detail = "" if self.description == type else f" ({self.description})"
            super().__init__(f"The other node sent the error {type}{detail}")
        else:
            super().__init__(self.description)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.type, self.options, self.received)


def describe(type: str, options: Any) -> str:
    """Say in one sentence what an error of this type means."""
    match type, options:
        case "timeout", int() | float():
            return f"No answer came within {options:g} seconds"
        case "timeout", _:
            return "No answer came in time"
        case "wrong-format", _:
            return f"A message has a wrong format: {options}"
        case "unknown-message", _:
            return f"A message has an unknown name: {options}"
        case "bruteforce", _:
            return "Too many failed authentications from this address; wait a few seconds"
        case "wrong-protocol", {"supported": supported, "used": used}:
            return f"Logux protocol {supported} or newer is needed, but {used} is used"
        case "wrong-subprotocol", {"supported": supported, "used": used}:
            return f"Application subprotocol {supported} or newer is needed, but {used} is used"
        case "wrong-credentials", _:
            return "The user id or the token was refused"
        case "missed-auth", _:
            return "A message came before authentication"
    return type


class UndoError(Exception):
    """The server undid an action that this client sent.

    `action` is the whole `logux/undo` action, `reason` its reason: `denied`, `error`,
    `unknownType`, `wrongChannel`, `notFound`, or a word of the application.
    """

    def __init__(self, action: Mapping[str, Any]) -> None:
        self.action = action
        self.reason: str = str(action.get("reason", "error"))
        undone = action.get("action")
        name = (
            repr(undone["type"])
            if isinstance(undone, Mapping) and "type" in undone
            else "the action"
        )
        super().__init__(f"The server undid {name}: {self.reason}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.action,)
