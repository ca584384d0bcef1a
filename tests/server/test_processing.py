"""An action's way through the server's callbacks."""

import re
from typing import Any

import pytest

from logux_store import Meta, define_action


def allow(ctx: Any, action: Any, meta: Any) -> bool:
    return True


def test_an_action_is_checked_resent_processed_and_answered(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    calls: list[Any] = []

    def access(ctx: Any, action: Any, meta: Any) -> bool:
        calls.append(("access", ctx.user_id, ctx.client_id, ctx.node_id, ctx.is_server))
        ctx.data["from"] = "access"
        return True

    def resend(ctx: Any, action: Any, meta: Any) -> str:
        calls.append(("resend", meta.status))
        return "room/1"

    def process(ctx: Any, action: Any, meta: Any) -> None:
        calls.append(("process", ctx.data, meta.id, meta.channels))

    def finally_(ctx: Any, action: Any, meta: Any) -> None:
        calls.append(("finally", action, meta.status))

    server.type("do", access=access, resend=resend, process=process, finally_=finally_)
    peer = peer_of(server, "10:a:1")
    id = peer.act("do", n=1)
    assert calls == [
        ("access", "10", "10:a", "10:a:1", False),
        ("resend", "waiting"),
        ("process", {"from": "access"}, id, ["room/1"]),
        ("finally", {"type": "do", "n": 1}, "processed"),
    ]
    assert peer.got == [{"type": "logux/processed", "id": id}]
    assert peer.synced == [1]
    assert server.errors == []


def test_plain_callbacks_need_no_event_loop_and_no_task(server: Any, peer: Any) -> None:
    peer.act("do")
    assert not server.flow.tasks
    assert peer.got[-1]["type"] == "logux/processed"


def test_an_action_reaches_subscribers_of_its_channel_and_not_its_sender(
    server: Any, peer_of: Any
) -> None:
    sender, reader, stranger = (peer_of(server, f"{n}:a:1") for n in (1, 2, 3))
    for peer in (sender, reader):
        peer.subscribe("room/1")
        peer.take()
    id = sender.act("do", to="room/1")
    assert reader.got == [{"type": "do", "to": "room/1"}]
    assert reader.entries[0][1].id == id
    assert sender.got == [{"type": "logux/processed", "id": id}]
    assert stranger.got == []


def test_only_id_time_and_subprotocol_of_meta_travel(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    server.type("do", access=allow, resend=lambda *_: {"users": ["20"]})
    reader = peer_of(server, "20:a:1")
    peer_of(server, subprotocol=0).act("do")
    (message,) = [m for m in reader.messages if m[0] == "sync"]
    assert message[3].keys() == {"id", "time", "subprotocol"}


def test_denied_actions_are_undone_for_their_sender_only(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    server.type("do", access=lambda *_: False, resend=lambda *_: "room/1", process=pytest.fail)
    server.channel("room/1", access=allow)
    reader, sender = peer_of(server, "20:b:1"), peer_of(server)
    reader.subscribe("room/1")
    reader.take()
    id = sender.act("do")
    undo = {"type": "logux/undo", "id": id, "action": {"type": "do"}, "reason": "denied"}
    assert sender.got == [undo]
    assert sender.synced == [1]
    assert reader.got == []
    assert "denied" in server.names
    assert ["debug", "error", f'Action "{id}" was denied'] in sender.messages


def test_unknown_types_are_undone(server: Any, peer: Any) -> None:
    id = peer.act("unknown")
    assert peer.got == [
        {"type": "logux/undo", "id": id, "action": {"type": "unknown"}, "reason": "unknownType"}
    ]
    assert peer.synced == [1]
    assert ("unknown_type", {"action_id": id, "type": "unknown"}) in server.reports


@pytest.mark.parametrize("stage", ["access", "resend", "process"])
def test_an_error_in_a_callback_undoes_the_action_and_nothing_else(
    make_server: Any, peer_of: Any, stage: str
) -> None:
    server = make_server()
    error = RuntimeError("broken")
    ends: list[Any] = []

    def raises(ctx: Any, action: Any, meta: Any) -> Any:
        raise error

    callbacks: dict[str, Any] = {"access": allow, "resend": lambda *_: "room/1", stage: raises}
    server.type("do", **callbacks, finally_=lambda ctx, action, meta: ends.append(action))
    server.type("ok", access=allow)
    server.channel("room/1", access=allow)
    reader, sender = peer_of(server, "20:b:1"), peer_of(server)
    reader.subscribe("room/1")
    reader.take()
    id = sender.act("do")
    undo = {"type": "logux/undo", "id": id, "action": {"type": "do"}, "reason": "error"}
    assert sender.got == [undo]
    assert sender.synced == [1]
    assert server.errors == [error]
    assert len(ends) == 1
    # Whoever had got the action gets its undo.
    assert reader.got == ([{"type": "do"}, undo] if stage == "process" else [])
    assert ["debug", "error", "RuntimeError: broken"] in sender.messages
    next_id = sender.act("ok")
    assert sender.got[-1] == {"type": "logux/processed", "id": next_id}


def test_an_error_in_finally_is_told_and_changes_nothing(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    server.type("do", access=allow, finally_=lambda *_: 1 / 0)
    peer = peer_of(server)
    id = peer.act("do")
    assert peer.got == [{"type": "logux/processed", "id": id}]
    assert [type(error) for error in server.errors] == [ZeroDivisionError]


def test_a_developer_may_undo_with_a_reason_and_more(make_server: Any, peer_of: Any) -> None:
    server = make_server()

    def process(ctx: Any, action: Any, meta: Any) -> None:
        server.undo(action, meta, "too late", by=5)

    server.type("do", access=allow, resend=lambda *_: ["room/1"], process=process)
    server.channel("room/1", access=allow)
    reader, sender = peer_of(server, "20:b:1"), peer_of(server)
    reader.subscribe("room/1")
    reader.take()
    id = sender.act("do")
    undo = {"type": "logux/undo", "id": id, "action": {"type": "do"}, "reason": "too late", "by": 5}
    assert sender.got == [undo]
    assert reader.got == [{"type": "do"}, undo]


def test_an_undo_goes_where_a_filter_let_the_action_through(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    server.type("do", access=allow, resend=lambda *_: "room/1", process=lambda *_: 1 / 0)
    server.channel(
        "room/1",
        access=allow,
        filter=lambda ctx, subscribe, meta: (
            lambda ctx, action, meta: action["type"] == "do" and action["n"] == subscribe["n"]
        ),
    )
    one, two = peer_of(server, "1:a:1"), peer_of(server, "2:a:1")
    one.subscribe("room/1", n=1)
    two.subscribe("room/1", n=2)
    one.take(), two.take()
    peer_of(server, "3:a:1").act("do", n=2)
    assert one.got == []
    assert [action["type"] for action in two.got] == ["do", "logux/undo"]


def test_types_may_be_regular_expressions_and_action_creators(
    make_server: Any, peer_of: Any
) -> None:
    server = make_server()
    calls: list[str] = []
    server.type("a/exact", access=allow, process=lambda *_: calls.append("exact"))
    server.type(re.compile(r"^a/"), access=allow, process=lambda *_: calls.append("regexp"))
    server.type(define_action("b"), access=allow, process=lambda *_: calls.append("creator"))
    server.other_type(access=allow, process=lambda *_: calls.append("other"))
    peer = peer_of(server)
    for type in ("a/exact", "a/more", "b", "c"):
        peer.act(type)
    assert calls == ["exact", "regexp", "creator", "other"]


def test_other_type_may_find_a_type_unknown(make_server: Any, peer_of: Any) -> None:
    server = make_server()

    def access(ctx: Any, action: Any, meta: Any) -> bool:
        server.unknown_type(action, meta)
        return False

    server.other_type(access=access)
    peer = peer_of(server)
    id = peer.act("do")
    assert [(a["type"], a["id"], a["reason"]) for a in peer.got] == [
        ("logux/undo", id, "unknownType")
    ]


class HttpError(Exception):
    def __init__(self, status: int) -> None:
        self.status = status


@pytest.mark.parametrize("error", [PermissionError(), HttpError(403)])
def test_access_and_process_denies_by_raising(
    make_server: Any, peer_of: Any, error: Exception
) -> None:
    server = make_server()
    calls: list[Any] = []

    def access_and_process(ctx: Any, action: Any, meta: Any) -> None:
        calls.append(action["n"])
        if action["n"] == 2:
            raise error
        if action["n"] == 3:
            raise HttpError(500)

    server.type("do", access_and_process=access_and_process)
    peer = peer_of(server)
    for n in (1, 2, 3):
        peer.act("do", n=n)
    assert [(a["type"], a.get("reason")) for a in peer.got] == [
        ("logux/processed", None),
        ("logux/undo", "denied"),
        ("logux/undo", "error"),
    ]
    assert calls == [1, 2, 3]
    assert [str(e) for e in server.errors] == ["500"]


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ("a", {"channels": ["a"]}),
        (["a", "b"], {"channels": ["a", "b"]}),
        ({"user": "1"}, {"users": ["1"]}),
        ({"users": ["1"], "user": "2"}, {"users": ["1", "2"]}),
        ({"client": "1:a", "node": "1:a:1"}, {"clients": ["1:a"], "nodes": ["1:a:1"]}),
        ({"exclude_clients": ["1:a"]}, {"exclude_clients": ["1:a"]}),
        (None, {}),
        ("", {}),
        ([], {}),
    ],
)
def test_resend_names_channels_or_any_addresses(
    make_server: Any, peer_of: Any, addresses: Any, expected: Any
) -> None:
    server = make_server()
    metas: list[Meta] = []
    server.type(
        "do",
        access=allow,
        resend=lambda *_: addresses,
        process=lambda ctx, action, meta: metas.append(meta),
    )
    peer_of(server).act("do")
    names = ("channels", "users", "clients", "nodes", "exclude_clients")
    assert {n: getattr(metas[0], n) for n in names if getattr(metas[0], n)} == expected


@pytest.mark.parametrize("addresses", [{"chanel": "a"}, 5, [5], {"users": [None]}])
def test_wrong_addresses_are_an_error_of_the_callback(
    make_server: Any, peer_of: Any, addresses: Any
) -> None:
    server = make_server()
    server.type("do", access=allow, resend=lambda *_: addresses)
    peer = peer_of(server)
    peer.act("do")
    assert peer.got[0]["reason"] == "error"
    assert [type(error) for error in server.errors] == [TypeError]


def test_an_action_that_is_kept_has_a_status(make_server: Any, peer_of: Any) -> None:
    server = make_server()
    seen: list[str] = []
    server.on("preadd", lambda action, meta: meta.reasons.append("keep"))
    server.type("good", access=allow, process=lambda ctx, action, meta: seen.append(meta.status))
    server.type("bad", access=allow, process=lambda *_: 1 / 0)
    peer = peer_of(server)
    good, bad = peer.act("good"), peer.act("bad")
    assert seen == ["waiting"]
    for id, status in ((good, "processed"), (bad, "error")):
        meta = server.log.by_id(id)[1]
        assert (meta.status, meta.reasons, meta.server) == (status, ["keep"], "server:server1")


def test_what_nobody_keeps_leaves_the_log_when_it_is_processed(server: Any, peer: Any) -> None:
    inside: list[Any] = []
    server.type(
        "look", access=allow, process=lambda ctx, action, meta: inside.append(len(server.log.store))
    )
    peer.act("look")
    assert inside == [1]
    assert len(server.log.store) == 0


def test_own_actions_are_resent_and_processed_without_access(
    make_server: Any, peer_of: Any
) -> None:
    server = make_server()
    calls: list[Any] = []
    server.type(
        "do",
        access=lambda *_: False,
        resend=lambda *_: "room/1",
        process=lambda ctx, action, meta: calls.append((ctx.is_server, ctx.subprotocol)),
    )
    server.channel("room/1", access=allow)
    peer = peer_of(server)
    peer.subscribe("room/1")
    peer.take()
    server.log.add({"type": "do"})
    assert calls == [(True, 1)]
    assert peer.got == [{"type": "do"}]
    assert len(server.log.store) == 0


def test_own_actions_need_no_definition(server: Any, peer: Any) -> None:
    meta = server.log.add({"type": "news"}, user="10", reasons=["keep"])
    assert meta.status == "processed"
    assert meta.users == ["10"]
    assert peer.got == [{"type": "news"}]
    server.log.add({"type": "nobody"})
    assert server.names[-1] == "useless"


def test_own_actions_that_cannot_be_sent_are_refused_before_anything(
    server: Any, peer: Any
) -> None:
    with pytest.raises(TypeError, match="news"):
        server.log.add({"type": "news", "value": object()}, user="10", reasons=["keep"])
    assert len(server.log.store) == 0
    assert peer.got == []


def test_what_listeners_of_the_log_raise_undoes_a_clients_action(server: Any, peer: Any) -> None:
    unbind = server.log.on("preadd", lambda action, meta: 1 / 0 if action["type"] == "do" else None)
    peer.act("do")
    assert peer.got[-1]["reason"] == "error"
    unbind()
    server.log.on("add", lambda action, meta: 1 / 0 if action["type"] == "do" else None)
    peer.act("do")
    assert [a["reason"] for a in peer.got] == ["error", "error"]
    assert len(server.log.store) == 0
    assert [type(error) for error in server.errors] == [ZeroDivisionError] * 2


def test_events_tell_of_processed_actions(server: Any, peer: Any) -> None:
    done: list[Any] = []
    server.on("processed", lambda action, meta, seconds: done.append((action["type"], seconds)))
    peer.act("do")
    assert [type for type, _ in done] == ["logux/processed", "do"]
    assert all(isinstance(seconds, float) for _, seconds in done)


def test_a_listener_that_raises_harms_nobody(server: Any, peer: Any) -> None:
    server.on("processed", lambda *_: 1 / 0)
    id = peer.act("do")
    assert peer.got == [{"type": "logux/processed", "id": id}]
    assert ZeroDivisionError in {type(error) for error in server.errors}


def test_reports_tell_what_is_kept_and_what_is_cleaned(server: Any, peer: Any) -> None:
    server.log.type("do", lambda action, meta: meta.reasons.append("keep"), event="preadd")
    id = peer.act("do")
    assert server.names[2:] == ["add", "add_clean"]
    server.log.remove_reason("keep")
    assert server.reports[-1] == ("clean", {"action_id": id})


@pytest.mark.parametrize("event", ["preadd", "add", "clean"])
def test_a_listener_of_the_log_that_always_raises_stops_nothing(
    server: Any, peer_of: Any, event: str
) -> None:
    peer = peer_of(server)
    unbind = server.on(event, lambda action, meta: 1 / 0)
    peer.act("do")
    peer.act("unknown")
    peer.subscribe("room/1")
    peer.sync(({"type": "do"}, {"id": [1, "99:a:1", 0], "time": 1}))
    peer.sync(({"type": "do"}, {"id": 1, "time": 1}))
    assert peer.synced == [1, 2, 3, 4, 5]
    assert [type(error) for error in server.errors].count(ZeroDivisionError) >= 4
    assert {type(error) for error in server.errors} == {ZeroDivisionError}
    assert server.incoming.queues.jobs == {}
    assert [*server.incoming.queues] == []
    assert len(server.log.store) == 0
    unbind()
    peer.take()
    id = peer.act("do")
    assert peer.got == [{"type": "logux/processed", "id": id}]
