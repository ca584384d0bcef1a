"""Hypothesis strategies: actions of declared types, and histories of several nodes.

    from hypothesis import given, strategies as st
    from logux_store.testing import strategies

    ACTIONS = strategies.actions({"seats/book": {"seat": st.just("1A"), "by": st.text()}})

    @given(strategies.histories(ACTIONS))
    def test_a_rule_of_my_own(history):
        state = history.play(seats).state

Needs Hypothesis (the extra `testing`).
"""

import logux_store.testing.extra  # noqa: F401  # isort: skip

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from logux_store.actions import Action, ActionCreator
from logux_store.meta import Meta
from logux_store.testing.history import Arrival, History

__all__ = ["actions", "foreign_actions", "histories", "json_values"]

Fields: TypeAlias = Mapping[str, SearchStrategy[Any]] | SearchStrategy[Any]

START = 1000
"""What right clocks show when a history begins (ms)."""


def json_values(max_leaves: int = 5) -> SearchStrategy[Any]:
    """Anything that JSON can hold."""
    return st.recursive(
        st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=max_leaves,
    )


def actions(
    declared: Mapping[str | ActionCreator, Fields],
) -> SearchStrategy[Action]:
    """Actions of the declared types. Each type has its fields: a mapping of names to strategies, or
    a strategy of mappings. A type is a string, or an action creator, which is called with them.

    Raises TypeError for what is no type or no fields, ValueError when nothing is declared.
    """
    if not declared:
        raise ValueError("actions() needs at least one action type")
    choices: list[SearchStrategy[Action]] = []
    for type, fields in declared.items():
        if not isinstance(type, str | ActionCreator):
            raise TypeError(f"an action's type is a string or an action creator, not {type!r}")
        if isinstance(fields, Mapping):
            made = st.fixed_dictionaries(dict(fields))
        elif isinstance(fields, SearchStrategy):
            made = fields
        else:
            raise TypeError(
                f"the fields of {type!r} are a mapping of names to strategies, or a strategy of "
                f"mappings, not {fields!r}"
            )
        choices.append(made.map(partial(make_action, type)))
    return st.one_of(choices)


def make_action(type: str | ActionCreator, fields: Mapping[str, Any]) -> Action:
    """An action of this type with these fields."""
    return type(**fields) if isinstance(type, ActionCreator) else {"type": type, **fields}


def foreign_actions() -> SearchStrategy[Action]:
    """Actions of types that no application declares, with whatever fields."""
    fields = st.dictionaries(st.text(max_size=5), json_values(), max_size=3)
    name = st.text(max_size=8).map("foreign/{}".format)
    return st.builds(lambda type, fields: {**fields, "type": type}, name, fields)


@st.composite
def histories(
    draw: st.DrawFn,
    actions: SearchStrategy[Action],
    *,
    nodes: int = 3,
    max_actions: int = 12,
    skew: int = 20,
    undos: bool = True,
) -> History:
    """Histories of up to `nodes` nodes that do up to `max_actions` actions.

    The nodes' clocks are wrong by up to `skew` milliseconds, and are set forward and back on the
    way; a node may be offline for a while, so that what it does arrives late and at once; what was
    sent may arrive twice; with `undos`, actions are undone, sometimes before they arrive.
    """
    names = [f"n{number + 1}" for number in range(draw(st.integers(1, nodes)))]
    writer = Writer(draw, names, skew)
    for _ in range(draw(st.integers(0, max_actions))):
        writer.act(draw(st.sampled_from(names)), draw(actions))
        match draw(st.integers(0, 11)):
            case 1:
                writer.step_clock(draw(st.sampled_from(names)))
            case 2 | 3:
                writer.go_offline(draw(st.sampled_from(names)))
            case 4 | 5:
                writer.come_back(draw(st.sampled_from(names)))
            case 6:
                writer.repeat()
            case 7 | 8 if undos:
                writer.undo()
    for name in names:
        writer.come_back(name)
    return History(writer.batches)


class Writer:
    """Writes a history down as it is drawn."""

    def __init__(self, draw: st.DrawFn, names: list[str], skew: int) -> None:
        self.draw = draw
        self.skew = st.integers(-skew, skew)
        self.now = START
        self.ahead = {name: draw(self.skew) for name in names}
        self.last = dict.fromkeys(names, 0)
        # What was done offline, by node.
        self.offline: dict[str, list[Arrival]] = {}
        self.done: list[Arrival] = []
        self.batches: list[list[Arrival]] = []

    def act(self, name: str, action: Action) -> None:
        """Somebody does something."""
        self.now += self.draw(st.integers(0, 10))
        time = max(0, self.now + self.ahead[name])
        # Ids of one node grow, whatever its clock does.
        ms = self.last[name] = max(self.last[name] + 1, time)
        arrival = Arrival(action, Meta(f"{ms} {name} 0", time))
        self.done.append(arrival)
        if name in self.offline:
            self.offline[name].append(arrival)
        else:
            self.batches.append([arrival])

    def step_clock(self, name: str) -> None:
        """A clock is set."""
        self.ahead[name] = self.draw(self.skew)

    def go_offline(self, name: str) -> None:
        """A node loses its connection."""
        self.offline.setdefault(name, [])

    def come_back(self, name: str) -> None:
        """What a node did offline arrives."""
        batch = self.offline.pop(name, [])
        if batch:
            self.batches.append(batch)

    def repeat(self) -> None:
        """Something arrives once more."""
        arrived = [arrival for batch in self.batches for arrival in batch]
        if arrived:
            self.batches.append([self.draw(st.sampled_from(arrived))])

    def undo(self) -> None:
        """Something is undone, whether it has arrived or not."""
        if self.done:
            _, meta, _ = self.draw(st.sampled_from(self.done))
            action = {"type": "logux/undo", "id": meta.id, "reason": "error"}
            undo = Meta(f"{self.now} server {len(self.batches)}", self.now)
            self.batches.append([Arrival(action, undo, meta.id)])
