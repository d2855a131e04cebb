"""Measure figures and print each as one line of JSON."""

from __future__ import annotations

import sys

from bench import (  # noqa: F401 - each registers its own figures
    allowance,
    claiming,
    composer,
    finding,
    forecasting,
    guarantees,
    guidance,
    importing,
    lateness,
    sandbox_posts,
    syncing,
)
from bench.registry import FIGURES


def main(names: list[str]) -> int:
    """Measure those figures, or all; return the exit status. A missed goal is not a failure."""
    unknown = sorted(set(names) - set(FIGURES))
    if unknown:
        print(f"No such figure: {', '.join(unknown)}. There are {', '.join(FIGURES)}.")
        return 2
    for name in names or FIGURES:
        print(FIGURES[name].line(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main([name for argument in sys.argv[1:] for name in argument.split(",") if name]))
