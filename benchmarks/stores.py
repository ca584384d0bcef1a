"""Our stores, and the work that the benchmarks of the store give them.

The stores that they are measured against do the same in `js/stores.js`. A client is connected to
nothing, or to a `Wire`, whose other end says what the benchmark wants. Times are of the clock, on
both sides: processor time, which other programs disturb less, is counted in steps of some
milliseconds by what Node.js asks the system for.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from time import perf_counter
from typing import Any

from benchmarks.measure import Run, Side
from logux_store import Client, Slice, Store, create_store_creator
from logux_store.actions import Action
from logux_store.events import Emitter, Listener, Unbind
from logux_store.ids import system_clock
from logux_store.sync import Message, NodeState

__all__ = [
    "KEYS",
    "START_STATE",
    "State",
    "dispatch",
    "just_started",
    "late_insert",
    "number",
    "receive",
    "replay",
    "set_key",
    "undo",
]

# Every history begins here; its actions are a second apart.
START = 1_700_000_000_000
SECOND = 1000

KEYS = [f"key{i}" for i in range(16)]

# Where actions are in the history: the arguments of `range`.
Places = Sequence[int]

State = dict[str, Any]
START_STATE: State = {"count": 0, **dict.fromkeys(KEYS)}


def set_key(state: State, action: Action) -> State:
    """Counts actions, and sets one of 16 keys."""
    if action["type"] != "set":
        return state
    return {**state, "count": state["count"] + 1, action["key"]: action["value"]}


def count(state: int, action: Action) -> int:
    """Only counts actions."""
    return state + 1 if action["type"] == "set" else state


def slices() -> dict[str, Slice[State]]:
    """One slice of 16 for each key. It is told by type which actions are its own."""

    def change(state: State, action: Action) -> State:
        return {"count": state["count"] + 1, "value": action["value"]}

    return {key: Slice({"count": 0, "value": None}, {f"set {key}": change}) for key in KEYS}


def make_action(reducer: str, key: str, value: int) -> Action:
    return {"type": f"set {key}" if reducer == "slices" else "set", "key": key, "value": value}


def number(i: int) -> Action:
    return {"type": "set", "key": KEYS[i % 16], "value": i}


class Wire:
    """A connection whose other end greets, and keeps quiet."""

    def __init__(self) -> None:
        self.connected = False
        self.answered = False
        self._events = Emitter()

    def on(self, event: str, listener: Listener) -> Unbind:
        return self._events.on(event, listener)

    def connect(self) -> None:
        self.connected = True
        self._events.emit("connecting")
        self._events.emit("connect")

    def send(self, message: Message) -> None:
        if message[0] == "connect":
            now = system_clock()
            self.receive(["connected", message[1], "server:x", [now, now], {}])
        elif message[0] == "synced":
            self.answered = True

    def receive(self, message: Message) -> None:
        self._events.emit("message", message)

    def disconnect(self, reason: str = "user") -> None:  # noqa: ARG002 - nobody asks why
        self.connected = False

    def destroy(self) -> None:
        self.connected = False


def open_store(reducer: str, history: int, wire: Wire | None = None) -> Store[Any]:
    client = Client(server=wire or Wire(), subprotocol=1, user_id="10", ping=None, timeout=None)
    create_store = create_store_creator(client, reasonless_history=history)
    if reducer == "slices":
        return create_store(slices())
    if reducer == "count":
        return create_store(count, 0)
    return create_store(set_key, START_STATE)


def at(place: float, n: int = 0) -> dict[str, Any]:
    """The keys of the meta of another node's action, so many seconds after the start."""
    time = START + int(place * SECOND)
    return {"id": f"{time} 20:a:b {n}", "time": time}


def fill(store: Store[Any], reducer: str, places: Iterable[int]) -> None:
    for place in places:
        action = make_action(reducer, KEYS[place % 16], place)
        store.dispatch.cross_tab(action, **at(place))


