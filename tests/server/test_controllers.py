"""Types and channels as classes."""

import asyncio
from typing import Any

import pytest

from logux_store.server import ActionController, ChannelController, action
from logux_store.testing import run_virtual


def test_a_class_defines_a_group_of_types(make_server: Any, peer_of: Any) -> None:
    async def main() -> None:
        server = make_server()
        calls: list[Any] = []

        class Users(ActionController):
            prefix = "users"

            def access(self) -> bool:
                self.checked = True
                return bool(self.user_id == self.action["id"])

            def resend(self) -> Any:
                return {"user": "20"}

            def rename(self) -> None:
                calls.append((self.checked, self.client_id, self.node_id, self.meta.status))

            @action(type="users/forcedRename", access=lambda self: True, resend=lambda self: None)
            async def forced(self) -> None:
                await asyncio.sleep(1)
                self.send_back({"type": "done", "locale": self.headers["locale"]})

            def refuse(self) -> None:
                self.undo("wrong", detail=1)

        Users.register(server)
        peer, reader = peer_of(server, headers={"locale": "fr"}), peer_of(server, "20:a:1")
        peer.act("users/rename", id="10")
        peer.act("users/rename", id="11")
        peer.act("users/forcedRename", id="11")
        peer.act("users/refuse", id="10")
        await asyncio.sleep(2)
        assert calls == [(True, "10:a", "10:a:1", "waiting")]
        assert [a.get("reason", a["type"]) for a in peer.got] == [
            "logux/processed",
            "denied",
            "done",
            "logux/processed",
            "wrong",
        ]
        assert peer.got[2] == {"type": "done", "locale": "fr"}
        assert [a["type"] for a in reader.got] == ["users/rename", "users/refuse", "logux/undo"]
        assert server.errors == []

    run_virtual(main())


def test_only_methods_are_types_and_none_is_forgotten(make_server: Any) -> None:
    class Helper:
        def __init__(self, controller: Any) -> None:
            raise AssertionError

    class Users(ActionController):
        prefix = "users"
        helper = Helper

        def rename(self) -> None:
            """A type."""

    server = make_server()
    Users.register(server)
    assert [*server.types.exact] == ["users/rename"]

    class Undo(ActionController):
        prefix = "users"

        @action(resend=lambda self: "users")
        def undo(self) -> None:  # type: ignore[override]
            """No type, since a controller has this method."""

    class Hidden(ActionController):
        prefix = "users"

        @action(type="users/remove")
        def _remove(self) -> None:
            """No type, either."""

    for wrong in (Undo, Hidden):
        with pytest.raises(TypeError, match="not for types"):
            wrong.register(server)


def test_a_class_defines_a_channel(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    ended: list[Any] = []

    class User(ChannelController):
        pattern = "users/:id"

        def access(self) -> bool:
            return bool(self.params["id"] == self.user_id)

        def initial_data(self) -> Any:
            return {"type": "user", "since": self.since_time}

        def filter(self) -> Any:
            return lambda ctx, action, meta: action["n"] == self.action["n"]

        def unsubscribe(self) -> None:
            ended.append(self.params["id"])

    User.register(server)
    peer = peer_of(server)
    peer.subscribe("users/10", n=1, since={"time": 7, "id": "7 server:a 0"})
    peer.subscribe("users/11", n=1)
    for n in (1, 2):
        server.log.add({"type": "do", "n": n}, channel="users/10")
    assert [a.get("reason", a["type"]) for a in peer.got] == [
        "user",
        "logux/processed",
        "denied",
        "do",
    ]
    assert peer.got[0] == {"type": "user", "since": 7}
    peer.disconnect()
    assert ended == ["10"]


def test_nobody_may_do_anything_unless_a_class_says_who(make_server: Any, peer_of: Any) -> None:
    server = make_server()

    class Users(ActionController):
        prefix = "users"

        def rename(self) -> None:
            raise AssertionError

    class User(ChannelController):
        pattern = "users/:id"

    Users.register(server)
    User.register(server)
    peer = peer_of(server)
    peer.act("users/rename")
    peer.subscribe("users/1")
    assert [a["reason"] for a in peer.got] == ["denied", "denied"]


def test_a_wrong_class_is_refused(make_server: Any) -> None:
    class Nothing(ActionController):
        prefix = "a"

    class Nameless(ActionController):
        def do(self) -> None: ...

    class Anywhere(ChannelController):
        pass

    for wrong, message in ((Nothing, "method"), (Nameless, "prefix"), (Anywhere, "pattern")):
        with pytest.raises(TypeError, match=message):
            wrong.register(make_server())
