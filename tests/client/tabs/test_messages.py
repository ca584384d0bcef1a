import json
from typing import Any

import pytest

from logux_store import LoguxError, Meta
from logux_store.client.tabs.messages import (
    encode_own,
    error_message,
    read_error,
    read_item,
    read_message,
)


def test_an_error_is_the_same_in_every_tab() -> None:
    error = LoguxError("wrong-subprotocol", {"supported": 2, "used": 1}, received=True)
    read = read_error(json.loads(json.dumps(error_message(error))))
    assert isinstance(read, LoguxError)
    assert (read.type, read.options, read.received) == (error.type, error.options, True)
    other = read_error(json.loads(json.dumps(error_message(OSError("no network")))))
    assert str(other) == "OSError: no network"


def test_a_follower_hears_what_the_leader_made_of_its_action() -> None:
    meta = Meta("1 10:a:b 0", 5)
    meta.added = 7
    assert json.loads(encode_own(("add", {"type": "a"}, meta), 3)) == ["own", 3, 5, 7]
    assert json.loads(encode_own(("clean",), 4)) == ["own", 4]


def test_a_followers_change_comes_with_its_number_and_perhaps_its_offset() -> None:
    assert read_item(1, ["clean"]) == (1, ("clean",), None)
    assert read_item(2, ["drop", []], 500)[2] == 500
    alone = ["add", {"type": "a"}, {"id": "1 10:a:b 0", "time": 1, "tab": "b"}]
    with pytest.raises(ValueError, match="another tab's alone"):
        read_item(3, alone)


@pytest.mark.parametrize("text", ["", "{", "{}", '"ops"', "1"])
def test_what_is_no_array_is_no_message(text: Any) -> None:
    with pytest.raises(ValueError, match=r"which is no message|Expecting"):
        read_message(text)
