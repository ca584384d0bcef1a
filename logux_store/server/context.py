"""The first argument of every callback: who sent the action, and what they may be sent back.

A context lives as long as its action is worked on: what `access` puts into `data` is there in
`process` and `finally_`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from logux_store.actions import Action
from logux_store.ids import ParsedId, parse_id
from logux_store.meta import Meta

if TYPE_CHECKING:
    from logux_store.server.base_server import BaseServer

__all__ = ["Context"]


class Context:
    """Who sent an action.

    `user_id` (None when the node id has none), `client_id` and `node_id` come from the action's
    id; `subprotocol` is the application's version that made it; `headers` are those of the client,
    empty when it is not connected; `is_server` says that a server made the action. `params` holds
    a channel's parameters: a dict for a pattern with names, the match for a regular expression.
    `data` is yours: what one callback leaves there, the next ones of the same action find.
    """

    __slots__ = (
        "_data",
        "_subprotocol",
        "client_id",
        "done_at_access",
        "node_id",
        "params",
        "server",
        "user_id",
    )

    def __init__(
        self, server: "BaseServer", sender: str | ParsedId, subprotocol: int | None = None
    ) -> None:
        self.server = server
        if isinstance(sender, str):
            sender = parse_id(sender)
        self.user_id, self.client_id, self.node_id = sender
        self.params: Any = {}
        self._subprotocol = subprotocol
        self._data: dict[str, Any] | None = None
        # Whether an access_and_… callback has already done what comes after access.
        self.done_at_access = False

    @property
    def is_server(self) -> bool:
        """Whether a server made the action."""
        return self.user_id == "server"

    @property
    def subprotocol(self) -> int | None:
        """The application's version that made the action; None when nobody knows."""
        if self._subprotocol is not None:
            return self._subprotocol
        client = self.server.client_ids.get(self.client_id)
        return None if client is None else client.node.remote_subprotocol

    @property
    def headers(self) -> Mapping[str, Any]:
        """The headers that the client has set; empty when it is not connected."""
        client = self.server.client_ids.get(self.client_id)
        return {} if client is None else client.node.remote_headers

    @property
    def data(self) -> dict[str, Any]:
        """Whatever the callbacks of one action want to tell each other."""
        if self._data is None:
            self._data = {}
        return self._data

    def send_back(self, action: Action, **meta: Any) -> Meta | None:
        """Send an action to the client that this context is about, and to nobody else.

        `meta` is that of `server.log.add`; an `id` that the log has sends that entry again. Raises
        what `server.log.add` raises.
        """
        entry = self.server.log.by_id(meta["id"]) if "id" in meta else None
        if entry is not None:
            client = self.server.client_ids.get(self.client_id)
            if client is not None:
                client.send(*entry)
            return entry[1]
        return self.server.log.add(
            action, **{"clients": [self.client_id], "status": "processed", **meta}
        )

    def __repr__(self) -> str:
        return f"Context({self.node_id!r})"
