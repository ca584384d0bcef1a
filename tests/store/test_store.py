"""The store against the plain fold over its log, and each promise of its docstrings."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logux_store import Client, CrossTabClient, Slice, Store, create_store_creator
from logux_store.client.tabs import MemorySpace
from logux_store.log import MemoryStore
from logux_store.meta import Meta
from logux_store.testing import TestPair

Action = dict[str, Any]


def trace(state: tuple[str, ...] | None, action: Action) -> tuple[str, ...]:
    """Keeps every action's name, in the order in which they were applied."""
    if action["type"] == "fail":
        raise ZeroDivisionError
    return state or () if action["type"] != "add" else (*(state or ()), action["name"])


def add(name: str) -> Action:
    return {"type": "add", "name": name}


def undo(id: str) -> Action:
    return {"type": "logux/undo", "id": id, "reason": "denied"}


def make_store(reducer: Any = trace, **options: Any) -> Store[Any]:
    client = Client(server=TestPair().left, subprotocol=1, user_id="10", clock=Clock())
    return create_store_creator(client, **options)(reducer)


class Clock:
    def __init__(self) -> None:
        self.now = 1000

    def __call__(self) -> int:
        self.now += 10
        return self.now


def from_server(store: Store[Any], action: Action, time: int, n: int = 0) -> str:
    """Add an action as if it had come from elsewhere."""
    id = f"{time} 20:a:b {n}"
    store.log.add(action, id=id, time=time)
    return id


def test_a_store_works_without_an_event_loop() -> None:
    store = make_store()
    assert store.state == store.get_state() == ()
    store.dispatch(add("a"))
    store.dispatch.local(add("b"))
    store.dispatch.cross_tab(add("c"))
    store.dispatch.sync(add("d"))
    assert store.state == ("a", "b", "c", "d")


async def test_initialize_gives_the_store_each_time() -> None:
    store = make_store()
    assert await store.initialize is store
    assert await store.initialize is store


def test_each_way_to_dispatch_has_its_meta() -> None:
    store = make_store()
    tab = store.client.tab_id
    store.dispatch(add("a"))
    store.dispatch.local(add("b"))
    store.dispatch.cross_tab(add("c"), colour="red")
    store.dispatch.sync(add("d"))
    metas = [meta for _, meta in store.log.entries()]
    assert [meta.tab for meta in metas] == [tab, tab, None, None]
    assert [meta.reasons for meta in metas] == [
        [f"timeTravelTab{tab}"],
        ["timeTravel"],
        ["timeTravel"],
        ["syncing", "timeTravel"],
    ]
    assert [meta.sync for meta in metas] == [False, False, False, True]
    assert metas[2].colour == "red"


def test_an_action_with_reasons_of_its_own_gets_none_from_the_store() -> None:
    store = make_store()
    store.dispatch.local(add("a"), reasons=["mine"])
    store.dispatch.cross_tab(add("b"), keep_last="latest")
    store.dispatch.sync(add("c"), reasons=["mine"])
    store.dispatch.cross_tab(add("d"), no_auto_reason=True)
    assert [meta.reasons for _, meta in store.log.entries()] == [
        ["mine"],
        ["latest"],
        ["mine", "syncing"],
    ]
    assert store.state == ("a", "b", "c", "d")


def test_a_late_action_is_put_in_its_place() -> None:
    store = make_store()
    store.dispatch(add("b"))
    from_server(store, add("a"), 1)
    from_server(store, add("c"), 10**6)
    assert store.state == ("a", "b", "c")
    assert store.replays == 1


def test_an_undone_action_leaves_no_trace() -> None:
    store = make_store()
    first = store.dispatch.cross_tab(add("a"))
    store.dispatch.cross_tab(add("b"))
    assert first is not None
    store.log.add(undo(first.id))
    assert store.state == ("b",)


