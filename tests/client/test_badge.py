"""What a user interface shows of the synchronization."""

import asyncio

import pytest

from logux_store import LoguxError
from logux_store.client.badge import BADGE_MESSAGES, Badge, badge
from logux_store.testing import ServerDouble, TestClient, TestServer, run_virtual

SAVED = BADGE_MESSAGES["synchronized"]
SAVING = BADGE_MESSAGES["sending"]
OFFLINE = BADGE_MESSAGES["disconnected"]
UNSAVED = BADGE_MESSAGES["wait"]


def shown(badge: Badge) -> tuple[str, str] | None:
    return (badge.text, badge.severity) if badge.visible else None


def test_it_shows_what_matters_and_hides_when_all_is_well() -> None:
    async def test() -> None:
        server = ServerDouble()
        client = TestClient(server=server)
        model = badge(client, duration=1)
        seen: list[tuple[str, str] | None] = []
        model.on_change(lambda badge: seen.append(shown(badge)))
        assert shown(model) == (OFFLINE, "warning")
        await client.connect()
        await client.process({"type": "a"})
        await asyncio.sleep(1)
        assert shown(model) is None
        assert repr(model) == "<Badge: 'hidden'>"
        await client.disconnect()
        client.sync({"type": "b"})
        assert shown(model) == (UNSAVED, "warning")
        await client.connect()
        assert seen[-2:] == [(SAVING, "info"), (SAVED, "success")]
        assert repr(model) == f"<Badge: '{SAVED}'>"
        await asyncio.sleep(2)
        assert seen[-1] is None
        changes = len(seen)
        await asyncio.sleep(2)
        assert len(seen) == changes
        model.stop()
        await client.disconnect()
        assert shown(model) is None

    run_virtual(test())


@pytest.mark.parametrize(("reason", "message"), [("denied", "denied"), ("error", "error")])
def test_it_says_why_something_was_undone(reason: str, message: str) -> None:
    async def test() -> None:
        server = ServerDouble()
        client = TestClient(server=server)
        await client.connect()
        model = badge(client)
        server.undo_next(reason)
        client.sync({"type": "a"})
        await client.settle()
        assert shown(model) == (BADGE_MESSAGES[message], "error")
        model.stop()

    run_virtual(test())


def test_it_says_that_the_user_is_not_let_in() -> None:
    async def test() -> None:
        server = TestServer()
        server.auth(lambda token: token == "right")
        client = TestClient(server=server, token="wrong")
        model = badge(client)
        with pytest.raises(LoguxError):
            await client.connect()
        assert shown(model) == (BADGE_MESSAGES["wrongCredentials"], "error")
        await server.destroy()

    run_virtual(test())


def test_its_texts_can_be_others() -> None:
    model = badge(TestClient(), messages={"disconnected": "Keine Verbindung"})
    assert model.text == "Keine Verbindung"
    with pytest.raises(ValueError, match=r"not offline"):
        badge(TestClient(), messages={"offline": "?"})
