"""Actions that the server can store and resend, but not read.

An action leaves as `{"type": "0", "d": …, "iv": …, "z": …}`: its JSON, padded with spaces, is
compressed (raw deflate, `z` is true) if that is more than 100 bytes, encrypted by AES-GCM with a
random `iv`, and written in base64. It is the format of `@logux/client`, so that clients in both
languages read each other's actions. The protocol's own actions (`logux/…`) are for the server, so
they leave as they are, and none is taken that comes encrypted.

Invariants: the log has only readable actions; those to be encrypted have `meta.encrypt`,
and do not leave otherwise; what has been decrypted is checked as what came in plain; an undo is
never lost. Needs the extra `encryption`, which is imported when it is used.
"""

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterable
from typing import Any

from logux_store.actions import Action, is_logux, to_json
from logux_store.client.client import Client
from logux_store.connections.websocket import MAX_SIZE_FROM_SERVER
from logux_store.errors import LoguxError
from logux_store.events import Unbind
from logux_store.ids import Random
from logux_store.meta import Entry, Meta
from logux_store.sync.messages import check_message, decode

__all__ = ["DecryptionError", "decrypt", "encrypt", "encrypt_actions"]

ENCRYPTED = "0"
CLEAN = "0/clean"
COMPRESS_FROM = 100
MAX_SIZE = MAX_SIZE_FROM_SERVER
"""Bytes of an action after decompression at most: what a message may have."""

SPACES = " \t\n\r"


class DecryptionError(Exception):
    """An action came that this key does not open, or that is damaged. `id` is the action's: it says
    whose it is.
    """

    def __init__(self, text: str, id: str) -> None:
        super().__init__(text, id)
        self.id = id

    def __str__(self) -> str:
        return f"the action {self.id!r} {self.args[0]}"


def encrypt_actions(
    client: Client,
    secret: str | bytes,
    *,
    ignore: Iterable[str] = (),
    on_error: Callable[[DecryptionError], object] | None = None,
) -> Unbind:
    """Encrypt the actions that the client sends, and decrypt those that come. Call it before
    `client.start()`, and in every tab alike, because the one that leads sends for all. A client
    that has not called it ends, with a RuntimeError as `client.error`, before it would have to send
    what another tab, or an earlier run of the program, meant to be encrypted.

    `secret` is a password, or an AES key of 16, 24 or 32 bytes; `ignore` are action types that
    leave as they are. When the log drops an action that was sent, the server is told so by a
    `0/clean` action with its id. An action that cannot be decrypted is not added: `on_error` gets
    the DecryptionError; without it the error is raised where the message came in, which tells the
    event loop's exception handler. Returns a function that stops it.

    Raises TypeError or ValueError for what is no secret, and ImportError, with the way out, without
    the package `cryptography`.
    """
    cipher = make_cipher(secret)
    plain = frozenset([ignore] if isinstance(ignore, str) else ignore)
    node = client.node
    send_before, receive_before = node.on_send, node.on_receive

    def leaves_plain(action: Action) -> bool:
        return action["type"] == CLEAN or action["type"] in plain or is_logux(action)

    def send(action: Action, meta: Meta) -> Entry | None:
        entry = (action, meta) if send_before is None else send_before(action, meta)
        if entry is None or leaves_plain(entry[0]):
            return entry
        return encrypt(cipher, entry[0], client.random), entry[1]

    def receive(action: Action, meta: Meta) -> Entry | None:
        try:
            action = decrypted(cipher, action, meta.id)
        except DecryptionError as error:
            if on_error is None:
                raise
            on_error(error)
            return None
        return (action, meta) if receive_before is None else receive_before(action, meta)

    def mark(action: Action, meta: Meta) -> None:
        if not leaves_plain(action):
            meta.encrypt = True

    def cleaned(action: Action, meta: Meta) -> None:
        # All tabs hear of it.
        if meta.sync and client.role != "follower" and not leaves_plain(action):
            client.log.add({"type": CLEAN, "id": meta.id}, sync=True)

    node.on_send, node.on_receive = send, receive
    client.encrypts = True
    unbind = (
        client.log.on("preadd", mark, kinds=("sync",)),
        client.log.on("clean", cleaned),
    )

    def stop() -> None:
        for stop_one in unbind:
            stop_one()
        node.on_send, node.on_receive = send_before, receive_before
        client.encrypts = False

    return stop