def test_an_action_that_was_undone_before_it_came_is_not_applied() -> None:
    store = make_store()
    store.log.add(undo("5 20:a:b 0"))
    from_server(store, add("a"), 5)
    assert store.state == ()


def test_an_undo_is_kept_as_long_as_the_action_that_it_undoes() -> None:
    store = make_store()
    meta = store.dispatch.cross_tab(add("a"), reasons=["mine"])
    assert meta is not None
    store.log.add(undo(meta.id), id="9000000 server:x 0")
    kept = store.log.by_id("9000000 server:x 0")
    assert kept is not None
    assert kept[1].reasons == ["mine"]


def test_an_undo_does_not_wait_for_the_server_as_the_action_that_it_undoes_did() -> None:
    store = make_store()
    outcome = store.dispatch.sync(add("a"))
    store.log.add(undo(outcome.id), id="9000000 server:x 0")
    assert [meta.reasons for _, meta in store.log.entries()] == [["timeTravel"]] * 2
    assert store.state == ()


@pytest.mark.parametrize("id", [None, 5, ["1 a 0"], "no id"])
def test_an_undo_of_what_is_no_action_changes_nothing(id: Any) -> None:
    store = make_store()
    store.dispatch(add("a"))
    store.log.add({"type": "logux/undo", "id": id})
    assert store.state == ("a",)


def test_actions_of_other_tabs_and_of_the_protocol_do_not_reach_the_state() -> None:
    seen: list[str] = []

    def reducer(state: int | None, action: Action) -> int:
        seen.append(action["type"])
        return 0

    store = make_store(reducer)
    store.log.add(add("a"), tab="other", reasons=["x"])
    store.client.sync({"type": "logux/subscribe", "channel": "c"})
    store.log.add({"type": "logux/processed", "id": "1 a 0"})
    assert seen == ["@@init"]


def test_change_comes_with_the_states_the_action_and_its_meta() -> None:
    store = make_store()
    heard: list[Any] = []
    unbind = store.on("change", lambda *event: heard.append(event))
    store.dispatch(add("a"))
    [(new, old, action, meta)] = heard
    assert (new, old, action) == (("a",), (), add("a"))
    assert store.log.by_id(meta.id) == (action, meta)
    unbind()
    store.dispatch(add("b"))
    assert len(heard) == 1
    with pytest.raises(ValueError, match="'change'"):
        store.on("changed", print)


def test_a_batch_replays_once_and_tells_of_every_action() -> None:
    calls: list[str] = []

    def reducer(state: tuple[str, ...] | None, action: Action) -> tuple[str, ...]:
        calls.append(action["type"])
        return trace(state, action)

    store = make_store(reducer)
    for name in "xyz":
        store.dispatch(add(name))
    heard: list[Any] = []
    told: list[Any] = []
    store.on("change", lambda new, old, action, meta: heard.append((new, old, action["name"])))
    store.subscribe(lambda: told.append(store.state))
    calls.clear()
    with store.log.batch():
        for time, name in enumerate("abc", 1):
            from_server(store, add(name), time)
        assert store.state == ("x", "y", "z")
    after = ("a", "b", "c", "x", "y", "z")
    assert heard == [(after, ("x", "y", "z"), name) for name in "abc"]
    assert told == [after]
    assert store.replays == 1
    assert len(calls) == 6


def test_listeners_hear_after_every_change_until_they_are_unbound() -> None:
    store = make_store()
    heard: list[Any] = []
    unbind = store.subscribe(lambda: heard.append(store.state))
    store.dispatch(add("a"))
    unbind()
    store.dispatch(add("b"))
    assert heard == [("a",)]


def test_a_selection_is_told_when_it_has_changed() -> None:
    store = make_store()
    heard: list[Any] = []
    unbind = store.select(len, lambda new, old: heard.append((new, old)))
    store.dispatch(add("a"))
    store.dispatch({"type": "other"})
    store.dispatch(add("b"))
    unbind()
    store.dispatch(add("c"))
    assert heard == [(1, 0), (2, 1)]


