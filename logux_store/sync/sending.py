"""How entries leave a node: gathered in a turn of the event loop, sent, and acknowledged.

What `base_node` promises of what leaves is kept here. A server sends one action to many clients, so
this is where a node's time goes: an action is serialised once for all nodes, and all that a flush
has to say, its acknowledgements of what came in included, is written in one call of the system.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar, TypeAlias

from logux_store.actions import Action
from logux_store.events import call_all, raise_all
from logux_store.log import Log, MemoryStore
from logux_store.meta import Entry, Meta
from logux_store.sync.arrived import Filter
from logux_store.sync.connection import Connection
from logux_store.sync.conversation import Auth, Conversation, Texts, Token
from logux_store.sync.messages import Message, SharedAction, pack_sync, write_sync
from logux_store.sync.outgoing import Outgoing, split
from logux_store.sync.states import CLOSED, OPEN, SENDING, SYNCHRONIZED
from logux_store.sync.turn import Turn

__all__ = ["Sending"]

SendTexts: TypeAlias = Callable[[Sequence[str]], None]

WHEN_DURABLE = frozenset({"sync", "ping", "pong"})
"""The messages that tell of the log. A text is a `sync`."""


class Sending(Conversation):
    """What `BaseNode` is made on, with `Conversation`; its arguments are explained there."""

    __slots__ = (
        "_connection_number",
        "_durable_at_once",
        "_flushing",
        "_last_added",
        "_outgoing",
        "_send_texts",
        "_sync_added",
        "_texts",
        "_turn",
        "_unacknowledged",
        "last_sent",
        "on_send",
    )

    # Whether `last_sent` and `last_received` belong to the log, which then has one other side only.
    keeps_synced: ClassVar[bool] = True

    def __init__(
        self,
        node_id: str,
        log: Log,
        connection: Connection,
        *,
        token: Token,
        auth: Auth | None,
        subprotocol: int,
        ping: float | None,
        timeout: float | None,
        on_send: Filter | None,
        turn: Turn | None,
    ) -> None:
        super().__init__(
            node_id,
            log,
            connection,
            token=token,
            auth=auth,
            subprotocol=subprotocol,
            ping=ping,
            timeout=timeout,
        )
        self.on_send = on_send
        self.last_sent = log.store.last_synced().sent if self.keeps_synced else 0

        # The largest `added` of the log that this node knows of, and that it has told.
        self._last_added = log.store.last_added()
        self._sync_added = 0
        self._outgoing: list[Outgoing] = []
        self._turn = Turn() if turn is None else turn
        # Whether the turn knows of this node.
        self._flushing = False
        self._send_texts: SendTexts | None = getattr(connection, "send_texts", None)
        # Written, and sent at the end of the flush.
        self._texts: list[str] = []
        # The `added` of each sync that left and has no answer yet; a list, because there are few:
        # an empty deque takes ten times as much.
        self._unacknowledged: list[int] = []
        self._connection_number = 0
        self._durable_at_once = False

    def enqueue(self, action: Action, meta: Meta) -> None:
        """Send this entry to the other side, if it is authenticated and `on_send` lets it pass.

        All that is enqueued in one turn of the event loop leaves together; with no loop running,
        it leaves at once. A `SharedAction` is serialised once for all nodes. Raises TypeError or
        ValueError when the action cannot be sent.
        """
        if self._phase is not OPEN:
            return
        if not self._put(action, meta):
            return
        sending = self._flushing or self._flush_later()
        if sending and self.state is not SENDING:
            self._set_state(SENDING)

    def forward(self, item: Outgoing) -> None:
        """`enqueue` of what was made once for many nodes: in half the time, since this is most of
        what a server does when it sends one action to many.
        """
        if self._phase is not OPEN:
            return
        if self.on_send is not None:
            self.enqueue(item[0], item[1])
            return
        if item[2] > self._last_added:
            self._last_added = item[2]
        self._outgoing.append(item)
        if not self._flushing and not self._flush_later():
            return
        if self.state is not SENDING:
            self._set_state(SENDING)

    def destroy(self) -> None:
        """Send what waits for that, close the connection for good, and listen to nothing any
        more.
        """
        self.flush()
        super().destroy()

    def entries_since(self, added: int) -> Iterable[Entry]:
        """What is sent once the other side is accepted: the entries after `added`, in order of
        arrival.
        """
        entries: list[Entry] = []
        for entry in self.log.entries("added", newest_first=True):
            if entry[1].added <= added:
                break
            entries.append(entry)
        entries.reverse()
        return entries

    def _open(self, synced: int | None) -> None:
        if not self.connected:
            # A listener has ended the connection before it was used.
            return
        super()._open(synced)
        # Nothing waits for a log in memory: not asking it saves a seventh of the time of a sync.
        self._durable_at_once = type(self.log.store).when_durable is MemoryStore.when_durable
        errors: list[Exception] = []
        for action, meta in self.entries_since(self.last_sent if synced is None else synced):
            try:
                self._put(action, meta)
            except Exception as error:  # noqa: BLE001 - raised below, after the others have left
                errors.append(error)
            if not self.connected:
                break
        raise_all([*errors, *call_all((self._begin, self._receive_waiting))])

    def _begin(self) -> None:
        if self._outgoing:
            self.flush()
        elif self._phase is OPEN:
            self._set_state(SYNCHRONIZED)

    def _put(self, action: Action, meta: Meta) -> bool:
        added = meta.added
        if added > self._last_added:
            self._last_added = added
        if self.on_send is not None:
            entry = self.on_send(action, meta)
            if entry is None or self._phase is not OPEN:
                return False
            action, meta = entry
        if type(action) is not SharedAction:
            action = SharedAction(action)
        self._outgoing.append((action, meta, added))
        return True

    def _flush_later(self) -> bool:
        """Flush at the end of the turn; or, with no loop running, now, and then give False."""
        self._flushing = self._turn.add(self)
        if not self._flushing:
            self.flush()
        return self._flushing

    def flush(self) -> None:
        """Send what was enqueued now, instead of at the end of the turn."""
        self._flushing = False
        if self._outgoing:
            outgoing, self._outgoing = self._outgoing, []
            if len(outgoing) == 1:
                self._send_sync(outgoing)
            else:
                for part in split(outgoing):
                    self._send_sync(part)
                    if self._phase is CLOSED:
                        break
        self._send_acknowledgements()
        if self._texts:
            self._transmit_texts()
        if self._unacknowledged and self.state is not SENDING:
            self._set_state(SENDING)

    def _send_sync(self, part: list[Outgoing]) -> None:
        added = max([item[2] for item in part])
        if added == 0:
            # None of them is kept, so they have no number of their own.
            added = max(self._last_added, self.last_sent)
        if added < self._sync_added:
            added = self._sync_added
        self._sync_added = added
        self._unacknowledged.append(added)
        self._deadlines.start()
        told = (self.base_time, self.local_node_id, self.subprotocol)
        if self._send_texts is None:
            entries = [(action, meta) for action, meta, _ in part]
            self._send(pack_sync(added, entries, *told))
        else:
            text = write_sync(added, part, *told)
            if self._durable_at_once:
                self._texts.append(text)
            else:
                self._transmit(self._send_texts, (text,))

    def _transmit_texts(self) -> None:
        """Send what is written in one call of the system: 5 µs, answers and acknowledgements."""
        texts, self._texts = tuple(self._texts), []
        assert self._send_texts is not None
        super()._transmit(self._send_texts, texts)

    def _transmit(self, send: Callable[[Any], None], message: Message | Texts) -> None:
        if not self._durable_at_once and (isinstance(message, tuple) or message[0] in WHEN_DURABLE):
            leave = partial(self._transmit_on, self._connection_number, send, message)
            self.log.store.when_durable(leave)
        else:
            super()._transmit(send, message)

    def _transmit_on(
        self, connection: int, send: Callable[[Any], None], message: Message | Texts
    ) -> None:
        # What has waited may be for a connection that has ended.
        if connection == self._connection_number:
            super()._transmit(send, message)

    def _on_disconnect(self, reason: str = "user") -> None:
        self._connection_number += 1
        self._flushing = False
        self._outgoing = []
        self._unacknowledged.clear()
        self._sync_added = 0
        super()._on_disconnect(reason)

    def _on_quiet(self) -> None:
        if self._phase is OPEN:
            # What is still waiting has a number that the ping would claim to be known.
            self.flush()
            self._deadlines.start()
            self._send(["ping", self._last_added])

    def _send_acknowledgements(self) -> None:
        """Send, with what leaves now, that what came in is durable."""

    def _receive_synced(self, added: int) -> None:
        awaited = self._unacknowledged
        if not awaited:
            return
        # One answer for each sync; or, as the protocol allows, one for all up to a number.
        many = added > awaited[0]
        while awaited and awaited[0] <= added:
            self._set_last_sent(awaited.pop(0))
            self._deadlines.end()
            if not many:
                break
        if not awaited and not self._outgoing:
            self._set_state(SYNCHRONIZED)

    def _set_last_sent(self, added: int) -> None:
        if added > self.last_sent:
            self.last_sent = added
            if self.keeps_synced:
                self.log.store.set_last_synced(sent=added)