def make_cipher(secret: str | bytes) -> Any:
    """AES-GCM with the key, or with the SHA-256 of the password."""
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise ImportError(
            'encrypt_actions needs the package cryptography: pip install "logux-store[encryption]"'
        ) from error
    if isinstance(secret, str):
        if not secret:
            raise ValueError("the password is empty, so anybody could read the actions")
        return AESGCM(hashlib.sha256(secret.encode()).digest())
    if not isinstance(secret, bytes):
        raise TypeError(f"secret is a password or the bytes of a key, not {type(secret).__name__}")
    if len(secret) not in (16, 24, 32):
        raise ValueError(f"an AES key has 16, 24 or 32 bytes, not {len(secret)}")
    return AESGCM(secret)


def encrypt(cipher: Any, action: Action, random: Random) -> Action:
    """The action as it leaves."""
    data = (to_json(action) + padding(random)).encode()
    compressed = len(data) > COMPRESS_FROM
    if compressed:
        data = zlib.compress(data, wbits=-zlib.MAX_WBITS)
    iv = random(12)
    return {
        "type": ENCRYPTED,
        "d": base64.b64encode(cipher.encrypt(iv, data, None)).decode(),
        "iv": base64.b64encode(iv).decode(),
        "z": compressed,
    }


def padding(random: Random) -> str:
    """Up to 31 spaces, tabs and line breaks, so that the length tells less of the content."""
    size, *kinds = random(32)
    return "".join(SPACES[kind & 3] for kind in kinds[: size % 32])


def decrypted(cipher: Any, action: Action, id: str) -> Action:
    """What came, with what is encrypted in it decrypted: an action, or the one that is undone."""
    if action["type"] == ENCRYPTED:
        return decrypt(cipher, action, id)
    undone = action.get("action")
    if (
        action["type"] == "logux/undo"
        and isinstance(undone, dict)
        and undone.get("type") == ENCRYPTED
    ):
        try:
            return {**action, "action": decrypt(cipher, undone, id)}
        except DecryptionError:
            # Its id is enough to undo it.
            return action
    return action


def decrypt(cipher: Any, action: Action, id: str) -> Action:
    """The action that `encrypt` was given. Raises DecryptionError, which tells its `id`, if the key
    does not open it or if it is no action of an application.
    """
    try:
        iv = base64.b64decode(action["iv"], validate=True)
        data = cipher.decrypt(iv, base64.b64decode(action["d"], validate=True), None)
    except (KeyError, TypeError, ValueError) as error:
        raise DecryptionError(f"is not encrypted as it should be: {error!r}", id) from error
    except Exception as error:
        # What cryptography raises is no subclass of anything else.
        raise DecryptionError(
            "was encrypted with another key, or changed on the way; all clients that share actions "
            "need the same secret",
            id,
        ) from error
    try:
        if action.get("z"):
            data = inflate(data)
        # As strictly as if it had come in plain.
        message = decode(b'["sync",0,%b,{"id":0,"time":0}]' % data)
        check_message(message)
        _, _, found, _ = message
    except (ValueError, zlib.error, LoguxError) as error:
        raise DecryptionError(f"is damaged within: {error}", id) from error
    if is_logux(found):
        raise DecryptionError(f"hides {found['type']!r}, which only the server may say", id)
    opened: Action = found
    return opened


def inflate(data: bytes) -> bytes:
    """Decompress. Raises zlib.error or ValueError for what is damaged or too long."""
    decompress = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    data = decompress.decompress(data, MAX_SIZE)
    if not decompress.eof:
        raise ValueError(f"it is cut off, or has more than {MAX_SIZE} bytes")
    return data
