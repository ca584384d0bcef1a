"""Scenarios that can be played on a store of this library and on one of `@logux/redux`, and what
either has to show in the end.

A scenario is plain JSON: options of the store, and steps:

- `{"op": "dispatch", "now": ms, "action": …}`: `store.dispatch`, at this time of the clock;
- `{"op": "local" | "crossTab" | "sync", "action": …, "meta": {"id": …, "time": ms}}`;
- `{"op": "receive", "entries": [[action, meta], …]}`: what one message of the server brings;
- `{"op": "replaceReducer"}`: from then on, appended texts end with an exclamation mark.

In the end a second tab opens a store over the same log. A result has the states of both, and the
actions that missed their history.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

from logux_store import Client, LocalPair, MemoryStore, create_store_creator
from logux_store.ids import order_key
from tests.interop.reducer import fold, reducer

__all__ = ["OWN", "Result", "expected", "make_scenario", "play", "smaller"]

Action = dict[str, Any]
Meta = dict[str, Any]
Step = dict[str, Any]
Scenario = dict[str, Any]
Result = dict[str, Any]

OWN = "10:client:tab1"
OTHERS = ("10:client:tab9", "20:a:b", "9:z:z", "server:s")
DISPATCHES = {"local": "local", "crossTab": "cross_tab", "sync": "sync"}


def play(scenario: Scenario) -> Result:
    """The result of this library's store."""
    now = 0
    memory = MemoryStore()
    missed: list[Any] = []

    def open_tab(tab_id: str) -> Any:
        client = Client(
            server=LocalPair().left, subprotocol=1, user_id="10", store=memory, clock=lambda: now
        )
        client.tab_id, client.client_id = tab_id, "10:client"
        client.log.node_id = client.node.local_node_id = client.node_id
        return create_store_creator(
            client,
            save_state_every=scenario["saveStateEvery"],
            reasonless_history=scenario["reasonlessHistory"],
            on_missed_history=missed.append,
        )(reducer)

    store = open_tab("tab1")
    for step in scenario["steps"]:
        match step["op"]:
            case "dispatch":
                now = step["now"]
                store.dispatch(step["action"])
            case "replaceReducer":
                store.replace_reducer(shouting)
            case "receive":
                with store.log.batch():
                    for action, meta in step["entries"]:
                        store.log.add(action, **meta)
            case op:
                getattr(store.dispatch, DISPATCHES[op])(step["action"], **step["meta"])
    return {"missed": missed, "reloaded": open_tab("tab2").state, "state": store.state}


def shouting(state: Any, action: Action) -> Any:
    if "text" in action:
        action = {**action, "text": action["text"] + "!"}
    return reducer(state, action)


def expected(scenario: Scenario) -> dict[str, Any]:
    """The states that the plain fold of the scenario's actions gives."""
    entries: dict[str, tuple[Any, Any, bool]] = {}
    undone: set[str] = set()
    for step in scenario["steps"]:
        if step["op"] == "dispatch":
            added = [(step["action"], {"id": f"{step['now']} {OWN} 0", "time": step["now"]})]
        elif step["op"] == "receive":
            added = step["entries"]
        else:
            added = [(step["action"], step["meta"])]
        private = step["op"] in ("dispatch", "local")
        for action, meta in added:
            if action["type"] == "logux/undo":
                undone.add(action["id"])
            else:
                key = order_key(meta["id"], meta["time"])
                entries.setdefault(meta["id"], (key, action, private))
    kept = sorted(entry for id, entry in entries.items() if id not in undone)
    return {
        "state": fold([action for _, action, _ in kept]),
        "reloaded": fold([action for _, action, private in kept if not private]),
    }