def test_a_selection_that_cannot_say_whether_it_is_equal_has_changed() -> None:
    class Vague:
        def __ne__(self, other: object) -> bool:
            raise ValueError("the truth value is ambiguous")

    first, second = Vague(), Vague()
    store = make_store(lambda state, action: second if action["type"] == "add" else first)
    heard: list[Any] = []
    store.select(lambda state: state, lambda new, old: heard.append((new, old)))
    store.dispatch(add("a"))
    store.dispatch(add("b"))
    assert heard == [(second, first)]


def test_what_cannot_be_called_does_not_listen() -> None:
    store = make_store()
    wrong: Any = None
    refused = pytest.raises(TypeError, match="a listener is a function, not None")
    with refused:
        store.subscribe(wrong)
    with refused:
        store.on("change", wrong)
    with refused:
        store.select(len, wrong)
    store.dispatch(add("a"))


def test_a_listener_may_dispatch() -> None:
    store = make_store()

    def once() -> None:
        if len(store.state) == 1:
            store.dispatch(add("b"))

    store.subscribe(once)
    store.dispatch(add("a"))
    assert store.state == ("a", "b")


@pytest.mark.parametrize("type", ["other", "logux/undo"])
def test_a_reducer_may_not_dispatch_and_the_log_stays_as_it_was(type: str) -> None:
    def reducer(state: int | None, action: Action) -> int:
        if action["type"] == "add":
            store.dispatch({"type": type, "id": "1 a 0"})
        return 0

    store = make_store(reducer)
    with pytest.raises(RuntimeError, match=f"a reducer may not dispatch; '{type}'"):
        store.dispatch(add("a"))
    assert [action for action, _ in store.log.entries()] == [add("a")]


def test_a_reducer_that_raises_changes_nothing_and_the_caller_hears_of_it() -> None:
    store = make_store()
    store.dispatch(add("a"))
    heard: list[Any] = []
    store.on("change", lambda new, old, action, meta: heard.append(action["type"]))
    with pytest.raises(ZeroDivisionError):
        store.dispatch({"type": "fail"})
    assert store.state == ("a",)
    assert heard == ["fail"]
    store.dispatch(add("b"))
    assert store.state == ("a", "b")


def test_an_interrupted_action_is_applied_with_the_next_one() -> None:
    interrupt = True

    def reducer(state: tuple[str, ...] | None, action: Action) -> tuple[str, ...]:
        if interrupt and action["type"] == "add":
            raise KeyboardInterrupt
        return trace(state, action)

    store = make_store(reducer)
    heard: list[str] = []
    store.on("change", lambda new, old, action, meta: heard.append(action["name"]))
    with pytest.raises(KeyboardInterrupt):
        store.dispatch(add("a"))
    assert store.state == ()
    interrupt = False
    store.dispatch(add("b"))
    assert store.state == ("a", "b")
    assert heard == ["a", "b"]


def test_reading_another_log_that_was_interrupted_is_done_with_the_next_action() -> None:
    def reducer(state: tuple[str, ...] | None, action: Action) -> tuple[str, ...]:
        if interrupt and action["type"] == "add":
            raise KeyboardInterrupt
        return trace(state, action)

    interrupt = False
    client = CrossTabClient(
        server=TestPair().left,
        subprotocol=1,
        user_id="10",
        space=lambda _: MemorySpace(),
        clock=Clock(),
    )
    store: Store[Any] = create_store_creator(client)(reducer)
    store.dispatch(add("a"))
    other = MemoryStore()
    other.add(add("b"), Meta("1 20:a:b 0", 1, ["timeTravel"]))
    interrupt = True
    with pytest.raises(KeyboardInterrupt):
        client.log.replace_store(other, (), (), (), starts=True)
    assert len(store.state) == 1
    interrupt = False
    store.dispatch(add("c"))
    assert store.state == ("b", "c")


