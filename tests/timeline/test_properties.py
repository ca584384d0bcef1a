"""The state of a timeline is the plain fold over the sorted, not undone actions.

The model keeps lists and folds them anew each time. Reducers are chosen for what could go wrong:
order, equal but not identical states, types, the order of dicts, exceptions that depend on the
state.
"""

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from logux_store.timeline import INIT, Reducer, Timeline
from logux_store.timeline.track import NEAR

Action = dict[str, Any]
Key = tuple[int, str, int, int]
Entry = tuple[Key, str, Action]
Raised = tuple[str, str]

# --- Reducers ------------------------------------------------------------------------------------


class Fuse:
    """Blows in the middle of a call, as Ctrl+C does in a slow reducer."""

    left: int | None = None

    @classmethod
    def burn(cls) -> None:
        if cls.left is not None:
            cls.left -= 1
            if cls.left < 0:
                cls.left = None
                raise KeyboardInterrupt


def trace(state: Any, action: Action) -> Any:
    """Remembers everything in order."""
    return (*(state or ()), action.get("v", action["type"]))


def affine(state: Any, action: Action) -> Any:
    """Few states, so that replays often come back to a saved one; the order matters."""
    state = state or 0
    match action["type"]:
        case "a":
            return (state + action["v"]) % 4
        case "b":
            return (state * action["v"]) % 4
    return state


def last(state: Any, action: Action) -> Any:
    """An equal state is never an identical one."""
    if action["type"] in "abc":
        return {"last": [action["v"]]}
    return {**state} if state else {"last": []}


def typed(state: Any, action: Action) -> Any:
    """Tells True from 1 and 1.0, and 0.0 from -0.0."""
    values = (True, 1, 1.0, False, 0, 0.0, -0.0, None)
    match action["type"]:
        case "a":
            return {"is": values[action["v"]]}
        case "b":
            return {"is": repr(state)} if len(repr(state)) < 100 else {"is": 1}
    return state or {"is": None}


def ordered(state: Any, action: Action) -> Any:
    """Looks at the order of a dict."""
    state = state or {}
    match action["type"]:
        case "a":
            return {**state, str(action["v"]): 1}
        case "b":
            return {name: 1 for name in state if name != str(action["v"])}
        case "c":
            return dict.fromkeys([*state][:1], 2)
    return state


def failing(state: Any, action: Action) -> Any:
    """Raises at some actions in some states."""
    state = state or 0
    match action["type"]:
        case "a":
            return action["v"]
        case "b":
            return 12 // (state - 2)
        case "c" if action["v"] < 3:
            raise ValueError(action["v"])
    return state


LEAVES: dict[str, Reducer] = {f.__name__: f for f in (trace, affine, last, typed, ordered, failing)}


class Leaf:
    """One of the reducers; with `types` it is a slice."""

    def __init__(self, name: str, types: frozenset[str] | None) -> None:
        self.name = name
        self.reduce = LEAVES[name]
        if types is not None:
            self.action_types = types

    def __call__(self, state: Any, action: Action) -> Any:
        Fuse.burn()
        types = getattr(self, "action_types", None)
        if types is not None and state is not None and action["type"] not in types:
            return state
        return self.reduce(state, action)

    def __repr__(self) -> str:
        types = getattr(self, "action_types", None)
        return self.name if types is None else f"{self.name}[{''.join(sorted(types))}]"


class Combined:
    """What combine_reducers gives, as far as the timeline sees it."""

    def __init__(self, parts: Mapping[str, Reducer]) -> None:
        self.parts = parts

    def __call__(self, state: Any, action: Action) -> Any:
        raise AssertionError("the timeline calls the parts")

    def __repr__(self) -> str:
        return repr(self.parts)


leaves = st.builds(
    Leaf,
    st.sampled_from([*LEAVES]),
    st.none() | st.frozensets(st.sampled_from("abcd")),
)


