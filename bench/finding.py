"""Whether the pages of customers stay as fast with a million people as with a thousand."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.registry import Measured, figure
from outreach.services import running
from tests.sandbox_server import CHECKOUT


@figure(goal=1.5, better="lower")
def list_flatness() -> Measured:
    """The list and the counts of segments, whatever the filter: median at 1,000,000 ÷ at 1,000."""
    return _worst("list")


@figure(goal=1.5, better="lower")
def search_flatness() -> Measured:
    """Search as one types, alone and with filters: median at 1,000,000 ÷ at 1,000."""
    return _worst("search")


def _worst(kind: str) -> Measured:
    """The page that grew most. `detail` has each page's milliseconds, many and few, and queries."""
    told = _measured()
    pages = {name: page for name, page in told["pages"].items() if page["kind"] == kind}
    ratios = {name: page["many_ms"] / page["few_ms"] for name, page in pages.items()}
    worst = max(ratios, key=lambda name: ratios[name])
    detail = {
        "rows": told["rows"],
        "worst": worst,
        "ratio": {name: round(ratio, 2) for name, ratio in ratios.items()},
        "ms": {name: [page["few_ms"], page["many_ms"]] for name, page in pages.items()},
        "queries": {name: page["queries"] for name, page in pages.items()},
        "shown": {name: page["rows"] for name, page in pages.items()},
    }
    return Measured(ratios[worst], detail)


@functools.cache
def _measured() -> dict[str, Any]:
    """Both figures come from one database, which takes minutes to fill: made once, and removed."""
    with (
        tempfile.TemporaryDirectory(dir=CHECKOUT / "var") as folder,
        running(Path(folder)) as urls,
    ):
        done = subprocess.run(
            [sys.executable, "-m", "bench.finding_pages"],
            cwd=CHECKOUT,
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, **urls.environment(), "VAR_DIR": folder},
        )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told