class Maker:
    """Makes one scenario. Times come from a short range, so that many are equal."""

    def __init__(self, random: Random, *, tame: bool) -> None:
        self.random = random
        self.tame = tame
        self.count = 0
        self.now = 1000
        # Of all actions but undos.
        self.newest = 1000
        self.known: list[tuple[Action, Meta]] = []
        self.held: list[tuple[Action, Meta]] = []

    def action(self) -> Action:
        self.count += 1
        match self.random.randrange(3):
            case 0:
                return {"type": "room/append", "text": f"{self.count}"}
            case 1:
                key = self.random.choice("xyz")
                return {"type": "room/set", "key": key, "value": self.count}
            case _:
                by = self.random.randrange(2, 9)
                return {"type": "room/calc", "by": by, "plus": self.count}

    def place(self, node: str, *, late: bool = False) -> Meta:
        time = self.newest + self.random.randrange(-30, 0 if late else 8)
        self.newest = max(self.newest, time)
        # The number makes the id unique; the id's own time counts last in the order.
        return {"id": f"{time + self.random.randrange(3)} {node} {self.count}", "time": time}

    def undo(self) -> tuple[Action, Meta]:
        self.count += 1
        meta = self.random.choice(self.known)[1]
        after = self.random.randrange(1, 9) if self.tame else self.random.randrange(-9, 9)
        undo = {"type": "logux/undo", "id": meta["id"], "reason": "error"}
        time = meta["time"] + after
        return undo, {"id": f"{time} server:s {self.count}", "time": time}

    def entry(self, *, late: bool = False) -> tuple[Action, Meta]:
        kind = self.random.random()
        if self.known and kind < 0.2:
            return self.undo()
        if self.known and kind < 0.25:
            return self.random.choice(self.known)
        if self.held and kind < 0.35:
            return self.held.pop()
        self.known.append((self.action(), self.place(self.random.choice(OTHERS), late=late)))
        if not self.tame and kind > 0.9:
            # It comes some other time, and its undo before it perhaps.
            self.held.append(self.known[-1])
            return self.entry()
        return self.known[-1]

    def dispatch(self) -> Step:
        self.now += self.random.randrange(1, 9)
        if self.tame:
            self.now = max(self.now, self.newest + 1)
        self.newest = max(self.newest, self.now)
        action = self.action()
        self.known.append((action, {"id": f"{self.now} {OWN} 0", "time": self.now}))
        return {"op": "dispatch", "now": self.now, "action": action}

    def step(self) -> Step:
        match self.random.randrange(8):
            case 0 | 1:
                return self.dispatch()
            case 2 | 3 | 4:
                op = self.random.choice([*DISPATCHES])
                self.known.append((self.action(), self.place(OWN)))
                return {"op": op, "action": self.known[-1][0], "meta": self.known[-1][1]}
            case 5:
                count = self.random.randrange(2, 7)
                entries = [self.entry(late=self.tame) for _ in range(count)]
                return {"op": "receive", "entries": entries}
            case _:
                return {"op": "receive", "entries": [self.entry()]}


def make_scenario(seed: int, *, tame: bool) -> Scenario:
    """The scenario of a seed.

    A tame one stays away from the known faults of the original: `dispatch` only when the clock is
    ahead of all other actions, undos after what they undo and not before it has arrived, and in one
    message only what is older than an action that is there.
    """
    random = Random(seed)
    maker = Maker(random, tame=tame)
    every = random.choice([1, 2, 5, 50])
    steps = [maker.dispatch()] + [maker.step() for _ in range(random.randrange(40))]
    return {"saveStateEvery": every, "reasonlessHistory": 10_000, "steps": steps}


def smaller(scenario: Scenario) -> Iterator[Scenario]:
    """The scenarios that lack one step or one entry of this one."""
    steps = scenario["steps"]
    for i, step in enumerate(steps):
        yield {**scenario, "steps": steps[:i] + steps[i + 1 :]}
        entries = step.get("entries", [])
        for j in range(len(entries) if len(entries) > 1 else 0):
            less = {**step, "entries": entries[:j] + entries[j + 1 :]}
            yield {**scenario, "steps": [*steps[:i], less, *steps[i + 1 :]]}
