"""Opening a log with a snapshot gives the state that folding everything gives."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logux_store import (
    Client,
    LogStore,
    MemoryStore,
    Slice,
    Store,
    combine_reducers,
    create_store_creator,
)
from logux_store.testing import TestPair

Action = dict[str, Any]


def trace(state: list[str] | None, action: Action) -> list[str]:
    """Keeps every action's name, in the order in which they were applied."""
    if action["type"] == "fail":
        raise ZeroDivisionError
    return [*(state or []), action["name"]] if action["type"] == "add" else state or []


def add(name: str) -> Action:
    return {"type": "add", "name": name}


class Clock:
    def __init__(self) -> None:
        self.now = 1000

    def __call__(self) -> int:
        self.now += 10
        return self.now


class Program:
    """A program that can be started again over the same log."""

    def __init__(self, log_store: LogStore | None = None, reducer: Any = trace, **options: Any):
        self.log_store: LogStore = MemoryStore() if log_store is None else log_store
        self.clock = Clock()
        self.reducer = reducer
        self.missed: list[Action] = []
        self.options = {"snapshot": "1", "reasonless_history": 30, **options}
        self.start()

    def start(self, **options: Any) -> None:
        self.options |= options
        client = Client(
            server=TestPair().left,
            subprotocol=1,
            user_id="10",
            store=self.log_store,
            clock=self.clock,
            ping=None,
            timeout=None,
        )
        create_store = create_store_creator(
            client, on_missed_history=self.missed.append, **self.options
        )
        self.store: Store[Any] = create_store(self.reducer)

    def add(self, *names: object, **keys: Any) -> None:
        for name in names:
            self.store.dispatch.cross_tab(add(str(name)), **keys)

    def from_server(self, name: str, time: int, **keys: Any) -> str:
        id = f"{time} 20:a:b 0"
        self.store.log.add(add(name), id=id, time=time, **keys)
        return id

    def answer(self, id: str) -> None:
        self.store.log.add({"type": "logux/processed", "id": id})

    def undo(self, undone: str, **keys: Any) -> None:
        self.store.log.add({"type": "logux/undo", "id": undone, "reason": "error"}, **keys)

    def snapshot(self) -> Any:
        return self.log_store.value("snapshot")

    @property
    def kept(self) -> int:
        return len([*self.log_store.entries()])


def names(start: int, stop: int) -> list[str]:
    return [*map(str, range(start, stop))]


def test_what_history_drops_stays_in_the_state() -> None:
    program = Program()
    program.add(*range(1000))
    assert program.kept <= 120
    program.start()
    assert program.store.state == names(0, 1000)
    program.add(*range(1000, 2000))
    program.start()
    assert program.store.state == names(0, 2000)
    assert program.missed == []


def test_opening_folds_only_what_came_after_the_snapshot() -> None:
    program = Program()
    program.add(*range(1000), reasons=["own"])
    assert program.kept == 1000, "the application keeps them"
    folded: list[str] = []

    def counting(state: list[str] | None, action: Action) -> list[str]:
        folded.append(action["type"])
        return trace(state, action)

    program.reducer = counting
    program.start()
    assert program.store.state == names(0, 1000)
    assert folded.count("add") == len(program.store._timeline) <= 2 * 30 + 25


def test_a_log_that_was_never_saved_is_saved_when_it_is_opened() -> None:
    program = Program(snapshot=None)
    program.add(*range(200), reasons=["own"])
    assert program.snapshot() is None
    program.start(snapshot="1")
    assert program.store.state == names(0, 200)
    assert program.snapshot()["state"] == names(0, 170)


def test_without_a_version_nothing_is_saved() -> None:
    program = Program(snapshot=None)
    program.add(*range(200))
    assert program.snapshot() is None
    assert program.kept <= 55


def test_a_snapshot_that_other_reducers_have_made_is_ignored() -> None:
    program = Program()
    program.add(*range(200), reasons=["own"])
    assert program.snapshot()["version"] == "1"
    program.reducer = lambda state, action: (state or 0) + (action["type"] == "add")
    program.start(snapshot="2")
    assert program.store.state == 200
    assert program.snapshot() == {**program.snapshot(), "version": "2", "state": 170}


def test_nothing_that_the_server_has_still_to_answer_is_saved() -> None:
    program = Program()
    outcome = program.store.dispatch.sync(add("pending"))
    program.add(*range(25))
    program.add(*range(25, 50))
    assert program.snapshot() is None
    program.start()
    program.undo(outcome.id)
    program.add(*range(50, 120))
    assert program.store.state == names(0, 120)
    assert program.snapshot()["state"] == names(0, 45)
    program.start()
    assert program.store.state == names(0, 120)
    assert program.missed == []


