"""A history: what several nodes did, and in which order it arrived somewhere.

Invariant: what `fold` gives depends only on which actions arrived and which were undone, not on the
order of arrival.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from logux_store.actions import Action, to_json
from logux_store.meta import Entry, Meta
from logux_store.timeline import INIT, Reducer, Timeline

__all__ = ["Arrival", "History"]


class Arrival(NamedTuple):
    """Something that arrives: an action with its meta, or the undo of the action with the id
    `undone`.
    """

    action: Action
    meta: Meta
    undone: str | None = None


class History:
    """Arrivals in batches, in the order of arrival."""

    __slots__ = ("batches",)

    def __init__(self, batches: Sequence[Sequence[Arrival]]) -> None:
        self.batches = [[*batch] for batch in batches]

    @property
    def arrivals(self) -> list[Arrival]:
        """All of them, without the batches."""
        return [arrival for batch in self.batches for arrival in batch]

    @property
    def undone(self) -> set[str]:
        """The ids of actions that are undone."""
        return {arrival.undone for arrival in self.arrivals if arrival.undone is not None}

    def entries(self) -> list[Entry]:
        """The actions that count, each once, in the order of time, which is the same everywhere."""
        undone = self.undone
        found = {
            arrival.meta.id: (arrival.action, arrival.meta)
            for arrival in self.arrivals
            if arrival.undone is None and arrival.meta.id not in undone
        }
        return sorted(found.values(), key=lambda entry: entry[1].key)

    def fold(self, reducer: Reducer, state: Any = None) -> Any:
        """The plain fold of a reducer over the actions that count."""
        state = reducer(state, INIT)
        for action, _ in self.entries():
            state = reducer(state, action)
        return state

    def play(self, reducer: Reducer, *, save_state_every: int = 3) -> Timeline:
        """Let everything arrive, batch after batch, as it does in a client's store."""
        timeline = Timeline(reducer, save_state_every=save_state_every)
        for batch in self.batches:
            inserts = [(a.meta.key, a.meta.id, a.action) for a in batch if a.undone is None]
            timeline.change(inserts, [a.undone for a in batch if a.undone is not None])
        return timeline

    def without(self, id: str) -> "History":
        """The same, had an action never happened."""
        return History(
            [
                [a for a in batch if id not in (a.undone, a.meta.id if a.undone is None else None)]
                for batch in self.batches
            ]
        )

    def __repr__(self) -> str:
        return f"<History of {len(self.arrivals)} arrivals>"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Show the table where Hypothesis prints what makes a test fail."""
        with printer.group(4, "", ""):
            for line in str(self).splitlines():
                printer.break_()
                printer.text(line)

    def __str__(self) -> str:
        """A table for people: what arrived, batch after batch, and its place in the order."""
        places = {meta.id: place for place, (_, meta) in enumerate(self.entries(), 1)}
        lines = ["arrival  order  node  time  action"]
        for number, batch in enumerate(self.batches, 1):
            for arrival in batch:
                if arrival.undone is not None:
                    lines.append(f"{number:7}      -        undo of {arrival.undone}")
                    continue
                _, node, _ = arrival.meta.id.split(" ")
                place = places.get(arrival.meta.id, "-")
                lines.append(
                    f"{number:7}  {place:>5}  {node:<4}  {arrival.meta.time:<4}  "
                    f"{to_json(arrival.action)}"
                )
        return "\n".join(lines)
