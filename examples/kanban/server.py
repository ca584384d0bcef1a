"""The server of the boards: run it with `logux-store serve examples.kanban.server:server`.

Only the members of a board see and change it; only who added a card may remove it; at most three
cards of a board are in progress at once.
"""

from collections.abc import Collection, Mapping
from functools import reduce
from typing import Any

from examples.kanban.board import DOING, Action, add, columns, move, remove, rename
from logux_store import Entry, Meta
from logux_store.server import BaseServer, Context, NotFoundError, Server

Boards = Mapping[str, Collection[str]]

BOARDS: Boards = {"design": ("ann", "bob"), "music": ("bob", "eve")}
IN_PROGRESS = 3


def authenticate(user_id: str, token: str) -> bool:
    """Who may connect. A real application checks a signed token here: see `jwt_auth`."""
    return token == f"token of {user_id}"


def define(server: BaseServer, boards: Boards = BOARDS) -> None:
    """Write the rules down on a server, whether it is the real one or that of a test."""
    log = server.log

    def keep(action: Action, meta: Meta) -> None:
        if action["type"].startswith("cards/"):
            meta.reasons.append("board")
            meta.indexes = [action["board"]]
        elif action["type"] == "logux/undo" and "board" in meta.reasons:
            # It is kept as long as what it undoes; somebody may have got that, but not the undo.
            meta.indexes = [action["action"]["board"]]

    def done_on(board: str) -> list[Action]:
        """What was done on a board, oldest first, without what was undone."""
        entries = [*log.entries(index=board)]
        undone = {action["id"] for action, _ in entries if action["type"] == "logux/undo"}
        return [
            action
            for action, meta in entries
            if action["type"] != "logux/undo" and meta.id not in undone
        ]

    def is_member(ctx: Context, action: Action, meta: Meta) -> bool:
        return ctx.user_id in boards.get(action["board"], ())

    def may_add(ctx: Context, action: Action, meta: Meta) -> bool:
        return is_member(ctx, action, meta) and action["by"] == ctx.user_id

    def may_remove(ctx: Context, action: Action, meta: Meta) -> bool:
        return is_member(ctx, action, meta) and ctx.user_id in [
            card["by"]
            for card in done_on(action["board"])
            if add.match(card) and card["id"] == action["id"]
        ]

    def to_board(ctx: Context, action: Action, meta: Meta) -> str:
        return f"boards/{action['board']}"

    def check_title(ctx: Context, action: Action, meta: Meta) -> None:
        if not action["title"].strip():
            raise ValueError("a card needs a title")

    def check_room(ctx: Context, action: Action, meta: Meta) -> None:
        state = reduce(columns, done_on(action["board"]), columns.initial_state)
        board = state.get(action["board"], {})
        if action["column"] == DOING and len(board.get(DOING, ())) > IN_PROGRESS:
            # Where it was before, it is again, for everybody.
            ctx.server.undo(action, meta, "full")

    def may_see(ctx: Context, action: Action, meta: Meta) -> bool:
        if ctx.params["board"] not in boards:
            raise NotFoundError
        return ctx.user_id in boards[ctx.params["board"]]

    def load(ctx: Context, action: Action, meta: Meta) -> list[Entry]:
        # All of it: what was done offline may be older than the client's last connection, and
        # what a client has already it ignores.
        return [*log.entries(index=ctx.params["board"])]

    server.on("preadd", keep)
    server.type(add, access=may_add, resend=to_board, process=check_title)
    server.type(rename, access=is_member, resend=to_board, process=check_title)
    server.type(move, access=is_member, resend=to_board, process=check_room)
    server.type(remove, access=may_remove, resend=to_board)
    server.channel("boards/:board", access=may_see, load=load)


def make_server(**options: Any) -> Server:
    """A server with its rules; `options` are those of `Server`."""
    server = Server(subprotocol=1, min_subprotocol=1, **options)
    server.auth(authenticate)
    define(server)
    return server


server = make_server()
