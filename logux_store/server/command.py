"""The command `logux-store`: `serve` runs a server, `shell` is a client of any server.

Options of `serve` come from the arguments, else from the environment (`LOGUX_HOST` and so on), else
from the file `.env` in the current folder, else from the server's own code.
"""

import argparse
import asyncio
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from logux_store.connections import find_transport
from logux_store.server import shell
from logux_store.server.logger import configure_logging
from logux_store.server.options import check_address
from logux_store.server.proxies import check_proxies
from logux_store.server.reload import run_reloading
from logux_store.server.server import Server

__all__ = ["load_server", "main", "parse_env_file", "settings"]

SETTINGS = ("host", "port", "cert", "key", "trusted_proxies", "transport", "logger")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, or those of the process; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="logux-store", description="A state store on a synchronized log of actions."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_serve(commands.add_parser("serve", help="run a server"))
    shell.add_arguments(commands.add_parser("shell", help="connect to a server as a client"))
    given = [*(sys.argv[1:] if arguments is None else arguments)]
    options = parser.parse_args(given)
    if options.command == "shell":
        try:
            return asyncio.run(shell.run(options, sys.stdin, sys.stdout))
        except KeyboardInterrupt:
            return 130
    return serve(options, given)


def add_serve(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `serve`."""
    parser.add_argument("server", metavar="MODULE:SERVER", help="such as my_app.main:server")
    parser.add_argument("--host", help="where to listen (LOGUX_HOST)")
    parser.add_argument("--port", help="where to listen, 0 for any free port (LOGUX_PORT)")
    parser.add_argument("--cert", metavar="PATH", help="TLS certificate, PEM (LOGUX_CERT)")
    parser.add_argument("--key", metavar="PATH", help="TLS key, PEM (LOGUX_KEY)")
    parser.add_argument(
        "--trusted-proxies",
        metavar="NETWORK,…",
        help="whose X-Forwarded-For says the address, such as 10.0.0.0/8 (LOGUX_TRUSTED_PROXIES)",
    )
    parser.add_argument(
        "--transport", help="websockets, or picows from the extra fast (LOGUX_TRANSPORT)"
    )
    parser.add_argument("--logger", help="human or json (LOGUX_LOGGER); default: human")
    parser.add_argument(
        "--reload", action="store_true", help="start anew when a Python file changes"
    )


def serve(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Run a server until a signal comes; returns the exit status."""
    if options.reload:
        return run_reloading([name for name in arguments if name != "--reload"], Path.cwd())
    try:
        # What the module reads when it is imported, LOGUX_ENV for example, may be among these.
        for name, value in parse_env_file(Path(".env")).items():
            os.environ.setdefault(name, value)
        found = settings(vars(options), os.environ)
        configure_logging(found.pop("logger", "human"))
        server = load_server(options.server)
        for name, value in found.items():
            setattr(server, name, value)
        check_server(server)
    except (CommandError, OSError) as error:
        print(f"logux-store serve: {error}", file=sys.stderr)
        return 1
    logged: list[Exception] = []
    server.on("fatal", logged.append)
    try:
        server.run()
    except OSError as error:
        if error not in logged:
            raise
        return 1
    return 0


class CommandError(Exception):
    """What whoever runs the command can put right."""


def settings(arguments: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """The server's options that the arguments or the environment give.

    Raises CommandError for a value that cannot be one.
    """
    found: dict[str, Any] = {}
    for name in SETTINGS:
        value = arguments.get(name)
        source = f"--{name.replace('_', '-')}"
        if value is None:
            source = f"LOGUX_{name.upper()}"
            value = environment.get(source)
        if value is None or value == "":
            continue
        if name == "port":
            if not value.isascii() or not value.isdigit() or int(value) > 65535:
                raise CommandError(f"{source} is a number from 0 to 65535, not {value!r}")
            value = int(value)
        elif name == "trusted_proxies":
            try:
                value = check_proxies(part.strip() for part in value.split(","))
            except ValueError as error:
                raise CommandError(f"{source}: {error}") from None
        elif name == "logger" and value not in ("human", "json"):
            raise CommandError(f"{source} is human or json, not {value!r}")
        found[name] = value
    return found


def parse_env_file(path: Path) -> dict[str, str]:
    """The LOGUX_… lines of a `.env` file; empty if there is none. Raises CommandError if it is not
    in UTF-8.
    """
    if not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CommandError(f"the file {path} is not in UTF-8: {error}") from error
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.removeprefix("export ").partition("=")
        name, value = name.strip(), value.strip()
        if equals and name.startswith("LOGUX_"):
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            found[name] = value
    return found


def load_server(target: str) -> Server:
    """Import `MODULE:SERVER`; raises CommandError if there is no such server."""
    module_name, colon, name = target.partition(":")
    if not colon or not module_name or not name:
        raise CommandError(f"name a server as MODULE:SERVER, such as my_app:server; not {target!r}")
    sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise CommandError(
            f"there is no module {error.name!r}, neither installed nor in {os.getcwd()}"
        ) from error
    server: Any = module
    for part in name.split("."):
        if not hasattr(server, part):
            raise CommandError(f"the module {module_name} has no {name}")
        server = getattr(server, part)
    if not isinstance(server, Server):
        raise CommandError(f"{target} is not a logux_store.server.Server but {server!r}")
    return server


def check_server(server: Server) -> None:
    """Raise CommandError unless the server can listen with these options."""
    try:
        server.check_ready()
        check_address(server.host, server.port, server.cert, server.key)
        find_transport(server.transport)
    except (RuntimeError, TypeError, ValueError) as error:
        raise CommandError(str(error)) from error
    for path in (server.cert, server.key):
        if path is not None and not Path(path).is_file():
            raise CommandError(f"there is no file {path!r}")


if __name__ == "__main__":
    sys.exit(main())
