"""The notes example in a real browser: two people, one list, and the database behind it."""

import asyncio
import json
import shutil
import socket
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Page, async_playwright

from examples.notes.__main__ import HERE, build_page
from examples.notes.app import make_app

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="needs a browser: apt-get install chromium"
)
needs_packages = pytest.mark.skipif(
    not (HERE / "node_modules" / ".bin" / "esbuild").exists(),
    reason="needs the page's npm packages: make examples/notes/node_modules/.package-lock.json",
)
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    app = make_app(str(tmp_path / "notes.db"), "a secret of this test, long enough for HS256")
    runner = uvicorn.Server(
        uvicorn.Config(app, ws="websockets-sansio", log_level="warning", lifespan="on")
    )
    listening = socket.create_server(("127.0.0.1", 0))
    task = asyncio.ensure_future(runner.serve(sockets=[listening]))
    yield "http://{}:{}".format(*listening.getsockname())
    runner.should_exit = True
    await task


async def stored(address: str) -> list[Any]:
    def get() -> Any:
        with urllib.request.urlopen(f"{address}/api/notes") as answer:
            return json.load(answer)

    notes = await asyncio.to_thread(get)
    return [(note["author"], note["text"]) for note in notes]


async def shows(page: Page, *texts: str) -> None:
    """Wait until the page lists exactly these notes."""
    await page.wait_for_function(
        "texts => JSON.stringify([...document.querySelectorAll('#notes li span')]"
        ".map(item => item.textContent)) === JSON.stringify(texts)",
        arg=[*texts],
    )


async def write(page: Page, text: str) -> None:
    await page.fill("input[name=text]", text)
    await page.press("input[name=text]", "Enter")


@needs_browser
@needs_packages
async def test_two_people_share_notes_in_a_browser(address: str) -> None:
    await asyncio.to_thread(build_page)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        try:
            # Each in a context of its own, as on two machines.
            ann, bob = [await (await browser.new_context()).new_page() for _ in range(2)]
            await ann.goto(f"{address}/?name=ann")
            await bob.goto(f"{address}/?name=bob")
            await write(ann, "milk")
            await shows(bob, "milk")
            await write(bob, "bread")
            await shows(ann, "milk", "bread")
            assert await stored(address) == [("ann", "milk"), ("bob", "bread")]

            # Only the author may remove a note: for bob it comes back.
            await bob.click("li:first-child button")
            await shows(bob, "milk", "bread")
            await ann.click("li:first-child button")
            await shows(bob, "bread")
            assert await stored(address) == [("bob", "bread")]

            # Whoever comes later gets what is stored.
            late = await (await browser.new_context()).new_page()
            await late.goto(f"{address}/?name=carol")
            await shows(late, "bread")
        finally:
            await browser.close()
