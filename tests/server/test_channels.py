"""Which callbacks a channel's name has, and its parameters."""

import re
from typing import Any

import pytest

from logux_store.server.channels import Channels, compile_pattern


def allow(ctx: Any, action: Any, meta: Any) -> bool:
    return True


@pytest.mark.parametrize(
    ("pattern", "channel", "params"),
    [
        ("users", "users", {}),
        ("users", "users/1", None),
        ("users", "my users", None),
        ("users/:id", "users/10", {"id": "10"}),
        ("users/:id", "users/", None),
        ("users/:id", "users/1/2", None),
        ("users/:id", "users/a:b c", {"id": "a:b c"}),
        ("users/:id", "users/a\nb", {"id": "a\nb"}),
        ("users/:user_id/posts/:post", "users/1/posts/2", {"user_id": "1", "post": "2"}),
        ("posts/:id(/comments)", "posts/1", {"id": "1"}),
        ("posts/:id(/comments)", "posts/1/comments", {"id": "1"}),
        ("posts(/:id(/:part))", "posts", {"id": None, "part": None}),
        ("posts(/:id(/:part))", "posts/1/a", {"id": "1", "part": "a"}),
        ("files/*", "files/a/b.c", {}),
        ("a.b", "a.b", {}),
        ("a.b", "axb", None),
        ("a: b", "a: b", {}),
        ("время/:id", "время/1", {"id": "1"}),
    ],
)
def test_a_pattern_gives_its_parameters(pattern: str, channel: str, params: Any) -> None:
    channels = Channels()
    channels.add(pattern, access=allow)
    found = channels.find(channel)
    assert (found and found[1]) == params


@pytest.mark.parametrize("pattern", ["a(b", "a)b", "a)(", ":id/:id"])
def test_a_wrong_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        compile_pattern(pattern)


def test_the_channel_that_was_defined_first_wins() -> None:
    channels = Channels()
    for queue, pattern in (("1", "a/:id"), ("2", re.compile("b")), ("3", "a/b"), ("4", "c/b")):
        channels.add(pattern, access=allow, queue=queue)
    queues = [found and found[0].queue for found in map(channels.find, ("a/b", "c/b", "d"))]
    assert queues == ["1", "2", None]
    channels.add_other(access=allow)
    other = channels.find("d")
    assert other is not None
    assert other[1][0] == "d"


@pytest.mark.parametrize(
    "callbacks",
    [
        {"access": None},
        {"access": True},
        {"access": allow, "load": 5},
        {"access": allow, "access_and_load": allow},
        {"access": None, "access_and_load": allow, "load": allow},
    ],
)
def test_wrong_callbacks_are_refused(callbacks: Any) -> None:
    with pytest.raises(TypeError, match="'a'"):
        Channels().add("a", **callbacks)


def test_a_pattern_is_a_string_or_a_regular_expression() -> None:
    with pytest.raises(TypeError, match="pattern"):
        Channels().add(5, access=allow)  # type: ignore[arg-type]


def test_other_channels_are_defined_once() -> None:
    channels = Channels()
    channels.add_other(access=allow)
    with pytest.raises(ValueError, match="already"):
        channels.add_other(access=allow)
