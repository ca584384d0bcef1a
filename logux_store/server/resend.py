"""Sending an action to everybody who may see it.

Whom an action is for stands in its meta: `nodes`, `clients`, `users` and `channels`, without
`exclude_clients`, and without the client that sent it where it is not named itself; a client that
has begun anew since then gets it, as it may have forgotten it. A client gets an action once,
however many of these name it.

Invariant: a client gets actions in the order in which they were added to the server's log. An
async filter holds back only that client's later actions until it has decided.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from logux_store.actions import Action
from logux_store.ids import parse_id
from logux_store.meta import Entry, Meta
from logux_store.server.context import Context
from logux_store.server.subscriptions import Subscriber, Subscription
from logux_store.sync import SharedAction

if TYPE_CHECKING:
    from logux_store.server.base_server import BaseServer
    from logux_store.server.server_client import Held, ServerClient

__all__ = ["ADDRESSES", "Resend", "add_addresses", "is_addressed", "merge_addresses"]

ADDRESSES = ("channels", "users", "clients", "nodes", "exclude_clients")
_SINGULARS = (
    ("channel", "channels"),
    ("user", "users"),
    ("client", "clients"),
    ("node", "nodes"),
)


class Resend:
    """Finds the connected clients that an action is for, and hands it to their nodes."""

    __slots__ = ("_server",)

    def __init__(self, server: "BaseServer") -> None:
        self._server = server

    def send(self, action: Action, meta: Meta) -> list[Coroutine[Any, Any, None]]:
        """Send an action to all that its meta names. What is returned has to be awaited: it waits
        for the async filters.
        """
        server = self._server
        reached = set(meta.exclude_clients) if meta.exclude_clients else set()
        recipients: list[ServerClient] = []
        undecided: dict[ServerClient, list[Awaitable[bool]]] = {}
        pending: list[tuple[ServerClient, Subscription]] = []
        for node_id in meta.nodes or ():
            client = server.node_ids.get(node_id)
            if client is not None and client.client_id not in reached:
                reached.add(client.client_id)
                recipients.append(client)
        for client_id in meta.clients or ():
            client = server.client_ids.get(client_id)
            if client is not None and client_id not in reached:
                reached.add(client_id)
                recipients.append(client)
        if meta.users or meta.channels:
            job = server.incoming.queues.jobs.get(meta.id)
            if job is None or (job.client is not None and not job.client.destroyed):
                reached.add(parse_id(meta.id).client_id)
        for user_id in meta.users or ():
            for client in server.user_ids.get(user_id, ()):
                if client.client_id not in reached:
                    reached.add(client.client_id)
                    recipients.append(client)
        if meta.channels:
            self._find_subscribers(action, meta, reached, recipients, undecided, pending)
            for client, subscription in pending:
                if client.client_id not in reached and subscription.pending is not None:
                    self._put_aside(client, subscription.pending, (action, meta))
        if not recipients and not undecided:
            return []
        # Serialised once, however many get it.
        shared = SharedAction(action)
        item = (shared, meta, meta.added)
        for client in recipients:
            # As ServerClient.send, a call less for each of the many.
            if client.held:
                client.send(shared, meta)
            else:
                client.node.forward(item)
        if not undecided:
            return []
        return [
            self._decide(client, client.hold(shared, meta), answers)
            for client, answers in undecided.items()
        ]

    def _find_subscribers(
        self,
        action: Action,
        meta: Meta,
        reached: set[str],
        recipients: "list[ServerClient]",
        undecided: "dict[ServerClient, list[Awaitable[bool]]]",
        pending: "list[tuple[ServerClient, Subscription]]",
    ) -> None:
        ask: Callable[[Subscriber], bool | list[Awaitable[bool]]] | None = None
        for channel in meta.channels or ():
            nodes = self._server.subscriptions.channels.get(channel)
            if nodes is None:
                continue
            # A filter may subscribe somebody.
            for subscriber in [*nodes.values()]:
                client = subscriber.client
                if client.client_id in reached:
                    continue
                if subscriber.everything:
                    answer: bool | list[Awaitable[bool]] = True
                else:
                    if ask is None:
                        ask = self._filters(action, meta)
                    answer = ask(subscriber)
                if answer is True:
                    reached.add(client.client_id)
                    recipients.append(client)
                    if undecided:
                        close(undecided.pop(client, []))
                    continue
                if answer:
                    undecided.setdefault(client, []).extend(answer)
                for subscription in subscriber.subscriptions.values():
                    if subscription.pending is not None:
                        pending.append((client, subscription))

    def _put_aside(self, client: "ServerClient", pending: list[Entry], entry: Entry) -> None:
        limit = self._server.limits.held
        if limit is not None and len(pending) >= limit:
            client.disconnect("slow")
        else:
            pending.append(entry)

    def _filters(
        self, action: Action, meta: Meta
    ) -> Callable[[Subscriber], bool | list[Awaitable[bool]]]:
        """Ask a subscriber's filters. An undo goes where the undone action went, so they are asked
        about that one.
        """
        subject, id = action, meta.id
        if action["type"] == "logux/undo" and isinstance(action.get("action"), dict):
            subject, id = action["action"], action["id"]
        ctx = Context(self._server, id, meta.subprotocol)

        def ask(subscriber: Subscriber) -> bool | list[Awaitable[bool]]:
            later: list[Awaitable[bool]] = []
            for subscription in [*subscriber.subscriptions.values()]:
                if subscription.pending is not None or not callable(subscription.filter):
                    continue
                try:
                    answer = subscription.filter(ctx, subject, meta)
                except Exception as error:  # noqa: BLE001 - a developer's callback may raise anything
                    self._server.emit_error(error, action, meta)
                    continue
                if hasattr(answer, "__await__"):
                    later.append(answer)
                elif answer:
                    close(later)
                    return True
            return later or False

        return ask

    async def _decide(
        self, client: "ServerClient", held: "Held", answers: list[Awaitable[bool]]
    ) -> None:
        wanted = False
        try:
            while answers and not wanted:
                try:
                    wanted = bool(await self._server.flow.settled(answers.pop(0)))
                except Exception as error:  # noqa: BLE001 - a developer's callback may raise anything
                    self._server.emit_error(error, held.action, held.meta)
        finally:
            close(answers)
            client.release(held, wanted)


async def gather(waiting: list[Coroutine[Any, Any, None]]) -> None:
    """Wait for all async filters of an action."""
    if len(waiting) == 1:
        await waiting[0]
    else:
        await asyncio.gather(*waiting)


def close(answers: list[Awaitable[bool]]) -> None:
    """Give up answers that nobody needs any more."""
    for answer in answers:
        if asyncio.iscoroutine(answer):
            answer.close()
        elif isinstance(answer, asyncio.Future):
            answer.cancel()


def merge_addresses(meta: Meta) -> None:
    """Turn `channel`, `user`, `client` and `node` of a meta into their plurals."""
    for singular, plural in _SINGULARS:
        value = getattr(meta, singular)
        if value is not None:
            setattr(meta, plural, [*(getattr(meta, plural) or ()), value])
            setattr(meta, singular, None)


def add_addresses(addresses: Any) -> dict[str, list[str]]:
    """The meta keys for what a `resend` callback gave: a channel, several, or a mapping.

    Raises TypeError for anything else.
    """
    if not addresses:
        return {}
    if isinstance(addresses, str):
        return {"channels": [addresses]}
    found: dict[str, list[str]] = {}
    if isinstance(addresses, dict):
        singulars = dict(_SINGULARS)
        for name, value in addresses.items():
            if name in singulars:
                found.setdefault(singulars[name], []).append(value)
            elif name in ADDRESSES:
                found.setdefault(name, []).extend(value)
            else:
                raise TypeError(
                    f"resend gave the key {name!r}; it gives channels, or a dict of "
                    f"{', '.join(ADDRESSES)}"
                )
    else:
        found["channels"] = [*addresses]
    for name, values in found.items():
        if not all(isinstance(value, str) for value in values):
            raise TypeError(f"{name} is a list of strings, not {values!r}")
    return found


def is_addressed(client: "ServerClient", meta: Meta) -> bool:
    """Whether an action that the log has kept is for this client, now that it connects."""
    return (
        (client.client_id in (meta.clients or ()) or meta.client == client.client_id)
        or (client.node_id in (meta.nodes or ()) or meta.node == client.node_id)
        or (
            client.user_id is not None
            and (client.user_id in (meta.users or ()) or meta.user == client.user_id)
        )
    ) and client.client_id not in (meta.exclude_clients or ())