def parts_of(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Parts whose names say what they are, so that a new reducer understands the old state."""
    named = st.lists(children, max_size=4, unique_by=name_of)
    return named.map(lambda nodes: Combined({name_of(node): node for node in nodes}))


def name_of(node: Any) -> str:
    return node.name if isinstance(node, Leaf) else "inner"


trees = parts_of(leaves | parts_of(leaves))
reducers = leaves | trees

# --- The model -----------------------------------------------------------------------------------


def begin(reducer: Any, state: Any) -> Any:
    if isinstance(reducer, Combined):
        return {name: begin(part, (state or {}).get(name)) for name, part in reducer.parts.items()}
    return reducer(state, INIT)


def fold(
    reducer: Any,
    state: Any,
    actions: list[tuple[str, Action]],
    raising: set[Raised],
    path: str = "",
) -> Any:
    """The plain fold. Puts where and at which id a reducer raised into `raising`."""
    if isinstance(reducer, Combined):
        return {
            name: fold(part, state[name], actions, raising, f"{path}.{name}")
            for name, part in reducer.parts.items()
        }
    for id, action in actions:
        try:
            state = reducer(state, action)
        except (ArithmeticError, ValueError):
            raising.add((path, id))
    return state


class Model:
    """What a timeline should do, with no thought of speed."""

    def __init__(self, reducer: Any, preloaded: Any, history: int) -> None:
        self.reducer = reducer
        self.preloaded = preloaded
        self.first = self.state = begin(reducer, preloaded)
        self.history = history
        self.forgotten: list[tuple[str, Action]] = []
        self.past: set[str] = set()
        self.base: Key | None = None
        # A missed action has the turn of its base; a base that was missed itself ends a turn.
        self.turn = 0
        self.late: dict[str, tuple[int, Key, Action]] = {}
        self.known: dict[str, tuple[Key, Action]] = {}
        self.released: set[str] = set()
        self.undone: set[str] = set()
        self.raised: set[Raised] = set()
        self.missed: list[Action] = []

    def remembered(self) -> list[tuple[str, Action]]:
        """Ids and actions in order."""
        late = sorted(self.late, key=lambda id: self.late[id][:2])
        known = sorted(self.known, key=lambda id: self.known[id][0])
        return [(id, self.action(id)) for id in [*late, *known]]

    def knows(self, id: str) -> bool:
        return id in self.known or id in self.late

    def action(self, id: str) -> Action:
        return (self.known.get(id) or self.late[id])[-1]

    def drop(self, id: str) -> None:
        self.known.pop(id, None)
        self.late.pop(id, None)

    def change(self, inserts: list[Entry], removes: list[str], moves: list[tuple[str, Key]]) -> int:
        """Gives how many exceptions are news."""
        self.missed = []
        coming: dict[str, tuple[Key, Action]] = {}
        for key, id, action in inserts:
            if not self.knows(id):
                coming.setdefault(id, (key, action))
        for id in removes:
            if not (self.knows(id) or id in coming or id in self.undone) and self.base is not None:
                ms, node, _ = id.split(" ")
                if (int(ms), node, 0, int(ms)) <= self.base:
                    self.missed.append({"type": "logux/undo", "id": id})
            self.undone.add(id)
            if self.knows(id):
                self.drop(id)
                self.released.discard(id)
                self.raised = {raised for raised in self.raised if raised[1] != id}
        coming = {id: entry for id, entry in coming.items() if id not in self.undone}
        for id, key in moves:
            if id in coming or self.knows(id):
                coming[id] = (key, coming[id][1] if id in coming else self.action(id))
        for id, (key, action) in sorted(coming.items(), key=lambda pair: pair[1][0]):
            self.drop(id)
            if self.base is not None and key <= self.base:
                self.late[id] = (self.turn, key, action)
                self.missed.append(action)
            else:
                self.known[id] = (key, action)
        news = self.reduce()
        self.forget()
        return news

    def release(self, id: str) -> None:
        if self.knows(id):
            self.released.add(id)
            self.forget()

    def forget(self) -> None:
        for id, action in self.remembered():
            released, count = len(self.released), len(self.known) + len(self.late)
            if count <= self.history or (id not in self.released and released <= self.history):
                return
            if id in self.late:
                self.turn = self.late[id][0] + 1
            else:
                self.base, self.turn = self.known[id][0], 0
            self.drop(id)
            self.released.discard(id)
            self.forgotten.append((id, action))
            self.past.add(id)

    def replace(self, reducer: Any) -> int:
        if self.base is not None:
            self.first = fold(self.reducer, self.first, self.forgotten, set())
            self.forgotten = []
        self.first = begin(reducer, self.preloaded if self.base is None else self.first)
        self.reducer = reducer
        self.raised = set()
        return self.reduce()

    def reduce(self) -> int:
        raising: set[Raised] = set()
        everything = self.forgotten + self.remembered()
        self.state = fold(self.reducer, self.first, everything, raising)
        news = raising - self.raised
        self.raised |= raising
        return len(news)


# --- Strategies ----------------------------------------------------------------------------------

times = st.integers(0, 20)
ids = st.builds("{} {} 0".format, times, st.sampled_from("xy"))
actions = st.builds(
    lambda type, v: {"type": type, "v": v}, st.sampled_from("abcd"), st.integers(0, 7)
)


def key_of(id: str, time: int) -> Key:
    ms, node, counter = id.split(" ")
    return (time, node, int(counter), int(ms))


def entry(id: str, shift: int, action: Action) -> Entry:
    return (key_of(id, int(id.split(" ")[0]) + shift), id, action)


entries = st.builds(entry, ids, st.integers(-3, 3), actions)
batches = st.lists(entries, max_size=12)


def check_track(track: Any) -> None:
    """The invariants of `track.py`, and that each checkpoint holds what the plain fold gives."""
    keys = [item[0] for item in track.items]
    assert keys == sorted(set(keys))
    assert track.near_keys == sorted(set(track.near_keys))
    assert len(track.near_keys) == len(track.near_states) <= NEAR
    assert track.sizes[-1] < track.due <= track.every
    near = dict(zip(track.near_keys, track.near_states, strict=True))
    assert sum(track.sizes) == len(keys)
    assert all(track.sizes[:-1])
    place = 0
    state = track.states[0]
    for number, size in enumerate(track.sizes):
        if number:
            assert track.marks[number] == keys[place - 1]
            assert repr(track.states[number]) == repr(state)
        for key, id, action in track.items[place : place + size]:
            state = fold(track.reducer, state, [(id, action)], set())
            if key in near:
                assert repr(near.pop(key)) == repr(state)
        place += size
    assert all(key <= track.marks[0] for key in near), "those are before all that is remembered"
    assert repr(track.state) == repr(state)


def errors_of(call: Callable[..., None], *args: Any) -> int:
    """How many exceptions of reducers a call raises."""
    count = 0
    try:
        call(*args)
    except* (ArithmeticError, ValueError) as group:
        count = len(group.exceptions)
    return count


# --- Properties ----------------------------------------------------------------------------------


class TimelineMachine(RuleBasedStateMachine):
    """Does the same to a timeline and to the model."""

    @initialize(
        reducer=reducers,
        save_state_every=st.integers(1, 5),
        history=st.integers(0, 6),
        start=batches,
    )
    def begin(self, reducer: Any, save_state_every: int, history: int, start: list[Entry]) -> None:
        self.missed: list[Action] = []
        self.every = save_state_every
        self.timeline = Timeline(
            reducer,
            save_state_every=save_state_every,
            history=history,
            on_missed_history=self.missed.append,
        )
        self.model = Model(reducer, None, history)
        self.change(start, [], [])

    def change(
        self, inserts: list[Entry], removes: list[str], moves: list[tuple[str, Key]]
    ) -> None:
        # An id that was forgotten is not refused a second time, but then it is not the same action.
        inserts = [entry for entry in inserts if entry[1] not in self.model.past]
        self.missed.clear()
        if moves or (inserts and removes):
            raised = errors_of(self.timeline.change, inserts, removes, moves)
        elif removes:
            raised = errors_of(self.timeline.remove, removes)
        else:
            raised = errors_of(self.timeline.insert, inserts)
        self.changed(raised, inserts, removes, moves)

    def changed(
        self,
        raised: int,
        inserts: list[Entry],
        removes: list[str],
        moves: list[tuple[str, Key]],
    ) -> None:
        assert raised == self.model.change(inserts, removes, moves)
        assert self.missed == self.model.missed

    @rule(entry=entries)
    def insert_one(self, entry: Entry) -> None:
        self.change([entry], [], [])

    @rule(batch=batches)
    def insert(self, batch: list[Entry]) -> None:
        self.change(batch, [], [])

    @rule(action=actions)
    def append(self, action: Action) -> None:
        newest = max((key[0] for key, _ in self.model.known.values()), default=20)
        self.change([entry(f"{newest + 1} x 0", 0, action)], [], [])

    @rule(removes=st.lists(ids, max_size=4))
    def remove(self, removes: list[str]) -> None:
        self.change([], removes, [])

    @rule(data=st.data())
    def remove_known(self, data: st.DataObject) -> None:
        self.change([], [self.draw_known(data)], [])

    @rule(data=st.data(), shift=st.integers(-4, 4))
    def move(self, data: st.DataObject, shift: int) -> None:
        id = self.draw_known(data)
        key = key_of(id, int(id.split(" ")[0]) + shift)
        self.change([], [], [(id, key)])

    @rule(shift=st.integers(-30, 30))
    def move_all(self, shift: int) -> None:
        moves = [(id, (key[0] + shift, *key[1:])) for id, (key, _) in self.model.known.items()]
        replays = self.timeline.replays
        self.change([], [], moves)
        if not self.missed:
            assert self.timeline.replays == replays, "the order is the same"

    @rule(
        batch=batches,
        removes=st.lists(ids, max_size=4),
        moves=st.dictionaries(ids, times, max_size=4),
    )
    def change_all(self, batch: list[Entry], removes: list[str], moves: dict[str, int]) -> None:
        replays = self.timeline.replays
        self.change(batch, removes, [(id, key_of(id, time)) for id, time in moves.items()])
        assert self.timeline.replays - replays <= 1

    @rule(removed=st.lists(ids, max_size=4))
    def release(self, removed: list[str]) -> None:
        for id in removed:
            self.timeline.release(id)
            self.model.release(id)

    @rule(count=st.integers(1, 8))
    def release_oldest(self, count: int) -> None:
        for id, _ in self.model.remembered()[:count]:
            self.timeline.release(id)
            self.model.release(id)

    @rule(id=ids)
    def forget_undo(self, id: str) -> None:
        self.timeline.forget_undo(id)
        self.model.undone.discard(id)

    @rule(reducer=trees)
    @precondition(lambda self: isinstance(self.model.reducer, Combined))
    def replace_reducer(self, reducer: Any) -> None:
        raised = errors_of(self.timeline.replace_reducer, reducer)
        assert raised == self.model.replace(reducer)

    @rule(reducer=trees, calls=st.integers(0, 10))
    @precondition(lambda self: isinstance(self.model.reducer, Combined))
    def interrupted_replacement(self, reducer: Any, calls: int) -> None:
        before = self.timeline.state
        Fuse.left = calls
        try:
            raised = errors_of(self.timeline.replace_reducer, reducer)
        except KeyboardInterrupt:
            assert self.timeline.state is before
        else:
            Fuse.left = None
            assert raised == self.model.replace(reducer)

    @rule(
        batch=batches,
        removes=st.lists(ids, max_size=4),
        moves=st.dictionaries(ids, times, max_size=4),
        calls=st.integers(0, 10),
    )
    def interrupted(
        self, batch: list[Entry], removes: list[str], moves: dict[str, int], calls: int
    ) -> None:
        batch = [entry for entry in batch if entry[1] not in self.model.past]
        places = [(id, key_of(id, time)) for id, time in moves.items()]
        before = self.timeline.state
        self.missed.clear()
        Fuse.left = calls
        try:
            raised = errors_of(self.timeline.change, batch, removes, places)
        except KeyboardInterrupt:
            assert self.timeline.state is before
            assert not self.missed
        else:
            Fuse.left = None
            self.changed(raised, batch, removes, places)

    def draw_known(self, data: st.DataObject) -> str:
        known = [id for id, _ in self.model.remembered()]
        return data.draw(st.sampled_from(known) if known else ids)

    @invariant()
    def agrees_with_the_plain_fold(self) -> None:
        assert repr(self.timeline.state) == repr(self.model.state)

    @invariant()
    def remembers_the_same(self) -> None:
        assert len(self.timeline) == len(self.model.known) + len(self.model.late)

    @invariant()
    def holds_true_checkpoints_and_little_else(self) -> None:
        count = len(self.timeline)
        for track in self.timeline._tracks:
            check_track(track)
            assert len(track.items) <= count + count // 16 + 4 * self.every


TestTimeline = TimelineMachine.TestCase
TestTimeline.settings = settings(stateful_step_count=30)


@given(reducers, st.lists(entries, unique_by=lambda entry: entry[1]), st.integers(1, 5), st.data())
def test_the_order_of_arrival_does_not_matter(
    reducer: Any, history: list[Entry], save_state_every: int, data: st.DataObject
) -> None:
    arrival = data.draw(st.permutations(history))
    undone = data.draw(st.sets(ids))
    timeline = Timeline(reducer, save_state_every=save_state_every)
    while arrival:
        size = data.draw(st.integers(1, len(arrival)))
        errors_of(timeline.insert, arrival[:size])
        arrival = arrival[size:]
        errors_of(timeline.remove, data.draw(st.sets(st.sampled_from([*undone]))) if undone else ())
    errors_of(timeline.remove, undone)

    left = [(id, action) for _, id, action in sorted(history) if id not in undone]
    assert repr(timeline.state) == repr(fold(reducer, begin(reducer, None), left, set()))
