"""Who may connect: the developer's authenticator, and the memory of failed logins.

An authenticator is any function, plain or async, that takes some of the arguments below by name
and says whether the client is who it says it is.
"""

import inspect
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

__all__ = ["ARGUMENTS", "Authenticator", "FailedLogins", "named_arguments"]

ARGUMENTS = ("user_id", "token", "cookie", "headers", "client")


class Authenticator(Protocol):
    """A function that takes some of `user_id`, `token`, `cookie` (dict), `headers` (the client's
    Logux headers, dict) and `client` (ServerClient), and returns whether the client may connect.
    """

    def __call__(self, **arguments: Any) -> bool | Awaitable[bool]: ...


def named_arguments(authenticator: Callable[..., Any]) -> tuple[str, ...]:
    """Which of the arguments an authenticator takes.

    Raises TypeError when it is no function, or needs an argument that there is not.
    """
    if not callable(authenticator):
        raise TypeError(f"auth() takes a function, not {authenticator!r}")
    wanted: list[str] = []
    for name, parameter in inspect.signature(authenticator).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            return ARGUMENTS
        if name in ARGUMENTS and parameter.kind is not parameter.POSITIONAL_ONLY:
            wanted.append(name)
        elif (
            parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL
        ):
            raise TypeError(
                f"an authenticator is called with {', '.join(ARGUMENTS)} by name; "
                f"it cannot have the argument {name!r}"
            )
    return tuple(wanted)


class FailedLogins:
    """How often logins from an address have failed lately.

    `limit` is how many may fail, None for any number, `memory` (seconds) how long one counts, `now`
    a clock in seconds that does not go back.
    """

    __slots__ = ("_failed", "_limit", "_memory", "_now")

    # So many addresses are remembered; those that failed least lately are forgotten first.
    ADDRESSES = 10_000

    def __init__(self, limit: int | None, memory: float, now: Callable[[], float]) -> None:
        self._limit = limit
        self._memory = memory
        self._now = now
        self._failed: dict[str, deque[float]] = {}

    def allows(self, address: str) -> bool:
        """Whether somebody at this address may try."""
        failed = self._recent(address)
        return self._limit is None or failed is None or len(failed) < self._limit

    def failed(self, address: str) -> None:
        """A login from this address has failed."""
        if self._limit is None:
            return
        now = self._now()
        times = self._failed.pop(address, None) or deque(maxlen=self._limit)
        times.append(now)
        # At the end, so that the first is the one that failed least lately.
        self._failed[address] = times
        while self._failed:
            first = next(iter(self._failed))
            if self._failed[first][-1] > now - self._memory and len(self._failed) <= self.ADDRESSES:
                break
            del self._failed[first]

    def _recent(self, address: str) -> deque[float] | None:
        failed = self._failed.get(address)
        if failed is None:
            return None
        oldest = self._now() - self._memory
        while failed and failed[0] <= oldest:
            failed.popleft()
        if not failed:
            del self._failed[address]
            return None
        return failed
