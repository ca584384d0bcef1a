"""What a client tells a person at a terminal."""

import asyncio
import io
import os
import signal
import subprocess
import sys
from typing import Any

import pytest
from rich.console import Console

from logux_store import LoguxError
from logux_store.client.terminal import attention, confirm, log
from logux_store.testing import ServerDouble, TestClient, TestServer, run_virtual
from tests.client.crew import Crew, make, role, virtual


class Screen:
    """A terminal without colours, and what was printed on it."""

    def __init__(self) -> None:
        self.file = io.StringIO()
        self.console = Console(file=self.file, width=200, no_color=True, highlight=False)

    def take(self) -> list[str]:
        lines = self.file.getvalue().splitlines()
        self.file.seek(0)
        self.file.truncate()
        return lines


class Terminal(io.StringIO):
    """A stream that says to be a terminal."""

    def isatty(self) -> bool:
        return True


def test_the_log_says_what_happens_in_words() -> None:
    async def test() -> None:
        screen, server = Screen(), ServerDouble()
        client = TestClient(server=server)
        node_id = client.node_id
        stop = log(client, console=screen.console)
        await client.connect()
        assert screen.take() == [
            f"Logux state is connecting  node {node_id}",
            "Logux state is synchronized  server server:double",
        ]
        await client.subscribe("posts", filter={"by": "[ann]"})
        await client.unsubscribe("posts", filter={"by": "[ann]"})
        assert [line for line in screen.take() if "state" not in line] == [
            'Logux subscribing to posts  {"filter":{"by":"[ann]"}}',
            "Logux subscribed to posts",
            'Logux unsubscribing from posts  {"filter":{"by":"[ann]"}}',
            'Logux action logux/unsubscribe was processed  {"filter":{"by":"[ann]"}}',
        ]
        server.undo_next("denied", detail="closed")
        client.sync({"type": "post/add", "n": 1})
        await client.settle()
        assert [line for line in screen.take() if "state" not in line] == [
            'Logux added post/add  {"n":1}',
            'Logux action post/add was undone because of denied  {"n":1}  detail closed',
            'Logux cleaned post/add  {"n":1}',
        ]
        server.send_all({"type": "from/server"})
        client.log.add({"type": "mine"})
        client.log.add({"type": "strange", "value": {1}}, reasons=["kept"])
        await client.settle()
        assert [line for line in screen.take() if "state" not in line] == [
            "Logux added and cleaned mine",
            "Logux added strange  {'value': {1}}",
            "Logux added and cleaned from/server  from server:double",
        ]
        client.change_user("20")
        assert f"Logux user is now 20  node {client.node_id}" in screen.take()
        stop()
        client.log.add({"type": "mine"})
        await client.disconnect()
        assert screen.take() == []

    run_virtual(test())


def test_the_log_can_be_quiet() -> None:
    async def test() -> None:
        screen, server = Screen(), ServerDouble()
        client = TestClient(server=server)
        log(client, console=screen.console, state=False, clean=False, ignore=["noise"])
        await client.connect()
        await client.process({"type": "noise"})
        client.log.add({"type": "noise"})
        client.log.add({"type": "other/tab"}, tab="another")
        assert screen.take() == []
        server.undo_next("denied")
        client.sync({"type": "noise"})
        await client.settle()
        assert screen.take() == ["Logux action noise was undone because of denied"]
        client.log.add({"type": "logux/processed", "id": "1 10:a 0"})
        client.log.add({"type": "logux/undo", "id": "1 10:a 0", "reason": "error"})
        client.log.add({"type": "logux/subscribed", "channel": "a"})
        undone = {"type": "logux/subscribe", "channel": "a"}
        client.log.add({"type": "logux/undo", "id": "1 10:a 0", "action": undone})
        assert screen.take() == [
            "Logux action 1 10:a 0 was processed",
            "Logux action 1 10:a 0 was undone because of error",
            "Logux subscribed to a by the server",
            "Logux subscription to a was undone because of error",
        ]
        log(client, console=screen.console, add=False, role=False, user=False)
        client.log.add({"type": "quiet"})
        assert [line for line in screen.take() if "added" in line] == [
            "Logux added and cleaned quiet"
        ]

    run_virtual(test())


