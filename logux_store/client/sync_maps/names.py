"""What the actions of a kind of objects are called, and what is in them.

| types                                  | have                |
| -------------------------------------- | ------------------- |
| `tasks/create` and `tasks/created`     | an `id` and `fields` |
| `tasks/change` and `tasks/changed`     | an `id` and `fields` |
| `tasks/delete` and `tasks/deleted`     | an `id`             |

The first of each pair is a client's wish, which the server may undo; the second is a fact.
"""

from collections.abc import Mapping
from typing import Any

from logux_store.actions import Action

__all__ = ["Names"]


class Names:
    """The names for the objects called `plural`."""

    __slots__ = ("all", "creating", "deleting", "facts", "plural", "wishes", "writing")

    def __init__(self, plural: str) -> None:
        if not isinstance(plural, str) or not plural:
            raise ValueError(f"plural is a string such as 'tasks', not {plural!r}")
        self.plural = plural
        self.creating = self._types("create", "created")
        self.writing = self.creating | self._types("change", "changed")
        self.deleting = self._types("delete", "deleted")
        self.wishes = self._types("create", "change", "delete")
        self.facts = self._types("created", "changed", "deleted")
        self.all = self.wishes | self.facts

    def _types(self, *verbs: str) -> frozenset[str]:
        return frozenset(self.type(verb) for verb in verbs)

    def type(self, verb: str) -> str:
        """The type of the actions with this verb."""
        return f"{self.plural}/{verb}"

    def channel(self, id: str) -> str:
        """The channel of one object."""
        return f"{self.plural}/{id}"

    def id_of(self, channel: object) -> str | None:
        """The object whose channel this is, if it is one's."""
        if not isinstance(channel, str):
            return None
        plural, _, id = channel.rpartition("/")
        return id if plural == self.plural else None

    def fields(self, action: Action) -> Mapping[str, Any]:
        """The fields that an action writes."""
        fields = action.get("fields")
        return fields if action["type"] in self.writing and isinstance(fields, Mapping) else {}

    def is_whole(self, action: Action) -> bool:
        """Whether this is an action about an object, with all that belongs in it."""
        type = action["type"]
        if type not in self.all or not isinstance(action.get("id"), str):
            return False
        return type in self.deleting or isinstance(action.get("fields"), Mapping)
