"""Histories and what they are made of."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from hypothesis.vendor.pretty import pretty

from logux_store import define_action
from logux_store.meta import Meta
from logux_store.testing.history import Arrival, History
from logux_store.testing.strategies import actions, foreign_actions, histories

ADD = actions({"add": {"n": st.integers(0, 9)}})
FAST = settings(max_examples=300, database=None, suppress_health_check=[*HealthCheck])


def last(state: Any, action: dict[str, Any]) -> Any:
    return [*(state or []), action["n"]] if action["type"] == "add" else state or []


@FAST
@given(st.data())
def test_actions_are_of_the_declared_types(data: st.DataObject) -> None:
    rename = define_action("rename")
    strategy = actions({"clear": {}, rename: {"name": st.just("x")}, "any": st.just({"a": 1})})
    expected = [{"type": "clear"}, {"type": "rename", "name": "x"}, {"type": "any", "a": 1}]
    assert data.draw(strategy) in expected
    assert data.draw(foreign_actions())["type"].startswith("foreign/")


def test_an_action_creator_is_called_with_what_is_declared() -> None:
    rename = define_action("rename", lambda user, name="x": {"id": user["id"], "name": name})
    strategy = actions({rename: {"user": st.just({"id": "10"})}})
    assert find(strategy, lambda _: True) == {"type": "rename", "id": "10", "name": "x"}


@pytest.mark.parametrize(
    ("declared", "error"), [({}, ValueError), ({1: {}}, TypeError), ({"a": 1}, TypeError)]
)
def test_what_declares_nothing_is_refused(declared: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        actions(declared)


@given(histories(ADD))
def test_ids_grow_with_their_node_and_all_that_arrives_can_be_played(history: History) -> None:
    metas = {a.meta.id: a.meta for a in history.arrivals if a.undone is None}
    for node in ("n1", "n2", "n3"):
        own = [meta for id, meta in metas.items() if f" {node} " in id]
        assert [meta.key[3] for meta in own] == sorted({meta.key[3] for meta in own})
    assert history.play(last).state == history.fold(last)
    assert [meta.key for _, meta in history.entries()] == sorted(
        meta.key for id, meta in metas.items() if id not in history.undone
    )


@pytest.mark.parametrize(
    "kind",
    ["late", "twice", "undone before it comes", "a batch", "three nodes", "a clock set back"],
)
def test_histories_have_all_that_can_happen(kind: str) -> None:
    def has(history: History) -> bool:
        acts = [arrival for arrival in history.arrivals if arrival.undone is None]
        ids = [arrival.meta.id for arrival in acts]
        keys = [arrival.meta.key for arrival in acts]
        match kind:
            case "late":
                return keys != sorted(keys) and len(set(ids)) == len(ids)
            case "twice":
                return len(set(ids)) < len(ids)
            case "undone before it comes":
                seen: set[str] = set()
                for arrival in history.arrivals:
                    if arrival.undone is not None and arrival.undone not in seen:
                        return True
                    seen.add(arrival.meta.id)
                return False
            case "a batch":
                return any(len(batch) > 1 for batch in history.batches)
            case "three nodes":
                return len({id.split(" ")[1] for id in ids}) == 3
            case _:
                own = [a.meta for a in acts if " n1 " in a.meta.id]
                return any(b.time < a.time for a, b in pairwise(own))

    assert has(find(histories(ADD), has, settings=FAST))


def test_a_history_without_undos_has_none() -> None:
    @FAST
    @given(histories(ADD, undos=False, nodes=1, max_actions=3))
    def check(history: History) -> None:
        assert history.undone == set()
        assert len(history.entries()) <= 3
        assert {meta.id.split(" ")[1] for _, meta in history.entries()} <= {"n1"}

    check()


def test_a_history_reads_as_a_table() -> None:
    first, second = Meta("5 n1 0", 5), Meta("3 n2 0", 3)
    undo = Arrival({"type": "logux/undo", "id": "5 n1 0"}, Meta("9 server 0", 9), "5 n1 0")
    history = History(
        [
            [Arrival({"type": "add", "n": 1}, first)],
            [Arrival({"type": "add", "n": 2}, second), undo],
        ]
    )
    assert str(history).splitlines() == [
        "arrival  order  node  time  action",
        '      1      -  n1    5     {"type":"add","n":1}',
        '      2      1  n2    3     {"type":"add","n":2}',
        "      2      -        undo of 5 n1 0",
    ]
    assert history.fold(last) == [2]
    assert history.without("5 n1 0").undone == set()
    assert History([history.batches[0]]).without("5 n1 0").fold(last) == []
    assert repr(history) == "<History of 3 arrivals>"
    # Where Hypothesis tells of a failing test, the table is.
    assert [line.strip() for line in pretty(history).splitlines()] == [
        *("", *(line.strip() for line in str(history).splitlines()))
    ]
