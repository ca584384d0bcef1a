"""The application: FastAPI serves the page and gives tokens, Logux keeps every page up to date.

The notes are rows of an SQLite database, which is what counts; actions say how it changes. The
server needs no log of them: whoever subscribes gets the rows as actions, and what is added, changed
or removed later as it happens.
"""

import datetime
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import jwt
from fastapi import FastAPI, HTTPException
from fastapi.staticfiles import StaticFiles
from logux_adapters.asgi import LoguxApp

from logux_store import Meta
from logux_store.server import BaseServer, Context, jwt_auth

PAGE = Path(__file__).parent / "page"
CHANNEL = "notes"

Action = dict[str, Any]


class Notes:
    """The table of notes."""

    def __init__(self, path: str) -> None:
        self.database = sqlite3.connect(path)
        self.database.execute(
            "CREATE TABLE IF NOT EXISTS notes"
            " (id TEXT PRIMARY KEY, author TEXT NOT NULL, text TEXT NOT NULL, changed INTEGER)"
        )

    def all(self) -> list[dict[str, Any]]:
        rows = self.database.execute("SELECT id, author, text, changed FROM notes ORDER BY id")
        return [dict(zip(("id", "author", "text", "changed"), row, strict=True)) for row in rows]

    def author(self, id: str) -> str | None:
        row = self.database.execute("SELECT author FROM notes WHERE id = ?", (id,)).fetchone()
        return None if row is None else str(row[0])

    def write(self, id: str, author: str | None, text: str, changed: int) -> None:
        """Add a note, or change it unless a later change is there already."""
        with self.database:
            self.database.execute(
                "INSERT INTO notes VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
                " SET text = excluded.text, changed = excluded.changed"
                " WHERE excluded.changed >= changed",
                (id, author, text, changed),
            )

    def remove(self, id: str) -> None:
        with self.database:
            self.database.execute("DELETE FROM notes WHERE id = ?", (id,))


def make_server(notes: Notes, secret: str) -> BaseServer:
    """The Logux server: everybody who has a token may read and add, authors change their notes."""
    server = BaseServer(subprotocol=1, min_subprotocol=1)
    server.auth(jwt_auth(secret))

    def may_write(ctx: Context, action: Action, meta: Meta) -> bool:
        return notes.author(action["id"]) in (None, ctx.user_id)

    def may_remove(ctx: Context, action: Action, meta: Meta) -> bool:
        return notes.author(action["id"]) == ctx.user_id

    def to_all(ctx: Context, action: Action, meta: Meta) -> str:
        return CHANNEL

    def write(ctx: Context, action: Action, meta: Meta) -> None:
        notes.write(action["id"], ctx.user_id, action["text"], meta.time)

    def remove(ctx: Context, action: Action, meta: Meta) -> None:
        notes.remove(action["id"])

    def load(ctx: Context, action: Action, meta: Meta) -> list[Any]:
        rows = notes.all()
        times = [row.pop("changed") for row in rows]
        return [
            ({"type": "notes/write", **row}, {"time": time})
            for row, time in zip(rows, times, strict=True)
        ]

    server.type("notes/write", access=may_write, resend=to_all, process=write)
    server.type("notes/remove", access=may_remove, resend=to_all, process=remove)
    server.channel(CHANNEL, access=lambda ctx, action, meta: True, load=load)
    return server


def make_app(path: str, secret: str) -> FastAPI:
    """The whole application over a database file."""
    notes = Notes(path)
    logux = LoguxApp(make_server(notes, secret))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with closing(notes.database):
            async with logux.lifespan(app):
                yield

    app = FastAPI(title="Shared notes", lifespan=lifespan)

    @app.post("/api/token")
    def token(name: str) -> dict[str, str]:
        # A real application asks for a password here.
        if not name.isalnum():
            raise HTTPException(422, "a name has letters and digits only")
        expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=12)
        return {"token": jwt.encode({"sub": name, "exp": expires}, secret, "HS256")}

    @app.get("/api/notes")
    async def list_notes() -> list[dict[str, Any]]:
        return notes.all()

    app.mount("/logux", logux)
    app.mount("/", StaticFiles(directory=PAGE, html=True))
    return app
