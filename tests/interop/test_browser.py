"""`CrossTabClient` of `@logux/client` in two tabs of a real browser, on this library's server."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from logux_store.server import Response
from tests.interop.application import PythonServer
from tests.interop.browser import MISSING, browser, bundle
from tests.interop.conftest import World
from tests.interop.node_process import HERE
from tests.interop.reducer import EMPTY

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

SUBSCRIBE = {"type": "logux/subscribe", "channel": "rooms/1"}


def append(text: str) -> dict[str, Any]:
    return {"type": "room/append", "room": "1", "text": text}


def at(letter: str) -> int:
    """A time for what is said: seconds apart, so that what clocks are measured to be off does not
    change the order.
    """
    return 1_700_000_000_000 + ord(letter[0]) * 1000


class Tab:
    """A page with `js/page.js`."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    async def role(self, role: str) -> None:
        """Wait until the tab has this role, and is synchronized."""
        await self.page.wait_for_function(
            "role => client.role === role && client.state === 'synchronized'", arg=role
        )

    async def node_id(self) -> str:
        node_id: str = await self.page.evaluate("client.nodeId")
        return node_id

    async def sync(self, action: dict[str, Any], **meta: Any) -> None:
        """Dispatch an action, and wait until it is processed."""
        await self.page.evaluate("([action, meta]) => sync(action, meta)", [action, meta])

    async def say(self, text: str) -> None:
        await self.sync(append(text), time=at(text))

    async def until(self, *lines: str) -> None:
        await self.page.wait_for_function(
            "lines => JSON.stringify(store.getState().lines) === JSON.stringify(lines)",
            arg=list(lines),
        )


@pytest.fixture
async def tabs(ours: World, tmp_path: Path) -> AsyncIterator[list[Tab]]:
    """Two tabs, opened one after the other."""
    assert isinstance(ours.server, PythonServer)
    script = await bundle(HERE / "js" / "page.js")
    page = f"<!doctype html><meta charset=utf-8><script>{script}</script>"
    headers = {"content-type": "text/html; charset=utf-8"}
    ours.server.server.http("GET", "/page", lambda request: Response(page, headers=headers))
    url = ours.server.url.replace("ws://127.0.0.1", "http://localhost") + "/page"
    async with browser(tmp_path / "profile") as context:
        opened = []
        for role in ("leader", "follower"):
            tab = Tab(await context.new_page())
            await tab.page.goto(url)
            await tab.role(role)
            opened.append(tab)
        yield opened
        for tab in opened:
            assert tab.errors == []


async def test_two_tabs_share_one_connection_and_the_second_takes_over(
    ours: World, tabs: list[Tab]
) -> None:
    first, second = tabs
    bob = await ours.join("bob", language="python", room="1")
    assert await ours.server.nodes() == sorted([await first.node_id(), bob.node_id])
    for tab in tabs:
        await tab.sync(SUBSCRIBE)
    await first.say("a")
    await second.say("b")
    id = await bob.sync(**append("c"), time=at("c"))
    assert await bob.outcome(id) == "processed"
    for tab in tabs:
        await tab.until("a", "b", "c")
    await bob.until({**EMPTY, "lines": ["a", "b", "c"]})

    await first.page.close()
    await second.role("leader")
    await second.say("d")
    assert await ours.server.nodes() == sorted([await second.node_id(), bob.node_id])
    id = await bob.sync(**append("e"), time=at("e"))
    assert await bob.outcome(id) == "processed"
    await second.until("a", "b", "c", "d", "e")
    await bob.until({**EMPTY, "lines": ["a", "b", "c", "d", "e"]})


async def test_what_a_follower_is_refused_is_undone_in_both_tabs(
    ours: World, tabs: list[Tab]
) -> None:
    first, second = tabs
    await first.say("good")
    await second.until("good")
    reason = await second.page.evaluate(
        """async () => {
          let action = { type: 'room/append', room: '1', text: 'bad', forbidden: true }
          return sync(action).then(() => 'processed', error => error.action.reason)
        }"""
    )
    assert reason == "denied"
    for tab in tabs:
        await tab.until("good")
