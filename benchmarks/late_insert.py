"""One action that comes late: it belongs some places before the end of the history."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from benchmarks import node
from benchmarks.measure import Case
from benchmarks.stores import just_started, late_insert, replay

__all__ = ["REDUCERS", "cases", "work"]

REDUCERS = {"keys": "a dict", "count": "a counter", "slices": "16 slices"}
PLACES = (1, 10, 100, 1_000)


def work(reducer: str, back: int, history: int = 1_000, stores: int = 10) -> dict[str, Any]:
    """What both sides have to do."""
    return {
        "reducer": reducer,
        "history": history,
        "back": back,
        "actions": 20,
        "stores": stores,
    }


def cases(stack: ExitStack) -> Iterator[Case]:
    """With a reducer that copies a dict, one that only counts, and 16 slices of which the action
    touches one. Beside the JavaScript store, and the reducer alone over what has to be reduced
    again; in histories of several lengths; and in processes that have just started, where neither
    side has had the time to find out which code it runs most.
    """
    js = stack.enter_context(node.Node("stores"))
    original = node.package_name("@logux/redux")
    for reducer, name in REDUCERS.items():
        for back in PLACES:
            same = work(reducer, back)
            peers = {original: js.side("lateInsert", **same)}
            if reducer != "slices":
                peers["the bare fold"] = replay(**same)
            yield Case(f"{name}, {back:,} back", "µs", late_insert(**same), peers, "lower")
    for history in (100, 10_000):
        same = work("keys", 50, history, 3)
        peers = {original: js.side("lateInsert", **same)}
        name = f"a dict, 50 back in {history:,}"
        yield Case(name, "µs", late_insert(**same), peers, "lower", runs=3)
    for reducer, places in (("keys", PLACES), ("slices", (1_000,))):
        for back in places:
            same = work(reducer, back, stores=1)
            peers = {original: node.just_started("stores", "lateInsert", **same)}
            name = f"{REDUCERS[reducer]}, {back:,} back, just started"
            yield Case(name, "µs", just_started("late_insert", **same), peers, "lower")
