"""Channels over sockets: a text is a line of JSON, and so has no line break in it.

Where there are no Unix sockets, tabs talk over loopback TCP, to which every user of the machine can
connect. There each side first proves that it knows the secret of the leader's file, without
telling it: the one that listens sends a random challenge, the other answers it and sends its own.

Invariants: nothing of the other side is handed on before it is proved; what a callback raises goes
to the loop's exception handler, and the next text is handed on.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import cast

__all__ = ["Proof", "StreamChannel"]

MAX_WAITING = 256_000_000
"""How many bytes may wait for a tab that does not read."""

BUSY = 4_000_000
"""How many bytes may wait before a log is sent more slowly."""

PATIENCE = 5.0
"""Seconds that the other side has to prove itself."""


def ignore(*_: object) -> None:
    """What is called before the owner of a channel says something else."""


class StreamChannel(asyncio.Protocol):
    """One end of a socket. `ready` is called once the other side is proved, if it has to be, and
    `refused` if it could not be.
    """

    def __init__(
        self,
        ready: Callable[["StreamChannel"], object],
        proof: "Proof | None" = None,
        refused: Callable[[], object] = ignore,
    ) -> None:
        self.on_text: Callable[[str], None] = ignore
        self.on_close: Callable[[], None] = ignore
        self._ready = ready
        self._refused = refused
        self._proof = proof
        self._patience: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        # What has come of a line, in parts: put together each time, a long one would take for ever.
        self._rest: list[bytes] = []
        self._lines: list[bytes] = []
        self._started = self._closed = self._lost = False

    def start(self) -> None:
        self._started = True
        self._hand_on()
        if self._lost and not self._closed:
            self._closed = True
            self.on_close()

    @property
    def busy(self) -> bool:
        return self._transport is not None and self._transport.get_write_buffer_size() > BUSY

    def send(self, text: str) -> None:
        self._write(text.encode())

    def close(self) -> None:
        self._closed = True
        if self._transport is not None:
            self._transport.close()

    def _write(self, line: bytes) -> None:
        transport = self._transport
        if transport is None or self._closed or transport.is_closing():
            return
        transport.write(line + b"\n")
        if transport.get_write_buffer_size() > MAX_WAITING:
            transport.abort()

    # The socket's events.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._proof is None:
            self._ready(self)
        else:
            self._patience = asyncio.get_running_loop().call_later(PATIENCE, self._transport.abort)
            self._proof.begin(self._write)

    def data_received(self, data: bytes) -> None:
        first, *others = data.split(b"\n")
        self._rest.append(first)
        if not others:
            return
        lines = [b"".join(self._rest), *others]
        self._rest = [lines.pop()]
        for line in lines:
            if self._proof is None:
                self._lines.append(line)
            else:
                self._prove(self._proof, line)
        if self._started:
            self._hand_on()

    def _prove(self, proof: "Proof", line: bytes) -> None:
        if not proof.take(line, self._write):
            self.close()
        elif proof.complete:
            self._proof = None
            self._end_patience()
            self._ready(self)

    def _end_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def connection_lost(self, _error: Exception | None) -> None:
        self._lost = True
        if self._proof is not None:
            self._end_patience()
            self._refused()
        if self._started and not self._closed:
            self._closed = True
            self.on_close()

    def _hand_on(self) -> None:
        lines, self._lines = self._lines, []
        for line in lines:
            if self._closed:
                return
            try:
                self.on_text(line.decode())
            except Exception as error:  # noqa: BLE001 - goes to the loop's handler
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "What another tab sent raised an exception", "exception": error}
                )


class Proof:
    """Proves to each other two sides that know the same secret.

    The side that listens sends a challenge; the other one sends the answer and a challenge of its
    own; the first answers that.
    """

    def __init__(self, secret: str, *, listens: bool) -> None:
        self._secret = secret.encode()
        self._listens = listens
        self._challenge = secrets.token_hex(16).encode()
        self._answered = False
        self.complete = False

    def begin(self, write: Callable[[bytes], None]) -> None:
        """Send what comes first, if this side does."""
        if self._listens:
            write(self._challenge)

    def take(self, line: bytes, write: Callable[[bytes], None]) -> bool:
        """Take a line of the other side; False if it is wrong."""
        if self._listens:
            answer, _, challenge = line.partition(b" ")
            if not challenge or not self._is_right(answer, b"connects"):
                return False
            write(self._answer(challenge, b"listens"))
            self.complete = True
        elif not self._answered:
            self._answered = True
            write(self._answer(line, b"connects") + b" " + self._challenge)
        elif self._is_right(line, b"listens"):
            self.complete = True
        else:
            return False
        return True

    def _answer(self, challenge: bytes, side: bytes) -> bytes:
        return hmac.new(self._secret, side + b" " + challenge, hashlib.sha256).hexdigest().encode()

    def _is_right(self, answer: bytes, side: bytes) -> bool:
        return hmac.compare_digest(answer, self._answer(self._challenge, side))
