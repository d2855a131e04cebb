"""`python -m outreach.sandbox`: the sandbox without the rest of the product."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def add_arguments(
    parser: argparse.ArgumentParser, port: int | None = None, state: Path | None = None
) -> None:
    """Declare what the server is told on its command line; what has no default must be given."""
    need = port is None
    parser.add_argument("--port", type=int, default=port, required=need, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1")
    need = state is None
    parser.add_argument("--state", type=Path, default=state, required=need, help="the SQLite file")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve; return the exit status."""
    parser = argparse.ArgumentParser(prog="sandbox", description="A server that stands in for X.")
    add_arguments(parser)
    options = parser.parse_args(arguments)
    # Imported here so that --help and a mistyped option answer at once.
    from outreach.sandbox.server import serve

    return serve(options.host, options.port, options.state)


if __name__ == "__main__":
    sys.exit(main())
