"""The store: state as a fold of reducers over the log, and the four ways to dispatch."""

from logux_store.store.creator import CreateStore, Enhancer, create_store_creator
from logux_store.store.dispatch import Dispatch
from logux_store.store.middleware import Middleware, apply_middleware, compose
from logux_store.store.purity import ImpureReducerError
from logux_store.store.reducers import Reducer, Slice, combine_reducers
from logux_store.store.selectors import Selector, create_selector
from logux_store.store.store import Store

__all__ = [
    "CreateStore",
    "Dispatch",
    "Enhancer",
    "ImpureReducerError",
    "Middleware",
    "Reducer",
    "Selector",
    "Slice",
    "Store",
    "apply_middleware",
    "combine_reducers",
    "compose",
    "create_selector",
    "create_store_creator",
]