@pytest.mark.parametrize("listens", [True, False])
def test_an_interrupted_undo_is_done_with_the_next_action(listens: bool) -> None:
    interrupt = False

    def reducer(state: tuple[str, ...] | None, action: Action) -> tuple[str, ...]:
        if interrupt and action.get("name") == "b":
            raise KeyboardInterrupt
        return trace(state, action)

    store = make_store(reducer)
    if listens:
        store.subscribe(lambda: None)
    undone = store.dispatch.cross_tab(add("a"))
    assert undone is not None
    store.dispatch(add("b"))
    interrupt = True
    with pytest.raises(KeyboardInterrupt):
        store.log.add({"type": "logux/undo", "id": undone.id})
    assert store.state == ("a", "b")
    interrupt = False
    heard: list[Any] = []
    store.on("change", lambda new, old, action, meta: heard.append((action["type"], old, new)))
    store.dispatch(add("c"))
    assert store.state == ("b", "c")
    change = (("a", "b"), ("b", "c"))
    assert heard == [("logux/undo", *change), ("add", *change)]


def test_what_the_report_of_missed_history_dispatches_is_told_once() -> None:
    def missed(action: Action) -> None:
        store.dispatch(add("reported"))
        if interrupt:
            raise KeyboardInterrupt

    interrupt = False
    store = make_store(reasonless_history=10, save_state_every=1, on_missed_history=missed)
    heard: list[str] = []
    store.on("change", lambda new, old, action, meta: heard.append(action["name"]))
    for n in range(100):
        store.dispatch(add(str(n)))
    heard.clear()
    from_server(store, add("late"), 1)
    assert sorted(heard) == ["late", "reported"]
    assert len(store.state) == 102
    interrupt = True
    with pytest.raises(KeyboardInterrupt):
        from_server(store, add("later"), 2)
    interrupt = False
    store.dispatch(add("next"))
    assert sorted(heard[2:]) == ["later", "next", "reported"]
    assert len(store.state) == 105


def test_an_interrupted_action_is_applied_when_the_reducer_is_replaced() -> None:
    def slow(state: tuple[str, ...] | None, action: Action) -> tuple[str, ...]:
        if action["type"] == "add":
            raise KeyboardInterrupt
        return ()

    store = make_store(slow)
    with pytest.raises(KeyboardInterrupt):
        store.dispatch(add("a"))
    store.replace_reducer(trace)
    assert store.state == ("a",)


def test_every_listener_is_called_before_their_errors_are_raised() -> None:
    store = make_store()
    heard: list[str] = []
    store.on("change", lambda *event: 1 / 0)
    store.on("change", lambda *event: heard.append("change"))
    store.subscribe(lambda: heard.append("subscribe"))
    with pytest.raises(ZeroDivisionError):
        store.dispatch(add("a"))
    assert heard == ["change", "subscribe"]
    with pytest.raises(ExceptionGroup):
        store.dispatch({"type": "fail"})


@pytest.mark.parametrize("bad", [None, "add", {}, {"type": 1}])
def test_what_is_not_an_action_is_refused_before_anything_is_added(bad: Any) -> None:
    store = make_store()
    for dispatch in (
        store.dispatch,
        store.dispatch.local,
        store.dispatch.cross_tab,
        store.dispatch.sync,
    ):
        with pytest.raises(TypeError, match="type"):
            dispatch(bad)
    assert [*store.log.entries()] == []


@pytest.mark.parametrize(("value", "error"), [({1, 2}, TypeError), (float("nan"), ValueError)])
def test_what_cannot_be_sent_is_refused_before_anything_is_added(
    value: Any, error: type[Exception]
) -> None:
    store = make_store()
    with pytest.raises(error, match="'add' cannot be sent"):
        store.dispatch.sync({"type": "add", "name": value})
    assert store.state == ()
    assert [*store.log.entries()] == []


