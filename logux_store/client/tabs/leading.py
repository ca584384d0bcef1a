"""The part of the leader: it publishes every change of the log to the followers, once it is
durable, and takes theirs.

    own change  ─┐
    server       ├─> log ──when_durable──> numbered ──> recent, and all followers
    a follower  ─┘                                      (to the follower itself: "own")

What a follower gets first is the whole log, a piece in each turn of the loop, with the published
changes between the pieces; once all that it got is durable, it is told that it has joined.

| from a follower                 |                                                               |
| ------------------------------- | ------------------------------------------------------------- |
| `["hello", {…}]`                | who it is, and what it has seen                               |
| `["ops", [[seq, op, offset?]]]` | its changes; `offset` if its time may still be corrected      |
| `["answers", [entry]]`          | asks how the server answered these actions                    |
| `["connect", bool]`             | its application wants to connect, or to disconnect            |
| `["user", id, token]`           | its application has changed the user                          |
| `["beat"]`                      | it lives                                                      |

| from the leader                 |                                                               |
| ------------------------------- | ------------------------------------------------------------- |
| `["welcome", {…}]`              | what the follower needs to know before the log comes          |
| `["log", [entry], [id]]`        | a piece of the log; the ids that were never sent              |
| `["joined", position, added, {…}]` | that was all of it, and the values that are kept with it   |
| `["ops", position, [op]]`       | published changes; `position` is the number of the last       |
| `["state", state]` and others   | what concerns the connection to the server                    |

Invariants: nothing is published before it is durable; what is told of the connection comes after
the changes that were published before; a follower that is silent for too long is none any more.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from logux_store.actions import to_json
from logux_store.client.tabs.messages import (
    VERSION,
    encode_own,
    encode_piece,
    error_message,
    read_item,
    read_message,
)
from logux_store.client.tabs.ops import KNOWN, Op, encode_entry, encode_op, read_entry
from logux_store.client.tabs.space import Channel
from logux_store.events import raise_all
from logux_store.ids import order_key, random_id
from logux_store.meta import Entry

if TYPE_CHECKING:
    from logux_store.client.tabs.tab import Tab

__all__ = ["Leading"]

SHARED_VALUES = ("snapshot", "late")
"""The values kept with the log that a follower gets with it: what the application's store has
saved of the state, without which the log may not be enough to make it.
"""

SILENCE = 10
"""How many timeouts long a follower may be silent: one that is busy does no harm."""

BUSY_PAUSE = 0.01
"""Seconds until a follower that reads slowly gets more of the log."""


class Member:
    """A follower, from the opening of its channel on. `reads` says that it gets what is published;
    `joined` that it has the whole log.
    """

    __slots__ = ("channel", "heard", "hello", "joined", "node_id", "reads", "subprotocol", "tab_id")

    def __init__(self, channel: Channel, now: float) -> None:
        self.channel = channel
        self.heard = now
        self.tab_id = self.node_id = ""
        self.subprotocol = 0
        self.hello = self.reads = self.joined = False


class Leading:
    """One tab's time as leader."""

    def __init__(self, tab: "Tab", term: int) -> None:
        self.tab = tab
        self.term = term
        self.epoch = random_id(16, tab.random)
        self.members: list[Member] = []
        # Changes that are not durable yet, each with the follower that made it and its number.
        self._awaiting: deque[tuple[Op, Member | None, int]] = deque()
        self._made = self._published = 0
        self._outgoing: list[tuple[Op, Member | None, int]] = []
        self._flushing: asyncio.Handle | None = None
        self._origin: dict[str, tuple[Member, int]] = {}
        self._beat: asyncio.TimerHandle | None = None
        self._last_beat = 0.0

    def start(self) -> None:
        """Let followers come. Raises OSError when nobody could."""
        space = self.tab.space
        assert space is not None
        space.listen(self._accept)
        self._schedule()

    def close(self) -> None:
        """Let the followers go, with all that is published."""
        self.flush()
        self.abandon()

    def abandon(self) -> None:
        """Say nothing any more."""
        if self._beat is not None:
            self._beat.cancel()
        if self._flushing is not None:
            self._flushing.cancel()
        for member in self.members:
            member.channel.close()
        self.members.clear()

    def undurable(self) -> list[Op]:
        """The changes that are not published, but for moves: the next leader has its own offset."""
        return [op for op, _, _ in self._awaiting if op[0] != "move"]

    # Publishing.

    def record(self, op: Op) -> None:
        """The log of this tab has changed."""
        member, seq = self._origin.pop(op[2].id, (None, 0)) if op[0] == "add" else (None, 0)
        self._publish(op, member, seq)

    def _publish(self, op: Op, member: Member | None = None, seq: int = 0) -> None:
        self._made += 1
        self._awaiting.append((op, member, seq))
        self.tab.log.store.when_durable(partial(self._durable, self._made))

    def _durable(self, count: int) -> None:
        if self.tab.part is not self:
            return
        journal = self.tab.journal
        while self._published < count:
            self._published += 1
            item = self._awaiting.popleft()
            op = item[0]
            journal.position += 1
            if op[0] == "add" and op[2].added:
                journal.added = op[2].added
            elif op[0] == "clean":
                journal.added = 0
            if self.members:
                journal.recent.append((journal.position, op))
                self._outgoing.append(item)
        if self._outgoing and self._flushing is None:
            self._flushing = self.tab.loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send the followers what is published."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        if not self._outgoing or not self.tab.holds():
            return
        outgoing, self._outgoing = self._outgoing, []
        encoded = [encode_op(op) for op, _, _ in outgoing]
        position = self.tab.journal.position
        for member in self.members:
            if not member.reads:
                continue
            items = encoded
            if any(origin is member for _, origin, _ in outgoing):
                items = [
                    encode_own(op, seq) if origin is member else text
                    for text, (op, origin, seq) in zip(encoded, outgoing, strict=True)
                ]
            member.channel.send(f'["ops",{position},[{",".join(items)}]]')

    def tell(self, *message: Any) -> None:
        """Tell all followers something that does not concern the log, once they have been told of
        all that is in it by now: an answer that came before the connection ended is not to be taken
        for one of the next.
        """
        if self.members:
            text = to_json([*message])
            self.tab.log.store.when_durable(partial(self._send_all, text))

    def tell_user(self, user_id: str, token: str | None, without: Channel | None = None) -> None:
        """Tell all followers, those that are just coming too, of another user: now, not when the
        log is durable, since this tab leaves.
        """
        self.flush()
        if self.tab.holds():
            text = to_json(["user", user_id, token])
            for member in self.members:
                if member.channel is not without:
                    member.channel.send(text)

    def _send_all(self, text: str) -> None:
        if self.tab.part is not self:
            return
        self.flush()
        if self.members and self.tab.holds():
            for member in self.members:
                if member.reads:
                    member.channel.send(text)

    # Followers come and go.

    def _accept(self, channel: Channel) -> None:
        if self.tab.part is not self:
            # It was accepted when this tab was just about to end its part.
            channel.close()
            return
        member = Member(channel, self.tab.loop.time())
        self.members.append(member)
        channel.on_text = partial(self._receive, member)
        channel.on_close = partial(self._leave, member)
        channel.start()

    def _leave(self, member: Member) -> None:
        if member in self.members:
            self.members.remove(member)
            member.channel.close()
            if member.hello and self.tab.holds():
                self.tab.member_left(member.node_id)

    def is_member(self, tab_id: str) -> bool:
        """Whether the tab with this id has joined."""
        return any(member.joined and member.tab_id == tab_id for member in self.members)

    def _schedule(self) -> None:
        self._last_beat = self.tab.loop.time()
        self._beat = self.tab.loop.call_later(self.tab.timeout / 4, self._on_beat)

    def _on_beat(self) -> None:
        late = self.tab.loop.time() - self._last_beat > self.tab.timeout / 2
        self._schedule()
        if not self.tab.holds(check=True):
            return
        # However long the store takes, this tab lives.
        self._send_all('["beat"]')
        now = self.tab.loop.time()
        for member in [*self.members]:
            if late:
                # It was this process that slept: what they have sent is still to be read.
                member.heard = now
            elif now - member.heard > SILENCE * self.tab.timeout:
                self._leave(member)
        self.tab.sweep()
        self.tab.look_after_store()

    def _receive(self, member: Member, text: str) -> None:
        if not self.tab.holds() or member not in self.members:
            return
        member.heard = self.tab.loop.time()
        try:
            message = read_message(text)
            call = self._reading(member, message)
        except (KeyError, TypeError, ValueError):
            # Its channel is of no use any more, whatever it was; it will come again.
            self._leave(member)
            raise
        call()

    def _reading(self, member: Member, message: list[Any]) -> Any:
        """What a message asks to do; raises TypeError, KeyError or ValueError if it is none."""
        match message:
            case ["hello", dict() as hello]:
                return partial(self._greet, member, hello)
            case ["ops", [*items]]:
                return partial(self._take, member, [read_item(*item) for item in items])
            case ["answers", [*entries]]:
                return partial(self._answer, member, [read_entry(entry) for entry in entries])
            case ["connect", bool() as wanted]:
                return partial(self.tab.want, wanted)
            case ["user", str() as user_id, token]:
                return partial(self.tab.user_changed, user_id, token, member.channel)
            case ["beat"]:
                return nothing
        raise ValueError(f"another tab sent what tabs do not say: {message!r:.300}")

    def _greet(self, member: Member, hello: dict[str, Any]) -> None:
        tab = self.tab
        if hello["version"] != VERSION:
            member.channel.send(to_json(["refused", VERSION]))
            self._leave(member)
            return
        member.tab_id, member.node_id = hello["tab_id"], hello["node_id"]
        member.subprotocol = hello["subprotocol"]
        member.hello = member.reads = True
        self.flush()
        journal = tab.journal
        welcome = {
            "version": VERSION,
            "epoch": self.epoch,
            "identity": journal.identity,
            "ends": [*journal.ends.items()],
            "common": journal.known_of(hello["epoch"], hello["position"]),
            "state": tab.state,
            "connected": tab.node.authenticated,
            "offset": tab.node.offset,
            "wants": tab.wants,
            "error": error_message(tab.error) if tab.error is not None else None,
            "subprotocol": tab.newest_subprotocol,
        }
        member.channel.send(to_json(["welcome", welcome]))
        tab.heard_subprotocol(member.subprotocol)
        unsent = frozenset() if tab.node.authenticated else frozenset(tab.node.unsent)
        self._send_log(member, tab.log.entries("added"), unsent)

    def _send_log(self, member: Member, entries: Iterator[Entry], unsent: frozenset[str]) -> None:
        if member not in self.members:
            return
        if member.channel.busy:
            self.tab.loop.call_later(BUSY_PAUSE, self._send_log, member, entries, unsent)
            return
        piece = encode_piece(entries, unsent)
        if piece is not None:
            member.channel.send(piece)
            self.tab.loop.call_soon(self._send_log, member, entries, unsent)
        else:
            self.tab.log.store.when_durable(partial(self._complete, member))

    def _complete(self, member: Member) -> None:
        if self.tab.part is self and member in self.members:
            self.flush()
            journal = self.tab.journal
            member.joined = True
            store = self.tab.log.store
            # Only now: what they say of the log holds for the log as it has become meanwhile.
            values = {name: store.value(name) for name in SHARED_VALUES}
            member.channel.send(to_json(["joined", journal.position, journal.added, values]))
            self.tab.member_joined(member.node_id)

    # What followers change.

    def _take(self, member: Member, items: list[tuple[int, Op, int | None]]) -> None:
        errors: list[Exception] = []
        try:
            with self.tab.log.batch():
                for seq, op, offset in items:
                    try:
                        self._take_one(member, seq, op, offset)
                    except Exception as error:  # noqa: BLE001 - raised below, after the others
                        errors.append(error)
        except Exception as error:  # noqa: BLE001 - raised below; the changes are made
            errors.append(error)
        raise_all(errors)

    def _take_one(self, member: Member, seq: int, op: Op, offset: int | None) -> None:
        log = self.tab.log
        if op[0] != "add":
            try:
                log.apply(op)
            finally:
                self._publish(op, member, seq)
            return
        meta = op[2]
        if offset is not None and offset != log.offset:
            meta.time += offset - log.offset
            meta.key = order_key(meta.id, meta.time)
        meta.added = 0
        if log.by_id(meta.id) is not None or log.store.remembers(meta.id):
            self._publish(KNOWN, member, seq)
            # Perhaps the server answered while the follower was away.
            self._tell_answers(member, [meta.id])
            if log.by_id(meta.id) is None:
                # Or the others have dropped it.
                self._publish(("drop", [meta.id]))
            return
        self._origin[meta.id] = (member, seq)
        try:
            log.apply(op)
        finally:
            if offset is None:
                # Perhaps the follower's former leader has sent it, so it keeps its time.
                self.tab.node.mark_sent([meta.id])
            if self._origin.pop(meta.id, None) is not None:
                self._publish(op, member, seq)

    def _answer(self, member: Member, entries: list[Entry]) -> None:
        unknown = self._tell_answers(member, [meta.id for _, meta in entries])
        self.tab.ask_server([entry for entry in entries if entry[1].id in unknown])

    def _tell_answers(self, member: Member, ids: list[str]) -> set[str]:
        """Tell a follower the answers to its actions; returns the ids of those not known."""
        known = self.tab.journal.answers
        answers = [known.get(id) for id in ids]
        texts = [encode_entry(*entry) for entry in answers if entry is not None]
        if texts:
            self.flush()
            member.channel.send(f'["answers",[{",".join(texts)}]]')
        return {id for id in ids if id not in known}


def nothing() -> None:
    """A sign of life asks for nothing."""
