"""Actions that the server cannot read."""

import asyncio
import base64
import json
import sys
import zlib
from random import Random
from typing import Any

import pytest

from logux_store import MemoryStore, create_store_creator
from logux_store.client.encryption import (
    MAX_SIZE,
    DecryptionError,
    decrypt,
    encrypt,
    encrypt_actions,
    make_cipher,
)
from logux_store.testing import ServerDouble, TestClient, run_virtual
from tests.client.crew import Crew, make, role, virtual

Action = dict[str, Any]


class Shared:
    """A server double that resends everything to the channel `all`, and clients of it."""

    def __init__(self) -> None:
        self.server = ServerDouble()
        self.server.resend("0", lambda action, meta: "all")
        self.server.resend("open", lambda action, meta: "all")

    async def join(self, user_id: str) -> TestClient:
        client = TestClient(user_id, server=self.server)
        await client.connect()
        await client.subscribe("all")
        client.log.keep_actions()
        return client


def secret(text: str) -> Action:
    return {"type": "secret", "text": text}


def texts(state: Any, action: Action) -> Any:
    return [*(state or []), action["text"]] if action["type"] == "secret" else state or []


def test_clients_with_one_password_read_each_other_and_the_server_nobody() -> None:
    async def test() -> None:
        shared = Shared()
        ann, bob, eve = [await shared.join(name) for name in ("ann", "bob", "eve")]
        for client in (ann, bob):
            encrypt_actions(client, "the password", ignore=["open"])
        actions = [secret("short"), secret("long " * 100), {"type": "open"}]
        for action in actions:
            await ann.process(action)
        await bob.settle()
        assert bob.log.actions() == actions
        await eve.settle()
        assert [action["type"] for action in eve.log.actions()] == ["0", "0", "open"]
        assert [action["z"] for action in eve.log.actions()[:2]] == [False, True]
        assert "short" not in json.dumps(eve.log.actions())

    run_virtual(test())


def test_what_the_server_undoes_is_readable() -> None:
    async def test() -> None:
        shared = Shared()
        ann = await shared.join("ann")
        encrypt_actions(ann, "the password")
        shared.server.undo_next("denied")
        with ann.collect() as actions:
            outcome = ann.sync(secret("a"))
            await ann.settle()
        assert actions == [
            {"type": "logux/undo", "id": outcome.id, "action": secret("a"), "reason": "denied"}
        ]

    run_virtual(test())


def test_an_undo_takes_an_encrypted_action_back_in_every_store() -> None:
    async def test() -> None:
        shared = Shared()
        clients = [TestClient(name, server=shared.server) for name in ("ann", "bob")]
        stores = [create_store_creator(client)(texts) for client in clients]
        for client in clients:
            encrypt_actions(client, "the password")
            await client.connect()
            await client.subscribe("all")
        outcome = stores[0].dispatch.sync(secret("wrong"))
        await outcome
        await stores[0].dispatch.sync(secret("right"))
        for client in clients:
            await client.settle()
        assert [store.state for store in stores] == [["wrong", "right"]] * 2
        undo = {"type": "logux/undo", "id": outcome.id, "reason": "late"}
        # Bob cannot read what is undone, but still whose it is.
        unreadable = {"type": "0", "d": "AAAA", "iv": "AAAA", "z": False}
        shared.server.send_all({**undo, "action": unreadable})
        for client in clients:
            await client.settle()
        assert [store.state for store in stores] == [["right"]] * 2

    run_virtual(test())


def test_the_server_is_told_of_what_the_log_has_dropped() -> None:
    async def test() -> None:
        shared = Shared()
        ann = TestClient("ann", server=shared.server)
        await ann.connect()
        stop = encrypt_actions(ann, "the password", ignore=["open"])
        kept = ann.sync(secret("a"), reasons=["kept"])
        await kept
        with ann.sent() as sent:
            await ann.process({"type": "open"})
            ann.log.remove_reason("kept")
            await ann.settle()
        assert sent == [{"type": "open"}, {"type": "0/clean", "id": kept.id}]
        stop()
        shared.server.log.keep_actions()
        await ann.process(secret("b"))
        assert secret("b") in shared.server.log.actions()

    run_virtual(test())