def test_what_the_server_has_still_to_answer_can_be_undone_for_long() -> None:
    program = Program()
    outcome = program.store.dispatch.sync(add("pending"))
    program.add(*range(300))
    program.undo(outcome.id)
    assert program.store.state == names(0, 300)
    assert program.missed == []


def test_while_an_answer_is_awaited_the_log_keeps_what_is_not_saved() -> None:
    program = Program()
    outcome = program.store.dispatch.sync(add("pending"))
    program.add(*range(500))
    assert program.snapshot() is None
    assert program.kept == 501
    program.start()
    program.answer(outcome.id)
    program.add(*range(500, 600))
    assert program.kept < 120
    program.start()
    assert program.store.state == ["pending", *names(0, 600)]


def test_an_unanswered_action_is_not_saved_though_the_timeline_has_no_room_for_it() -> None:
    program = Program()
    outcome = program.store.dispatch.sync(add("pending"))
    for n in range(100):
        program.store.dispatch(add(f"local {n}"))
    assert program.store._timeline.base > (), "what is one tab's alone pushed it out"
    program.add(*range(100))
    assert program.snapshot() is None
    # It gets a place right after what is forgotten, while it is remembered that it was there.
    program.from_server("late", 1005)
    program.answer(outcome.id)
    program.add(*range(100, 125))
    program.start()
    assert program.store.state[0] == "pending"
    assert sorted(program.store.state) == sorted(["pending", "late", *names(0, 125)])
    program.add(*range(125, 300))
    assert program.snapshot()["state"][:1] == ["pending"]
    program.start()
    assert sorted(program.store.state) == sorted(["pending", "late", *names(0, 300)])


def test_no_snapshot_is_saved_that_a_missed_action_would_not_follow() -> None:
    program = Program()
    outcome = program.store.dispatch.sync(add("pending"))
    for n in range(100):
        program.store.dispatch(add(f"local {n}"))
    program.from_server("late", 1005)
    program.answer(outcome.id)
    program.add(*range(25))
    program.start()
    assert program.store.state == ["late", "pending", *names(0, 25)]


def test_what_is_noted_of_an_action_is_forgotten_with_it() -> None:
    program = Program()
    snapshots = program.store._snapshots
    assert snapshots is not None
    for n in range(500):
        program.store.dispatch(add("local"))
        meta = program.store.dispatch.local(add("undone"))
        assert meta is not None
        program.undo(meta.id)
        program.answer(program.store.dispatch.sync(add(str(n))).id)
    assert len(snapshots._local) <= 2 * 30 + 25
    assert len(snapshots._pending) <= 2 * 30 + 25
    outcome = program.store.dispatch.sync(add("pending"))
    program.store.log.change_meta(outcome.id, reasons=[])
    assert outcome.id not in snapshots._pending


def test_what_is_one_tabs_alone_is_not_saved() -> None:
    program = Program()
    for n in range(0, 200, 2):
        program.add(n)
        program.store.dispatch(add(f"local {n}"))
        program.store.dispatch.local(add(str(n + 1)))
    live = program.store.state
    assert len(live) == 300
    assert set(program.snapshot()["state"]) <= set(names(0, 200)[::2])
    program.start()
    assert program.store.state == names(0, 200)[::2]


def test_a_late_action_after_the_snapshot_is_put_in_its_place() -> None:
    program = Program()
    program.add(*range(200))
    program.from_server("late", program.clock.now - 5)
    assert program.store.state == [*names(0, 199), "late", "199"]
    program.start()
    program.from_server("later", program.clock.now - 15)
    expected = [*names(0, 198), "later", "198", "late", "199"]
    assert program.store.state == expected
    program.start()
    assert program.store.state == expected
    assert program.missed == []


def test_an_action_from_before_the_snapshot_is_missed_in_every_run() -> None:
    program = Program()
    program.add(*range(200), reasons=["own"])
    program.from_server("late", 1005)
    live = program.store.state
    assert live.index("late") == len(program.snapshot()["state"])
    assert program.missed == [add("late")]
    program.start()
    assert program.store.state == live
    assert program.missed == [add("late")], "it is reported once"
    program.add(*range(200, 400))
    program.from_server("latest", 1006)
    live = program.store.state
    program.start()
    assert program.store.state == live
    assert program.missed == [add("late"), add("latest")]


def test_a_missed_action_is_kept_until_a_snapshot_holds_it() -> None:
    program = Program()
    program.add(*range(60))
    outcome = program.store.dispatch.sync(add("pending"))
    program.add(*range(60, 74))
    assert len(program.snapshot()["state"]) == 45
    program.from_server("late", 1005)
    program.add(*range(74, 400))
    assert len(program.snapshot()["state"]) == 45, "the pending action keeps it from being saved"
    live = program.store.state
    program.start()
    assert program.store.state == live
    program.answer(outcome.id)
    program.add(*range(400, 600))
    live = program.store.state
    program.start()
    assert program.store.state == live
    assert live.count("late") == 1


