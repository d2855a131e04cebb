"""Workers on an import that die at a named step: `python -m tests.customers.imports.doomed`.

As tests/delivery/doomed.py: one process that has Django ready forks a worker for each line that it
reads, and answers with what became of it. What it runs is the product's own code.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

from tests.delivery.doomed import _fate

CHECKOUT = Path(__file__).resolve().parents[3]
IMPORTS = "outreach.customers.imports"

# Step → module, what is called there, whether the signal comes before or after, and which call.
LOOKING = {
    "taken": (f"{IMPORTS}.running", "_try", "after", 1),
    "file whole": (f"{IMPORTS}.tables", "look", "before", 1),
    "looked": (f"{IMPORTS}.tables", "look", "after", 1),
    "looked, not committed": ("outreach.ground.runs", "put_off", "after", 1),
    "looked, committed": (f"{IMPORTS}.running", "_looked", "after", 1),
}
COUNTING = {
    "counting begun, not committed": (f"{IMPORTS}.staging", "begin", "after", 1),
    "counting begun": (f"{IMPORTS}.running", "_begin_counting", "after", 1),
    "batch copied, not committed": (f"{IMPORTS}.staging", "Batch.copy", "after", 1),
    "batch copied": (f"{IMPORTS}.running", "_copy", "after", 1),
    "second batch copied": (f"{IMPORTS}.running", "_copy", "after", 2),
    "repeated ones left out": (f"{IMPORTS}.staging", "refuse_repeated", "after", 1),
    "compared": (f"{IMPORTS}.comparing", "compare", "after", 1),
    "compared, committed": (f"{IMPORTS}.running", "_compare", "after", 1),
    "counted": (f"{IMPORTS}.running", "_counted", "after", 1),
}
WRITING = {
    "before anything is written": (f"{IMPORTS}.comparing", "compare", "before", 1),
    "compared anew": (f"{IMPORTS}.comparing", "compare", "after", 1),
    "newcomers written": (f"{IMPORTS}.merging", "_stops", "before", 1),
    "permissions written": (f"{IMPORTS}.merging", "_suppress", "before", 1),
    "all written": (f"{IMPORTS}.merging", "merge", "after", 1),
    "ended": ("outreach.ground.runs", "end", "after", 1),
    "cleared": (f"{IMPORTS}.running", "clear", "after", 1),
    "not committed": (f"{IMPORTS}.running", "_close", "after", 1),
    "committed": (f"{IMPORTS}.running", "_write", "after", 1),
}
STEPS = LOOKING | COUNTING | WRITING


class Doomed:
    """The process that forks the workers, as the tests see it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.customers.imports.doomed"],
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def work(self, run: int, **options: Any) -> dict[str, Any]:
        """Let a worker work on the run; options: step at which it is killed, later (seconds)."""
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


def _dying(name: str) -> None:
    module_name, path, when, call = STEPS[name]
    owner: Any = importlib.import_module(module_name)
    *parents, last = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    real = getattr(owner, last)
    came_by: list[bool] = []

    def dying(*arguments: Any, **options: Any) -> Any:
        came_by.append(True)
        if len(came_by) == call and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = real(*arguments, **options)
        if len(came_by) == call and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, last, dying)
    stages = importlib.import_module(f"{IMPORTS}.running")._STAGES
    for stage, function in stages.items():
        if function is real:
            stages[stage] = dying


def _work(order: dict[str, Any]) -> None:
    from outreach.customers.imports import running

    running.BATCH = order.get("batch", running.BATCH)
    if "later" in order:
        os.environ["PGOPTIONS"] = f"-c outreach.clock_offset=PT{order['later']}S"
    if "step" in order:
        _dying(order["step"])
    running.work(order["run"])


def _serve() -> None:
    import django

    django.setup()
    from outreach.customers.imports import running, tasks  # noqa: F401  nothing left to load

    for line in sys.stdin:
        order = json.loads(line)
        if (pid := os.fork()) == 0:
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
