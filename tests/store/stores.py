"""A store, and what tests do with it."""

from typing import Any

from logux_store import Client, Store, create_store_creator
from logux_store.testing import TestPair

Action = dict[str, Any]


def trace(state: tuple[str, ...] | None, action: Action) -> tuple[str, ...]:
    """Keeps every action's name, in the order in which they were applied."""
    if action["type"] == "fail":
        raise ZeroDivisionError
    return state or () if action["type"] != "add" else (*(state or ()), action["name"])


def add(name: str) -> Action:
    return {"type": "add", "name": name}


def undo(id: str) -> Action:
    return {"type": "logux/undo", "id": id, "reason": "denied"}


def make_store(reducer: Any = trace, **options: Any) -> Store[Any]:
    client = Client(server=TestPair().left, subprotocol=1, user_id="10", clock=Clock())
    return create_store_creator(client, **options)(reducer)


class Clock:
    def __init__(self) -> None:
        self.now = 1000

    def __call__(self) -> int:
        self.now += 10
        return self.now


def from_server(store: Store[Any], action: Action, time: int, n: int = 0) -> str:
    """Add an action as if it had come from elsewhere."""
    id = f"{time} 20:a:b {n}"
    store.log.add(action, id=id, time=time)
    return id
