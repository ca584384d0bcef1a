"""The state of the to-do list, as the fold of its actions; client and server use the same."""

from typing import Any

from logux_store import Reducer, Slice, define_action

add = define_action("todos/add")
rename = define_action("todos/rename")
check = define_action("todos/check")
remove = define_action("todos/remove")

Todos = dict[str, dict[str, Any]]

todos: Slice[Todos] = Slice({})
renames: Slice[dict[str, int]] = Slice({})


@todos.on(add)
def added(state: Todos, action: dict[str, Any]) -> Todos:
    todo = {"text": action["text"], "done": False, "by": action["by"]}
    return {**state, action["id"]: todo}


@todos.on(rename)
def renamed(state: Todos, action: dict[str, Any]) -> Todos:
    return _change(state, action["id"], text=action["text"])


@todos.on(check)
def checked(state: Todos, action: dict[str, Any]) -> Todos:
    return _change(state, action["id"], done=action["done"])


@todos.on(remove)
def removed(state: Todos, action: dict[str, Any]) -> Todos:
    return {id: todo for id, todo in state.items() if id != action["id"]}


@renames.on(rename)
def counted(state: dict[str, int], action: dict[str, Any]) -> dict[str, int]:
    return {**state, action["id"]: state.get(action["id"], 0) + 1}


def _change(state: Todos, id: str, **fields: Any) -> Todos:
    # An edit of a task that somebody has removed meanwhile changes nothing.
    return {**state, id: {**state[id], **fields}} if id in state else state


reducer: dict[str, Reducer] = {"todos": todos, "renames": renames}
