"""Ways from one node to another."""

from logux_store.connections.local_pair import LocalConnection, LocalPair

__all__ = ["LocalConnection", "LocalPair"]