@virtual
async def test_the_log_tells_of_the_role_and_of_what_this_tab_does(crew: Crew) -> None:
    screen = Screen()
    leader, follower = crew.tab(), crew.tab()
    log(leader, console=screen.console, state=False)
    leader.start()
    await leader.wait_for("synchronized")
    follower.start()
    await role(follower, "follower")
    follower.log.add({"type": "private"}, tab=follower.tab_id)
    await follower.sync(make(1))
    leader.log.add({"type": "private"}, tab=leader.tab_id)
    assert screen.take() == [
        "Logux tab role is leader",
        f'Logux added set  {{"value":1}}  from {follower.node_id}',
        'Logux action set was processed  {"value":1}',
        "Logux added and cleaned private",
    ]


def test_the_log_says_what_went_wrong() -> None:
    async def test() -> None:
        screen, server = Screen(), TestServer()
        server.auth(lambda token: token == "right")
        client = TestClient(server=server, token="wrong")
        log(client, console=screen.console, state=False)
        with pytest.raises(LoguxError):
            await client.connect()
        client.pair.left.connect()
        await client.settle()
        client.pair.right.send(["nonsense"])
        await client.settle()
        assert screen.take() == [
            "Logux error The other node sent the error wrong-credentials "
            "(The user id or the token was refused)",
            "Logux error A message has an unknown name: nonsense",
        ]
        await server.destroy()

    run_virtual(test())


def test_no_action_can_break_the_line_or_steer_the_terminal() -> None:
    screen = Screen()
    client = TestClient()
    log(client, console=screen.console)
    client.log.add({"type": "a\x1b[2J\nb", "text": "\x9b[bold]"})
    client.log.add({"type": "logux/undo", "id": "1 10:a 0", "reason": "\x1b", "style": "x"})
    assert screen.take() == [
        r'Logux added and cleaned a\x1b[2J\nb  {"text":"\x9b[bold]"}',
        r"Logux action 1 10:a 0 was undone because of \x1b  style x",
    ]
    client.log.add({"type": "long", "text": "x" * 10_000})
    (line,) = screen.take()
    assert len(line) < 600


def test_attention_is_called_for_what_went_wrong() -> None:
    async def test() -> None:
        server = ServerDouble()
        client = TestClient(server=server)
        alerts: list[Any] = []
        stop = attention(client, alerts.append)
        await client.connect()
        server.undo_next("denied")
        outcome = client.sync({"type": "a"})
        await client.settle()
        (undo,) = alerts
        assert (undo["reason"], undo["id"]) == ("denied", outcome.id)
        errors = LoguxError("timeout", 5), LoguxError("wrong-format", "x")
        for error in errors:
            client.node._events.emit("error", error)
        assert alerts[1:] == [errors[1]]
        stop()
        client.node.on("error", lambda error: None)
        client.node._events.emit("error", errors[1])
        assert len(alerts) == 2

    run_virtual(test())


@pytest.mark.parametrize(
    ("stream", "rings"), [(Terminal(), "\a"), (io.StringIO(), ""), (None, None)]
)
def test_without_a_callback_the_terminal_rings_if_it_is_one(
    monkeypatch: pytest.MonkeyPatch, stream: Any, rings: str | None
) -> None:
    client = TestClient()
    attention(client)
    monkeypatch.setattr("sys.stderr", stream)
    client.log.add({"type": "logux/undo", "id": "1 10:a 0", "reason": "error"})
    assert (stream and stream.getvalue()) == rings


def test_the_program_may_end_when_nothing_is_unsaved_or_the_user_says_so() -> None:
    async def test() -> None:
        server = ServerDouble()
        client = TestClient(server=server)
        await client.connect()
        asked: list[int] = []
        answers = [False, True]

        def ask(unsaved: int) -> bool:
            asked.append(unsaved)
            return answers.pop(0)

        exiting = confirm(client, ask)
        assert exiting.may_exit()
        client.log.add({"type": "logux/subscribe", "channel": "a"}, sync=True)
        await client.disconnect()
        client.sync({"type": "a"})
        client.sync({"type": "b"})
        assert not exiting.may_exit()
        assert exiting.may_exit()
        assert asked == [2, 2]
        await client.connect()
        await client.settle()
        assert exiting.may_exit()
        assert asked == [2, 2]

    run_virtual(test())


