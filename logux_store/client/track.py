"""Waiting for the outcome of an action that somebody else has added."""

from logux_store.client.client import Client
from logux_store.client.outcome import Outcome

__all__ = ["track"]


def track(client: Client, id: str) -> Outcome:
    """The outcome of the action with this id, to be awaited: it gives the meta of the server's
    `logux/processed`, or raises UndoError. The same as `client.track(id)`.

    For what the server has answered already, it waits for ever: track an action before it is sent,
    or one that the log still has.
    """
    return client.track(id)
