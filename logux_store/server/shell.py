"""`logux-store shell`: a client of any Logux server, for a person or for a pipe.

Reads one action a line from standard input, as JSON or as `type key=value …`, dispatches it with
`sync`, and prints what happens: status, state, actions and the outcome of each. A person gets
readable lines, a pipe (or `--json`) JSON lines, each an object with an `event`:
`status`, `state`, `action`, `processed`, `undone` or `error`.

Invariants: at the end of the input the shell waits for the outcomes that are still open, and its
exit status is 0 only if the server was reached and nothing was undone, refused or left open;
whatever an action holds, it cannot steer the terminal.
"""

import argparse
import asyncio
import io
import json
import os
import shlex
import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from logux_store.actions import Action, check_action, to_json
from logux_store.client import Client, DangerousProtocolError, Outcome, status
from logux_store.client.request import unreachable
from logux_store.client.terminal import printable
from logux_store.errors import LoguxError, UndoError
from logux_store.meta import Meta
from logux_store.sync import NodeState

__all__ = ["add_arguments", "parse_line", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("url", help="the server, such as wss://example.com or ws://127.0.0.1:31337")
    parser.add_argument("--user", default="anonymous", metavar="ID", help="user id")
    parser.add_argument("--token", metavar="T", help="what the server's auth asks for")
    parser.add_argument(
        "--channel", action="append", default=[], metavar="C", help="subscribe; can be repeated"
    )
    parser.add_argument("--subprotocol", type=int, default=1, metavar="N", help="default: 1")
    parser.add_argument(
        "--wait", type=float, default=10.0, metavar="SECONDS", help="for open outcomes at the end"
    )
    parser.add_argument("--json", action="store_true", help="print JSON lines even to a terminal")
    parser.add_argument(
        "--allow-dangerous-protocol", action="store_true", help="ws:// outside development"
    )


def parse_line(line: str) -> Action | None:
    """The action of one line of input; None for an empty one.

    `{"type": "a", "n": 1}` and `a n=1` are the same; values that are not JSON are strings. Raises
    ValueError that says what is wrong with the line.
    """
    line = line.strip()
    if not line:
        return None
    try:
        if line.startswith("{"):
            action = json.loads(line)
        else:
            type, *fields = shlex.split(line)
            action = {"type": type, **dict(map(_field, fields))}
        check_action(action)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"not an action: {line!r} ({error}); write JSON or: type key=value"
        ) from None
    return dict(action)


