"""The state of the boards, as the fold of what people do; client and server use the same.

| action | what it does |
| --- | --- |
| `cards/add {board, id, title, by}` | a new card, in the column `todo` |
| `cards/rename {board, id, title}` | another title |
| `cards/move {board, id, column}` | to the end of a column |
| `cards/remove {board, id}` | away with it |
"""

from typing import Any

from logux_store import Reducer, Slice, define_action

TODO, DOING, DONE = COLUMNS = ("todo", "doing", "done")

add = define_action("cards/add")
rename = define_action("cards/rename")
move = define_action("cards/move")
remove = define_action("cards/remove")

Action = dict[str, Any]
Cards = dict[str, dict[str, Any]]
Columns = dict[str, dict[str, list[str]]]

cards: Slice[Cards] = Slice({})
columns: Slice[Columns] = Slice({})


@cards.on(add)
def added(state: Cards, action: Action) -> Cards:
    card = {"board": action["board"], "title": action["title"], "by": action["by"]}
    return {**state, action["id"]: card}


@cards.on(rename)
def renamed(state: Cards, action: Action) -> Cards:
    id = action["id"]
    # Somebody may have removed the card meanwhile.
    return {**state, id: {**state[id], "title": action["title"]}} if id in state else state


@cards.on(remove)
def removed(state: Cards, action: Action) -> Cards:
    return {id: card for id, card in state.items() if id != action["id"]}


@columns.on(add)
def shown(state: Columns, action: Action) -> Columns:
    return _put(state, action, TODO)


@columns.on(move)
def moved(state: Columns, action: Action) -> Columns:
    board = state.get(action["board"], {})
    there = any(action["id"] in ids for ids in board.values())
    return _put(state, action, action["column"]) if there else state


@columns.on(remove)
def hidden(state: Columns, action: Action) -> Columns:
    return _put(state, action, None)


def _put(state: Columns, action: Action, target: str | None) -> Columns:
    """Take a card out of every column, and put it at the end of one: it is never in two."""
    id, name = action["id"], action["board"]
    before = state.get(name, {})
    board: dict[str, list[str]] = {}
    for column in COLUMNS:
        others = [other for other in before.get(column, ()) if other != id]
        board[column] = [*others, id] if column == target else others
    return {**state, name: board}


reducer: dict[str, Reducer] = {"cards": cards, "columns": columns}


def titles(state: dict[str, Any], board: str) -> dict[str, list[str]]:
    """What a person sees of a board: the titles of the cards in each column."""
    shown: Columns = state["columns"]
    return {
        column: [state["cards"][id]["title"] for id in ids]
        for column, ids in shown.get(board, {}).items()
    }
