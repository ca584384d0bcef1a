"""Which channels the client wants, and what it takes to have them again after a reconnection.

A subscription is a channel with a filter; each `logux/subscribe` for it counts one up, each
`logux/unsubscribe` one down, and the server hears of the last unsubscription only. The count is
what the application asked for, whether the server has answered or not.

Invariants: a key of `_counts` has a count of at least 1; `_asked` has the subscribe actions that
the server has not answered, `_sent` those of them that were sent on the present connection.
"""

from typing import Any

from logux_store.actions import Action, to_json
from logux_store.ids import is_first_older
from logux_store.meta import Meta

__all__ = ["Subscriptions", "check_channel"]

FIRST_TIME = ("since", "creating")
"""What a subscribe action says of the state of the client when it was made: how much of it there
was, and that the object of a `SyncMap` was being created, so that nothing had to be loaded.
"""

MAX_FAILURES = 5
"""How often the server may fail to restore a subscription before only a new connection helps."""


def check_channel(action: Action) -> None:
    """Raise TypeError unless a subscribe or unsubscribe action names its channel."""
    if not isinstance(action.get("channel"), str):
        raise TypeError(f"{action['type']} needs a string 'channel'; got {action!r}")


def _key(action: Action) -> str:
    return to_json([action["channel"], action.get("filter") or None])


class Subscriptions:
    """The subscriptions of one client."""

    __slots__ = ("_asked", "_counts", "_failures", "_restoring", "_sent", "_since", "_templates")

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._templates: dict[str, Action] = {}
        self._asked: dict[str, str] = {}
        self._sent: set[str] = set()
        # Those of the asked that restore, and how often that failed on this connection, by key.
        self._restoring: set[str] = set()
        self._failures: dict[str, int] = {}
        # The answer to the latest subscription of each channel: the server need not send older
        # actions again.
        self._since: dict[str, Meta] = {}

    def subscribe(self, action: Action, id: str, resubscribe: bool) -> None:
        """The client added a `logux/subscribe` with this id."""
        key = _key(action)
        self._asked[id] = key
        if resubscribe:
            self._restoring.add(id)
        else:
            self._counts[key] = self._counts.get(key, 0) + 1
            template = {name: value for name, value in action.items() if name not in FIRST_TIME}
            self._templates.setdefault(key, template)

    def unsubscribe(self, action: Action, connected: bool) -> tuple[bool, list[str]]:
        """The client is about to add a `logux/unsubscribe`: whether the server has to hear of it,
        and the ids of the subscriptions that need not be sent any more.

        Without a connection the server has no subscription of this client.
        """
        key = _key(action)
        count = self._counts.get(key, 0)
        if count > 1:
            self._counts[key] = count - 1
            return False, []
        self._forget(key)
        if connected:
            return True, []
        unsent = [id for id, asked in self._asked.items() if asked == key]
        for id in unsent:
            self._answered(id)
        return False, unsent

    def _forget(self, key: str) -> None:
        self._counts.pop(key, None)
        template = self._templates.pop(key, None)
        if template is not None and not any(
            other["channel"] == template["channel"] for other in self._templates.values()
        ):
            self._since.pop(template["channel"], None)

    def sent(self, id: str) -> bool:
        """A subscribe action is about to go out; False if nobody wants it any more."""
        if id not in self._asked:
            return False
        self._sent.add(id)
        return True

    def sent_all(self) -> None:
        """Another tab sends whatever this one has asked for."""
        self._sent.update(self._asked)

    def processed(self, id: str, meta: Meta) -> None:
        """The server answered an action with `logux/processed`, whose meta this is."""
        key = self._answered(id)
        if key is None or key not in self._templates:
            return
        channel = self._templates[key]["channel"]
        if is_first_older(self._since.get(channel), meta):
            self._since[channel] = meta

    def undone(self, id: str, reason: Any = None) -> Action | None:
        """The server undid an action; a subscription that it refused is none.

        One that was to be restored and failed, perhaps only because what waited before it had
        failed, is still wanted: gives the action that asks for it again, unless it failed too often
        on this connection.
        """
        restoring = id in self._restoring
        key = self._answered(id)
        if key is None or key not in self._counts:
            return None
        if restoring and reason == "error":
            self._failures[key] = self._failures.get(key, 0) + 1
            return self._restoration(key) if self._failures[key] < MAX_FAILURES else None
        self._counts[key] -= 1
        if not self._counts[key]:
            self._forget(key)
        return None

    def _answered(self, id: str) -> str | None:
        self._sent.discard(id)
        self._restoring.discard(id)
        return self._asked.pop(id, None)

    def disconnected(self) -> list[str]:
        """The connection is gone, and with it what the server knew. Gives the ids of those that
        were taken back before they were answered: sent again, they would come after the
        unsubscription, if the server has done that.
        """
        self._sent.clear()
        self._failures.clear()
        # What was to restore is kept nowhere, so nobody, no other tab either, sends it again.
        for id in self._restoring:
            del self._asked[id]
        self._restoring.clear()
        unwanted = [id for id, key in self._asked.items() if key not in self._counts]
        for id in unwanted:
            del self._asked[id]
        return unwanted

    def missing(self) -> list[Action]:
        """The subscribe actions, with `since`, that restore on a new connection what was not asked
        for on it already.
        """
        present = {self._asked[id] for id in self._sent}
        stale = [id for id in self._asked if id not in self._sent]
        for id in stale:
            self._answered(id)
        return [self._restoration(key) for key in self._templates if key not in present]

    def _restoration(self, key: str) -> Action:
        action = dict(self._templates[key])
        since = self._since.get(action["channel"])
        if since is not None:
            action["since"] = {"id": since.id, "time": since.time}
        return action

    def clear(self) -> list[str]:
        """Forget everything, as for another user; gives the ids of those that had no answer."""
        asked = [*self._asked]
        for part in (
            self._counts,
            self._templates,
            self._asked,
            self._sent,
            self._since,
            self._restoring,
            self._failures,
        ):
            part.clear()
        return asked