@virtual
async def test_what_a_follower_has_not_sent_is_the_leaders_to_save(crew: Crew) -> None:
    leader, follower = await crew.started(2)
    await asyncio.sleep(1)
    leader.node.connection.disconnect()
    outcome = follower.sync(make(1))
    await asyncio.sleep(1)
    assert (confirm(leader).unsaved, confirm(follower).unsaved) == (1, 0)
    leader.node.connection.connect()
    await outcome
    assert confirm(leader).unsaved == 0


@pytest.mark.parametrize(
    ("answer", "may"), [("y\n", True), ("Yes\n", True), ("\n", False), ("", False)]
)
def test_without_a_callback_the_terminal_asks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str, may: bool
) -> None:
    client = TestClient()
    client.sync({"type": "a"})
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert confirm(client).may_exit() is may
    assert capsys.readouterr().err == "1 change is not saved. Quit nevertheless? [y/N] "


@pytest.mark.parametrize("stream", [io.StringIO(), None])
def test_where_nobody_can_be_asked_the_program_may_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stream: Any
) -> None:
    client = TestClient()
    client.sync({"type": "a"})
    client.sync({"type": "b"})
    monkeypatch.setattr("sys.stdin", stream)
    assert confirm(client).may_exit()
    assert capsys.readouterr().err == "2 changes are not saved.\n"


@pytest.mark.skipif(os.name == "nt", reason="event loops have no signal handlers there")
async def test_a_signal_ends_the_program_only_when_it_may() -> None:
    client = TestClient()
    client.sync({"type": "a"})
    asked, ended = asyncio.Event(), asyncio.Event()
    answers = [False, True]

    def ask(_unsaved: int) -> bool:
        asked.set()
        return answers.pop(0)

    confirm(client, ask).guard(signal.SIGUSR1, stop=ended.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    await asked.wait()
    assert not ended.is_set()
    os.kill(os.getpid(), signal.SIGUSR1)
    await ended.wait()
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL


@pytest.mark.skipif(os.name == "nt", reason="event loops have no signal handlers there")
async def test_the_signal_again_at_the_question_ends_the_program() -> None:
    client = TestClient()
    client.sync({"type": "a"})
    ended = asyncio.Event()
    questions = 0

    def ask(_unsaved: int) -> bool:
        nonlocal questions
        questions += 1
        signal.raise_signal(signal.SIGUSR1)
        return False

    confirm(client, ask).guard(signal.SIGUSR1, stop=ended.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    await ended.wait()
    assert questions == 1


@pytest.mark.skipif(os.name == "nt", reason="event loops have no signal handlers there")
async def test_a_guard_can_be_taken_away() -> None:
    end = confirm(TestClient()).guard(signal.SIGUSR1, stop=list)
    assert signal.getsignal(signal.SIGUSR1) != signal.SIG_DFL
    end()
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL


PROGRAM = """
import asyncio, os
from logux_store import Client, LocalPair
from logux_store.client.terminal import ask_at_terminal, confirm

os.open(os.ttyname(0), os.O_RDWR)  # makes it the terminal that Ctrl+C goes through


def ask(unsaved):
    answer = ask_at_terminal(unsaved)
    asyncio.get_running_loop().call_soon(print, "answered")
    return answer


async def main():
    client = Client(server=LocalPair().left, subprotocol=1, user_id="10")
    stopped = asyncio.Event()
    confirm(client, ask).guard(stop=stopped.set)
    client.sync({"type": "a"})
    print("ready")
    await stopped.wait()
    print("stopped")


asyncio.run(main())
"""


@pytest.mark.skipif(os.name == "nt", reason="there are no pseudo-terminals")
@pytest.mark.parametrize("last", ["y\n", "\x03"])
def test_ctrl_c_at_a_terminal_asks_what_to_do(last: str) -> None:
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    said = ""

    def wait_for(text: str) -> None:
        nonlocal said
        while text not in said:
            said += os.read(ours, 1000).decode()
        said = said.partition(text)[2]

    wait_for("ready")
    for answer, what_follows in (("n\n", "answered"), (last, "\r\nstopped")):
        os.write(ours, b"\x03")
        wait_for("1 change is not saved. Quit nevertheless? [y/N] ")
        os.write(ours, answer.encode())
        wait_for(what_follows)
    assert process.wait() == 0
    os.close(ours)