def dispatch(kind: str, actions: int, history: int) -> Side:
    """Dispatch: actions a second."""

    def run() -> Run:
        store = open_store("keys", history)
        add = store.dispatch if kind == "plain" else store.dispatch.cross_tab
        for i in range(history + 100):
            add(number(i))
        start = perf_counter()
        for i in range(actions):
            add(number(i))
        return Run(actions / (perf_counter() - start), store.state)

    return run


def late_insert(reducer: str, history: int, back: int, actions: int, stores: int) -> Side:
    """Actions that belong so many places before the end, in several stores: microseconds for
    each.
    """

    def run() -> Run:
        seconds = 0.0
        for _ in range(stores):
            store = open_store(reducer, 2 * history)
            fill(store, reducer, range(history))
            start = perf_counter()
            for i in range(actions):
                action = make_action(reducer, KEYS[0], -i)
                store.dispatch.cross_tab(action, **at(history - back - 0.5, i))
            seconds += perf_counter() - start
        return Run(seconds * 1e6 / (actions * stores), store.state)

    return run


def replay(reducer: str, history: int, back: int, actions: int, stores: int) -> Side:
    """The reducer alone, over all that has to be reduced again when an action comes so late."""
    reduce: Any = count if reducer == "count" else set_key
    first: Any = 0 if reducer == "count" else START_STATE

    def run() -> Run:
        known = [make_action(reducer, KEYS[place % 16], place) for place in range(history)]
        after = known[history - back :]
        before = first
        for action in known[: history - back]:
            before = reduce(before, action)
        seconds = 0.0
        for _ in range(stores):
            state = before
            start = perf_counter()
            for i in range(actions):
                state = end = reduce(state, make_action(reducer, KEYS[0], -i))
                for action in after:
                    end = reduce(end, action)
            seconds += perf_counter() - start
        return Run(seconds * 1e6 / (actions * stores), end)

    return run


def undo(reducer: str, history: int, back: int, actions: int, stores: int) -> Side:
    """Undo actions that are so many places before the end, in several stores: microseconds for
    each.
    """

    def run() -> Run:
        seconds = 0.0
        for _ in range(stores):
            store = open_store(reducer, 2 * history)
            fill(store, reducer, range(history))
            ids = [at(history - 1 - back - i)["id"] for i in range(actions)]
            start = perf_counter()
            for id in ids:
                store.log.add({"type": "logux/undo", "id": id, "reason": "error"})
            seconds += perf_counter() - start
        return Run(seconds * 1e6 / (actions * stores), store.state)

    return run


def receive(reducer: str, local: Places, received: Places, history: int, stores: int) -> Side:
    """One sync with many actions to a client that has some itself, several times: milliseconds for
    each.
    """
    own, others = range(*local), range(*received)

    def run() -> Run:
        seconds = 0.0
        for _ in range(stores):
            wire = Wire()
            store = open_store(reducer, history, wire)
            fill(store, reducer, own)
            store.client.start()
            assert store.client.state == NodeState.SYNCHRONIZED
            base = store.client.node.base_time
            message: Message = ["sync", len(others)]
            for place in others:
                ms = START + place * SECOND - base
                action = make_action(reducer, KEYS[place % 16], place)
                message += [action, {"id": [ms, "20:a:b", 0], "time": ms}]
            start = perf_counter()
            wire.receive(message)
            seconds += perf_counter() - start
            assert wire.answered
        return Run(seconds * 1000 / stores, store.state)

    return run


def just_started(function: str, **work: Any) -> Side:
    """The same work in a process that has just started, as most clients have when they need it."""

    def run() -> Run:
        command = [sys.executable, "-m", "benchmarks.stores", json.dumps([function, work])]
        process = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return Run(**json.loads(process.stdout))

    return run


def main() -> None:
    """Do what the argument says, once."""
    function, work = json.loads(sys.argv[1])
    sides: dict[str, Callable[..., Side]]
    sides = {"late_insert": late_insert, "receive": receive, "undo": undo}
    side = sides[function](**work)
    print(json.dumps(asdict(side())))


if __name__ == "__main__":
    main()
