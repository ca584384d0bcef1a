"""What a log keeps for each of its users: the client's part of the client id, and how far this user
and the server have told each other of their logs.

The numbers of `LastSynced`, and the one up to which all is settled, are those of one user, the
present one. What another user has not sent stays in the log below them, and what the server has
kept for another user it has not sent. So with the user the numbers change too; those of the former
one wait under a name of their own.

Invariant: the numbers in force are those of the user that `user` names.
"""

from logux_store.ids import Random, random_id
from logux_store.log import LogStore

__all__ = ["client_part", "open_account"]

USER, SETTLED = "user", "settled"


def open_account(store: LogStore, user_id: str) -> None:
    """From now on, what is sent and received is this user's. The node has to read the store's
    numbers again.
    """
    former = store.value(USER)
    if former == user_id:
        return
    if former is not None:
        numbers = [*store.last_synced(), store.value(SETTLED)]
        store.set_value(f"synced {former}", numbers)
        sent, received, settled = store.value(f"synced {user_id}") or (0, 0, None)
        store.set_last_synced(sent=sent, received=received)
        store.set_value(SETTLED, settled)
    store.set_value(USER, user_id)


def client_part(store: LogStore, user_id: str, random: Random) -> str:
    """The client's part of the client id. The log has one for each user, for good: the server takes
    what was not sent in an earlier run only from the client that it is of.
    """
    name = f"client {user_id}"
    id: str | None = store.value(name)
    if id is None:
        id = random_id(random=random)
        store.set_value(name, id)
    return id
