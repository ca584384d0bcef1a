"""A log that is easy to look into."""

from logux_store.actions import Action
from logux_store.log import Log
from logux_store.meta import Meta

__all__ = ["TestLog"]


class TestLog(Log):
    """A `Log` for tests; `TestTime.next_log` makes one."""

    __test__ = False

    def actions(self) -> list[Action]:
        """All actions, oldest first."""
        return [action for action, _ in self.entries()]

    def metas(self) -> list[Meta]:
        """The metas of all actions, oldest first."""
        return [meta for _, meta in self.entries()]

    def keep_actions(self) -> None:
        """Keep every action from now on, for the reason `test`."""
        self.on("preadd", keep)


def keep(_action: Action, meta: Meta) -> None:
    meta.reasons.append("test")
