"""A headless Chromium of this machine, and pages bundled for it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tests.interop.node_process import HERE, NODE

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext

__all__ = ["MISSING", "browser", "bundle"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

MISSING: str | None = None
"""Why there is no browser, and what to do about it."""
if CHROMIUM is None:
    MISSING = "needs Chromium: run `apt-get install chromium` as root, or `.ci/run`, which does it"
elif find_spec("playwright") is None:
    MISSING = "needs the package playwright: run `make test`"

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


async def bundle(source: Path) -> str:
    """One script of a module and all that it imports."""
    assert NODE is not None
    process = await asyncio.create_subprocess_exec(
        NODE,
        HERE / "node_modules" / "esbuild" / "bin" / "esbuild",
        source,
        "--bundle",
        "--format=iife",
        '--define:process.env.NODE_ENV="development"',
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    script, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return script.decode()


@asynccontextmanager
async def browser(user_data: Path) -> AsyncIterator["BrowserContext"]:
    """A browser with a profile of its own; its pages are tabs of one window."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            user_data, executable_path=CHROMIUM, args=ARGUMENTS, headless=True
        )
        try:
            yield context
        finally:
            await context.close()
