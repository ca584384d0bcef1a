"""Run the notes: `make notes`, then open the address that is printed in two windows."""

import argparse
import secrets
import subprocess
import sys
from pathlib import Path

import uvicorn

from examples.notes.app import PAGE, make_app

HERE = Path(__file__).parent


def build_page() -> None:
    """Bundle the page's script with the packages from npm, which `make notes` has installed."""
    esbuild = HERE / "node_modules" / ".bin" / "esbuild"
    if not esbuild.exists():
        sys.exit("the page's packages are missing; run: make notes")
    subprocess.run(
        [
            *(esbuild, PAGE / "main.js", "--bundle", "--format=esm", "--log-level=warning"),
            '--define:process.env.NODE_ENV="development"',
            f"--outfile={PAGE / 'bundle.js'}",
        ],
        check=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.notes", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--database", default="notes.db")
    arguments = parser.parse_args()
    build_page()
    # A secret of this run: a real application reads it from its configuration.
    app = make_app(arguments.database, secrets.token_hex())
    uvicorn.run(app, host="127.0.0.1", port=arguments.port, ws="websockets-sansio")


if __name__ == "__main__":
    main()
