"""Asking the server for objects of a list about which the list's answer has not said enough.

`@logux/server` undoes with the reason `error` whatever waits behind an action that it has to undo,
such as a subscription to an object that is not there any more. So what fails like that is asked for
again, one at a time.
"""

from logux_store.client.sync_maps.sync_map import SyncMap
from logux_store.errors import UndoError

__all__ = ["MAX_ATTEMPTS", "Checks"]

MAX_ATTEMPTS = 5
"""How often an object is asked for on one connection before its error is taken for true."""


class Checks:
    """The objects of one client that are being asked for, and those that will be once more, each
    with the number of attempts so far.
    """

    __slots__ = ("_again", "_asked")

    def __init__(self) -> None:
        self._asked: dict[SyncMap, int] = {}
        self._again: dict[SyncMap, int] = {}

    def ask(self, map: SyncMap, attempt: int = 1) -> None:
        """Subscribe to an object, if it is not."""
        if not map.is_subscribed:
            self._asked[map] = attempt
            map.subscribe()

    def is_asked_again(self, map: SyncMap, error: UndoError | None) -> bool:
        """The server has answered a subscription: whether it will be asked once more."""
        attempts = self._asked.pop(map, MAX_ATTEMPTS)
        is_unsure = error is not None and error.reason == "error" and attempts < MAX_ATTEMPTS
        if is_unsure:
            map.is_subscribed = False
            self._again[map] = attempts + 1
        return is_unsure

    def go_on(self) -> None:
        """Ask for the next one that failed, if nothing is being asked for."""
        while self._again and not self._asked:
            map = next(iter(self._again))
            attempt = self._again.pop(map)
            if map.users:
                self.ask(map, attempt)

    def clear(self) -> None:
        """The connection is gone; on the next one the lists are loaded again."""
        self._asked.clear()
        self._again.clear()
