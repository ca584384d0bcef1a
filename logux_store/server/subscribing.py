"""What `logux/subscribe` and `logux/unsubscribe` do.

Subscribing: the channel's access, then its filter, then the subscription itself, then its load: so
no action that is added while the load runs is missed. A subscription lives in memory, as long as
its connection; so it is acknowledged when it is finished, and made again when it is sent again.

Invariants: a subscription whose access, filter or load raised does not stay; nobody is told of what
becomes of one whose connection has ended, since the client's next connection asks for itself.
"""

from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

from logux_store.actions import Action
from logux_store.ids import parse_id
from logux_store.meta import Meta
from logux_store.server.channels import ChannelCallbacks, Load
from logux_store.server.context import Context
from logux_store.server.errors import NotFoundError, is_denial, is_not_found
from logux_store.server.queue import Job
from logux_store.server.subscriptions import Subscription

if TYPE_CHECKING:
    from logux_store.server.base_server import BaseServer
    from logux_store.server.server_client import ServerClient

__all__ = ["Subscribing"]


class Subscribing:
    """Subscribes clients to channels."""

    __slots__ = ("_server",)

    def __init__(self, server: "BaseServer") -> None:
        self._server = server

    async def work(self, job: Job) -> None:
        """Do what a client's `logux/subscribe` or `logux/unsubscribe` asks for."""
        server = self._server
        action, meta = job.action, job.meta
        try:
            server.processing.add(action, meta)
        except Exception as error:  # noqa: BLE001 - a developer's listener may raise anything
            server.fail(error, action, meta)
            return
        channel = action.get("channel")
        if not isinstance(channel, str):
            server.wrong_channel(action, meta)
        elif action["type"] == "logux/unsubscribe":
            self.end(parse_id(meta.id).node_id, action, meta)
            server.answers.processed(meta)
        else:
            found = server.channels.find(channel)
            if found is None:
                server.wrong_channel(action, meta)
            else:
                await self._subscribe(*found, job)

    async def _subscribe(self, callbacks: ChannelCallbacks, params: Any, job: Job) -> None:
        server = self._server
        settled = server.flow.settled
        action, meta, client = job.action, job.meta, job.client
        assert client is not None
        limit = server.limits.subscriptions
        if limit is not None and client.subscriptions >= limit:
            server.deny_back(client, action, meta, f"its client has {limit} subscriptions already")
            return
        start = perf_counter()
        ctx = Context(server, meta.id, meta.subprotocol)
        ctx.params = params
        subscription: Subscription | None = None
        try:
            loaded: Any = None
            if callbacks.access_and_load is not None:
                allowed, loaded = await self._try_to_load(callbacks.access_and_load, ctx, job)
            else:
                assert callbacks.access is not None
                allowed = bool(await settled(callbacks.access(ctx, action, meta)))
            if job.undone:
                return
            if not allowed:
                server.deny(action, meta)
                return
            filter: Any = None
            if callbacks.filter is not None:
                filter = await settled(callbacks.filter(ctx, action, meta))
            if client.destroyed:
                server.emit("subscription_cancelled")
                return
            subscription = Subscription(filter, ctx, callbacks.unsubscribe)
            self._begin(client, ctx.node_id, action, meta, subscription)
            if callbacks.access_and_load is not None:
                await self._send_pending(client, ctx, action, meta, subscription)
            if callbacks.load is not None:
                loaded = await settled(callbacks.load(ctx, action, meta))
            if isinstance(loaded, NotFoundError):
                raise loaded
            if client.destroyed:
                server.emit("subscription_cancelled")
                return
            send_back(ctx, loaded)
        except Exception as error:  # noqa: BLE001 - a developer's callback may raise anything
            if client.destroyed:
                if not is_not_found(error):
                    server.emit_error(error, action, meta)
                return
            if subscription is not None:
                self.end(ctx.node_id, action, meta)
            if is_not_found(error):
                server.undo(action, meta, "notFound")
            else:
                server.fail(error, action, meta)
        else:
            server.emit("subscribed", action, meta, perf_counter() - start)
            if not job.undone:
                server.answers.processed(meta, keep=False)
        finally:
            if callbacks.access_and_load is not None:
                server.subscriptions.remove(ctx.node_id, action, meta.id)
            await self._finally(callbacks, ctx, action, meta)

    async def _try_to_load(self, callback: Load, ctx: Context, job: Job) -> tuple[bool, Any]:
        """Whether the client may subscribe, and what is loaded already. What the channel gets
        meanwhile is put aside.
        """
        server = self._server
        trial = Subscription(ctx=ctx)
        trial.pending = []
        assert job.client is not None
        if not job.client.destroyed:
            server.subscriptions.add(job.client, ctx.node_id, job.action, trial, job.meta.id)
        try:
            loaded = await server.flow.settled(callback(ctx, job.action, job.meta))
        except Exception as error:
            if is_denial(error):
                return False, None
            raise
        return True, loaded

    async def _send_pending(
        self,
        client: "ServerClient",
        ctx: Context,
        action: Action,
        meta: Meta,
        subscription: Subscription,
    ) -> None:
        """Send what was put aside, as far as the filter lets it through."""
        server = self._server
        trial = server.subscriptions.remove(ctx.node_id, action, meta.id)
        for later, its_meta in (trial and trial.pending) or ():
            wanted: Any = subscription.filter
            if callable(wanted):
                sender = Context(server, its_meta.id, its_meta.subprotocol)
                wanted = await server.flow.settled(wanted(sender, later, its_meta))
            if wanted is None or wanted:
                client.send(later, its_meta)

    def _begin(
        self,
        client: "ServerClient",
        node_id: str,
        action: Action,
        meta: Meta,
        subscription: Subscription,
    ) -> None:
        server = self._server
        first = action["channel"] not in server.subscriptions.channels
        server.report("subscribed", action_id=meta.id, channel=action["channel"])
        server.subscriptions.add(client, node_id, action, subscription)
        if first:
            server.emit("subscribing", action, meta)

    def begin(self, node_id: str, channel: str) -> None:
        """Subscribe a connected node to a channel on the server's own account."""
        server = self._server
        client = server.node_ids.get(node_id) or server.client_ids.get(parse_id(node_id).client_id)
        if client is None or server.subscriptions.has(channel, node_id):
            return
        action = {"type": "logux/subscribed", "channel": channel}
        server.subscriptions.add(client, node_id, action, Subscription())
        server.log.add(action, clients=[client.client_id])

    def end(self, node_id: str, action: Action, meta: Meta) -> None:
        """End the subscription of a node with the action's channel and filter."""
        subscription = self._server.subscriptions.remove(node_id, action)
        self._ended([subscription] if subscription else [], node_id, action, meta)

    def end_all(self, client: "ServerClient") -> None:
        """End all subscriptions of a connection that is gone."""
        server = self._server
        for channel, node_id, subscriptions in server.subscriptions.remove_client(client):
            action = {"type": "logux/unsubscribe", "channel": channel}
            meta = Meta(server.log.generate_id(), server.clock())
            self._ended(subscriptions, node_id, action, meta)

    def _ended(
        self, subscriptions: list[Subscription], node_id: str, action: Action, meta: Meta
    ) -> None:
        server = self._server
        for subscription in subscriptions:
            if subscription.unsubscribe is not None:
                server.flow.start(self._unsubscribe(subscription, action, meta))
        server.emit("unsubscribed", action, meta, node_id)
        server.report("unsubscribed", action_id=meta.id, channel=action["channel"])

    async def _unsubscribe(self, subscription: Subscription, action: Action, meta: Meta) -> None:
        assert subscription.unsubscribe is not None
        try:
            await self._server.flow.settled(
                subscription.unsubscribe(subscription.ctx, action, meta)  # type: ignore[arg-type]
            )
        except Exception as error:  # noqa: BLE001 - a developer's callback may raise anything
            self._server.emit_error(error, action, meta)

    async def _finally(
        self, callbacks: ChannelCallbacks, ctx: Context, action: Action, meta: Meta
    ) -> None:
        if callbacks.finally_ is not None:
            try:
                await self._server.flow.settled(callbacks.finally_(ctx, action, meta))
            except Exception as error:  # noqa: BLE001 - a developer's callback may raise anything
                self._server.emit_error(error, action, meta)


def send_back(ctx: Context, loaded: Any) -> None:
    """Send what `load` gave: an action, several, or pairs of action and meta.

    Raises TypeError for anything else.
    """
    if loaded is None or isinstance(loaded, bool):
        return
    if isinstance(loaded, Mapping):
        ctx.send_back(dict(loaded))
    elif isinstance(loaded, Iterable) and not isinstance(loaded, str | bytes):
        for item in loaded:
            if isinstance(item, tuple | list):
                action, meta = item
                ctx.send_back(action, **(meta.to_dict() if isinstance(meta, Meta) else meta))
            else:
                ctx.send_back(item)
    else:
        raise TypeError(f"load gives an action, a list of actions or None, not {loaded!r}")
