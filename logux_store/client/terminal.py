"""What a client tells a person at a terminal: what happens, that something went wrong, and that
there is unsaved work before the program ends.

Invariants: whatever an action holds, it is printed on one line and cannot steer the terminal;
`rich` is imported when something is to be printed, not before.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from logux_store.actions import Action, is_logux, to_json
from logux_store.client.client import Client
from logux_store.client.reasons import SYNCING
from logux_store.errors import LoguxError
from logux_store.events import Unbind
from logux_store.ids import parse_id
from logux_store.meta import Meta

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Confirmation", "attention", "confirm", "log"]

LONGEST = 500
"""Characters of a detail that are printed at most."""


def log(
    client: Client,
    *,
    console: "Console | None" = None,
    state: bool = True,
    role: bool = True,
    user: bool = True,
    add: bool = True,
    clean: bool = True,
    error: bool = True,
    ignore: Iterable[str] = (),
) -> Unbind:
    """Print what happens to a client, one line for each event, to standard error or `console`.

    The options named after events turn them off; actions of the types in `ignore` are left out
    unless they are undone. Returns a function that stops it.
    """
    printer = _Printer(client, console, clean, frozenset(ignore))
    listeners = (
        (state, client.on, "state", printer.state),
        (role, client.on, "role", printer.role),
        (user, client.on, "user", printer.user),
        (add, client.on, "add", printer.added),
        (clean, client.on, "clean", printer.cleaned),
        (error, client.node.on, "error", printer.error),
        (error, client.node.on, "client_error", printer.error),
    )
    return _all(*(on(event, listener) for wanted, on, event, listener in listeners if wanted))


class _Printer:
    __slots__ = (
        "clean",
        "cleaned_with_answer",
        "client",
        "connected",
        "console",
        "ignore",
        "sent",
        "told",
    )

    def __init__(
        self, client: Client, console: "Console | None", clean: bool, ignore: frozenset[str]
    ) -> None:
        if console is None:
            from rich.console import Console

            console = Console(stderr=True, highlight=False)
        self.client = client
        self.console = console
        self.clean = clean
        self.ignore = ignore
        self.connected = client.connected
        # Own actions without an answer, by id.
        self.sent: dict[str, Action] = {}
        # Those of them that the log has dropped because the answer is here; it is told first.
        self.cleaned_with_answer: set[str] = set()
        # Actions of which it was told at once that they are added and cleaned.
        self.told: set[str] = set()

    def say(
        self,
        text: str,
        name: str,
        *,
        after: str = "",
        action: Action | None = None,
        details: Mapping[str, Any] | None = None,
        mark: str = "yellow",
    ) -> None:
        """Print a line: `text`, the `name` of what it is about, `after`, the rest of the action,
        and the details.
        """
        from rich.text import Text

        line = Text("Logux ", style=f"bold {mark}")
        line.append(f"{text} ", "default not bold")
        line.append(one_line(name), "bold default")
        line.append(after, "default not bold")
        hidden = ("type", "channel") if action and is_logux(action) else ("type",)
        rest = {key: value for key, value in (action or {}).items() if key not in hidden}
        if rest:
            line.append(f"  {one_line(rest)}", "default not bold")
        for key, value in (details or {}).items():
            line.append(f"  {one_line(key)} ", "dim default not bold")
            line.append(one_line(value), "default not bold")
        self.console.print(line, soft_wrap=True)

    def state(self) -> None:
        client = self.client
        details: dict[str, Any] = {}
        if client.state == "connecting":
            details = {"node": client.node_id}
            if isinstance(client.server, str):
                details["server"] = client.server
        elif client.connected and not self.connected and client.node.remote_node_id:
            details = {"server": client.node.remote_node_id}
        self.connected = client.connected
        self.say("state is", client.state, details=details)

    def role(self) -> None:
        self.say("tab role is", self.client.role)

    def user(self, user_id: str) -> None:
        self.say("user is now", user_id, details={"node": self.client.node_id})

    def error(self, error: Exception) -> None:
        self.say("error", str(error), mark="red")

    def added(self, action: Action, meta: Meta) -> None:
        if meta.tab not in (None, self.client.tab_id):
            return
        if meta.sync:
            self.sent[meta.id] = action
        match action:
            case {"type": "logux/processed", "id": str() as id}:
                self.processed(id)
            case {"type": "logux/undo", "id": str() as id}:
                self.undone(id, action)
            case {"type": type} if type in self.ignore:
                pass
            case {"type": "logux/subscribe", "channel": str() as channel}:
                self.say("subscribing to", channel, action=action)
            case {"type": "logux/subscribed", "channel": str() as channel}:
                self.say("subscribed to", channel, after=" by the server")
            case {"type": "logux/unsubscribe", "channel": str() as channel}:
                self.say("unsubscribing from", channel, action=action)
            case _:
                self.other(action, meta)

    def processed(self, id: str) -> None:
        sent = self.sent.pop(id, None)
        if sent is None:
            self.say("action", id, after=" was processed")
        elif sent["type"] in self.ignore:
            pass
        elif sent["type"] == "logux/subscribe":
            self.say("subscribed to", sent["channel"])
        else:
            self.say("action", sent["type"], after=" was processed", action=sent)
        self.say_cleaned_with_answer(id, sent)

    def undone(self, id: str, undo: Action) -> None:
        sent = self.sent.pop(id, None)
        undone = undo.get("action")
        if not isinstance(undone, dict) or not isinstance(undone.get("type"), str):
            undone = sent or {"type": id}
        what, name = "action", undone["type"]
        if name == "logux/subscribe":
            what, name = "subscription to", str(undone.get("channel"))
        after = f" was undone because of {one_line(undo.get('reason', 'error'))}"
        known = ("type", "id", "action", "reason")
        details = {key: value for key, value in undo.items() if key not in known}
        self.say(what, name, after=after, action=undone, details=details, mark="red")
        self.say_cleaned_with_answer(id, sent)

    def other(self, action: Action, meta: Meta) -> None:
        text = "added"
        if not meta.reasons:
            text = "added and cleaned"
            if self.clean:
                self.told.add(meta.id)
        node_id = parse_id(meta.id).node_id
        details = {"from": node_id} if node_id != self.client.node_id else None
        self.say(text, action["type"], action=action, details=details, mark="green")

    def cleaned(self, action: Action, meta: Meta) -> None:
        if meta.id in self.told:
            self.told.discard(meta.id)
        elif meta.id in self.sent:
            self.cleaned_with_answer.add(meta.id)
        elif meta.tab in (None, self.client.tab_id):
            self.say_cleaned(action)

    def say_cleaned_with_answer(self, id: str, action: Action | None) -> None:
        if id in self.cleaned_with_answer:
            self.cleaned_with_answer.discard(id)
            if action is not None:
                self.say_cleaned(action)

    def say_cleaned(self, action: Action) -> None:
        if action["type"] not in self.ignore and not is_logux(action):
            self.say("cleaned", action["type"], action=action)


def one_line(value: Any) -> str:
    """A value as one line that is not too long, with nothing that a terminal would obey."""
    if isinstance(value, str):
        text = value
    else:
        try:
            text = to_json(value)
        except (TypeError, ValueError, RecursionError):
            text = repr(value)
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}…"
    return printable(text)


def printable(text: str) -> str:
    """The text with nothing that a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def attention(client: Client, alert: Callable[[Any], object] | None = None) -> Unbind:
    """Call `alert` when something goes wrong that the user should look at, even if another window
    is in front: with the error of the synchronization, or with the `logux/undo` action. Without it
    the terminal rings. Returns a function that stops it.
    """
    call = ring if alert is None else alert

    def failed(error: Exception) -> None:
        if not (isinstance(error, LoguxError) and error.type == "timeout"):
            call(error)

    def undone(action: Action, _meta: Meta) -> None:
        if action.get("reason"):
            call(action)

    return _all(client.node.on("error", failed), client.type("logux/undo", undone))