@virtual
async def test_what_a_follower_does_leaves_encrypted_through_the_leader(crew: Crew) -> None:
    sent: list[Action] = []
    crew.server.type("0", access=lambda *_: True, resend=lambda *_: "all")
    crew.server.type("0/clean", access=lambda *_: True)
    crew.server.on("add", lambda action, meta: sent.append(action))
    leader, follower, other = tabs = [crew.tab(), crew.tab(), crew.tab(user_id="20")]
    for tab in tabs:
        encrypt_actions(tab, "the password")
        tab.start()
        await tab.wait_for("synchronized")
        await tab.sync({"type": "logux/subscribe", "channel": "all"})
    assert (leader.role, follower.role) == ("leader", "follower")
    await follower.sync(make("of the follower"))
    await leader.sync(make("of the leader"))
    await other.sync(make("of another"))
    await asyncio.sleep(1)
    for tab in tabs:
        assert sorted(crew.values(tab)) == ["of another", "of the follower", "of the leader"]
    assert not any(action["type"] == "set" for action in sent)
    assert len([action for action in sent if action["type"] == "0"]) == 3
    # What they drop is told once.
    leader.log.remove_reason("kept")
    await asyncio.sleep(1)
    assert len([action for action in sent if action["type"] == "0/clean"]) == 2
    # The one that takes over encrypts as well.
    await leader.destroy()
    await role(follower, "leader")
    await follower.sync(make("of the new leader"))
    assert not any(action["type"] == "set" for action in sent)


@virtual
async def test_a_leader_that_does_not_encrypt_ends_before_it_sends_in_plain(crew: Crew) -> None:
    raised: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: raised.append(context["exception"])
    )
    sent: list[Action] = []
    crew.server.type("0", access=lambda *_: True, resend=lambda *_: "all")
    crew.server.on("add", lambda action, meta: sent.append(action))
    plain, too_plain, follower = tabs = [crew.tab(), crew.tab(), crew.tab()]
    encrypt_actions(follower, "the password", ignore=["open"])
    for tab in tabs:
        tab.start()
        await tab.wait_for("synchronized")
    assert [tab.role for tab in tabs] == ["leader", "follower", "follower"]
    first = follower.sync(make("a"))
    second = follower.sync(make("b"))
    await first
    await second
    assert (follower.role, [tab.destroyed for tab in tabs]) == ("leader", [True, True, False])
    assert not any(action["type"] == "set" for action in sent)
    assert len([action for action in sent if action["type"] == "0"]) == 2
    assert crew.values(follower) == ["a", "b"]
    for tab, error in zip((plain, too_plain), raised, strict=True):
        assert tab.error is error
        assert "call encrypt_actions before client.start(), in every tab" in str(error)
        with pytest.raises(RuntimeError, match=first.id):
            await tab.wait_for("synchronized")


def test_what_was_to_be_encrypted_is_not_sent_in_plain_by_the_next_program() -> None:
    async def test() -> None:
        server, store = ServerDouble(), MemoryStore()
        server.resend("0", lambda action, meta: "all")
        server.log.keep_actions()
        first = TestClient("ann", server=server, store=store)
        stop = encrypt_actions(first, "the password", ignore=["open"])
        first.sync({"type": "open"})
        first.sync(secret("a"))
        await first.destroy()
        stop()
        second = TestClient("ann", server=server, store=store)
        with pytest.raises(RuntimeError, match="without encryption"):
            await second.connect()
        third = TestClient("ann", server=server, store=store)
        encrypt_actions(third, "the password", ignore=["open"])
        await third.connect()
        await third.settle()
        types = [action["type"] for action in server.log.actions()]
        assert [type for type in types if type in ("0", "open", "secret")] == ["open", "0"]

    run_virtual(test())


def test_another_key_is_told_of_and_the_action_left_out() -> None:
    async def test() -> None:
        shared = Shared()
        ann, bob = [await shared.join(name) for name in ("ann", "bob")]
        encrypt_actions(ann, "one password")
        errors: list[DecryptionError] = []
        encrypt_actions(bob, "another", on_error=errors.append)
        await ann.process(secret("a"))
        await bob.settle()
        assert bob.log.actions() == []
        (error,) = errors
        assert f"the action {error.id!r} was encrypted with another key" in str(error)
        assert ann.node_id in error.id

    run_virtual(test())


def test_without_a_listener_the_error_is_raised_and_the_rest_added() -> None:
    async def test() -> None:
        shared = Shared()
        ann, bob = [await shared.join(name) for name in ("ann", "bob")]
        encrypt_actions(ann, "one password", ignore=["open"])
        encrypt_actions(bob, "another", ignore=["open"])
        raised: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: raised.append(context["exception"])
        )
        ann.sync(secret("a"))
        await ann.process({"type": "open"})
        await bob.settle()
        assert bob.log.actions() == [{"type": "open"}]
        assert [type(error) for error in raised] == [DecryptionError]

    run_virtual(test())


