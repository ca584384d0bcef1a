"""The place of tabs in a directory; several places in one process stand for several processes,
since each has locks of its own.
"""

import asyncio
import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

import pytest

from logux_store.client.tabs import Channel, FileSpace
from logux_store.client.tabs.file_space import MAX_SOCKET_PATH, Transport, open_space

transports = pytest.mark.parametrize(
    "transport",
    [
        pytest.param(
            "unix", marks=pytest.mark.skipif(sys.platform == "win32", reason="none there")
        ),
        "tcp",
    ],
)


class Texts:
    """What arrives on a channel."""

    opened: ClassVar[list["Texts"]] = []

    def __init__(self, channel: Channel) -> None:
        self.opened.append(self)
        self.channel = channel
        self.texts: asyncio.Queue[str | None] = asyncio.Queue()
        channel.on_text = self.texts.put_nowait
        channel.on_close = lambda: self.texts.put_nowait(None)
        channel.start()


@pytest.fixture(autouse=True)
async def closed() -> AsyncIterator[None]:
    """At its end a test leaves no socket open."""
    yield
    for texts in Texts.opened:
        texts.channel.close()
    Texts.opened.clear()
    for _ in range(3):
        await asyncio.sleep(0)


async def listening(space: FileSpace) -> "asyncio.Queue[Texts]":
    accepted: asyncio.Queue[Texts] = asyncio.Queue()
    space.listen(lambda channel: accepted.put_nowait(Texts(channel)))
    return accepted


def test_the_first_makes_the_client_id_and_the_others_take_it(tmp_path: Path) -> None:
    one, two = FileSpace(tmp_path), FileSpace(tmp_path)
    assert one.client_part(lambda: "first") == "first"
    assert two.client_part(lambda: "second") == "first"
    (tmp_path / "client").write_text("a b")
    with pytest.raises(ValueError, match="remove it"):
        two.client_part(lambda: "third")


def test_a_client_id_that_was_lost_with_the_power_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "client").touch()
    assert FileSpace(tmp_path).client_part(lambda: "new") == "new"
    assert FileSpace(tmp_path).client_part(lambda: "other") == "new"


async def test_so_is_the_address_of_a_leader(tmp_path: Path) -> None:
    for name in ("term.1", "address.1"):
        (tmp_path / name).touch()
    follower = FileSpace(tmp_path)
    with pytest.raises(ConnectionRefusedError, match="does not listen"):
        await follower.connect(1)
    assert follower.claim() == 2


def test_a_directory_that_was_removed_is_made_again_as_it_was(tmp_path: Path) -> None:
    directory = tmp_path / "state" / "user-10"
    directory.mkdir(parents=True)
    spaces = [FileSpace(directory) for _ in range(2)]
    assert {space.client_part(lambda: "client") for space in spaces} == {"client"}
    for number, space in enumerate(spaces):
        space.enter(f"tab{number}")
    assert spaces[0].claim() == 1
    shutil.rmtree(tmp_path / "state")
    assert spaces[0].term() == 0
    spaces[0].resign()
    assert spaces[1].claim() == 1
    assert spaces[0].claim() is None
    assert spaces[0].is_alive("tab1")
    assert (directory / "client").read_text() == "client"
    spaces[1].leave()
    shutil.rmtree(tmp_path / "state")
    spaces[1].enter("tab1")
    assert FileSpace(directory).client_part(lambda: "other") == "client"


def test_a_program_that_does_not_let_go_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from logux_store.client.tabs import file_space

    monkeypatch.setattr(file_space, "PATIENCE", 0.01)
    with (
        file_space.lock(tmp_path / "client.lock"),
        pytest.raises(TimeoutError, match=r"client\.lock"),
    ):
        FileSpace(tmp_path).client_part(lambda: "x")


