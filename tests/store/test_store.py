"""What users see of a store: each promise of its docstrings."""

from typing import Any

import pytest

from logux_store import Slice
from tests.store.stores import Action, add, make_store, trace


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


def test_a_mapping_is_accepted_where_a_reducer_is() -> None:
    counter = Slice(0, {"count": lambda state, action: state + 1})
    store = make_store({"counter": counter, "deep": {"trace": trace}})
    store.dispatch({"type": "count"})
    store.dispatch(add("a"))
    assert store.state == {"counter": 1, "deep": {"trace": ("a",)}}
