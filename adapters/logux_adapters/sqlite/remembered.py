"""The ids of processed actions that the log does not keep.

Invariants: of each client the ids that were remembered last are there; when all together are too
many, those of the client that was not heard of for the longest time go. `clients.ids` is how many
rows of `remembered` a client has.
"""

from logux_adapters.sqlite.database import Database, Execute
from logux_store import parse_id

__all__ = ["Remembered"]


class Remembered:
    """The ids in a database: `per_client` of each client at most, `limit` of all."""

    __slots__ = ("_count", "_database", "_limit", "_per_client")

    def __init__(self, database: Database, per_client: int, limit: int) -> None:
        self._database = database
        self._per_client = per_client
        self._limit = limit
        self._count = 0

    def opened(self, execute: Execute) -> None:
        """Count what there is."""
        ((self._count,),) = execute("SELECT ifnull(sum(ids), 0) FROM clients")

    def add(self, id: str) -> bool:
        """Remember an id; False if it was known."""
        client = parse_id(id).client_id
        with self._database.change() as execute:
            new = execute(
                "INSERT INTO remembered (client, id) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
                (client, id),
            ).rowcount
            ((ids,),) = execute(
                """
                INSERT INTO clients (client, ids, heard)
                VALUES (?, ?, (SELECT ifnull(max(heard), 0) + 1 FROM clients))
                ON CONFLICT (client) DO UPDATE SET ids = ids + excluded.ids, heard = excluded.heard
                RETURNING ids
                """,
                (client, new),
            )
            self._count += new
            while ids > self._per_client:
                ids = self._forget_one(execute, client)
            while self._count > self._limit:
                ((silent,),) = execute("SELECT client FROM clients ORDER BY heard LIMIT 1")
                self._forget_one(execute, silent)
        return bool(new)

    def _forget_one(self, execute: Execute, client: str) -> int:
        """Forget the oldest id of a client; returns how many are left."""
        execute(
            "DELETE FROM remembered WHERE number = "
            "(SELECT min(number) FROM remembered WHERE client = ?)",
            (client,),
        )
        ((left,),) = execute(
            "UPDATE clients SET ids = ids - 1 WHERE client = ? RETURNING ids", (client,)
        )
        if not left:
            execute("DELETE FROM clients WHERE client = ?", (client,))
        self._count -= 1
        return int(left)

    def __contains__(self, id: str) -> bool:
        return bool(self._database.read("SELECT 1 FROM remembered WHERE id = ?", (id,)))

    def clear(self, execute: Execute) -> None:
        """Forget all."""
        execute("DELETE FROM remembered")
        execute("DELETE FROM clients")
        self._count = 0
