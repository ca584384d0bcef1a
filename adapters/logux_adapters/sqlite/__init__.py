"""A log that is kept in an SQLite file, for clients and servers.

    from logux_adapters.sqlite import SQLiteStore

    client = Client(server="wss://example.com", subprotocol=1, user_id="10",
                    store=SQLiteStore("log.sqlite3"))

Needs nothing but the standard library. See `SQLiteStore`.
"""

from logux_adapters.sqlite.errors import StoreError
from logux_adapters.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore", "StoreError"]
