from typing import Any

from logux_store import Client, Middleware, apply_middleware, compose, create_store_creator
from logux_store.testing import TestPair


def reduce(state: tuple[str, ...] | None, action: dict[str, Any]) -> tuple[str, ...]:
    if action["type"] == "@@init":
        return state or ()
    return (*(state or ()), action["type"])


def make_client() -> Client:
    return Client(server=TestPair().left, subprotocol=1, user_id="10")


def note(name: str, notes: list[str]) -> Middleware:
    def middleware(store: Any) -> Any:
        def wrap(next: Any) -> Any:
            def handle(action: dict[str, Any]) -> Any:
                notes.append(f"{name} {action['type']}")
                return next(action)

            return handle

        return wrap

    return middleware


def test_functions_are_composed_from_right_to_left() -> None:
    assert compose(lambda x: x + 1, lambda x: x * 10)(2) == 21
    assert compose()(2) == 2


def test_dispatch_goes_through_the_middlewares_in_their_order() -> None:
    notes: list[str] = []
    create_store = create_store_creator(make_client())
    store = create_store(reduce, None, apply_middleware(note("a", notes), note("b", notes)))
    action = {"type": "x"}
    assert store.dispatch(action) is action
    assert notes == ["a x", "b x"]
    assert store.state == ("x",)


def test_the_other_ways_to_dispatch_go_past_the_middlewares() -> None:
    notes: list[str] = []
    store = create_store_creator(make_client())(reduce, None, apply_middleware(note("a", notes)))
    store.dispatch.local({"type": "l"})
    store.dispatch.cross_tab({"type": "c"})
    store.dispatch.sync({"type": "s"})
    assert notes == []
    assert store.state == ("l", "c", "s")


def test_a_middleware_can_dispatch_from_the_outside_again() -> None:
    def twice(store: Any) -> Any:
        def wrap(next: Any) -> Any:
            def handle(action: dict[str, Any]) -> Any:
                if action["type"] == "twice":
                    store.dispatch({"type": "x"})
                    return store.dispatch({"type": "x"})
                return next(action)

            return handle

        return wrap

    notes: list[str] = []
    create_store = create_store_creator(make_client())
    store = create_store(reduce, None, apply_middleware(note("a", notes), twice))
    store.dispatch({"type": "twice"})
    assert notes == ["a twice", "a x", "a x"]
    assert store.state == ("x", "x")