def _field(word: str) -> tuple[str, Any]:
    name, equals, value = word.partition("=")
    if not equals:
        raise ValueError(f"{word!r} is not key=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


async def run(arguments: argparse.Namespace, source: TextIO, target: TextIO) -> int:
    """Run the shell over these streams until the input ends; returns the exit status."""
    try:
        client = Client(
            server=arguments.url,
            subprotocol=arguments.subprotocol,
            user_id=arguments.user,
            token=arguments.token,
            allow_dangerous_protocol=arguments.allow_dangerous_protocol,
        )
    except (TypeError, ValueError) as error:
        print(f"logux-store shell: {error}", file=sys.stderr)
        return 2
    for stream, errors in ((source, "replace"), (target, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            # What cannot be read or written as it is must not end the shell.
            stream.reconfigure(errors=errors)
    show = printer(arguments.json or not target.isatty(), target)
    shell = _Shell(client, show, target)
    client.start()
    try:
        return await shell.run(source, arguments.channel, arguments.wait)
    finally:
        await client.destroy()


class _Shell:
    def __init__(self, client: Client, show: Callable[..., None], target: TextIO) -> None:
        self.client = client
        self.print = show
        self.target = target
        self.failed = False
        # Why there is no connection, if that was told.
        self.obstacle = ""
        self.open: dict[str, asyncio.Task[None]] = {}
        # The shell ends its own lines only when the connection has failed for good.
        self.given_up = asyncio.Event()
        client.on("add", self.added)
        self.changed = asyncio.Event()
        client.on("state", self.changed.set)
        client.on("state", self.state)
        client.node.on("error", self.error)
        client.node.on("client_error", self.error)
        status(client, lambda value, _: self.show("status", value=str(value)))

    async def run(self, source: TextIO, channels: list[str], wait: float) -> int:
        for channel in channels:
            self.dispatch({"type": "logux/subscribe", "channel": channel})
        lines = _read(source)
        reading = asyncio.ensure_future(lines.get())
        giving_up = asyncio.ensure_future(self.given_up.wait())
        try:
            while True:
                await asyncio.wait((reading, giving_up), return_when=asyncio.FIRST_COMPLETED)
                if giving_up.done():
                    break
                line = reading.result()
                if line is None:
                    break
                self.read(line)
                reading = asyncio.ensure_future(lines.get())
            await self.settle(giving_up, wait)
        finally:
            reading.cancel()
            giving_up.cancel()
        return 1 if self.failed else 0

    def show(self, event: str, **fields: Any) -> None:
        try:
            self.print(event, **fields)
        except BrokenPipeError:
            # Nobody reads any more, so it ends as soon as it can; what comes until then is lost.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.target.fileno())
            self.failed = True
            self.given_up.set()

    def read(self, line: str) -> None:
        try:
            action = parse_line(line)
            if action is not None:
                self.dispatch(action)
        except (TypeError, ValueError) as error:
            self.failed = True
            self.show("error", message=str(error))

    def dispatch(self, action: Action) -> None:
        outcome = self.client.sync(action)
        self.open[outcome.id] = asyncio.ensure_future(self.follow(outcome))

    async def follow(self, outcome: Outcome) -> None:
        try:
            await outcome
        except UndoError as error:
            self.failed = True
            self.show("undone", id=outcome.id, reason=error.reason)
        except ConnectionAbortedError:
            return
        else:
            self.show("processed", id=outcome.id)
        finally:
            self.open.pop(outcome.id, None)

    async def settle(self, giving_up: "asyncio.Future[Any]", wait: float) -> None:
        """Wait for the open outcomes, as long as they can come; say which did not."""
        quiet = asyncio.ensure_future(self.quiet())
        await asyncio.wait((quiet, giving_up), timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        quiet.cancel()
        if not quiet.done():
            self.failed = True
        for id in list(self.open):
            self.show("error", message=f"no answer to {id} came from the server")

    async def quiet(self) -> None:
        while self.open:
            await asyncio.wait(self.open.values())
        while self.client.state != NodeState.SYNCHRONIZED:
            await self.changed.wait()
            self.changed.clear()

    def state(self) -> None:
        client = self.client
        self.show("state", value=str(client.state))
        if client.connected:
            self.obstacle = ""
        elif client.state == NodeState.DISCONNECTED and not client.destroyed:
            cause = unreachable(client).__cause__
            if cause is not None and str(cause) != self.obstacle:
                self.obstacle = str(cause)
                self.show("error", message=f"no connection to {client.server}: {cause}")

    def added(self, action: Action, meta: Meta) -> None:
        if action["type"] not in ("logux/processed", "logux/undo"):
            own = f" {self.client.node_id} " in meta.id
            self.show(
                "action", direction="→" if own else "←", id=meta.id, time=meta.time, action=action
            )

    def error(self, error: Exception) -> None:
        self.show("error", message=str(error))
        if self.client.error is not None or isinstance(error, DangerousProtocolError):
            self.failed = True
            self.given_up.set()
        elif isinstance(error, LoguxError) and error.type != "timeout":
            self.failed = True


def _read(source: TextIO) -> "asyncio.Queue[str | None]":
    """The lines of a stream, then None. A thread reads, since files and terminals have no other way
    to be waited for on every system; it dies with the process.
    """
    lines: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in source:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, daemon=True, name="logux-store shell input").start()
    return lines


def printer(as_json: bool, target: TextIO) -> Callable[..., None]:
    """What prints an event and its fields, as a JSON line or for people."""
    if as_json:

        def show_json(event: str, **fields: Any) -> None:
            print(to_json({"event": event, **fields}), file=target, flush=True)

        return show_json

    console = Console(file=target, highlight=False)

    def show(event: str, **fields: Any) -> None:
        match event:
            case "action":
                action = dict(fields["action"])
                line = Text(f"{fields['direction']} {printable(action.pop('type'))} ", style="bold")
                line.append(printable(to_json(action)) if action else "", style="not bold")
                line.append(f"  {fields['id']}", style="dim not bold")
            case "processed":
                line = Text(f"✓ processed  {fields['id']}", style="green")
            case "undone":
                line = Text(f"✗ undone: {printable(fields['reason'])}  {fields['id']}", style="red")
            case "error":
                line = Text(f"! {printable(fields['message'])}", style="bold red")
            case _:
                line = Text(f"  {event}: {fields['value']}", style="dim")
        console.print(line, soft_wrap=True)

    return show
