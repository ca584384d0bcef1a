"""From a client to a store: options are checked here, once."""

import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias, TypeVar, overload

from logux_store.actions import Action
from logux_store.client import Client
from logux_store.store.reducers import Reducer, as_reducer
from logux_store.store.store import Store

__all__ = ["CreateStore", "Enhancer", "create_store_creator"]

S = TypeVar("S")


class CreateStore(Protocol):
    """Makes a store of a reducer and, optionally, the state to begin with."""

    def __call__(
        self, reducer: Reducer | Mapping[str, Any], preloaded_state: Any = None
    ) -> Store[Any]: ...


Enhancer: TypeAlias = Callable[[CreateStore], CreateStore]
"""Takes the function that makes stores and gives another one; see `apply_middleware`."""


class StoreCreator(Protocol):
    """What `create_store_creator` gives. The type of the state is what the reducer gives."""

    @overload
    def __call__(
        self,
        reducer: Mapping[str, Any],
        preloaded_state: Any = None,
        enhancer: Enhancer | None = None,
    ) -> Store[dict[str, Any]]: ...

    @overload
    def __call__(
        self,
        reducer: Callable[[Any, Action], S],
        preloaded_state: Any = None,
        enhancer: Enhancer | None = None,
    ) -> Store[S]: ...


def create_store_creator(
    client: Client,
    *,
    save_state_every: int = 50,
    reasonless_history: int = 1000,
    on_missed_history: Callable[[Action], object] | None = None,
    check_reducers: bool | None = None,
    snapshot: str | None = None,
    encode_state: Callable[[Any], Any] | None = None,
    decode_state: Callable[[Any], Any] | None = None,
) -> StoreCreator:
    """Give the function that makes a store over a client's log.

    It is `create_store(reducer, preloaded_state=None, enhancer=None)`. `reducer` is a function
    `(state, action) -> state`, or a mapping of names to reducers and slices, which is combined.

    `save_state_every` is the number of actions between two checkpoints of history;
    `reasonless_history` how many actions without reasons of their own the log keeps (and up to a
    tenth or 25 more), so that late ones can be put in their place; `on_missed_history(action)`
    hears of an action that came too late for that, and was applied at the earliest place that is
    still known, or of an undo that came too late. `check_reducers` raises an error that names the
    reducer when one changes its input in place; by default only in Python's development mode
    (`python -X dev`), since it costs a walk over the state at every action.

    `snapshot` is the version of the reducers, any string. With it the state is saved with the log
    from time to time, so that opening a long log folds only what came after, and what history
    drops from the log stays in the state. Give another version whenever the reducers change; a
    snapshot of another version is ignored. The state must be JSON (dicts with string keys, lists,
    strings, finite numbers, booleans, None), unless `encode_state` makes JSON of it and
    `decode_state` the state of that. An action that comes later than `reasonless_history` others
    and is older than the snapshot is missed, also if the log keeps what it would come before.

    Raises TypeError or ValueError for a wrong option.
    """
    if not isinstance(client, Client):
        raise TypeError(f"create_store_creator takes a Client, not {client!r}")
    for name, value in (
        ("save_state_every", save_state_every),
        ("reasonless_history", reasonless_history),
    ):
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} is an integer from 1, not {value!r}")
    if on_missed_history is not None and not callable(on_missed_history):
        raise TypeError(f"on_missed_history is a function of an action, not {on_missed_history!r}")
    if snapshot is not None and not isinstance(snapshot, str):
        raise TypeError(f"snapshot is the version of the reducers, a string, not {snapshot!r}")
    if (encode_state is None) != (decode_state is None):
        raise TypeError("encode_state and decode_state are given together: one undoes the other")
    if encode_state is not None and snapshot is None:
        raise TypeError("encode_state is for snapshots; give the version of the reducers, snapshot")
    if check_reducers is None:
        check_reducers = sys.flags.dev_mode

    def make(reducer: Reducer | Mapping[str, Any], preloaded_state: Any = None) -> Store[Any]:
        return Store(
            client,
            as_reducer(reducer),
            preloaded_state,
            save_state_every=save_state_every,
            reasonless_history=reasonless_history,
            on_missed_history=on_missed_history,
            check_reducers=check_reducers,
            snapshot=snapshot,
            encode_state=encode_state,
            decode_state=decode_state,
        )

    def create_store(
        reducer: Reducer | Mapping[str, Any],
        preloaded_state: Any = None,
        enhancer: Enhancer | None = None,
    ) -> Store[Any]:
        if enhancer is None:
            return make(reducer, preloaded_state)
        if not callable(enhancer):
            raise TypeError(f"an enhancer is a function of create_store, not {enhancer!r}")
        return enhancer(make)(reducer, preloaded_state)

    return create_store