def ring(_what: object) -> None:
    """Let the terminal ring, if there is one."""
    if is_terminal(sys.stderr):
        print("\a", end="", file=sys.stderr, flush=True)


class Confirmation:
    """Whether the program may end; made by `confirm`."""

    __slots__ = ("ask", "client")

    def __init__(self, client: Client, ask: Callable[[int], bool]) -> None:
        self.client = client
        self.ask = ask

    @property
    def unsaved(self) -> int:
        """How many actions wait for the server; they are lost if the program ends now and the log
        is in memory. A follower's actions are the leader's to save.
        """
        if self.client.role == "follower":
            return 0
        waiting = self.client.log.store.entries_with_reason(SYNCING)
        return sum(not is_logux(action) for action, _ in waiting)

    def may_exit(self) -> bool:
        """Whether nothing is unsaved, or the user agrees to lose it."""
        unsaved = self.unsaved
        return not unsaved or self.ask(unsaved)

    def guard(self, *signals: signal.Signals, stop: Callable[[], object]) -> Unbind:
        """At one of these signals (SIGINT by default), call `stop` once, if the program may exit.

        The event loop waits for the answer; the same signal again, at the question, is a yes. Needs
        the running loop of the main thread, and an operating system with signals (not Windows).
        Returns a function that ends it.
        """
        loop = asyncio.get_running_loop()
        guarded = signals or (signal.SIGINT,)

        def check(number: signal.Signals) -> None:
            try:
                # While the loop waits, its own handler would not be called.
                signal.signal(number, signal.default_int_handler)
                may_exit = self.may_exit()
            except KeyboardInterrupt:
                may_exit = True
            finally:
                loop.add_signal_handler(number, check, number)
            if may_exit:
                end()
                stop()

        def end() -> None:
            for number in guarded:
                loop.remove_signal_handler(number)

        for number in guarded:
            loop.add_signal_handler(number, check, number)
        return end


def confirm(client: Client, ask: Callable[[int], bool] | None = None) -> Confirmation:
    """Ask before the program ends while actions are unsaved.

    Call `may_exit()` of the result where the program is about to end, such as where its window
    closes, or let `guard` do it at Ctrl+C. `ask` gets the number of unsaved actions and says
    whether to end nevertheless; without it, the user is asked at the terminal, and where there is
    none, only told.
    """
    return Confirmation(client, ask_at_terminal if ask is None else ask)


def ask_at_terminal(unsaved: int) -> bool:
    """Ask the user, who answers by a line; no answer means no. With no terminal there is nobody to
    ask, and a program that cannot be ended is worse.
    """
    what = "1 change is" if unsaved == 1 else f"{unsaved} changes are"
    if not is_terminal(sys.stdin):
        print(f"{what} not saved.", file=sys.stderr)
        return True
    try:
        print(f"{what} not saved. Quit nevertheless? [y/N] ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    except KeyboardInterrupt:
        print(file=sys.stderr)
        raise


def is_terminal(stream: Any) -> bool:
    """Whether a person is at the other end. Programs without a console have None for a stream."""
    return stream is not None and bool(stream.isatty())


def _all(*unbind: Unbind) -> Unbind:
    def stop() -> None:
        for stop_one in unbind:
            stop_one()

    return stop
