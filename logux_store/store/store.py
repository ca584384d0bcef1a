"""The store: state, who wants to know of it, and the four ways to dispatch."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from logux_store.actions import Action
from logux_store.client import Client, Outcome
from logux_store.events import Listener, Unbind, check_listener, raise_all
from logux_store.meta import Meta
from logux_store.store.dispatch import Dispatch, Initialized, own_reasons
from logux_store.store.log_state import TIME_TRAVEL, LogState
from logux_store.store.purity import checked
from logux_store.store.reducers import Reducer, as_reducer
from logux_store.store.selectors import differ

__all__ = ["Store"]

S = TypeVar("S")
T = TypeVar("T")


class Store(LogState[S]):
    """State as a fold of a reducer over a client's log. Made by `create_store_creator`."""

    def __init__(
        self,
        client: Client,
        reducer: Reducer,
        preloaded_state: S | None,
        *,
        save_state_every: int,
        reasonless_history: int,
        on_missed_history: Callable[[Action], object] | None,
        check_reducers: bool,
        snapshot: str | None,
        encode_state: Callable[[Any], Any] | None,
        decode_state: Callable[[Any], Any] | None,
    ) -> None:
        self.dispatch = Dispatch(self._dispatch, self._local, self._cross_tab, self._sync)
        self.initialize: Initialized[Store[S]] = Initialized(self)
        """Awaited, gives the store; what the log held is folded into the state already."""
        self._check_reducers = check_reducers
        super().__init__(
            client,
            self._prepared(reducer),
            preloaded_state,
            save_state_every=save_state_every,
            reasonless_history=reasonless_history,
            on_missed_history=on_missed_history,
            snapshot=snapshot,
            encode_state=encode_state,
            decode_state=decode_state,
        )

    def get_state(self) -> S:
        """The present state, as Redux spells it."""
        return self.state

    @property
    def replays(self) -> int:
        """How many times a part of history was folded again, to put an action in its place or to
        undo one.
        """
        return self._timeline.replays

    def subscribe(self, listener: Callable[[], object]) -> Unbind:
        """Call `listener()` after every change, once for a batch; returns the unbind function."""
        return self._events.on("subscribe", listener)

    def on(self, event: str, listener: Listener) -> Unbind:
        """Call `listener(state, old_state, action, meta)` at every `change`; returns the unbind
        function.

        There is one call for each action, those that the server undid (`logux/undo`) included. All
        actions of a batch come with the states after and before the batch. When a listener
        dispatches, those bound after it hear of that action first.
        """
        if event != "change":
            raise ValueError(f"a store has the event 'change'; not {event!r}")
        return self._events.on(event, listener)

    def select(self, selector: Callable[[S], T], listener: Callable[[T, T], object]) -> Unbind:
        """Call `listener(new, old)` whenever what `selector(state)` gives has changed; returns the
        unbind function.
        """
        check_listener(listener)
        old = selector(self.state)

        def compare() -> None:
            nonlocal old
            new, before = selector(self.state), old
            if differ(new, before):
                old = new
                listener(new, before)

        return self.subscribe(compare)

    def replace_reducer(self, reducer: Reducer | Mapping[str, Any]) -> None:
        """Use another reducer, and fold the history again with it.

        Raises what it raises: before the first action, with nothing changed; at actions, when all
        is folded and the listeners were told.
        """
        prepared = self._prepared(as_reducer(reducer))
        timeline = self._timeline
        errors: list[Exception] = []
        try:
            timeline.replace_reducer(prepared)
        except Exception as error:
            if timeline.reducer is not prepared:
                raise
            errors.append(error)
        if self._snapshots is not None:
            self._snapshots.replace_reducer(prepared)
        errors += self._events.collect("subscribe")
        try:
            raise_all(errors, "a reducer and a listener raised")
        finally:
            # The former one may have been interrupted because it did not come to an end.
            if not self.log.in_batch:
                self._flush()

    def _prepared(self, reducer: Reducer) -> Reducer:
        return checked(reducer) if self._check_reducers else reducer

    def __repr__(self) -> str:
        return f"<Store of {self.client.node_id}: {self.state!r}>"

    # The four ways to dispatch. The first two make the meta themselves: through the keywords of
    # `log.add` a dispatch would take a fifth longer.

    def _dispatch(self, action: Action) -> Action:
        meta = self.log.new_meta([self._tab_reason])
        meta.tab = self._tab_id
        meta.dispatch = True
        self.log.put(action, meta)
        return action

    def _cross_tab(self, action: Action, **meta: Any) -> Meta | None:
        """Add an action that all of the user's tabs see; see `Log.add`."""
        if meta:
            return self.log.add(action, **own_reasons(meta))
        return self.log.put(action, self.log.new_meta([TIME_TRAVEL]))

    def _local(self, action: Action, **meta: Any) -> Meta | None:
        """Add an action that only this tab sees; see `Log.add` for the keys of `meta`."""
        return self.log.add(action, tab=self._tab_id, **own_reasons(meta))

    def _sync(self, action: Action, **meta: Any) -> Outcome:
        """Add an action that the server shall have; see `Client.sync`."""
        return self.client.sync(action, **own_reasons(meta))
