"""The clocks of a simulated world: they stand still between two steps, and nobody waits.

There is one true time. Ours (`outreach_now()`) and X's each differ from it; the boot clock, which
call deadlines are measured on, runs with it. All in whole microseconds, so that nothing rounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# A Monday in the middle of a month: no limit, price or window begins anew by accident.
EPOCH = datetime(2026, 11, 9, 9, 0, tzinfo=UTC)
SECOND = 1_000_000

# In the simulation's database the wall stands still at EPOCH: what moves is the offset alone.
CLOCK = f"""
CREATE OR REPLACE FUNCTION outreach_now() RETURNS timestamptz
LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT timestamptz '{EPOCH.isoformat()}'
        + coalesce(nullif(current_setting('outreach.clock_offset', true), '')::interval, interval '0')
$$
"""


@dataclass(slots=True)
class Clock:
    """True time since EPOCH, and how far our clock and X's are from it. Microseconds."""

    true: int = 0
    ours: int = 0
    theirs: int = 0
    whole_seconds: bool = False  # whether X's stamps are

    def move(self, microseconds: int) -> None:
        """Let time pass, for everybody."""
        self.true += microseconds

    def move_to(self, true: int) -> None:
        """Let time pass up to that moment; a moment that is over changes nothing."""
        self.true = max(self.true, true)

    def now(self) -> datetime:
        """What `outreach_now()` says."""
        return EPOCH + timedelta(microseconds=self.true + self.ours)

    def true_of(self, moment: datetime) -> int:
        """The true time at which our clock shows that moment, as it goes now."""
        return (moment - EPOCH) // timedelta(microseconds=1) - self.ours

    def stamp(self) -> datetime:
        """What X stamps a message with that it accepts now."""
        stamp = EPOCH + timedelta(microseconds=self.true + self.theirs)
        return stamp.replace(
            microsecond=0 if self.whole_seconds else stamp.microsecond // 1000 * 1000
        )

    def boot_seconds(self) -> float:
        """What the boot clock says."""
        return 1_000_000.0 + self.true / SECOND

    def offset_sql(self) -> str:
        """The statement that sets a session's clock."""
        return f"SET outreach.clock_offset = '{self.true + self.ours} microseconds';"
