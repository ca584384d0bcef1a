"""The server of the to-do list: run it with `logux-store serve examples.todo.server:server`.

Everybody sees the list and may add, rename and check; only who added a task may remove it.
"""

from typing import Any

from logux_store import Meta
from logux_store.server import Context, Server

CHANNEL = "todos"


def make_server(**options: Any) -> Server:
    """A server with its rules; `options` are those of `Server`."""
    server = Server(subprotocol=1, min_subprotocol=1, **options)
    owners: dict[str, str | None] = {}

    # A real application checks a signed token here: see jwt_auth.
    server.auth(lambda user_id, token, **_: token == f"token of {user_id}")

    def keep(action: dict[str, Any], meta: Meta) -> None:
        if action["type"].startswith("todos/"):
            meta.reasons.append(CHANNEL)

    def may_add(ctx: Context, action: dict[str, Any], meta: Meta) -> bool:
        return bool(action["by"] == ctx.user_id)

    def may_remove(ctx: Context, action: dict[str, Any], meta: Meta) -> bool:
        return owners.get(action["id"]) == ctx.user_id

    def remember_owner(ctx: Context, action: dict[str, Any], meta: Meta) -> None:
        owners[action["id"]] = ctx.user_id

    def anybody(ctx: Context, action: dict[str, Any], meta: Meta) -> bool:
        return True

    def to_all(ctx: Context, action: dict[str, Any], meta: Meta) -> str:
        return CHANNEL

    def load(ctx: Context, action: dict[str, Any], meta: Meta) -> list[Any]:
        # All of them: an edit made offline may be older than the client's last connection, and
        # what a client has already it ignores.
        return [entry for entry in server.log.entries() if entry[0]["type"].startswith("todos/")]

    server.on("preadd", keep)
    server.type("todos/add", access=may_add, resend=to_all, process=remember_owner)
    server.type("todos/rename", access=anybody, resend=to_all)
    server.type("todos/check", access=anybody, resend=to_all)
    server.type("todos/remove", access=may_remove, resend=to_all)
    server.channel(CHANNEL, access=anybody, load=load)
    return server


server = make_server()