def test_a_missed_action_that_the_log_keeps_is_applied_once() -> None:
    program = Program()
    program.add(*range(200))
    program.from_server("late", 1005, reasons=["own"])
    program.add(*range(200, 400))
    live = program.store.state
    assert "late" in program.snapshot()["state"]
    program.start()
    assert program.store.state == live
    assert live.count("late") == 1


def test_an_undo_from_before_the_snapshot_is_missed_in_every_run() -> None:
    program = Program()
    ids = [program.from_server(str(n), 1000 + n) for n in range(200)]
    program.undo(ids[5])
    missed = [{"type": "logux/undo", "id": ids[5]}]
    assert (program.store.state, program.missed) == (names(0, 200), missed)
    program.start()
    assert (program.store.state, program.missed) == (names(0, 200), missed)


def test_undone_actions_stay_undone() -> None:
    program = Program()
    ids = [program.from_server(str(n), 1000 + n) for n in range(200)]
    program.undo("1203 20:a:b 0", time=1003, id="1003 30:a:b 0")
    for n in (175, 195):
        program.undo(ids[n])
    for n in range(200, 220):
        program.from_server(str(n), 1000 + n)
    expected = [name for name in names(0, 220) if name not in ("175", "195", "203")]
    assert program.store.state == expected
    program.start()
    assert program.store.state == expected
    program.from_server("203", 1203)
    program.from_server("220", 1220)
    assert program.store.state == [*expected, "220"]
    assert program.missed == []


def test_an_undo_from_before_the_snapshot_is_known_when_its_action_comes() -> None:
    program = Program()
    for n in range(74):
        program.from_server(str(n), 1000 + n)
    program.undo("1080 20:a:b 0", time=1003, id="1003 30:a:b 0")
    assert program.snapshot() is None
    program.from_server("74", 1074)
    assert program.snapshot()["time"] > 1003
    program.start()
    program.from_server("undone", 1080)
    assert program.store.state == names(0, 75)


def test_a_batch_is_saved_as_a_whole() -> None:
    program = Program()
    for start in range(0, 1000, 100):
        with program.store.log.batch():
            program.add(*range(start, start + 100))
            program.from_server(f"late {start}", 1000 + 10 * start + 500)
    live = program.store.state
    assert len(live) == 1010
    program.start()
    assert program.store.state == live


def test_a_replaced_reducer_makes_the_next_snapshots() -> None:
    program = Program(reducer={"names": trace})
    program.add(*range(100))
    count = Slice(0, {"add": lambda state, action: state + 1})
    program.reducer = combine_reducers({"names": trace, "count": count})
    program.store.replace_reducer(program.reducer)
    program.add(*range(100, 300))
    live = program.store.state
    assert live["names"] == names(0, 300)
    program.start()
    assert program.store.state == live


def test_a_reducer_that_raises_is_saved_as_if_the_action_were_not_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    program = Program()
    for n in range(100):
        program.add(n)
        with pytest.raises(ZeroDivisionError):
            program.store.dispatch.cross_tab({"type": "fail"})
    program.start()
    assert program.store.state == names(0, 100)
    assert "A reducer raised at actions that the log holds" in caplog.text


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ((1, 2), r"the state\['a'\]\[0\] is a builtins.tuple"),
        ({1: 2}, r"the state\['a'\]\[0\] has the key 1, which is no string"),
        (date(2020, 1, 1), r"is a datetime.date"),
        (float("inf"), r"is inf"),
    ],
)
def test_a_state_that_is_not_json_is_refused_when_the_store_is_made(part: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text + r".*give .* encode_state"):
        Program(reducer=lambda state, action: {"a": [part]})


def test_a_state_that_stops_being_json_is_refused_when_it_would_be_saved() -> None:
    program = Program(reducer=lambda state, action: (1,) if action.get("name", "") > "4" else [])
    program.add(*range(50))
    with pytest.raises(TypeError, match=r"builtins.tuple"):
        program.add(*range(50, 200))


