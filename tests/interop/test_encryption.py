"""Encrypted actions between clients of both languages, through servers of both."""

import pytest

from tests.interop.conftest import World
from tests.interop.peers import Peer
from tests.interop.reducer import EMPTY

START = 1_700_000_000_000
LANGUAGES = ["python", "javascript"]
TEXTS = ["short", "long " * 100, "ü ☃ 😀 \u2028", "\ud83d"]
ROOM = "encrypted"


@pytest.fixture
async def peers(mixed: World) -> list[Peer]:
    """One in each language."""
    return [await mixed.join(name, room=ROOM, key="key", language=name) for name in LANGUAGES]


async def say(peer: Peer, text: str, number: int = 0) -> str:
    """Far enough apart that the order does not depend on how well a client knows the time."""
    id = await peer.sync("room/append", text=text, time=START + number * 1000)
    assert await peer.outcome(id) == "processed"
    return id


async def test_clients_of_both_languages_read_each_others_encrypted_actions(
    mixed: World, peers: list[Peer]
) -> None:
    eve = await mixed.join("eve", room=ROOM)
    said = [(peer, text) for peer in peers for text in TEXTS]
    for number, (peer, text) in enumerate(said):
        await say(peer, text, number)
    expected = {**EMPTY, "lines": TEXTS * 2}
    for peer in peers:
        await peer.until(expected)
    # Neither the server nor a client without the key can read them; long ones are compressed.
    kept = await mixed.server.room(ROOM)
    assert {frozenset(action) for action in kept} == {frozenset(("type", "d", "iv", "z"))}
    assert [action["z"] for action in kept] == [text.startswith("long") for _, text in said]
    for action in kept:
        await eve.heard(**action)
    assert await eve.state() == EMPTY
    # Who comes later reads what was said before.
    for language in LANGUAGES:
        late = await mixed.join(f"late-{language}", room=ROOM, key="key", language=language)
        await late.until(expected)


async def test_an_encrypted_action_can_be_undone(mixed: World, peers: list[Peer]) -> None:
    python, _ = peers
    for number, peer in enumerate(peers):
        wrong = await say(peer, "wrong", 2 * number)
        await say(peer, "right", 2 * number + 1)
        for other in peers:
            await other.until({**EMPTY, "lines": ["right"] * number + ["wrong", "right"]})
        await mixed.server.undo(wrong, "late")
        for other in peers:
            await other.until({**EMPTY, "lines": ["right"] * (number + 1)})
        undo, _ = await python.heard(type="logux/undo", id=wrong)
        assert undo["action"] == {"type": "room/append", "text": "wrong"}


async def test_who_has_another_key_is_told_so(mixed: World, peers: list[Peer]) -> None:
    carl = await mixed.join("carl", room=ROOM, key="another", language="python")
    for number, peer in enumerate(peers):
        id = await say(peer, "secret", number)
        assert f"the action {id!r} was encrypted with another key" in await carl.error()
    assert await carl.state() == EMPTY
    await carl.wait("synchronized")


async def test_what_any_of_several_tabs_says_is_encrypted(mixed: World, peers: list[Peer]) -> None:
    tabs = [
        await mixed.join("tabs", room=ROOM, key="key", language="python", cross=True)
        for _ in range(2)
    ]
    for number, tab in enumerate(tabs):
        await say(tab, f"tab {number}", number)
    for peer in (*peers, *tabs):
        await peer.until({**EMPTY, "lines": ["tab 0", "tab 1"]})
    assert {action["type"] for action in await mixed.server.room(ROOM)} == {"0"}