@pytest.mark.parametrize("size", [16, 24, 32])
def test_keys_may_be_given_as_they_are(size: int) -> None:
    cipher = make_cipher(bytes(range(size)))
    action = encrypt(cipher, secret("a"), Random(1).randbytes)
    assert decrypt(make_cipher(bytes(range(size))), action, "") == secret("a")


def test_equal_actions_do_not_look_equal() -> None:
    cipher, random = make_cipher("password"), Random(1).randbytes
    texts = [encrypt(cipher, secret("a"), random) for _ in range(50)]
    assert len({text["iv"] for text in texts}) == 50
    assert len({len(text["d"]) for text in texts}) > 5


@pytest.mark.parametrize(
    ("d", "iv", "text"),
    [
        (
            "2mxxBEVHHtYS3deoq610l9kZGTD6FqXV7Vl+MdK87Q9z8bPag2MIabMbsXX9+KtVxhiqGV0GlQ==",
            "7JXs4j8sKJHRUPNx",
            "short",
        ),
        (
            "rzGdJKLAvMznFF26Oz1seDKEMNKrkJWfsGzEmaQ30RvdGttfyXO+giP1yyHFNil+zaGvNbTf7CU5ZnrEGh//"
            "bA==",
            "Tj2jijj8bfOLHynU",
            "long " * 100,
        ),
    ],
)
def test_what_the_original_has_encrypted_can_be_read(d: str, iv: str, text: str) -> None:
    # Made by encryptActions(client, 'the password') of @logux/client 0.23.
    action = {"type": "0", "d": d, "iv": iv, "z": len(text) > 100}
    assert decrypt(make_cipher("the password"), action, "") == secret(text)


@pytest.mark.parametrize(
    "damage",
    [
        {"iv": None},
        {"iv": "!"},
        {"iv": ""},
        {"d": "AAAA"},
        {"d": 5},
    ],
)
def test_what_is_damaged_is_refused(damage: Action) -> None:
    cipher = make_cipher("password")
    action = encrypt(cipher, secret("a"), Random(1).randbytes)
    with pytest.raises(DecryptionError):
        decrypt(cipher, {**action, **damage}, "")


def test_what_is_no_action_is_refused() -> None:
    cipher = make_cipher("password")
    iv = b"0" * 12

    def sealed(data: bytes, z: bool) -> Action:
        text = base64.b64encode(cipher.encrypt(iv, data, None)).decode()
        return {"type": "0", "d": text, "iv": base64.b64encode(iv).decode(), "z": z}

    def deflate(data: bytes) -> bytes:
        compressor = zlib.compressobj(wbits=-15)
        return compressor.compress(data) + compressor.flush()

    assert decrypt(cipher, sealed(deflate(b'{"type":"a"}  \n'), True), "") == {"type": "a"}
    two = b'{"type":"a"},{"id":0,"time":0},{"type":"b"}'
    for data, z in (
        (b"[]", False),
        (b'{"type":5}', False),
        (b'{"type":"a","n":NaN}', False),
        (b"{", False),
        (two, False),
        (b'{"type":"a","deep":' + b"[" * 10_000 + b"]" * 10_000 + b"}", False),
        (b"\xff", False),
        (b"not deflated", True),
        (deflate(b'{"type":"a"}')[:-1], True),
        (deflate(b" " * (MAX_SIZE + 1)), True),
    ):
        with pytest.raises(DecryptionError, match="damaged"):
            decrypt(cipher, sealed(data, z), "")
    with pytest.raises(DecryptionError, match="'1 10:a 0' hides 'logux/undo'"):
        decrypt(cipher, sealed(b'{"type":"logux/undo","id":"1 10:a 0"}', False), "1 10:a 0")


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ("", ValueError, "anybody"),
        (b"short", ValueError, "16, 24 or 32"),
        (5, TypeError, "not int"),
        (None, TypeError, "not NoneType"),
    ],
)
def test_a_secret_is_a_password_or_a_key(wrong: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        encrypt_actions(TestClient(), wrong)


def test_without_its_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(ImportError, match=r"logux-store\[encryption\]"):
        encrypt_actions(TestClient(), "the password")
