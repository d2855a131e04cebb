"""Workers that die or freeze at a named step: `python -m tests.delivery.doomed`.

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

CHECKOUT = Path(__file__).resolve().parent.parent.parent

# Step → module, what is called there, and whether the signal comes before or after that call.
STEPS = {
    "before the claim": ("outreach.delivery.sender", "claim", "before"),
    "claim not committed": ("outreach.delivery.claim", "_take", "after"),
    "claimed": ("outreach.delivery.sender", "claim", "after"),
    "connected": ("outreach.x.transport", "Exchange.begin_writing", "before"),
    "about to write": ("outreach.x.transport", "Exchange.begin_writing", "after"),
    "written": ("outreach.x.transport", "_Watched._write", "after"),
    "answered": ("outreach.x.client", "XClient.send_dm", "after"),
    "outcome not committed": ("outreach.delivery.outcomes", "arrived", "after"),
    "recorded": ("outreach.delivery.outcomes", "record_sent_and_claim", "after"),
}


class Doomed:
    """The process that forks the workers, as the tests see it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.delivery.doomed"],
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _ask(self, **order: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def send_due(self, account: int, **options: Any) -> dict[str, Any]:
        """Let a worker send; options: step and how ('SIGKILL' or 'SIGSTOP'), settings, later."""
        return self._ask(account=account, **options)

    def thaw(self, pid: int) -> dict[str, Any]:
        """Let a frozen worker go on to its end."""
        return self._ask(thaw=pid)

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=20)


def _signalling(name: str, how: str) -> None:
    module_name, path, when = STEPS[name]
    owner: Any = importlib.import_module(module_name)
    *parents, last = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    real: Callable[..., Any] = getattr(owner, last)
    came_by: list[bool] = []

    def signalled(*arguments: Any, **options: Any) -> Any:
        first = not came_by
        came_by.append(True)
        if first and when == "before":
            os.kill(os.getpid(), signal.Signals[how])
        answer = real(*arguments, **options)
        if first and when == "after":
            os.kill(os.getpid(), signal.Signals[how])
        return answer

    setattr(owner, last, signalled)


def _work(order: dict[str, Any]) -> None:
    from django.conf import settings

    from outreach.delivery import sender, tasks

    for key, value in order.get("settings", {}).items():
        setattr(settings, key, value)
    if "later" in order:
        os.environ["PGOPTIONS"] = f"-c outreach.clock_offset=PT{order['later']}S"
    if "step" in order:
        _signalling(order["step"], order["how"])
    else:
        tasks.tick()
    sender.send_due(order["account"])


def _fate(pid: int) -> dict[str, Any]:
    _, status = os.waitpid(pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        return {"frozen": pid}
    if os.WIFSIGNALED(status):
        return {"killed": os.WTERMSIG(status)}
    return {"ended": os.WEXITSTATUS(status)}


def _serve() -> None:
    import django

    django.setup()
    from outreach.delivery import sender, tasks  # noqa: F401  so that a fork has nothing to load

    frozen: set[int] = set()
    for line in sys.stdin:
        order = json.loads(line)
        if "thaw" in order:
            pid = order["thaw"]
            os.kill(pid, signal.SIGCONT)
        elif (pid := os.fork()) == 0:
            try:
                _work(order)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        fate = _fate(pid)
        frozen = frozen | {pid} if "frozen" in fate else frozen - {pid}
        sys.stdout.write(json.dumps(fate) + "\n")
        sys.stdout.flush()
    for pid in frozen:  # of a test that failed
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    _serve()
