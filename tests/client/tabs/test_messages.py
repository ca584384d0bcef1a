import json
from collections.abc import Iterator
from typing import Any

import pytest

from logux_store import Entry, LoguxError, Meta
from logux_store.client.tabs.messages import (
    encode_own,
    encode_piece,
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


def test_a_log_is_told_in_pieces_that_are_neither_many_nor_long() -> None:
    def entries(count: int, text: str, **keys: Any) -> Iterator[Entry]:
        for n in range(count):
            yield {"type": "a", "text": text}, Meta(f"{n} 10:a:b 0", n, **keys)

    def pieces(entries: Iterator[Entry]) -> list[int]:
        found: list[int] = []
        while (text := encode_piece(entries, {"3 10:a:b 0"})) is not None:
            name, piece, unsent = json.loads(text)
            assert (name, unsent) == ("log", ["3 10:a:b 0"] if not found and piece else [])
            found.append(len(piece))
        return found

    assert pieces(entries(250, "")) == [100, 100, 50]
    assert pieces(entries(250, "", tab="b")) == [0, 0, 0]
    assert pieces(entries(10, "x" * 50_000)) == [5, 5]
    assert pieces(entries(0, "")) == []


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
