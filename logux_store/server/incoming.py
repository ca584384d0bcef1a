"""What a client sends, from the `sync` message to its place in a queue.

A client may speak only for its own client id, may set nothing of meta but id, time and
subprotocol, and may not come from the far future. What the log or its memory of processed actions
knows already is answered again, not done again.

Invariant: each `sync` that is taken is acknowledged once, when all its actions are durably accepted
or refused.
"""

from typing import TYPE_CHECKING

from logux_store.actions import Action
from logux_store.errors import LoguxError
from logux_store.ids import ParsedId, order_key, parse_id
from logux_store.meta import Entry, Meta
from logux_store.server.queue import PROCESSING, ClientQueue, Job, Queues, Receipt

if TYPE_CHECKING:
    from collections.abc import Callable

    from logux_store.server.base_server import BaseServer
    from logux_store.server.server_client import ServerClient

__all__ = ["ALLOWED_META", "SUBSCRIPTION_TYPES", "Incoming"]

ALLOWED_META = ("id", "time", "subprotocol")
"""What of an action's meta a client may set."""

SUBSCRIPTION_TYPES = frozenset({"logux/subscribe", "logux/unsubscribe"})


NOTHING = (0, 0)


class Incoming:
    """Takes what clients send."""

    __slots__ = ("_server", "queues")

    def __init__(self, server: "BaseServer") -> None:
        self._server = server
        self.queues = Queues(server.processing.work)

    def receive(
        self, client: "ServerClient", entries: list[Entry], acknowledge: "Callable[[], None]"
    ) -> None:
        """Take the entries of one `sync`, unless the client is over one of its limits."""
        server = self._server
        limits = server.limits
        if server.destroying or client.destroyed:
            return
        if limits.entries is not None and len(entries) > limits.entries:
            client.refuse(
                LoguxError(
                    "wrong-format", f"{len(entries)} actions in one sync; {limits.entries} may be"
                )
            )
            return
        queues = self.queues
        count, size = queues.waiting(client.client_id) if queues.jobs else NOTHING
        if limits.queue is not None and count >= limits.queue:
            client.send_debug(f"{count} actions wait to be processed; {limits.queue} may")
            client.disconnect("slow")
            return
        if limits.queue_size is not None and size >= limits.queue_size:
            client.send_debug(
                f"Actions of {size} bytes wait to be processed; {limits.queue_size} may"
            )
            client.disconnect("slow")
            return
        receipt = Receipt(len(entries), server.log.store, acknowledge)
        filled: dict[ClientQueue, None] = {}
        for action, meta in entries:
            if meta.id in client.unconfirmed:
                # Its answer is on the way. Asked again, `access` might say something else.
                receipt.done()
                continue
            try:
                queue = self._take(client, action, meta, receipt)
            except Exception as error:  # noqa: BLE001 - a developer's listener may raise anything
                server.emit_error(error, action, meta)
                receipt.done()
                continue
            if queue is not None:
                filled[queue] = None
        for queue in filled:
            if not queue.running:
                server.flow.start(queues.run(client.client_id, queue))
            if queue.waiting:
                queue.weigh()
        receipt.done()

    def resume(self) -> None:
        """Process what was accepted before a restart and never finished."""
        server = self._server
        queues: dict[ClientQueue, str] = {}
        for action, meta in server.log.store.entries_with_reason(PROCESSING):
            if meta.status == "waiting":
                client_id = parse_id(meta.id).client_id
                callbacks = server.types.find(action["type"])
                name = "main" if callbacks is None else callbacks.queue
                queues[self.queues.add(client_id, name, Job(action, meta))] = client_id
        for queue, client_id in queues.items():
            server.flow.start(self.queues.run(client_id, queue))

    def _take(
        self, client: "ServerClient", action: Action, meta: Meta, receipt: Receipt
    ) -> ClientQueue | None:
        server = self._server
        id = meta.id
        sender = parse_id(id)
        reason = self._forbidden(client, sender, action, meta)
        if reason is not None:
            server.deny_back(client, action, meta, reason)
            receipt.done()
            return None
        if meta.subprotocol is None:
            meta.subprotocol = client.node.remote_subprotocol
        if action["type"] in SUBSCRIPTION_TYPES:
            # Subscriptions are the connection's and end with it, so they are made again.
            name = self._channel_queue(action)
        else:
            job = self.queues.jobs.get(id)
            if job is not None:
                job.receipts.append(receipt)
                job.client = client
                return None
            store = server.log.store
            # Nearly all are new, and neither the log nor its memory knows them.
            if (store.remembers(id) or store.by_id(id)) and server.answers.repeat(action, meta):
                receipt.done()
                return None
            callbacks = server.types.find(action["type"])
            name = "main" if callbacks is None else callbacks.queue
        job = Job(action, meta, client, sender)
        job.receipts.append(receipt)
        return self.queues.add(client.client_id, name, job)

    def _channel_queue(self, action: Action) -> str:
        channel = action.get("channel")
        found = self._server.channels.find(channel) if isinstance(channel, str) else None
        return "main" if found is None else found[0].queue

    def _forbidden(
        self, client: "ServerClient", sender: ParsedId, action: Action, meta: Meta
    ) -> str | None:
        """Why the client may not send this, if it may not."""
        if sender.client_id != client.client_id:
            return f"its id is not of the client {client.client_id!r}"
        if meta.__dict__:
            names = ", ".join(sorted(meta.get("unknown", meta.__dict__)))
            return f"its meta has {names}; a client sets only {', '.join(ALLOWED_META)}"
        server = self._server
        limits = server.limits
        if limits.name is not None:
            # Patterns are matched with it, which may take the square of its length, or more.
            name = action["type"]
            if name in SUBSCRIPTION_TYPES:
                name = action.get("channel")
            if isinstance(name, str) and len(name) > limits.name:
                return f"its type or channel has {len(name)} characters; {limits.name} may be"
        if limits.ahead is not None:
            now = server.clock()
            if meta.time > now + limits.ahead * 1000:
                if server.future == "deny":
                    return f"its time is {(meta.time - now) / 1000:.0f} seconds in the future"
                meta.time = now
                meta.key = order_key(meta.id, now)
        return None
