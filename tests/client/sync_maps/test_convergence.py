"""Whatever comes, and in whatever order: objects are the plain fold of the sorted actions that were
not undone, and lists are what a look at each object finds.
"""

from collections.abc import Iterable
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logux_store import SyncMap, SyncMapTemplate, create_store_creator, sync_map_template
from logux_store.client.sync_maps.fold import confirmed, fold, outdated, sorted_entries
from logux_store.meta import Entry, Meta
from logux_store.testing import TestClient

IDS = ("1", "2")
NOW = 1000
WANTED: tuple[dict[str, Any], ...] = ({}, {"a": 0}, {"a": 0, "b": 1})

fields = st.dictionaries(st.sampled_from("ab"), st.integers(0, 1), min_size=1)
ids = st.sampled_from(IDS)
times = st.integers(1, 2 * NOW)
answers = st.tuples(st.sampled_from(["processed", "undo"]), st.integers(0, 5))
moves = st.tuples(st.just("move"), st.integers(0, 5), times)


def steps(times: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    """What the user does, what others have done, and the server's answers to the former."""
    return st.one_of(
        st.tuples(st.sampled_from(["create", "change"]), ids, fields),
        st.tuples(st.just("delete"), ids),
        st.tuples(st.sampled_from(["created", "changed"]), ids, times, fields),
        st.tuples(st.just("deleted"), ids, times),
        answers,
    )


class Model:
    """A client without a connection, and all that it has heard that was not undone."""

    def __init__(self, template: SyncMapTemplate, has_store: bool = False) -> None:
        self.template = template
        self.clock = count(NOW).__next__
        self.client = TestClient("ann", clock=self.clock)
        if has_store:
            create_store_creator(self.client)(lambda state, action: state)
        self.maps = template(self.client)
        self.entries: dict[str, Entry] = {}
        self.pending: list[str] = []
        self.count = 0
        self.client.on("add", self._heard)
        self.open = [self.maps.open(id) for id in IDS]
        for id in IDS:
            self.hear("created", id, 1, {"a": 0, "b": 0})
        self.filters = [self.maps.create_filter(wanted) for wanted in WANTED]

    def _heard(self, action: Any, meta: Any) -> None:
        if action["type"].startswith("tasks/"):
            self.entries[meta.id] = (action, meta)

    def hear(self, verb: str, id: str, time: int, *fields: Any) -> None:
        """Others have done something, at this time, or now if it is 0."""
        action = {"type": f"tasks/{verb}", "id": id}
        if fields:
            action["fields"] = fields[0]
        self.count += 1
        self.client.log.add(action, id=f"{self.count} server:x 0", time=time or self.clock())

    def do(self, verb: str, *arguments: Any) -> None:
        if verb in ("created", "changed", "deleted"):
            self.hear(verb, *arguments)
        elif verb in ("processed", "undo", "move"):
            if self.pending:
                self._decide(verb, self.pending[arguments[0] % len(self.pending)], *arguments[1:])
        else:
            if verb == "create":
                arguments = ({"id": arguments[0], **arguments[1]},)
            self.pending.append(getattr(self.maps, verb)(*arguments).id)

    def _decide(self, verb: str, id: str, time: int = 0) -> None:
        if verb == "move":
            self.client.log.move(id, time)
            return
        self.pending.remove(id)
        entry = self.entries.pop(id)
        answer = self.client.log.generate_id()
        if verb == "processed":
            self.entries[id] = confirmed(entry, Meta(answer, 0))
        self.client.log.add({"type": f"logux/{verb}", "id": id, "reason": "error"}, id=answer)

    def may_be_deleted(self, id: str) -> bool:
        """Whether it is deleted, or would be if what waits for its answer was undone."""
        return self.expected(id)[2] or self.expected(id, without=self.pending)[2]

    def expected(self, id: str, without: Iterable[str] = ()) -> tuple[dict[str, Any], bool, bool]:
        entries = [
            (action, meta)
            for action, meta in self.entries.values()
            if action["id"] == id and meta.id not in without
        ]
        return fold(self.template.names, sorted_entries(entries, self.pending.__contains__))

    def check(self, maps: list[SyncMap]) -> None:
        for map in maps:
            assert (map.fields, map.exists, map.deleted) == self.expected(map.id)
            mine = {meta.id for action, meta in self.entries.values() if action["id"] == map.id}
            assert map.is_saving == bool(mine.intersection(self.pending))

    def check_filters(self) -> None:
        for filter in self.filters:
            found = {id: self.expected(id) for id in IDS}
            assert {id: map.fields for id, map in filter.maps.items()} == {
                id: fields
                for id, (fields, exists, _) in found.items()
                if exists and filter.fields.items() <= fields.items()
            }


@pytest.mark.parametrize("offline", [False, True])
@given(steps=st.lists(steps(times) | moves, max_size=12))
def test_objects_and_lists_are_what_the_sorted_actions_make_of_them(
    offline: bool, steps: list[Any]
) -> None:
    model = Model(sync_map_template("tasks", offline=offline))
    for step in steps:
        model.do(*step)
        model.check(model.open)
        model.check_filters()


@pytest.mark.parametrize("has_store", [False, True])
@given(steps=st.lists(steps(st.just(0)), max_size=12))
def test_the_log_has_what_the_next_run_needs(has_store: bool, steps: list[Any]) -> None:
    model = Model(sync_map_template("tasks", offline=True), has_store)
    for step in steps:
        # The log does not remember what was deleted for the sake of what is written to it later.
        if step[0] not in ("change", "changed") or not model.may_be_deleted(step[1]):
            model.do(*step)
    again = TestClient("ann", store=model.client.log.store)
    for map in model.open:
        same = model.template(again).open(map.id)
        assert (same.fields, same.exists) == (map.fields, map.exists)
        assert same.is_saving == map.is_saving
        kept = [*model.maps.kept.entries(map.id)]
        assert outdated(model.template.names, kept, model.pending.__contains__) == []
