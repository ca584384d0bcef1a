"""One action, one answer, and no store: for signing in, before there is a user.

Invariant: when `request` returns or raises, its client is destroyed.
"""

import asyncio
from typing import Any

from logux_store.actions import Action
from logux_store.client.client import Client
from logux_store.errors import UndoError
from logux_store.meta import Meta
from logux_store.sync import Connection, NodeState

__all__ = ["request"]


async def request(
    action: Action,
    *,
    server: "str | Connection",
    subprotocol: int,
    user_id: str = "anonymous",
    **options: Any,
) -> Action:
    """Send an action, and give the first that comes back: what the server sends to the client for
    it, else its `logux/processed`. Options are those of `Client`.

    Raises UndoError when the server undoes the action; ConnectionError when the server cannot be
    reached; LoguxError, such as `wrong-credentials`, or DangerousProtocolError when it is the wrong
    one or refuses the client; and what `Client` raises for its options. A connection that is lost
    later comes back: use `asyncio.timeout` to wait no longer than some time.
    """
    client = Client(server=server, subprotocol=subprotocol, user_id=user_id, **options)
    answer: asyncio.Future[Action] = asyncio.get_running_loop().create_future()
    reached = False

    def fail(error: Exception) -> None:
        if not answer.done():
            answer.set_exception(error)

    def state_changed() -> None:
        nonlocal reached
        if client.connected:
            reached = True
        elif client.state == NodeState.DISCONNECTED and not reached:
            fail(client.error or unreachable(client))

    def receive(received: Action, meta: Meta) -> None:
        if f" {client.node_id} " in meta.id or answer.done():
            return
        if received["type"] == "logux/undo":
            answer.set_exception(UndoError(received))
        else:
            answer.set_result(received)

    client.node.on("error", fail)
    client.node.on("client_error", fail)
    client.on("state", state_changed)
    client.on("add", receive)
    try:
        client.sync(action)
        client.start()
        return await answer
    finally:
        await client.destroy()


def unreachable(client: Client) -> ConnectionError:
    """Says which server, and why if that is known."""
    error = ConnectionError(f"the server {client.server} cannot be reached")
    connection = getattr(client.node.connection, "connection", None)
    error.__cause__ = getattr(connection, "last_error", None)
    return error
