"""Workers on syncs that die at a named step: `python -m tests.customers.sync.doomed`.

One process that has Django ready reads a JSON line for each worker, forks it, and answers with what
became of it. What it runs is the product's own code; only the signal is put between two lines.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent.parent.parent

WORKING, MERGING = "outreach.customers.sync.working", "outreach.customers.sync.merging"
# Step → module, what is called there, and whether the signal comes before or after that call.
STEPS = {
    "before it is taken": (WORKING, "take", "before"),
    "taken": (WORKING, "take", "after"),
    "begun": ("outreach.customers.sync.steps", "begin", "after"),
    "tab open": (WORKING, "open_tab", "after"),
    "page under way": (WORKING, "_page", "before"),
    "page answered": (WORKING, "_page", "after"),
    "page not committed": ("outreach.customers.sync.pages", "keep", "after"),
    "page kept": ("outreach.customers.sync.steps", "keep_page", "after"),
    "ready to merge": ("outreach.customers.sync.steps", "ready_to_merge", "after"),
    "names kept": ("outreach.customers.sync.names", "keep", "after"),
    "relationships not committed": ("outreach.customers.sync.relationships", "store", "after"),
    "pages dropped, not committed": (MERGING, "_count", "after"),
    "merge not committed": (MERGING, "merge", "after"),
    "merged": ("outreach.customers.sync.steps", "merge", "after"),
    "look-up answered": (WORKING, "reading", "after"),
    "look-up kept": ("outreach.customers.sync.steps", "keep_look_up", "after"),
    "handles not committed": ("outreach.customers.sync.handles", "resolve", "after"),
    "handles kept": ("outreach.customers.sync.steps", "keep_handles", "after"),
}


class Doomed:
    """The process that forks the workers, as the tests see it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.customers.sync.doomed"],
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def work(self, run: int, **options: Any) -> dict[str, Any]:
        """Let a worker work on a run to its end; options: step and time (which call, from 1)."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"run": run, **options}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=20)


def _signalling(name: str, time: int) -> None:
    module_name, attribute, when = STEPS[name]
    owner: Any = importlib.import_module(module_name)
    real: Callable[..., Any] = getattr(owner, attribute)
    came_by: list[bool] = []

    def signalled(*arguments: Any, **options: Any) -> Any:
        came_by.append(True)
        now = len(came_by) == time
        if now and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = real(*arguments, **options)
        if now and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, attribute, signalled)


def _work(order: dict[str, Any]) -> None:
    from outreach.customers.sync import working

    if "step" in order:
        _signalling(order["step"], order.get("time", 1))
    while working.work(order["run"]):
        pass


def _fate(pid: int) -> dict[str, Any]:
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return {"killed": os.WTERMSIG(status)}
    return {"ended": os.WEXITSTATUS(status)}


def _serve() -> None:
    import django

    django.setup()
    # So that a fork has nothing to load.
    from outreach.customers.sync import working  # noqa: F401

    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            try:
                _work(order)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        sys.stdout.write(json.dumps(_fate(pid)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
