from typing import Any, assert_type

import pytest

from logux_store import Client, ImpureReducerError, Slice, Store, create_store_creator
from logux_store.testing import TestPair


def make_client() -> Client:
    return Client(server=TestPair().left, subprotocol=1, user_id="10")


def grow(state: list[int] | None, action: dict[str, Any]) -> list[int]:
    state = [] if state is None else state
    state.append(1)
    return state


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"save_state_every": 0}, "save_state_every is an integer from 1"),
        ({"reasonless_history": -1}, "reasonless_history is an integer from 1"),
        ({"on_missed_history": 1}, "on_missed_history is a function"),
    ],
)
def test_a_wrong_option_is_refused(options: Any, text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        create_store_creator(make_client(), **options)


def test_what_is_not_a_client_a_reducer_or_an_enhancer_is_refused() -> None:
    with pytest.raises(TypeError, match="takes a Client"):
        create_store_creator("client")  # type: ignore[arg-type]
    create_store = create_store_creator(make_client())
    with pytest.raises(TypeError, match="a reducer is a function"):
        create_store(None)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="an enhancer is a function"):
        create_store(grow, None, 1)  # type: ignore[call-overload]


def test_the_preloaded_state_is_where_the_fold_begins() -> None:
    store = create_store_creator(make_client())(lambda state, action: state, 5)
    assert store.state == 5


def test_the_type_of_the_state_is_what_the_reducer_gives() -> None:
    create_store = create_store_creator(make_client())
    assert assert_type(create_store(Slice(5)), Store[int]).state == 5
    assert assert_type(create_store(grow), Store[list[int]]).state == [1]
    parts = create_store({"number": Slice(5)})
    assert assert_type(parts, Store[dict[str, Any]]).state == {"number": 5}


def test_an_enhancer_gets_the_function_that_makes_stores() -> None:
    def double(create: Any) -> Any:
        return lambda reducer, preloaded_state=None: create(reducer, preloaded_state * 2)

    store = create_store_creator(make_client())(lambda state, action: state, 5, double)
    assert store.state == 10


def test_reducers_are_checked_on_request() -> None:
    create_store = create_store_creator(make_client(), check_reducers=True)
    with pytest.raises(ImpureReducerError, match=r"'list' \(grow\)"):
        create_store({"list": grow}, {"list": [1]})


def test_reducers_are_not_checked_by_default() -> None:
    store = create_store_creator(make_client(), check_reducers=None)(grow)
    store.dispatch({"type": "a"})
    assert store.state == [1, 1]


def test_a_replaced_reducer_is_checked_too() -> None:
    store = create_store_creator(make_client(), check_reducers=True)(lambda state, action: [1])
    store.dispatch({"type": "a"})
    with pytest.raises(ImpureReducerError, match="grow"):
        store.replace_reducer(grow)
