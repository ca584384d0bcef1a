"""Shared notes: FastAPI, SQLite, and a page in the browser that uses `@logux/client`."""
