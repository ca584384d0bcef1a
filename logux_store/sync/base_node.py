"""One end of a connection between two logs: it brings the other side what it lacks, and takes in
what comes from there.

No sockets: a node takes decoded messages from its Connection and gives it messages. Time comes from
the log's clock, timers from the running loop. How two nodes meet is told in `conversation`; once
they have accepted each other, each sends what the other has not yet seen, and then what its log
gets:

| what happens              | what follows                                                      |
| ------------------------- | ----------------------------------------------------------------- |
| the other is accepted     | `sync` of the entries after its `synced`; the state is `sending`  |
| an entry is added here    | `sync` in the next turn of the loop; the state is `sending`       |
| `sync` comes              | its entries are delivered; `synced` once they are durable         |
| `synced` comes            | `last_sent` is stored; `synchronized` if no other is awaited      |
| `ping` comes              | `pong`                                                            |

`meta.time` is in the server's clock on both sides, so nothing is added to it on the way but the
base time, and two entries have the same order everywhere.

Invariants: entries leave in the order of the log; `synced` leaves in the order in which the syncs
came, and only when all that they brought is durable, so `last_received` is what would be true after
a crash; nothing is told of the log that it could still forget then, neither an entry and its time
nor a number that says what was sent; `last_sent` is what the other side has acknowledged; the state
is `synchronized` only when nothing is unacknowledged.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar, TypeAlias

from logux_store.actions import Action
from logux_store.errors import LoguxError
from logux_store.events import raise_all
from logux_store.log import Log, MemoryStore
from logux_store.log.listeners import EVERY_KIND, Kind
from logux_store.meta import Entry, Meta
from logux_store.sync.arrived import Arrived, Filter, filter_received
from logux_store.sync.connection import Connection
from logux_store.sync.conversation import Auth, Conversation, Texts, Token
from logux_store.sync.garbage import no_collections
from logux_store.sync.messages import (
    Message,
    SharedAction,
    is_number,
    pack_sync,
    unpack_sync,
    write_sync,
)
from logux_store.sync.outgoing import Outgoing, split
from logux_store.sync.states import OPEN, SENDING, SYNCHRONIZED
from logux_store.sync.turn import Turn

__all__ = ["BaseNode", "Filter"]

SendTexts: TypeAlias = Callable[[Sequence[str]], None]

WHEN_DURABLE = frozenset({"sync", "ping", "pong"})
"""The messages that tell of the log. A text is a `sync`."""

# A sync of so many elements, two for each action, is worth a look at what it costs in all.
LONG = 200


class BaseNode(Conversation):
    """A node that answers but does not ask; see `ClientNode` and `ServerNode`.

    `token` proves this side, `auth` checks the other; `subprotocol` is the application's version.
    After `ping` seconds of silence the other side is asked for a sign of life, and an answer that
    takes longer than `timeout` seconds ends the connection; None for neither, and then no event
    loop is needed. `on_send` and `on_receive` filter and change entries on their way. With
    `follow_log=False` only `enqueue` sends what is new. Nodes of one `turn` send together.

    Events: `state` (); `connect` (), when the other side has said who it is and before it is
    accepted: a listener may raise LoguxError to refuse it; `error` (error); `client_error` (error),
    a LoguxError that was sent to the other side; `debug` (type, text); `headers` (dict).

    Raises ValueError for a wrong node id, and for `ping` without `timeout`.
    """

    __slots__ = (
        "_arrived",
        "_connection_number",
        "_durable_at_once",
        "_flushing",
        "_last_added",
        "_outgoing",
        "_received",
        "_send_texts",
        "_sync_added",
        "_texts",
        "_turn",
        "_unacknowledged",
        "last_received",
        "last_sent",
        "on_receive",
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
        token: Token = None,
        auth: Auth | None = None,
        subprotocol: int = 0,
        ping: float | None = None,
        timeout: float | None = None,
        on_send: Filter | None = None,
        on_receive: Filter | None = None,
        follow_log: bool = True,
        kinds: tuple[Kind, ...] = EVERY_KIND,
        turn: Turn | None = None,
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
        self.on_receive = on_receive
        synced = log.store.last_synced()
        self.last_sent = synced.sent if self.keeps_synced else 0
        self.last_received = synced.received if self.keeps_synced else 0

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
        # The `added` of each sync that left and has no answer yet. Lists, because there are few:
        # an empty deque takes ten times as much.
        self._unacknowledged: list[int] = []
        self._arrived: list[Arrived] = []
        self._connection_number = 0
        self._durable_at_once = False
        # Ids that are being added because they came from the other side.
        self._received: set[str] = set()

        if follow_log:
            self._unbind.append(log.on("add", self._on_add, kinds=kinds))
        if connection.connected:
            self._on_connect()

    def enqueue(self, action: Action, meta: Meta) -> None:
        """Send this entry to the other side, if it is authenticated and `on_send` lets it pass.

        All that is enqueued in one turn of the event loop leaves together; with no loop running,
        it leaves at once. A `SharedAction` is serialised once for all nodes. Raises TypeError or
        ValueError when the action cannot be sent.
        """
        if self._phase is not OPEN:
            return
        if self.on_send is None and type(action) is SharedAction:
            # As _put: most of what a server does when it sends one action to many.
            added = meta.added
            if added > self._last_added:
                self._last_added = added
            self._outgoing.append((action, meta, added))
        elif not self._put(action, meta):
            return
        sending = self._flushing or self._flush_later()
        if sending and self.state is not SENDING:
            self._set_state(SENDING)

    def destroy(self) -> None:
        """Send what waits for that, close the connection for good, and listen to nothing any
        more.
        """
        self.flush()
        super().destroy()

    # What a subclass may do otherwise.

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

    def deliver(self, entries: list[Entry], acknowledge: Callable[[], None]) -> None:
        """Take in the entries of one `sync`; `acknowledge` is to be called when none of them can
        get lost any more.

        What listeners and reducers raise is raised once all entries are added.
        """
        errors: list[Exception] = []
        ids = [meta.id for _, meta in entries]
        self._received.update(ids)
        try:
            with self.log.batch():
                for action, meta in entries:
                    try:
                        self.log.add(action, meta)
                    except Exception as error:  # noqa: BLE001 - raised below, after the others
                        errors.append(error)
        except Exception as error:  # noqa: BLE001 - raised below; the entries are added
            errors.append(error)
        finally:
            self._received.difference_update(ids)
        self.log.store.when_durable(acknowledge)
        raise_all(errors)

    # Out.

    def _on_add(self, action: Action, meta: Meta) -> None:
        if meta.id in self._received:
            self._last_added = max(self._last_added, meta.added)
        else:
            self.enqueue(action, meta)

    def _put(self, action: Action, meta: Meta) -> bool:
        added = meta.added
        if added > self._last_added:
            self._last_added = added
        if self.on_send is not None:
            entry = self.on_send(action, meta)
            if entry is None:
                return False
            action, meta = entry
        if type(action) is not SharedAction:
            action = SharedAction(action)
        self._outgoing.append((action, meta, added))
        return True

    def _open(self, synced: int | None) -> None:
        self._phase = OPEN
        # Nothing waits for a log in memory: not asking it saves a seventh of the time of a sync.
        self._durable_at_once = type(self.log.store).when_durable is MemoryStore.when_durable
        errors: list[Exception] = []
        for action, meta in self.entries_since(self.last_sent if synced is None else synced):
            try:
                self._put(action, meta)
            except Exception as error:  # noqa: BLE001 - raised below, after the others have left
                errors.append(error)
        if self._outgoing:
            self.flush()
        else:
            self._set_state(SYNCHRONIZED)
        super()._open(synced)
        raise_all(errors)

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
        if self._arrived:
            self._send_acknowledgements()
        if self._texts:
            self._transmit_texts()
        if self._unacknowledged and self.state is not SENDING:
            self._set_state(SENDING)

    def _send_sync(self, part: list[Outgoing]) -> None:
        added = 0
        for item in part:
            if item[2] > added:
                added = item[2]
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

    # In.

    def receive(self, message: Message) -> None:
        # Nearly all that comes are these two, and soon checked: saves 1 µs of 5 for a `synced`.
        name = message[0] if self._phase is OPEN and type(message) is list and message else ""
        if name == "synced" and is_number(message):
            self._idle.touch()
            self._receive_synced(message[1])
        elif name == "sync":
            self._idle.touch()
            if len(message) > LONG:
                with no_collections():
                    self._receive_sync(message)
            else:
                self._receive_sync(message)
        else:
            super().receive(message)

    def _handle(self, message: Message) -> None:
        match message[0]:
            case "ping":
                self.flush()
                self._believe(message[1])
                self._send(["pong", self._last_added])
            case "pong":
                self._believe(message[1])
                self._deadlines.end()
            case _:
                super()._handle(message)

    def _receive_sync(self, message: Message) -> None:
        try:
            entries = unpack_sync(message, self.base_time, self.remote_node_id or "")
        except LoguxError as error:
            self._refuse(error)
            return
        errors: list[Exception] = []
        if self.on_receive is not None:
            entries = filter_received(entries, self.on_receive, errors)
        arrived = Arrived(message[1], self._connection_number)
        self._arrived.append(arrived)
        try:
            self.deliver(entries, partial(self._acknowledge, arrived))
        except Exception as error:  # noqa: BLE001 - raised below, with what the filter raised
            errors.append(error)
        if errors:
            raise_all(errors)

    def _acknowledge(self, arrived: Arrived) -> None:
        arrived.durable = True
        self._send_acknowledgements()
        if self._texts:
            self._transmit_texts()

    def _send_acknowledgements(self) -> None:
        numbers: list[int] = []
        while self._arrived and self._arrived[0].durable:
            first = self._arrived.pop(0)
            self._set_last_received(first.added)
            # The number of an ended connection means nothing to the next one.
            if first.connection == self._connection_number:
                numbers.append(first.added)
        if self._send_texts is None:
            for number in numbers:
                self._send(["synced", number])
        else:
            self._texts += [f'["synced",{number}]' for number in numbers]

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

    def _believe(self, added: int) -> None:
        """The other side says to have sent everything up to `added`."""
        if not self._arrived:
            self._set_last_received(added)

    def _set_last_received(self, added: int) -> None:
        if added > self.last_received:
            self.last_received = added
            if self.keeps_synced:
                self.log.store.set_last_synced(received=added)

    def _set_last_sent(self, added: int) -> None:
        if added > self.last_sent:
            self.last_sent = added
            if self.keeps_synced:
                self.log.store.set_last_synced(sent=added)
