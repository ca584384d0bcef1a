"""The state against the plain fold over the log."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logux_store import Client, CrossTabClient, Store, create_store_creator
from logux_store.client.tabs import MemorySpace
from logux_store.log import MemoryStore
from logux_store.meta import Meta
from logux_store.testing import TestPair
from tests.store.stores import Action, Clock, add, from_server, make_store, trace, undo


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
