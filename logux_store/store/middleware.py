"""Middleware around `store.dispatch(action)`, in the form that Redux users know.

A middleware is `middleware(store)(next)(action)`: `next(action)` goes on, `store.dispatch(action)`
starts from the outside again.
"""

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, TypeAlias

from logux_store.actions import Action
from logux_store.store.creator import CreateStore, Enhancer
from logux_store.store.reducers import Reducer
from logux_store.store.store import Store

__all__ = ["Middleware", "apply_middleware", "compose"]

Next: TypeAlias = Callable[[Action], Any]
Middleware: TypeAlias = Callable[[Store[Any]], Callable[[Next], Next]]


def compose(*functions: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`compose(f, g)(x)` is `f(g(x))`; enhancers are combined so."""
    return lambda value: reduce(lambda inner, outer: outer(inner), reversed(functions), value)


def apply_middleware(*middlewares: Middleware) -> Enhancer:
    """An enhancer that sends `store.dispatch(action)` through the middlewares, the first one first.

    `dispatch.local`, `dispatch.cross_tab` and `dispatch.sync` go past them, as all actions from
    elsewhere do; listen to `preadd` of the client to see those.
    """

    def enhance(create_store: CreateStore) -> CreateStore:
        def create(reducer: Reducer | Mapping[str, Any], preloaded_state: Any = None) -> Store[Any]:
            store = create_store(reducer, preloaded_state)
            chain = compose(*(middleware(store) for middleware in middlewares))
            store.dispatch = store.dispatch.around(chain(store.dispatch))
            return store

        return create

    return enhance
