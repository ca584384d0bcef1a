"""The client for programs of which one user may run several at once."""

from logux_store.client.client import Client

__all__ = ["CrossTabClient"]


class CrossTabClient(Client):
    """A `Client` that will share its connection with the user's other tabs. Until tabs exist, each
    one connects by itself, as `leader`.
    """
