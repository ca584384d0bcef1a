"""What a server can be told when it is made, checked at once, and the limits that bound it.

Touches nothing but the environment, and only for `LOGUX_ENV`.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal, TypeAlias

from logux_store.ids import validate_user_id

__all__ = ["Environment", "Limits", "environment"]

Environment: TypeAlias = Literal["development", "production"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may cost a server, and what happens beyond it.

    | limit | unit | when it is hit |
    | --- | --- | --- |
    | `message_size` | bytes | `wrong-format` is sent and the connection closed; beyond twice \
as much it is closed with the WebSocket code 1009 |
    | `headers` | bytes of JSON of the headers that a client sets | `wrong-format` is sent and the \
connection closed |
    | `name` | characters of an action's type or a channel's name | the action is denied |
    | `subscriptions` | subscriptions of one client; each 1000 characters of a filter count as one \
more | a further one is denied |
    | `entries` | actions in one `sync` | `wrong-format` is sent and the connection closed |
    | `queue` | actions of one client that wait | the connection is closed with nothing \
acknowledged: the client sends them again when it is back |
    | `queue_size` | bytes of JSON of the actions of one client that wait | as `queue` |
    | `waiting` | bytes that a client has yet to take | the connection is closed; the client \
subscribes again with `since` |
    | `held` | actions that wait for an async filter, per client | as `waiting` |
    | `connections` | connections of one user | a further one is closed; users called \
`anonymous` are not counted, as they are many people |
    | `logins` | failed logins of one address | `bruteforce` is sent and the connection closed, \
without asking the authenticator |
    | `login_memory` | seconds | a failed login is forgotten |
    | `unauthenticated` | seconds | a connection that has not logged in is closed |
    | `ahead` | seconds | an action from further in the future is denied, or its time clamped |

    Every one but `login_memory` may be set to None, which means no limit.

    Raises TypeError for what is no number, ValueError for one that is not above 0.
    """

    message_size: int | None = 4_000_000
    headers: int | None = 64_000
    name: int | None = 1000
    subscriptions: int | None = 10_000
    entries: int | None = 10_000
    queue: int | None = 10_000
    queue_size: int | None = 16_000_000
    waiting: int | None = 4_000_000
    held: int | None = 10_000
    connections: int | None = 100
    logins: int | None = 3
    login_memory: float = 3.0
    unauthenticated: float | None = 20.0
    ahead: float | None = 60.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.name != "login_memory":
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"Limits.{field.name} is a number, not {value!r}")
            if value <= 0:
                raise ValueError(f"Limits.{field.name} is above 0, not {value!r}")


def environment(env: str | None) -> Environment:
    """The given environment, else that of `LOGUX_ENV`, else development."""
    found = env or os.environ.get("LOGUX_ENV") or "development"
    if found == "production":
        return "production"
    if found == "development":
        return "development"
    raise ValueError(
        f"{'env' if env else 'LOGUX_ENV'} is 'development' or 'production', not {found!r}"
    )


def check_subprotocols(subprotocol: object, min_subprotocol: object) -> None:
    """Raise TypeError or ValueError unless both are whole numbers, the second not above the
    first.
    """
    for name, value in (("subprotocol", subprotocol), ("min_subprotocol", min_subprotocol)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(
                f"{name} is the version of the application's actions, a whole number; got {value!r}"
            )
        if value < 0:
            raise ValueError(f"{name} is 0 or more, not {value!r}")
    if min_subprotocol > subprotocol:  # type: ignore[operator]
        raise ValueError(
            f"min_subprotocol ({min_subprotocol!r}) is above subprotocol ({subprotocol!r}): "
            "no client could connect"
        )


def check_address(host: object, port: object, cert: object, key: object) -> None:
    """Raise TypeError or ValueError unless a server can listen there."""
    if not isinstance(host, str) or not host:
        raise TypeError(f"host is a name or an address, not {host!r}")
    if isinstance(port, bool) or not isinstance(port, int):
        raise TypeError(f"port is a number, not {port!r}")
    if not 0 <= port <= 65535:
        raise ValueError(f"port is from 0 (any free one) to 65535, not {port!r}")
    if (cert is None) != (key is None):
        missing = "cert" if cert is None else "key"
        raise ValueError(f"{missing} is missing: TLS needs the paths of both cert and key")


def check_id(id: str) -> str:
    """Return the server's own id part, or raise TypeError or ValueError."""
    return validate_user_id(id)


def check_origins(origins: Iterable[str | re.Pattern[str]]) -> tuple[str | re.Pattern[str], ...]:
    """Return the origins as a tuple, or raise TypeError or ValueError."""
    if isinstance(origins, str):
        raise TypeError(f"origins is a list, such as [{origins!r}]")
    checked = tuple(origins)
    for origin in checked:
        if isinstance(origin, str):
            if not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/]+", origin):
                raise ValueError(f"an origin is like 'https://example.com', not {origin!r}")
        elif not isinstance(origin, re.Pattern):
            raise TypeError(
                f"an origin is a string or a compiled regular expression, not {origin!r}"
            )
    return checked
