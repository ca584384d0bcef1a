"""`logux-store serve`."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from logux_store.server.command import CommandError, load_server, main, parse_env_file, settings
from logux_store.server.reload import snapshot

APP = """
from logux_store.server import Server

server = Server(subprotocol=1, min_subprotocol=1, port=1)
server.auth(lambda: True)
server.on("report", lambda name, details: print(
    name, server.port > 1 and server.host, server.env, VERSION, flush=True
))
silent = Server(subprotocol=1, min_subprotocol=1)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_logging: None) -> Iterator[Path]:
    """A folder with an application, to be in."""
    (tmp_path / "served_app.py").write_text(APP.replace("VERSION", "1"))
    monkeypatch.chdir(tmp_path)
    path = [*sys.path]
    yield tmp_path
    sys.path[:] = path
    sys.modules.pop("served_app", None)


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts the command in a process of its own."""
    processes: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **environment: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "logux_store.server.command", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_server_is_run_until_a_signal_comes(start: Start) -> None:
    process = start("serve", "served_app:server", "--port", "0", "--logger", "json")
    assert line_of(process) == "listen 127.0.0.1 development 1"
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=30)
    assert out.startswith("destroy")
    assert process.returncode == 0
    assert '"report": "listen"' in errors


def test_arguments_win_over_the_environment_and_that_over_the_env_file(
    folder: Path, start: Start
) -> None:
    (folder / ".env").write_text(
        "# comment\nLOGUX_PORT=0\nexport LOGUX_HOST='::1'\nLOGUX_ENV=\"production\"\nOTHER=1\n"
    )
    process = start("serve", "served_app:server", LOGUX_HOST="localhost")
    assert line_of(process) == "listen localhost production 1"


def test_a_change_of_the_code_starts_the_server_anew(folder: Path, start: Start) -> None:
    process = start("serve", "served_app:server", "--port", "0", "--reload")
    assert line_of(process).endswith("development 1")
    (folder / "served_app.py").write_text(APP.replace("VERSION", "22"))
    assert line_of(process).startswith("destroy")
    assert line_of(process).endswith("development 22")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0


def test_a_signal_to_the_one_that_reloads_ends_the_server(start: Start) -> None:
    process = start("serve", "served_app:server", "--port", "0", "--reload")
    assert line_of(process).startswith("listen")
    process.send_signal(signal.SIGTERM)
    # The output ends with the last process that has it.
    out, _ = process.communicate(timeout=30)
    assert out.startswith("destroy")
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["served_app"], "MODULE:SERVER"),
        (["nowhere:server"], "no module 'nowhere'"),
        (["served_app.sub:server"], "no module"),
        (["served_app:nothing"], "no nothing"),
        (["served_app:Server"], "not a logux_store.server.Server"),
        (["served_app:silent"], "auth"),
        (["served_app:server", "--port", "x"], "--port is a number"),
        (["served_app:server", "--port", "70000"], "--port is a number"),
        (["served_app:server", "--logger", "xml"], "human or json"),
        (["served_app:server", "--cert", "a"], "key is missing"),
        (["served_app:server", "--cert", "a", "--key", "b"], "no file 'a'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    folder: Path, capsys: Any, arguments: list[str], message: str
) -> None:
    assert main(["serve", *arguments]) == 1
    out, errors = capsys.readouterr()
    assert out == ""
    (line,) = errors.splitlines()
    assert line.startswith("logux-store serve: ")
    assert message in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "256.0.0.1.invalid"], "256.0.0.1.invalid is no address of this machine"),
        (["--cert", "served_app.py", "--key", "served_app.py"], "'served_app.py' cannot be used"),
    ],
)
def test_why_it_cannot_listen_is_logged_in_one_line(
    folder: Path, capsys: Any, arguments: list[str], message: str
) -> None:
    assert main(["serve", "served_app:server", "--port", "0", *arguments]) == 1
    out, errors = capsys.readouterr()
    assert out.startswith("fatal")
    (line,) = errors.splitlines()
    assert " critical Fatal error: " in line
    assert message in line


def test_an_env_file_in_another_encoding_is_refused(folder: Path, capsys: Any) -> None:
    (folder / ".env").write_bytes(b"LOGUX_HOST=\xff")
    assert main(["serve", "served_app:server"]) == 1
    assert "the file .env is not in UTF-8" in capsys.readouterr().err


def test_an_error_inside_the_module_is_not_hidden(folder: Path) -> None:
    (folder / "faulty_app.py").write_text("import does_not_exist_anywhere")
    with pytest.raises(ModuleNotFoundError, match="does_not_exist_anywhere"):
        load_server("faulty_app:server")


def test_settings_come_from_arguments_then_environment() -> None:
    environment = {"LOGUX_HOST": "env", "LOGUX_PORT": "5", "LOGUX_CERT": ""}
    assert settings({"host": "arg", "port": None}, environment) == {"host": "arg", "port": 5}
    with pytest.raises(CommandError, match="LOGUX_PORT"):
        settings({}, {"LOGUX_PORT": "-1"})


def test_trusted_proxies_are_networks_with_commas_between() -> None:
    networks = (ip_network("10.0.0.0/8"), ip_network("::1"))
    assert settings({"trusted_proxies": "10.0.0.0/8, ::1"}, {}) == {"trusted_proxies": networks}
    environment = {"LOGUX_TRUSTED_PROXIES": "10.0.0.0/8,::1"}
    assert settings({}, environment) == {"trusted_proxies": networks}
    with pytest.raises(CommandError, match=r"--trusted-proxies: .* not 'proxy'"):
        settings({"trusted_proxies": "proxy"}, {})


def test_an_env_file_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    assert parse_env_file(path) == {}
    path.write_text(
        "LOGUX_A = 1 \nLOGUX_B='two words'\n#LOGUX_C=3\nLOGUX_D=a=b\nLOGUX_E=\"\n\nPATH=/\nLOGUX_F"
    )
    assert parse_env_file(path) == {
        "LOGUX_A": "1",
        "LOGUX_B": "two words",
        "LOGUX_D": "a=b",
        "LOGUX_E": '"',
    }


def test_only_what_developers_edit_is_watched(tmp_path: Path) -> None:
    for name in ("a.py", "b.txt", ".venv/c.py", "d/e.py", "node_modules/f.py", "__pycache__/g.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    assert {str(path.relative_to(tmp_path)) for path in snapshot(tmp_path)} == {"a.py", "d/e.py"}


def test_help_names_the_commands(capsys: Any) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    assert "serve" in out
    assert "shell" in out