def test_another_reducer_folds_the_history_again() -> None:
    store = make_store()
    store.dispatch(add("a"))
    store.dispatch(add("b"))
    told: list[Any] = []
    store.subscribe(lambda: told.append(store.state))
    store.replace_reducer(lambda state, action: (state or 0) + (action["type"] == "add"))
    assert store.state == 2
    assert told == [2]
    store.dispatch(add("c"))
    assert store.state == 3


@pytest.mark.parametrize("snapshot", [None, "1"])
def test_a_reducer_that_raises_at_an_action_has_replaced_the_former_one(
    snapshot: str | None,
) -> None:
    def loud(state: list[str] | None, action: Action) -> list[str]:
        if action.get("name") == "b":
            raise LookupError
        return [*(state or []), action.get("name", "").upper()]

    def plain(state: list[str] | None, action: Action) -> list[str]:
        return [*(state or []), action.get("name", "")]

    store = make_store(plain, reasonless_history=5, snapshot=snapshot)
    for name in "abc":
        store.dispatch.cross_tab(add(name))
    told: list[Any] = []
    store.subscribe(lambda: told.append(store.state))
    with pytest.raises(LookupError):
        store.replace_reducer(loud)
    assert told == [["", "A", "C"]]
    for number in range(50):
        store.dispatch.cross_tab(add(str(number)))
    if snapshot is not None:
        saved = store.log.store.value("snapshot")["state"]
        assert saved == store.state[: len(saved)]


@pytest.mark.parametrize("snapshot", [None, "1"])
def test_a_reducer_that_cannot_begin_replaces_nothing(snapshot: str | None) -> None:
    begins = 0

    def broken(state: Any, action: Action) -> Any:
        nonlocal begins
        begins += 1
        if begins == 1:
            raise LookupError
        return "wrong"

    def joined(state: str | None, action: Action) -> str:
        return f"{state or ''}{action.get('name', '')}"

    store = make_store(joined, reasonless_history=5, snapshot=snapshot)
    store.dispatch.cross_tab(add("a"))
    told: list[Any] = []
    store.subscribe(lambda: told.append(store.state))
    with pytest.raises(LookupError):
        store.replace_reducer(broken)
    with pytest.raises(TypeError, match="a reducer is a function"):
        store.replace_reducer(5)  # type: ignore[arg-type]
    assert told == []
    for _ in range(50):
        store.dispatch.cross_tab(add("b"))
    assert store.state == "a" + "b" * 50
    if snapshot is not None:
        assert store.log.store.value("snapshot")["state"].startswith("ab")


def test_history_is_limited_and_the_state_is_not() -> None:
    store = make_store(reasonless_history=100)
    for n in range(1000):
        store.dispatch(add(str(n)))
    assert len(store.state) == 1000
    assert 100 <= len([*store.log.entries()]) <= 125
    assert len(store._timeline) <= 250


def test_an_action_older_than_history_is_reported_and_applied() -> None:
    missed: list[Action] = []
    store = make_store(reasonless_history=10, save_state_every=1, on_missed_history=missed.append)
    for n in range(100):
        store.dispatch(add(str(n)))
    from_server(store, add("late"), 1)
    assert missed == [add("late")]
    assert "late" in store.state[:91]
    assert len(store.state) == 101


def test_a_store_opens_over_what_the_log_holds_in_one_pass() -> None:
    size = 100_000
    calls = 0

    def reducer(state: int | None, action: Action) -> int:
        nonlocal calls
        calls += 1
        return (state or 0) + 1

    client = Client(server=TestPair().left, subprotocol=1, user_id="10")
    for n in range(size):
        client.log.add({"type": "add"}, id=f"{n} 20:a:b 0", time=n, reasons=["timeTravel"])
    client.log.add(undo("5 20:a:b 0"), reasons=["timeTravel"])
    client.log.add({"type": "add"}, tab="another", reasons=["timeTravel"])
    store = create_store_creator(client)(reducer)
    assert calls == size  # the initial state, and every action but the undone one
    assert store.state == size
    assert store.replays == 0


