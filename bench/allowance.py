"""How much of what X allows is used while letters wait, by one worker and by several.

Windows of 30 and of 90 seconds for accounts and for apps, the same in our settings and in the
sandbox, which answers at once. Two accounts of one app reach their own limits; ten of another app
reach the app's. However the limits are met, nobody can be faster than the sender that always sends
in the first moment the windows allow it; the figure is that sender's time ÷ ours, from the first
message to the one that opens the last window, for whichever of the two does worse.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Sequence
from typing import Any

from bench.registry import Measured, figure
from bench.works import BRAND, Works, in_a_child, rows

# So many in so many seconds. A minute and a half for each number of workers.
ACCOUNT_WINDOWS = [(15, 30), (40, 90)]
APP_WINDOWS = [(60, 30), (150, 90)]
MEASURED_SECONDS = 90
OF_THEIR_OWN, OF_THE_APP = 2, 10
SLACK_SECONDS = 30.0


@figure(goal=0.99, better="higher")
def allowance_used_1w() -> Measured:
    """Sent ÷ what the windows allow, with one worker process."""
    return _used_by(1)


@figure(goal=0.99, better="higher")
def allowance_used_2w() -> Measured:
    """The same with two."""
    return _used_by(2)


@figure(goal=0.99, better="higher")
def allowance_used_8w() -> Measured:
    """The same with eight."""
    return _used_by(8)


def _used_by(workers: int) -> Measured:
    measured = in_a_child(
        "bench.allowance",
        str(workers),
        X_ACCOUNT_WINDOWS=json.dumps(ACCOUNT_WINDOWS),
        X_APP_WINDOWS=json.dumps(APP_WINDOWS),
    )
    value = min(measured["used"].values())
    # Whoever is refused went beyond what is allowed.
    return Measured(0 if measured["refused_429"] else value, measured)


def earliest(windows: Sequence[tuple[int, int]], count: int) -> list[float]:
    """When so many sends can be made at the earliest, in seconds from the first."""
    moments: list[float] = []
    for number in range(count):
        waits = [moments[number - most] + length for most, length in windows if number >= most]
        moments.append(max([0.0, *waits]))
    return moments


# --- the process that measures -------------------------------------------------------------------


def measure(workers: str) -> dict[str, Any]:
    """Let them send for as long as the windows need, and look at what X accepted when."""
    works = Works()
    works.sandbox.set_limits({"send_dm": _limits()})
    works.more_accounts(OF_THEIR_OWN - 1)
    works.more_accounts(OF_THE_APP, app="second")
    accounts = len(works.accounts)
    works.letters(accounts * 2 * ACCOUNT_WINDOWS[-1][0], due="outreach_now()")
    own = [str(BRAND + n) for n in range(OF_THEIR_OWN)]
    groups = dict.fromkeys(own, ACCOUNT_WINDOWS) | {"app": APP_WINDOWS}
    with works.workers(int(workers)):
        end = time.monotonic() + MEASURED_SECONDS + SLACK_SECONDS
        while time.monotonic() < end:
            stamps = _stamps(works, own)
            if all(len(stamps[group]) > _needed(windows) for group, windows in groups.items()):
                break
            time.sleep(1)
    used = {group: _use(stamps[group], windows) for group, windows in groups.items()}
    return {
        "used": {
            "accounts": round(statistics.mean(used[group] for group in own), 4),
            "app": round(used["app"], 4),
        },
        "refused_429": rows("SELECT count(*) FROM delivery_attempt WHERE status = 429")[0][0],
        "sent": {group: len(stamps[group]) for group in groups},
        "account_windows": ACCOUNT_WINDOWS,
        "app_windows": APP_WINDOWS,
        "workers": int(workers),
        "cores": os.cpu_count(),
    }


def _limits() -> list[dict[str, Any]]:
    return [
        {"limit": most, "seconds": seconds, "per": per}
        for per, windows in (("user", ACCOUNT_WINDOWS), ("app", APP_WINDOWS))
        for most, seconds in windows
    ]


def _stamps(works: Works, own: Sequence[str]) -> dict[str, list[float]]:
    """When X accepted what, in seconds: by account of the first app, and of the second together."""
    found: dict[str, list[float]] = {group: [] for group in (*own, "app")}
    for dm in works.sandbox.ledger():
        found.get(dm["sender"], found["app"]).append(dm["created_ms"] / 1000)
    return {group: sorted(stamps) for group, stamps in found.items()}


def _needed(windows: Sequence[tuple[int, int]]) -> int:
    """Which send, counted from 0, is the first that has to wait for the whole time."""
    return next(
        number
        for number, moment in enumerate(earliest(windows, 10_000))
        if moment >= MEASURED_SECONDS
    )


def _use(stamps: Sequence[float], windows: Sequence[tuple[int, int]]) -> float:
    """The earliest moment of the last of these sends ÷ its real one, both from the first on."""
    last = min(len(stamps) - 1, _needed(windows))
    if last < 1:
        return 0.0
    took = stamps[last] - stamps[0]
    if last < _needed(windows):
        # It did not come in time: what was sent is set against all of the time it was given.
        took = max(took, MEASURED_SECONDS + SLACK_SECONDS)
    return earliest(windows, last + 1)[last] / took
