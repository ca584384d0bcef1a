"""The node of a tab, and its way to the server.

In the leader it is a `ClientNode` like any other, but it sends the actions of all tabs, and looks
after their time as well: when the offset becomes known, what no tab has ever sent is moved. In a
follower it never connects: it only keeps account of what is unsent, for the day on which its tab
leads, and emits the events that the leader tells of.

Invariants: nothing passes `ServerLink`, in either direction, while this tab does not lead; the tabs
hear of a new offset, and of the changes that came from the server, before the server hears anything
that rests on them.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from logux_store.actions import Action
from logux_store.client.tabs.tab_log import SYNCING
from logux_store.events import Listener, Unbind
from logux_store.ids import OrderKey
from logux_store.meta import Entry, Meta
from logux_store.sync import ClientNode, Connection, Message
from logux_store.sync.base_node import BaseNode
from logux_store.sync.outgoing import Outgoing

__all__ = ["ServerLink", "TabNode"]

NOTHING = (0, "")


class TabNode(ClientNode):
    """`before_opening` is called when the server is accepted and the offset known, before anything
    is sent; `before_acknowledging` before the server hears that something is durable.
    """

    __slots__ = ("_sent", "before_acknowledging", "before_opening", "relaying")

    def __init__(self, *args: Any, **options: Any) -> None:
        self.before_opening: Callable[[], object] = nothing
        self.before_acknowledging: Callable[[], object] = nothing
        self.relaying = False
        # The last action of each node that was sent: its time, and its id.
        self._sent: dict[str, tuple[int, str]] = {}
        super().__init__(*args, **options)
        self._unbind.append(self.log.on("move", self._moved))

    def relay(self, event: str, *args: Any) -> None:
        """Emit an event that is not this node's own, such as one of the leader's node."""
        self.relaying = True
        try:
            self._events.emit(event, *args)
        finally:
            self.relaying = False

    def restore_offset(self, ids: Iterable[str]) -> None:
        """As long as nobody has measured the offset, use the one that the store has, from an
        earlier run; for these actions too, which were never sent.
        """
        offset = self.log.store.value("offset")
        if self.offset is None and offset is not None:
            self.adopt_offset(offset, ids)

    @property
    def unsent(self) -> list[str]:
        """Ids of the client's actions that no node of it has sent, as far as is known."""
        return [*self._unsent]

    def mark_unsent(self, ids: Iterable[str]) -> None:
        """These, which are in the log, were never sent."""
        for id in ids:
            self._unsent[id] = self.log.store.last_added()

    def mark_sent(self, ids: Iterable[str]) -> None:
        """These may have been sent; they keep their time."""
        for id in ids:
            if self._unsent.pop(id, None) is not None:
                entry = self.log.by_id(id)
                if entry is not None:
                    self._note_sent(id, entry[1].time)

    def adopt_offset(self, offset: int, ids: Iterable[str], handed: Iterable[str] = ()) -> None:
        """Take over the offset, and move these of the unsent actions to the time that they would
        have had with it. Those `handed` over to the leader it moves; later actions come after them,
        but need not wait for the time that they have until this tab hears of that.
        """
        log = self.log
        ahead = offset - log.offset
        self.offset = log.offset = offset
        for id in handed:
            entry = log.by_id(id)
            if self._unsent.pop(id, None) is not None and entry is not None:
                self._note_sent(id, entry[1].time - ahead)
        if not ahead:
            return
        own = log.node_id
        last, _ = self._sent.get(own, NOTHING)
        moves: list[tuple[str, int]] = []
        for id in ids:
            entry = log.by_id(id)
            if entry is None:
                continue
            node_id, before = id.split(" ")[1], entry[1].time
            sent, _ = self._sent.get(node_id, NOTHING)
            # One that was given an earlier time than what was sent stays before that.
            time = before - ahead if before < sent else max(before - ahead, sent)
            moves.append((id, time))
            if node_id == own:
                last = max(last, time)
        log.restart_time(last)
        with log.batch():
            for id, time in moves:
                log.move(id, time)

    def entries_since(self, added: int) -> Iterable[Entry]:
        # A long log is not read for the few entries that wait for an answer. A server that says
        # `once` is asked again also for what it has acknowledged: it may have crashed since.
        once = self.remote_headers.get("once") is True
        waiting = self.log.store.entries_with_reason(SYNCING)
        return [entry for entry in waiting if once or entry[1].added > added]

    def deliver(self, entries: list[Entry], acknowledge: Callable[[], None]) -> None:
        super().deliver(entries, partial(self._acknowledge_later, acknowledge))

    def _acknowledge_later(self, acknowledge: Callable[[], None]) -> None:
        self.before_acknowledging()
        acknowledge()

    def _fix_time(self) -> None:
        self.adopt_offset(self._measured, self.unsent)

    def _open(self, synced: int | None) -> None:
        try:
            if self.fix_time:
                self._fix_time()
        finally:
            self.before_opening()
            BaseNode._open(self, synced)

    def _on_add(self, action: Action, meta: Meta) -> None:
        client = self.local_node_id.rpartition(":")[0]
        ours = f" {client}:" in meta.id and meta.id not in self._received
        if ours and meta.added and self.fix_time and not meta.given_time:
            self._unsent[meta.id] = meta.added
        BaseNode._on_add(self, action, meta)

    def _send_sync(self, part: list[Outgoing]) -> None:
        last = max(added for _, _, added in part)
        for id in [id for id, added in self._unsent.items() if added <= last]:
            del self._unsent[id]
        for _, meta, _ in part:
            if not meta.given_time:
                self._note_sent(meta.id, meta.time)
        BaseNode._send_sync(self, part)

    def _note_sent(self, id: str, time: int) -> None:
        node_id = id.split(" ")[1]
        if time > self._sent.get(node_id, NOTHING)[0]:
            self._sent[node_id] = time, id

    def _moved(self, _action: Action, meta: Meta, _old: OrderKey) -> None:
        # A follower hears later than of the offset that what it had handed over was moved.
        node_id = meta.id.split(" ")[1]
        if self._sent.get(node_id, NOTHING)[1] == meta.id:
            self._sent[node_id] = meta.time, meta.id


class ServerLink:
    """The connection to the server, which opens and closes at the leader's will.

    `leads` says whether this tab leads, at the moment that it is asked. `ask` is called instead
    when another tab's application wants to connect or disconnect.
    """

    __slots__ = ("ask", "connection", "leads")

    def __init__(
        self, connection: Connection, leads: Callable[[], bool], ask: Callable[[bool], None]
    ) -> None:
        self.connection = connection
        self.leads = leads
        self.ask = ask

    @property
    def connected(self) -> bool:
        return self.connection.connected

    def on(self, event: str, listener: Listener) -> Unbind:
        if event != "message":
            return self.connection.on(event, listener)

        def receive(message: Message) -> None:
            if self.leads():
                listener(message)

        return self.connection.on(event, receive)

    def connect(self) -> None:
        self.ask(True)

    def disconnect(self, reason: str = "user") -> None:
        if reason == "user":
            self.ask(False)
        else:
            self.connection.disconnect(reason)

    def send(self, message: Message) -> None:
        if self.leads():
            self.connection.send(message)

    def destroy(self) -> None:
        self.connection.destroy()

    async def wait_closed(self) -> None:
        """Wait until what was disconnected is closed, if that takes time."""
        wait_closed = getattr(self.connection, "wait_closed", None)
        if wait_closed is not None:
            await wait_closed()


def nothing() -> None:
    """What is called before the tab says something else."""
