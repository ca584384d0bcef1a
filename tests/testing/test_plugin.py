"""The fixtures, in a pytest of their own, as in an application's tests."""

import subprocess
import sys
from pathlib import Path

import pytest

USED = """
from logux_store.testing import run_virtual


def test_a_client(logux_client, logux_double, logux_time):
    async def test():
        client = logux_client("20", subprotocol=3)
        await client.connect()
        logux_double.send_all({"type": "news"})
        await client.settle()
        assert client.connected
        assert client.subprotocol == 3
        assert client.log.clock is logux_time

    run_virtual(test())


def test_a_server(logux_server, logux_time):
    logux_server.type("do", access=lambda ctx, action, meta: ctx.user_id == "10")

    async def test():
        client = await logux_server.connect("10")
        await client.process({"type": "do"})
        with logux_server.expect_denied():
            await (await logux_server.connect("20")).process({"type": "do"})

    run_virtual(test())
    assert logux_server.clock is logux_time


def test_a_log_and_a_pair(logux_log, logux_pair):
    logux_log.add({"type": "a"})
    assert logux_log.actions() == [{"type": "a"}]
    logux_pair.left.connect()
    logux_pair.deliver()
    assert logux_pair.right.connected
"""

IMPORTED = """
from logux_store.testing import *
from logux_store.testing import TestClient, TestLog, TestPair, TestServer, TestTime
from logux_store.testing import ApplicationMachine, History, LogStoreContract, check_reducer
from logux_store.testing import strategies, virtual_time
from logux_store.testing.machine import *
from logux_store.testing.properties import *
from logux_store.testing.simulation import *
from logux_store.testing.strategies import *
from logux_store.testing.log_store_model import *


def test_nothing_else():
    assert TestClient("10").user_id == "10"
"""


def run(folder: Path, code: str, *options: str, passes: bool = True) -> str:
    (folder / "test_application.py").write_text(code)
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:asyncio", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode == 0) is passes, result.stdout + result.stderr
    return result.stdout


def test_the_fixtures_serve_an_applications_tests(tmp_path: Path) -> None:
    assert "3 passed" in run(tmp_path, USED)


@pytest.mark.parametrize("mode", ["prepend", "importlib"])
def test_nothing_of_the_kit_is_collected_by_accident(tmp_path: Path, mode: str) -> None:
    assert "1 passed" in run(tmp_path, IMPORTED, f"--import-mode={mode}")


def test_a_callback_that_raises_unheard_fails_the_test(tmp_path: Path) -> None:
    unheard = """
import pytest
from logux_store.testing import virtual_time


@pytest.fixture
def server(logux_server):
    def finish(ctx, action, meta):
        raise KeyError("finish")

    logux_server.type("do", access=lambda ctx, action, meta: True, finally_=finish)
    return logux_server


@virtual_time
async def test_unheard(server):
    await (await server.connect()).process({"type": "do"})


@virtual_time
async def test_all_right(server):
    await (await server.connect()).process({"type": "do"})
    server.errors.clear()


@virtual_time
async def test_expected(logux_server):
    def fail(ctx, action, meta):
        raise KeyError("process")

    logux_server.type("do", access=lambda ctx, action, meta: True, process=fail)
    client = await logux_server.connect()
    with logux_server.expect_error():
        await client.process({"type": "do"})
"""
    text = run(tmp_path, unheard, passes=False)
    assert "3 passed, 1 error" in text
    assert "KeyError: 'finish'" in text
    assert "server.errors.clear()" in text
    assert "process" not in text.split("short test summary")[1]
