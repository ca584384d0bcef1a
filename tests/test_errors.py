import pickle
from typing import Any

import pytest

from logux_store.errors import LoguxError, UndoError


@pytest.mark.parametrize(
    ("type", "options", "text"),
    [
        ("timeout", 70.0, "70 seconds"),
        ("timeout", None, "in time"),
        ("wrong-format", "[1]", r"\[1\]"),
        ("unknown-message", "x", "x"),
        ("bruteforce", None, "Too many"),
        ("wrong-protocol", {"supported": 5, "used": 4}, "5 .* 4"),
        ("wrong-subprotocol", {"supported": 2, "used": 1}, "2 .* 1"),
        ("wrong-subprotocol", None, "wrong-subprotocol"),
        ("wrong-credentials", None, "refused"),
        ("missed-auth", None, "before authentication"),
        ("other", None, "other"),
    ],
)
def test_an_error_says_what_happened(type: str, options: Any, text: str) -> None:
    with pytest.raises(LoguxError, match=text):
        raise LoguxError(type, options)
    with pytest.raises(LoguxError, match="other node sent"):
        raise LoguxError(type, options, received=True)


def test_an_undo_error_names_the_action_and_the_reason() -> None:
    action = {"type": "logux/undo", "id": "1 a 0", "reason": "denied", "action": {"type": "x"}}
    error = UndoError(action)
    assert (error.action, error.reason) == (action, "denied")
    assert str(error) == "The server undid 'x': denied"
    assert UndoError({"type": "logux/undo"}).reason == "error"


def test_errors_survive_pickling() -> None:
    error = pickle.loads(pickle.dumps(LoguxError("timeout", 3, True)))
    assert (error.type, error.options, error.received) == ("timeout", 3, True)
    undo = pickle.loads(pickle.dumps(UndoError({"type": "logux/undo", "reason": "r"})))
    assert undo.reason == "r"