def test_terms_grow_and_each_has_one_leader(tmp_path: Path) -> None:
    spaces = [FileSpace(tmp_path) for _ in range(3)]
    assert spaces[0].term() == 0
    assert [space.claim() for space in spaces] == [1, None, None]
    assert spaces[2].term() == 1
    spaces[0].resign()
    assert [space.claim() for space in spaces[1:]] == [2, None]
    spaces[1].leave()
    assert [space.claim() for space in spaces] == [3, None, None]
    assert sorted(name for name in os.listdir(tmp_path) if name != "tabs") == [
        "leader.3",
        "term.3",
    ]


def test_a_leader_that_hangs_is_replaced_though_it_has_its_lock(tmp_path: Path) -> None:
    hung, other, third = (FileSpace(tmp_path) for _ in range(3))
    assert hung.claim() == 1
    assert other.claim(hung=1) == 2
    assert third.claim(hung=1) is None
    assert third.claim() is None
    assert hung.term() == 2
    hung.resign()
    assert third.claim() is None


def test_a_tab_that_died_while_it_claimed_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "term.1").touch()
    space = FileSpace(tmp_path)
    assert space.claim() == 2


def test_a_tab_that_slept_while_it_claimed_sees_that_it_is_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = FileSpace(tmp_path), FileSpace(tmp_path)
    real = slow.term

    def asleep() -> int:
        # Between the creation of its term and this look, another tab took it for dead.
        if (tmp_path / "term.1").exists() and not (tmp_path / "term.2").exists():
            (tmp_path / "term.2").touch()
        return real()

    monkeypatch.setattr(slow, "term", asleep)
    assert slow.claim() is None
    monkeypatch.undo()
    assert quick.claim() == 3


def test_a_tab_lives_until_it_leaves(tmp_path: Path) -> None:
    leader, tab = FileSpace(tmp_path), FileSpace(tmp_path)
    leader.enter("leader")
    tab.enter("tab")
    assert leader.is_alive("tab")
    assert leader.dead_tabs() == []
    leader.forget("tab")
    assert leader.is_alive("tab")
    tab.leave()
    assert not leader.is_alive("tab")
    assert leader.dead_tabs() == ["tab"]
    leader.forget("tab")
    assert leader.dead_tabs() == []
    assert not leader.is_alive("tab")


@transports
async def test_a_follower_and_the_leader_talk(tmp_path: Path, transport: Transport) -> None:
    leader, follower = (FileSpace(tmp_path, transport) for _ in range(2))
    leader.claim()
    with pytest.raises(ConnectionRefusedError, match="does not listen"):
        await follower.connect(1)
    accepted = await listening(leader)
    mine = Texts(await follower.connect(1))
    mine.channel.send("hello")
    its = await accepted.get()
    assert await its.texts.get() == "hello"
    long = "ж" * 1_000_000
    its.channel.send(long)
    its.channel.send("end")
    its.channel.close()
    assert [await mine.texts.get() for _ in range(3)] == [long, "end", None]
    mine.channel.send("nobody hears it")
    leader.resign()
    with pytest.raises(ConnectionRefusedError):
        await follower.connect(1)


@transports
async def test_what_the_leader_left_behind_is_removed_by_the_next(
    tmp_path: Path, transport: Transport
) -> None:
    hung, other = (FileSpace(tmp_path, transport) for _ in range(2))
    hung.claim()
    await listening(hung)
    assert (tmp_path / "address.1").exists()
    other.claim(hung=1)
    assert not [*tmp_path.glob("*.1")]
    hung.leave()
    other.leave()


@transports
async def test_a_leader_that_resigns_leaves_nothing_but_its_lock(
    tmp_path: Path, transport: Transport
) -> None:
    deep = tmp_path / ("d" * MAX_SOCKET_PATH)
    for directory in (tmp_path / "near", deep):
        directory.mkdir()
        for term in (1, 2, 3):
            space = FileSpace(directory, transport)
            space.claim()
            await listening(space)
            address = json.loads((directory / f"address.{term}").read_text())
            space.leave()
            assert {file.name for file in directory.iterdir()} == {f"term.{term}", f"leader.{term}"}
            if directory is deep and transport == "unix":
                assert not Path(address["unix"]).parent.exists()


