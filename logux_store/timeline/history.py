"""What a call of a timeline comes down to: which actions come, which leave, and which are too late.

Pure: it looks at what is remembered and changes nothing.
"""

from typing import NamedTuple

from logux_store.actions import Action
from logux_store.ids import OrderKey, id_time, order_key
from logux_store.timeline.track import Item, Key, by_key

__all__ = ["History", "end_of_old"]


class History(NamedTuple):
    """The remembered actions by id, the ids that are undone, and the place of the newest forgotten
    action; see `timeline.py`.
    """

    by_id: dict[str, Item]
    undone: set[str]
    base: Key

    def resolve(
        self, inserts: list[Item], undos: dict[str, None], moves: list[tuple[str, OrderKey]]
    ) -> tuple[dict[str, Item], dict[str, Item], list[Action]]:
        """The items that come and those that leave, by id, and the actions that missed their time.
        An item that moves leaves and comes.
        """
        by_id, undone, base = self
        # Reversed, so that the first of two with the same id stays.
        fresh = {item[1]: item for item in reversed(inserts) if item[1] not in by_id}
        gone = {id: by_id[id] for id in undos if id in by_id}
        missed: list[Action] = [
            {"type": "logux/undo", "id": id}
            for id in undos
            if not (id in gone or id in fresh or id in undone) and self._is_forgotten(id)
        ]
        if undos or undone:
            fresh = {id: i for id, i in fresh.items() if not (id in undos or id in undone)}
        for id, key in moves:
            if id in fresh:
                fresh[id] = (key, id, fresh[id][2])
            elif id in by_id and id not in undos:
                gone[id] = by_id[id]
                fresh[id] = (key, id, by_id[id][2])
        if base:
            late = [item for item in fresh.values() if item[0] <= base]
            for key, id, action in sorted(late, key=by_key):
                fresh[id] = (self._place_of_missed(key), id, action)
                missed.append(action)
        return fresh, gone, missed

    def _place_of_missed(self, key: Key) -> Key:
        """Right after the base, and among what was missed at the same base, by key."""
        base = self.base
        # The place of a base that is a missed action itself has a turn; the next one is after it.
        turn = base[4] + 1 if len(base) > 4 else 0
        return (*base[:4], turn, key)

    def _is_forgotten(self, id: str) -> bool:
        """Whether the action with this id, if it ever came, was before the base, as far as the
        time in its id tells.
        """
        try:
            return order_key(id, id_time(id)) <= self.base
        except ValueError:
            return False


def end_of_old(items: list[Item], head: int, surplus: int, released: set[str], history: int) -> int:
    """The index of the first item, from `head` on, that is not to be forgotten when there are so
    many more than there is room for: one that is not released is forgotten only if more than
    `history` released ones have gathered behind it.
    """
    stop, last, gathered = head, head + surplus, len(released)
    while stop < last:
        if items[stop][1] in released:
            gathered -= 1
        elif gathered <= history:
            break
        stop += 1
    return stop