def test_any_state_can_be_saved_with_functions_that_make_json_of_it() -> None:
    def tuples(state: tuple[str, ...] | None, action: Action) -> tuple[str, ...]:
        return (*(state or ()), action["name"]) if action["type"] == "add" else state or ()

    def split(text: str) -> tuple[str, ...]:
        return (*text.split("-"),)

    program = Program(reducer=tuples, encode_state="-".join, decode_state=split)
    program.add(*range(200))
    assert program.snapshot()["state"].startswith("0-1-2")
    program.start()
    assert program.store.state == (*names(0, 200),)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"snapshot": 1}, "snapshot is the version of the reducers, a string, not 1"),
        ({"encode_state": list}, "given together"),
        ({"decode_state": list}, "given together"),
        ({"snapshot": None, "encode_state": list, "decode_state": list}, "is for snapshots"),
    ],
)
def test_a_wrong_option_is_refused(options: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        Program(**options)


# -- in general --

steps = st.one_of(
    st.tuples(st.just("own"), st.sampled_from(["cross_tab", "local", "sync", "kept", "dispatch"])),
    st.tuples(st.just("late"), st.integers(1, 400)),
    st.tuples(st.just("undo"), st.integers(0, 30)),
    st.tuples(st.just("undo first"), st.integers(1, 400)),
    st.tuples(st.just("answer"), st.integers(0, 5)),
    st.tuples(st.just("many"), st.integers(1, 40)),
    st.tuples(st.just("batch"), st.integers(1, 6)),
    st.just(("start",)),
)


class Run:
    """A program and what has to come of it: the plain fold over everything that ever came."""

    def __init__(self, log_store: LogStore, history: int, save_state_every: int) -> None:
        self.program = Program(
            log_store, reasonless_history=history, save_state_every=save_state_every
        )
        self.known: dict[str, tuple[Any, str]] = {}
        self.local: set[str] = set()
        self.undone: set[str] = set()
        self.pending: list[str] = []
        self.number = 0
        self.listen()

    def listen(self) -> None:
        def note(action: Action, meta: Any) -> None:
            if action["type"] == "logux/undo":
                self.undone.add(action["id"])
            elif action["type"] == "add":
                self.known[meta.id] = (meta.key, action["name"])
                if meta.tab is not None:
                    self.local.add(meta.id)

        self.program.store.log.on("add", note)

    @property
    def horizon(self) -> int:
        """What comes with a later time than this must be put in its place."""
        base = self.program.store._timeline.base
        return int(base[0]) if base else 0

    def free_time(self, back: int) -> int:
        """A time that many milliseconds ago that no other action has, after the horizon."""
        time = max(self.program.clock.now - back, self.horizon + 1)
        return time if time % 10 else time + 1

    def do(self, step: Any) -> None:
        self.number += 1
        program, action = self.program, add(str(self.number))
        dispatch = program.store.dispatch
        match step:
            case ("own", "kept"):
                dispatch.cross_tab(action, reasons=["own"])
            case ("own", "dispatch"):
                dispatch(action)
            case ("own", "sync"):
                self.pending.append(dispatch.sync(action).id)
            case ("own", way):
                getattr(dispatch, way)(action)
            case ("late", back):
                time = self.free_time(back)
                program.store.log.add(action, id=f"{time} 20:a:b {self.number}", time=time)
            case ("undo first", back):
                time = self.free_time(back)
                program.undo(f"{time} 20:a:b {self.number + 1}")
                if back % 2:
                    self.do(("late", back))
            case ("undo", n):
                found = [id for id, (key, _) in self.known.items() if key[0] > self.horizon]
                if found:
                    program.undo(found[n % len(found)])
            case ("answer", n) if self.pending:
                id = self.pending.pop(n % len(self.pending))
                program.store.log.add({"type": "logux/processed", "id": id})
            case ("many", count):
                for _ in range(count):
                    self.do(("own", "cross_tab"))
            case ("start",):
                program.start()
                for id in self.local:
                    self.known.pop(id, None)
                self.local.clear()
                self.listen()

    def check(self) -> None:
        live = [pair for id, pair in self.known.items() if id not in self.undone]
        assert self.program.store.state == [name for _, name in sorted(live)]
        assert self.program.missed == []


def check_all(log_store: LogStore, script: list[Any], history: int, every: int) -> None:
    run = Run(log_store, history, every)
    rest = [*script, ("start",)]
    while rest:
        step, *rest = rest
        if step[0] == "batch":
            batch = [one for one in rest[: step[1]] if one[0] not in ("batch", "start")]
            rest = rest[step[1] :]
            with run.program.store.log.batch():
                for one in batch:
                    run.do(one)
        else:
            run.do(step)
        run.check()


@given(st.lists(steps, max_size=40), st.integers(1, 12), st.integers(1, 5))
def test_a_log_that_is_opened_again_and_again_gives_the_fold_over_everything(
    script: list[Any], history: int, every: int
) -> None:
    check_all(MemoryStore(), script, history, every)


def test_the_search_above_does_save_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[int] = []
    set_value: Callable[..., None] = MemoryStore.set_value

    def spy(store: MemoryStore, name: str, value: Any) -> None:
        if name == "snapshot":
            saved.append(len(value["state"]))
        set_value(store, name, value)

    monkeypatch.setattr(MemoryStore, "set_value", spy)
    script: list[Any] = [("many", 40), ("own", "sync"), ("late", 20), ("answer", 0), ("many", 40)]
    check_all(MemoryStore(), [*script, ("start",), *script], 5, 3)
    assert len(saved) >= 4
    assert saved == sorted(saved)
