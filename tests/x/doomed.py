"""A process that refreshes one account's token and dies or stops where a test says.

`python -m tests.x.doomed ACCOUNT GENERATION STEP SIGNAL`; STEP '' lets it live, and it prints how
the refresh ended.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

# Step → what is called there, and whether the signal comes before or after that call.
STEPS = {
    "leased": ("_leased", "after"),
    "answered": ("oauth.refresh", "after"),
    "not committed": ("actions.record", "before"),
    "stored": ("_store", "after"),
}


def _signalling(step: str, how: str) -> None:
    from outreach.x import refreshing

    path, when = STEPS[step]
    owner: Any = refreshing
    *parents, last = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    real = getattr(owner, last)

    def signalled(*arguments: Any, **options: Any) -> Any:
        if when == "before":
            os.kill(os.getpid(), signal.Signals[how])
        answer = real(*arguments, **options)
        if when == "after":
            os.kill(os.getpid(), signal.Signals[how])
        return answer

    setattr(owner, last, signalled)


def main() -> None:
    import django

    django.setup()
    from outreach.x import refreshing

    account, generation, step, how = sys.argv[1:]
    if step:
        _signalling(step, how)
    outcome = refreshing.refresh(int(account), seen_generation=int(generation))
    sys.stdout.write(outcome.name)


if __name__ == "__main__":
    main()
