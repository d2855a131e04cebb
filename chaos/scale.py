"""How long everything takes in a run of chaos, and how much there is of it: one place for numbers.

Minutes and days of the product become seconds, by the settings that an operator has too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

WORKERS = 4
THREADS = 4
# Seconds. A call that takes longer than the answer timeout is lost; the sandbox is slower than that
# for some calls, and its messages show up in reads later than they were accepted, by LAG.
CALL_DEADLINE = 2.0
CALL_CONNECT_TIMEOUT = 1.0
CALL_ANSWER_TIMEOUT = 1.5
SETTLE_SECONDS = 3.0
SETTLE_BETWEEN_SECONDS = 2.0
LATENCY = 0.05
DELAY = 2.5
LAG = 1.0
# A worker is given up this much later than its call can still arrive (delivery/outcomes.py); the
# tick looks every TICK_SECONDS, and reads that fail are tried again.
SLACK = 5.0
TICK_SECONDS = 0.5
FROZEN_FOR = (
    CALL_DEADLINE + CALL_CONNECT_TIMEOUT + CALL_ANSWER_TIMEOUT + SLACK
    + SETTLE_SECONDS + SETTLE_BETWEEN_SECONDS + 3 * TICK_SECONDS
)  # fmt: skip
# So much longer a worker stays frozen at most, for a letter it holds to be back in the queue.
FROZEN_LONGER = 10.0


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of a run."""

    letters: int
    seed: str

    @property
    def accounts(self) -> int:
        """How many accounts share the letters."""
        return max(8, min(20, self.letters // 75))

    @property
    def account_windows(self) -> list[list[int]]:
        """[attempts, seconds], as X's quarter of an hour and its day: so tight that they are met."""
        return [[3, 2], [20, 16]]

    @property
    def app_windows(self) -> list[list[int]]:
        """The same for the app, which lets fewer through than its accounts together."""
        return [[11 * self.accounts, 10]]

    @property
    def frozen_at_once(self) -> int:
        """How many workers stand frozen beside those at work."""
        return 2

    @property
    def lasts(self) -> float:
        """Seconds that the letters take at the app's pace, a third of them called twice."""
        (limit, seconds), *_ = self.app_windows
        return self.letters * 4 / 3 / limit * seconds

    @property
    def harm_within(self) -> float:
        """Seconds after which the harm ends though letters are left."""
        return 120.0 + 4 * self.lasts

    @property
    def rest_within(self) -> float:
        """Seconds in which everything must come to rest once the faults have ended."""
        return 120.0 + 4 * self.lasts

    def environment(self) -> dict[str, str]:
        """The settings of every process."""
        idle = dict.fromkeys(
            ("HISTORY_SECONDS", "IMPORT_SECONDS", "SWEEP_SECONDS", "SYNC_SECONDS"), "600"
        )
        return idle | {
            "CALL_DEADLINE": str(CALL_DEADLINE),
            "CALL_CONNECT_TIMEOUT": str(CALL_CONNECT_TIMEOUT),
            "CALL_ANSWER_TIMEOUT": str(CALL_ANSWER_TIMEOUT),
            "SETTLE_SECONDS": str(SETTLE_SECONDS),
            "SETTLE_BETWEEN_SECONDS": str(SETTLE_BETWEEN_SECONDS),
            "TICK_SECONDS": str(TICK_SECONDS),
            "IDLE_TRANSACTION_SECONDS": "2",
            "EVENT_SECONDS": "1",
            "SUBSCRIBE_SECONDS": "2",
            "X_ACCOUNT_WINDOWS": json.dumps(self.account_windows),
            "X_APP_WINDOWS": json.dumps(self.app_windows),
        }

    def limits(self) -> dict[str, list[dict[str, object]]]:
        """The same windows as the sandbox keeps them; reads are let through more freely."""
        shorter, longer = self.account_windows
        (app,) = self.app_windows
        sends = [
            ("user", shorter, "x-rate-limit"),
            ("user", longer, "x-user-limit-24hour"),
            ("app", app, "x-app-limit-24hour"),
        ]
        reads = [{"limit": 300, "seconds": 10, "per": "user"}]
        return {
            "send_dm": [
                {"limit": limit, "seconds": seconds, "per": per, "header": header}
                for per, (limit, seconds), header in sends
            ],
            "dm_events": list(reads),
            "dm_events_with": list(reads),
            "users": list(reads),
        }
