"""What the log has of the objects of one kind.

Invariants: what is here is the present user's, in the log and in `pending`; that of others waits in
the log until they are back. In offline mode the log keeps of an object, for a reason with its user
and its channel, the actions that can make a difference to it. An undone one is not among them, nor
is a deletion that nothing depends on, so that deleted objects leave nothing behind. `pending` has
the actions that the server may still undo, as far as the log has them. What is in the log for other
reasons only, such as a store's history, is not read.
"""

from collections.abc import Collection, Iterator

from logux_store.actions import Action
from logux_store.client.client import Client
from logux_store.client.reasons import SYNCING
from logux_store.client.sync_maps.fold import outdated, sorted_entries
from logux_store.client.sync_maps.names import Names
from logux_store.ids import parse_id
from logux_store.meta import Entry, Meta

__all__ = ["Kept"]


class Kept:
    """The entries of one client's log about the objects of one kind."""

    __slots__ = ("_client", "_names", "_offline", "pending")

    def __init__(self, client: Client, names: Names, offline: bool) -> None:
        self._client = client
        self._names = names
        self._offline = offline
        self.pending: dict[str, Entry] = {}

    def is_pending(self, id: str) -> bool:
        """Whether the server may still undo an action."""
        return id in self.pending

    def entries(self, id: str | None = None) -> Iterator[Entry]:
        """What the log keeps for one object, or for all, or until it is confirmed."""
        names = self._names
        index = self._index(names.plural if id is None else names.channel(id))
        for action, meta in self._client.log.entries(index=index):
            if names.is_whole(action) and (
                meta.id in self.pending or self._reason(action["id"]) in meta.reasons
            ):
                yield action, meta

    def _index(self, name: str) -> str:
        return f"{self._client.user_id}:{name}"

    def _reason(self, id: str) -> str:
        return self._index(self._names.channel(id))

    def before_add(self, action: Action, meta: Meta) -> None:
        """Have an action kept that is about to be added."""
        if self._names.is_whole(action) and (meta.sync or self._offline):
            reason = self._reason(action["id"])
            meta.indexes = [*(meta.indexes or ()), self._index(self._names.plural), reason]
            if self._offline:
                meta.reasons.append(reason)

    def change_user(self) -> None:
        """The client has another user."""
        self.pending.clear()
        self.read_pending()

    def read_pending(self) -> None:
        """Find in the log what an earlier run, or another tab, has not seen confirmed."""
        for action, meta in self._client.log.store.entries_with_reason(SYNCING):
            self.note(action, meta)

    def note(self, action: Action, meta: Meta) -> None:
        """Remember an action if the server may undo it."""
        names = self._names
        if action["type"] not in names.wishes or not names.is_whole(action):
            return
        if SYNCING in meta.reasons and parse_id(meta.id).user_id == self._client.user_id:
            self.pending[meta.id] = (action, meta)

    def tidy(self, id: str, needed: Collection[str] | None, *others: Entry) -> None:
        """Keep in the log only what is needed of an object, in offline mode.

        `needed` are the ids of the actions that can make a difference, if somebody knows them, who
        may know of deletions that the log does not keep; `others` are actions that it may not have.
        """
        if not self._offline:
            return
        entries = {meta.id: (action, meta) for action, meta in self.entries(id)}
        entries.update((entry[1].id, entry) for entry in others)
        ordered = sorted_entries(entries.values(), self.is_pending)
        if needed is None:
            over = {*outdated(self._names, ordered, self.is_pending)}
        else:
            over = entries.keys() - needed
        left = [entry for entry in ordered if entry[1].id not in over]
        if left and not self._depends_on_first(left):
            over.add(left[0][1].id)
        self.let_go(id, *over)

    def _depends_on_first(self, ordered: list[Entry]) -> bool:
        """False for a confirmed deletion, if none of the rest needs it."""
        (first, meta), *rest = ordered
        if first["type"] not in self._names.deleting or self.is_pending(meta.id):
            return True
        if not rest:
            return False
        second, meta = rest[0]
        return second["type"] not in self._names.creating or self.is_pending(meta.id)

    def let_go(self, id: str, *action_ids: str) -> None:
        """The log need not keep actions for the object `id`."""
        if self._offline:
            for action_id in action_ids:
                self._client.log.remove_reason(self._reason(id), id=action_id)
