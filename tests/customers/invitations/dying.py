"""A worker that reads a history and dies at a named step: `python -m …dying RUN [STEP]`."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

READING = "outreach.customers.history.reading"
# Step → module, what is called there, and whether death comes before or after that call.
STEPS = {
    "before it is taken": (READING, "take", "before"),
    "taken": (READING, "take", "after"),
    "before X is asked": (READING, "open_tab", "after"),
    "X answered": (READING, "reading", "after"),
    "a stop committed": (READING, "_suppress", "after"),
    "the page not committed": (READING, "_store_page", "after"),
    "the page committed": (READING, "_kept", "after"),
    "people not committed": (READING, "_store_answer", "after"),
    "before the merge": (READING, "_merge", "before"),
    "customers made, not committed": (READING, "welcome", "after"),
    "all written, not committed": (READING, "end", "after"),
    "merged": (READING, "_merge", "after"),
}


def _dying(name: str) -> None:
    module_name, attribute, when = STEPS[name]
    module = importlib.import_module(module_name)
    real: Callable[..., Any] = getattr(module, attribute)

    def dying(*arguments: Any, **options: Any) -> Any:
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = real(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(module, attribute, dying)


if __name__ == "__main__":
    import django

    django.setup()
    from outreach.customers.history import reading

    if len(sys.argv) > 2:
        _dying(sys.argv[2])
    reading.work(int(sys.argv[1]))
