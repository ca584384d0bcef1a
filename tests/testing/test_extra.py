"""The kit without Hypothesis and pytest, as in a program that uses only a test client."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def run(code: str) -> str:
    """What a program prints to which neither is there."""
    block = "import sys; sys.modules.update(dict.fromkeys(('hypothesis', 'pytest')))\n"
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", block + code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_clients_and_servers_pairs_logs_and_virtual_time_work_without() -> None:
    code = """
from logux_store.testing import *
from logux_store.testing import TestClient, TestPair, TestServer, TestTime, virtual_time
from logux_store.testing.simulation import make_scenario, run_scenario

@virtual_time
async def talk():
    server = TestServer()
    server.type("say", access=lambda ctx, action, meta: ctx.user_id == "10")
    client = await server.connect("10")
    print(await client.process({"type": "say"}))
    with server.expect_denied():
        await (await server.connect("20")).process({"type": "say"})
    double = TestClient("30")
    await double.connect()
    print(len(await double.process({"type": "say"})))

talk()
pair = TestPair()
pair.left.connect()
pair.deliver()
TestTime().next_log().add({"type": "a"})
print(pair.right.connected, run_scenario(make_scenario(1)).faults)
"""
    processed, number, rest = run(code).splitlines()
    assert "logux/processed" in processed
    assert (number, rest) == ("1", "True []")


@pytest.mark.parametrize(
    "statement",
    [
        "from logux_store.testing import strategies",
        "from logux_store.testing.strategies import actions",
        "import logux_store.testing; logux_store.testing.strategies",
        "from logux_store.testing import check_reducer",
        "import logux_store.testing.properties",
        "from logux_store.testing import ApplicationMachine",
        "from logux_store.testing import LogStoreContract",
        "import logux_store.testing.log_store_model",
    ],
)
def test_what_needs_hypothesis_says_how_to_get_it(statement: str) -> None:
    code = f"""
try:
    {statement}
except ModuleNotFoundError as error:
    print(error.name, error)
"""
    text = run(code)
    assert text.startswith("hypothesis ")
    assert 'pip install "logux-store[testing]"' in text


def test_the_fixtures_need_no_hypothesis() -> None:
    code = "import sys, logux_store.testing.plugin; print('hypothesis' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "False\n"


def test_a_name_that_there_is_not_is_no_matter_of_extras() -> None:
    code = """
try:
    from logux_store.testing import Nothing
except ImportError as error:
    print(error)
"""
    assert "cannot import name 'Nothing'" in run(code)


def test_all_names_are_seen_by_who_looks() -> None:
    names = "'TestServer', 'check_reducer', 'strategies', 'ApplicationMachine'"
    code = f"import logux_store.testing; print({{{names}}} <= {{*dir(logux_store.testing)}})"
    assert run(code) == "True\n"