def test_what_the_log_has_dropped_is_not_applied_again_but_may_get_another_place() -> None:
    store = make_store()
    late = from_server(store, add("late"), 500)
    from_server(store, add("other"), 300)
    assert store.state == ("other", "late")
    store.log.change_meta(late, reasons=[])
    for time, state in ((500, ("other", "late")), (200, ("late", "other"))):
        assert store.log.add(add("late"), id=late, time=time) is not None
        assert store.state == state
        store.log.change_meta(late, reasons=[])


def test_what_comes_again_counts_for_the_limit_of_history() -> None:
    store = make_store(reasonless_history=5)
    ids = [from_server(store, add(str(n)), n) for n in range(100, 200)]
    for time, id in enumerate(ids, 100):
        store.log.add(add("again"), id=id, time=time)
    assert len([*store.log.entries()]) <= 5 + 25
    assert len(store.state) == 100


def test_a_mapping_is_accepted_where_a_reducer_is() -> None:
    counter = Slice(0, {"count": lambda state, action: state + 1})
    store = make_store({"counter": counter, "deep": {"trace": trace}})
    store.dispatch({"type": "count"})
    store.dispatch(add("a"))
    assert store.state == {"counter": 1, "deep": {"trace": ("a",)}}


def test_a_move_in_time_is_followed() -> None:
    store = make_store()
    first = store.dispatch.cross_tab(add("a"))
    store.dispatch.cross_tab(add("b"))
    assert first is not None
    store.log.move(first.id, 10**7)
    assert store.state == ("b", "a")


steps = st.one_of(
    st.tuples(st.just("own"), st.sampled_from(["dispatch", "local", "cross_tab", "sync"])),
    st.tuples(st.just("server"), st.integers(900, 1300), st.integers(0, 3)),
    st.tuples(st.just("undo"), st.integers(0, 30)),
    st.tuples(st.just("early undo"), st.integers(900, 1300), st.integers(0, 3)),
    st.tuples(st.just("move"), st.integers(0, 30), st.integers(900, 1300)),
    st.tuples(st.just("unreasoned"), st.just(0)),
    st.tuples(st.just("batch"), st.integers(2, 5)),
)


@given(st.lists(steps, max_size=30), st.integers(1, 4))
def test_the_state_is_the_plain_fold_over_the_sorted_log(
    script: list[Any], save_state_every: int
) -> None:
    store = make_store(save_state_every=save_state_every)
    known: dict[str, tuple[Any, Action]] = {}
    undone: set[str] = set()

    def note(action: Action, meta: Any) -> None:
        if action["type"] == "logux/undo":
            undone.add(action["id"])
        else:
            known[meta.id] = (meta, action)

    store.client.on("add", note)

    def run(step: Any, name: str) -> None:
        match step:
            case "own", "dispatch":
                store.dispatch(add(name))
            case "own", way:
                getattr(store.dispatch, way)(add(name))
            case "server", time, n:
                from_server(store, add(name), time, n)
            case "undo", n if known:
                store.log.add(undo([*known][n % len(known)]))
            case "early undo", time, n:
                store.log.add(undo(f"{time} 20:a:b {n}"))
            case "move", n, time if known:
                store.log.move([*known][n % len(known)], time)
            case "unreasoned", _:
                store.dispatch.cross_tab(add(name), no_auto_reason=True)

    rest = [*enumerate(script)]
    while rest:
        number, step = rest.pop(0)
        if step[0] == "batch":
            group, rest = rest[: step[1]], rest[step[1] :]
            with store.log.batch():
                for inner, one in group:
                    run(one, str(inner))
        else:
            run(step, str(number))
        live = [pair for id, pair in known.items() if id not in undone]
        expected: tuple[str, ...] = ()
        for _, action in sorted(live, key=lambda pair: pair[0].key):
            expected = trace(expected, action)
        assert store.state == expected
