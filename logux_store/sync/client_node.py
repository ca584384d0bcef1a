"""The node that asks: it sends `connect`, and brings its log's time into the server's clock.

The server's clock is measured anew at every connection. What the local clock is ahead of it, the
offset, is subtracted when an action is created, never when one is sent or received. So when the
offset becomes known or changes, the log's own actions that no other node has seen yet are moved by
the difference, and only those. One that was added with a `time` has it in the server's clock
already, and keeps it; so has one that came back from the server.

A server that says `once` in its headers does an action once, however often it is sent. It is sent
again, at the next connection, what it has acknowledged and `on_send` still lets pass, since nobody
else knows of an answer that was lost when the server crashed.

Invariants: an action that was sent keeps its time; the log's own actions keep their order; every
own action that was not sent has a time by the offset that is in force.
"""

from collections.abc import Iterable, Iterator

from logux_store.actions import Action
from logux_store.log import Log
from logux_store.log.listeners import EVERY_KIND, Kind
from logux_store.meta import Entry, Meta
from logux_store.sync.base_node import BaseNode, Filter
from logux_store.sync.connection import Connection
from logux_store.sync.conversation import Auth, Token
from logux_store.sync.messages import Message
from logux_store.sync.outgoing import Outgoing
from logux_store.sync.states import Phase

__all__ = ["ClientNode"]


class ClientNode(BaseNode):
    """The client's end. See `BaseNode` for the arguments; with `fix_time=False` the local clock is
    taken for the server's.

    `offset` is what the local clock is ahead of the server's, in milliseconds; None until the first
    connection.
    """

    __slots__ = (
        "_asked_at",
        "_looked",
        "_measured",
        "_sent_time",
        "_unsent",
        "fix_time",
        "offset",
    )

    def __init__(
        self,
        node_id: str,
        log: Log,
        connection: Connection,
        *,
        token: Token = None,
        auth: Auth | None = None,
        subprotocol: int = 0,
        ping: float | None = 10.0,
        timeout: float | None = 70.0,
        on_send: Filter | None = None,
        on_receive: Filter | None = None,
        follow_log: bool = True,
        kinds: tuple[Kind, ...] = EVERY_KIND,
        fix_time: bool = True,
    ) -> None:
        self.fix_time = fix_time
        log.marks_times = True
        self.offset: int | None = None
        self._asked_at = self._measured = 0
        # Own actions that were never sent, by id, with their `added`. And the latest time of those
        # that were.
        self._unsent: dict[str, int] = {}
        self._sent_time = 0
        # Of what this node does not hear: up to which `added` it has looked, if it has to.
        self._looked: int | None = None if "plain" in kinds else log.store.last_added()
        super().__init__(
            node_id,
            log,
            connection,
            token=token,
            auth=auth,
            subprotocol=subprotocol,
            ping=ping,
            timeout=timeout,
            on_send=on_send,
            on_receive=on_receive,
            follow_log=follow_log,
            kinds=kinds,
        )
        if fix_time:
            self._unbind.append(log.on_drop(self._forget))

    def read_store(self) -> None:
        """The log has another store, or the store has the numbers of another user."""
        synced = self.log.store.last_synced()
        self.last_sent, self.last_received = synced.sent, synced.received
        self._last_added = self.log.store.last_added()
        # What is not durable yet does not count for them.
        self._arrived.clear()

    def _on_connect(self) -> None:
        super()._on_connect()
        self._with_token(self._ask)

    def _ask(self, token: str | None) -> None:
        if self._phase is Phase.READY:
            self._phase = Phase.ASKED
            self._deadlines.start()
            self._asked_at = self.log.clock()
            self._greet("connect", self.last_received, token)

    def _handle(self, message: Message) -> None:
        if message[0] == "connected":
            start, end = message[3]
            round_trip = self.log.clock() - self._asked_at - (end - start)
            self._measured = self._asked_at - start + round_trip // 2
        super()._handle(message)

    def _open(self, synced: int | None) -> None:
        try:
            if self.fix_time:
                self._fix_time()
        finally:
            super()._open(synced)

    def _fix_time(self) -> None:
        log = self.log
        self.offset = self._measured
        ahead = self.offset - log.offset
        if not ahead:
            return
        self.note_unsent()
        sent = self._sent_time
        moves: list[tuple[str, int]] = []
        for id in sorted(self._unsent, key=self._unsent.__getitem__):
            entry = log.by_id(id)
            if entry is not None:
                moves.append((id, max(entry[1].time - ahead, sent)))
        log.offset = self.offset
        log.restart_time(max([sent, *(time for _, time in moves)]))
        with log.batch():
            for id, time in moves:
                log.move(id, time)

    def entries_since(self, added: int) -> Iterable[Entry]:
        """The entries after `added`; for a server that says `once`, also those before it that are
        not settled.
        """
        if self.remote_headers.get("once") is not True:
            return super().entries_since(added)
        return self._unsettled_since(added)

    def _unsettled_since(self, added: int) -> Iterator[Entry]:
        # Up to this number nothing passes the filter any more, for good.
        settled = min(self.log.store.value("settled") or 0, added)
        oldest = added
        for entry in super().entries_since(settled):
            waiting = len(self._outgoing)
            yield entry
            if entry[1].added <= oldest and len(self._outgoing) > waiting:
                oldest = entry[1].added - 1
        if oldest != settled:
            self.log.store.set_value("settled", oldest)

    def note_unsent(self) -> None:
        """Look which own actions the log has got that this node did not hear of: before their time
        is moved, and before the node gets another id.
        """
        if self._looked is None or not self.fix_time:
            return
        looked, own = self._looked, f" {self.log.node_id} "
        for _, meta in self.log.entries("added", newest_first=True):
            if meta.added <= looked:
                break
            if own in meta.id and not meta.given_time:
                self._unsent[meta.id] = meta.added
        self._looked = self.log.store.last_added()

    def _on_add(self, action: Action, meta: Meta) -> None:
        own = f" {self.log.node_id} " in meta.id and meta.id not in self._received
        if own and meta.added and self.fix_time and not meta.given_time:
            self._unsent[meta.id] = meta.added
        super()._on_add(action, meta)

    def _forget(self, entries: list[Entry]) -> None:
        if self._unsent:
            for _, meta in entries:
                self._unsent.pop(meta.id, None)

    def _send_sync(self, part: list[Outgoing]) -> None:
        if self.fix_time:
            # What was added before and held back is settled too: it stays before what is sent now.
            last = max(added for _, _, added in part)
            for id in [id for id, added in self._unsent.items() if added <= last]:
                del self._unsent[id]
            if self._looked is not None and self._looked < last:
                self._looked = last
            own = f" {self.log.node_id} "
            for _, meta, _ in part:
                if meta.time > self._sent_time and own in meta.id and not meta.given_time:
                    self._sent_time = meta.time
        super()._send_sync(part)
