"""One end of a connection between two logs: it brings the other side what it lacks, and takes in
what comes from there.

No sockets: a node takes decoded messages from its Connection and gives it messages. Time comes from
the log's clock, timers from the running loop. How two nodes meet is told in `conversation`, how
entries leave in `sending`. Once they have accepted each other, each sends what the other has not
yet seen, and then what its log gets:

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

from collections.abc import Callable
from functools import partial

from logux_store.actions import Action
from logux_store.errors import LoguxError
from logux_store.events import raise_all
from logux_store.log import Log
from logux_store.log.listeners import EVERY_KIND, Kind
from logux_store.meta import Entry, Meta
from logux_store.sync.arrived import Arrived, Filter, filter_received
from logux_store.sync.connection import Connection
from logux_store.sync.conversation import Auth, Token
from logux_store.sync.garbage import no_collections
from logux_store.sync.messages import Message, is_number, unpack_sync
from logux_store.sync.sending import Sending
from logux_store.sync.states import OPEN
from logux_store.sync.turn import Turn

__all__ = ["BaseNode", "Filter"]

# A sync of so many elements, two for each action, is worth a look at what it costs in all.
LONG = 200


class BaseNode(Sending):
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

    __slots__ = ("_arrived", "_received", "last_received", "on_receive")

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
            on_send=on_send,
            turn=turn,
        )
        self.on_receive = on_receive
        self.last_received = log.store.last_synced().received if self.keeps_synced else 0

        # Syncs that came and have no answer yet; a list, as what leaves is.
        self._arrived: list[Arrived] = []
        # Ids that are being added because they came from the other side.
        self._received: set[str] = set()

        if follow_log:
            self._unbind.append(log.on("add", self._on_add, kinds=kinds))
        if connection.connected:
            self._on_connect()

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

    def _on_add(self, action: Action, meta: Meta) -> None:
        if meta.id in self._received:
            self._last_added = max(self._last_added, meta.added)
        else:
            self.enqueue(action, meta)

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
        if not self._arrived:
            return
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

    def _believe(self, added: int) -> None:
        """The other side says to have sent everything up to `added`."""
        if not self._arrived:
            self._set_last_received(added)

    def _set_last_received(self, added: int) -> None:
        if added > self.last_received:
            self.last_received = added
            if self.keeps_synced:
                self.log.store.set_last_synced(received=added)
