"""Where nobody listens, the server takes shorter ways; what clients get and what the log keeps must
not depend on who listens.
"""

from collections.abc import Callable
from typing import Any

import pytest

from logux_store.log import MemoryStore
from logux_store.server.base_server import BaseServer
from logux_store.server.options import Limits

NOW = 1_000_000


def allow(ctx: Any, action: Any, meta: Any) -> bool:
    return True


def nothing(*_: object) -> None:
    """A listener that only listens."""


def keep(ctx: Any, action: Any, meta: Any) -> None:
    ctx.server.log.change_meta(meta.id, reasons=["processing", "kept"])


def mark(ctx: Any, action: Any, meta: Any) -> bool:
    meta.reasons.append("kept")
    meta.indexes = ["things"]
    meta.keep_last = "last"
    return True


def look(ctx: Any, action: Any, meta: Any) -> None:
    """The action is in the log while it is processed."""
    assert ctx.server.log.by_id(meta.id) == (action, meta)
    assert (meta.status, meta.server) == ("waiting", "server:server1")


def make(errors: list[Any]) -> BaseServer:
    server = BaseServer(
        subprotocol=1,
        min_subprotocol=0,
        id="server1",
        ping=None,
        timeout=None,
        clock=lambda: NOW,
        limits=Limits(ahead=None),
    )
    server.auth(lambda: True)
    # Nothing else than that may go wrong.
    server.on("error", lambda error, *_: errors.append(type(error)))
    server.type("look", access=allow, process=look)
    server.type("say", access=allow, resend=lambda *_: "room/1")
    server.type("keep", access=allow, process=keep, resend=lambda *_: {"users": ["20"]})
    server.type("mark", access=mark)
    server.type("deny", access=lambda *_: False)
    server.type("break", access=allow, process=lambda *_: 1 / 0)
    server.type("undo", access=allow, process=lambda ctx, a, m: ctx.server.undo(a, m, "wrong"))
    server.channel("room/:id", access=allow, load=lambda *_: {"type": "loaded"})
    return server


def listen_to_the_processed(server: BaseServer) -> None:
    server.on("processed", nothing)


def listen_to_added(server: BaseServer) -> None:
    server.on("add", nothing)


def listen_to_dropped(server: BaseServer) -> None:
    server.log.on_drop(nothing)


def listen_to_one_type(server: BaseServer) -> None:
    server.log.type("logux/processed", nothing, event="clean")


def listen_from_a_callback(server: BaseServer) -> None:
    server.type("listen", access=allow, process=lambda *_: server.on("preadd", nothing))


def play(listen: Callable[[BaseServer], object], peer_of: Any) -> list[Any]:
    """What the clients of a server get, and what stays in its log."""
    errors: list[Any] = []
    server = make(errors)
    listen(server)
    if "listen" not in server.types.exact:
        server.type("listen", access=allow)
    reader, peer = peer_of(server, "20:b:1"), peer_of(server)
    reader.subscribe("room/1")
    first = {"id": 1000, "time": 1000}
    for _ in range(2):
        peer.sync(({"type": "look"}, first))
        peer.acknowledge()
    for type in ("say", "keep", "listen", "mark", "mark", "deny", "break", "undo", "look", "none"):
        peer.act(type)
    peer.sync(*[({"type": type}, None) for type in ("look", "say", "deny", "look")])
    peer.send(["synced", 3])
    messages = [peer.messages, reader.messages]
    # Whose answers are not confirmed gets them again.
    peer.pair.cut()
    again = peer_of(server)
    again.sync(({"type": "look"}, first))
    entries = [(action, meta.to_dict()) for action, meta in server.log.entries("added")]
    assert isinstance(server.log.store, MemoryStore)
    assert errors == [ZeroDivisionError]
    assert server.processing._unkept == set()
    return [messages, again.messages, entries, server.log.store.remembers(f"{NOW + 1000} 10:a:1 0")]


@pytest.mark.parametrize(
    "listen",
    [
        listen_to_the_processed,
        listen_to_added,
        listen_to_dropped,
        listen_to_one_type,
        listen_from_a_callback,
    ],
)
def test_what_clients_get_does_not_depend_on_who_listens(
    listen: Callable[[BaseServer], None], peer_of: Any
) -> None:
    unheard = play(nothing, peer_of)
    assert len(unheard[0][0]) > 20
    assert play(listen, peer_of) == unheard


@pytest.mark.parametrize(
    "listen", [listen_to_the_processed, listen_to_added, listen_from_a_callback]
)
def test_what_is_reported_does_not_depend_on_who_listens(
    listen: Callable[[BaseServer], None], peer_of: Any
) -> None:
    def reports(listen: Callable[[BaseServer], None]) -> list[Any]:
        told: list[Any] = []

        def note(name: str, details: dict[str, Any]) -> None:
            meta = details["meta"].to_dict() if "meta" in details else {}
            told.append((name, {**details, "meta": {**meta}, "error": None}))

        def listen_and_note(server: BaseServer) -> None:
            listen(server)
            server.on("report", note)

        play(listen_and_note, peer_of)
        return told

    unheard = reports(nothing)
    assert len(unheard) > 40
    assert reports(listen) == unheard


def test_a_server_that_nobody_listens_to_knows_that(server: Any) -> None:
    assert server.processing.unheard()
    server.on("processed", nothing)
    assert not server.processing.unheard()


def test_an_action_that_comes_into_the_log_while_access_is_asked_leaves_nothing(
    peer_of: Any,
) -> None:
    def copy(ctx: Any, action: Any, meta: Any) -> bool:
        ctx.server.log.store.add({"type": "copy"}, meta.copy(reasons=["kept"], status="processed"))
        return True

    server = make([])
    server.type("copied", access=copy)
    peer = peer_of(server)
    id = peer.act("copied")
    assert peer.got == [{"type": "logux/processed", "id": id}]
    assert server.processing.unheard()
    assert server.processing._unkept == set()