async def test_a_file_that_cannot_be_removed_is_in_nobodys_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where what another program has open stays."""
    hung, other = (FileSpace(tmp_path, "tcp") for _ in range(2))
    hung.enter("hung")
    hung.claim()
    await listening(hung)
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.name in ("leader.1", "address.1", "hung"):
            raise PermissionError(f"{path} is used by another process")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    assert other.claim(hung=1) == 2
    hung.leave()
    other.forget("hung")
    assert other.dead_tabs() == ["hung"]
    monkeypatch.undo()
    other.forget("hung")
    other.leave()
    assert FileSpace(tmp_path).claim() == 3
    assert not [*tmp_path.glob("*.1")]


@pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets there")
async def test_the_socket_is_for_its_owner_alone_and_may_have_a_long_path(tmp_path: Path) -> None:
    leader = FileSpace(tmp_path, "unix")
    leader.claim()
    await listening(leader)
    address = json.loads((tmp_path / "address.1").read_text())
    mode = os.stat(address["unix"]).st_mode
    assert stat.S_ISSOCK(mode)
    assert mode & 0o777 == 0o600
    leader.leave()
    deep = tmp_path / ("d" * MAX_SOCKET_PATH)
    deep.mkdir()
    far, near = FileSpace(deep, "unix"), FileSpace(deep, "unix")
    far.claim()
    accepted = await listening(far)
    path = Path(json.loads((deep / "address.1").read_text())["unix"])
    assert len(os.fsencode(path)) <= MAX_SOCKET_PATH
    assert path.parent.stat().st_mode & 0o777 == 0o700
    Texts(await near.connect(1)).channel.send("hello")
    assert await (await accepted.get()).texts.get() == "hello"
    near.claim(hung=1)
    assert not path.parent.exists()
    far.leave()
    near.leave()


@pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets there")
async def test_where_all_paths_are_too_long_for_sockets_tabs_talk_over_tcp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * MAX_SOCKET_PATH)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    leader, follower = FileSpace(deep), FileSpace(deep)
    leader.claim()
    accepted = await listening(leader)
    Texts(await follower.connect(1)).channel.send("hello")
    assert await (await accepted.get()).texts.get() == "hello"
    leader.leave()
    assert not [*deep.glob("logux-*")]


async def test_who_does_not_know_the_secret_is_not_let_in(tmp_path: Path) -> None:
    leader, follower = (FileSpace(tmp_path, "tcp") for _ in range(2))
    leader.claim()
    accepted = await listening(leader)
    path = tmp_path / "address.1"
    assert path.stat().st_mode & 0o777 == 0o600
    address = json.loads(path.read_text())
    path.write_text(json.dumps({**address, "secret": "guessed"}))
    with pytest.raises(ConnectionRefusedError, match="is no tab of this user"):
        await follower.connect(1)
    assert accepted.empty()
    leader.leave()


async def test_a_follower_does_not_tell_who_has_taken_the_port_anything(tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def stranger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"challenge\n")
        heard.append(await reader.readline())
        writer.write(b"the wrong answer\n")
        heard.append(await reader.read())
        writer.close()

    server = await asyncio.start_server(stranger, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    (tmp_path / "address.1").write_text(
        json.dumps({"tcp": ["127.0.0.1", port], "secret": "the secret"})
    )
    with pytest.raises(ConnectionRefusedError, match="is no tab of this user"):
        await FileSpace(tmp_path, "tcp").connect(1)
    assert b"the secret" not in b"".join(heard)
    server.close()


def test_a_space_is_opened_in_the_state_directory(state_directory: Path) -> None:
    space = open_space("some app", "10")
    assert space.directory.name == "user-10"
    assert space.transport == ("tcp" if sys.platform == "win32" else "unix")
