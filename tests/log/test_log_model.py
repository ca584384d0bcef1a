"""A log against a plain list, whatever is done to both and whatever the clock does."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from logux_store.actions import Action
from logux_store.ids import id_time, order_key
from logux_store.log import Log
from logux_store.meta import Meta

foreign_ids = st.builds(
    lambda ms, node: f"{ms} {node} 0", st.integers(0, 30), st.sampled_from("xyz")
)
reason_names = st.sampled_from("rs")
reason_lists = st.lists(reason_names, unique=True)
times = st.integers(0, 30)


class LogMachine(RuleBasedStateMachine):
    """Each row of the model is a meta's id, time and reasons, in the order of arrival."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.log = Log("m", clock=lambda: self.now)
        self.model: list[tuple[str, int, list[str]]] = []
        self.own: list[str] = []
        self.moved: set[str] = set()
        self.events: list[tuple[str, str]] = []
        self.expected: list[tuple[str, str]] = []
        self.log.on("add", lambda action, meta: self.events.append(("add", meta.id)))
        self.log.type(
            "t", lambda action, meta: self.events.append(("clean", meta.id)), event="clean"
        )

    def ids(self) -> list[str]:
        return [id for id, _, _ in self.model]

    def choose(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from([*self.ids(), "99 x 0"]))

    def take_off(self, reason: str, chosen: set[str]) -> None:
        for id, _, reasons in self.model:
            if id in chosen and reason in reasons:
                reasons.remove(reason)
                if not reasons:
                    self.expected.append(("clean", id))
        self.model = [row for row in self.model if row[2]]

    @initialize(rows=st.lists(st.tuples(foreign_ids, times, reason_lists)))
    def fill(self, rows: list[tuple[str, int, list[str]]]) -> None:
        for id, time, reasons in rows:
            self.add(id, time, reasons, None, 0)

    @rule(now=times)
    def set_clock(self, now: int) -> None:
        self.now = now

    @rule(
        id=st.none() | foreign_ids,
        time=st.none() | times,
        reasons=reason_lists,
        keep_last=st.none() | reason_names,
        offset=st.integers(-5, 5),
    )
    def add(
        self,
        id: str | None,
        time: int | None,
        reasons: list[str],
        keep_last: str | None,
        offset: int,
    ) -> None:
        self.log.offset = offset
        keys: dict[str, Any] = {"id": id, "time": time, "reasons": reasons, "keep_last": keep_last}
        meta = self.log.add({"type": "t"}, **keys)
        if id in self.ids():
            assert meta is None
            return
        assert meta is not None
        assert id in (None, meta.id)
        assert time in (None, meta.time)
        if id is None:
            self.own.append(meta.id)
            if time is not None:
                self.moved.add(meta.id)
        if keep_last is not None:
            reasons = [*reasons, keep_last] if keep_last not in reasons else reasons
            older = {old for old, at, _ in self.model if order_key(old, at) < meta.key}
            self.take_off(keep_last, older)
        self.expected.append(("add", meta.id))
        if reasons:
            self.model.append((meta.id, meta.time, [*reasons]))
        else:
            self.expected.append(("clean", meta.id))

    @rule(data=st.data(), reasons=reason_lists)
    def change_meta(self, data: st.DataObject, reasons: list[str]) -> None:
        id = self.choose(data)
        assert self.log.change_meta(id, reasons=reasons) == (id in self.ids())
        if id in self.ids() and not reasons:
            self.expected.append(("clean", id))
        self.model = [(i, t, [*reasons] if i == id else r) for i, t, r in self.model]
        self.model = [row for row in self.model if row[2]]

    @rule(data=st.data(), time=times)
    def move(self, data: st.DataObject, time: int) -> None:
        id = self.choose(data)
        assert self.log.move(id, time) == (id in self.ids())
        self.model = [(i, time if i == id else t, r) for i, t, r in self.model]
        self.moved.add(id)

    @rule(reason=reason_names, data=st.data(), older=st.booleans())
    def remove_reason(self, reason: str, data: st.DataObject, older: bool) -> None:
        id, bound = self.choose(data), Meta("5 y 0", data.draw(times))
        if older:
            self.log.remove_reason(reason, older_than=bound)
            chosen = {i for i, at, _ in self.model if order_key(i, at) < bound.key}
            self.take_off(reason, chosen)
        else:
            self.log.remove_reason(reason, id=id)
            self.take_off(reason, {id})

    @invariant()
    def both_hold_the_same(self) -> None:
        def rows(**options: Any) -> list[tuple[str, int, list[str]]]:
            return [(m.id, m.time, m.reasons) for _, m in self.log.entries(**options)]

        by_time = sorted(self.model, key=lambda row: order_key(row[0], row[1]))
        assert rows() == by_time
        assert rows(newest_first=True) == by_time[::-1]
        assert rows(order="added") == self.model
        assert rows(order="added", newest_first=True) == self.model[::-1]
        assert all(self.found(id) for id in self.ids())

    def found(self, id: str) -> bool:
        entry: tuple[Action, Meta] | None = self.log.by_id(id)
        return entry is not None and entry[1].id == id

    @invariant()
    def everything_was_announced(self) -> None:
        assert self.events == self.expected

    @invariant()
    def own_ids_increase_and_own_actions_stay_in_order(self) -> None:
        made = [id_time(id) for id in self.own]
        assert made == sorted(set(made))
        unmoved = [m for _, m in self.log.entries() if m.id in self.own and m.id not in self.moved]
        assert [m.id for m in unmoved] == [id for id in self.own if id in {m.id for m in unmoved}]


TestLogMachine = LogMachine.TestCase
