"""What the tick looks for."""

from __future__ import annotations

from outreach.customers.models import SyncChoice, SyncRun
from outreach.ground.clock import Now
from outreach.ground.runs import waiting


def due_accounts() -> list[int]:
    """X accounts whose daily sync is to begin. One query."""
    rows = SyncChoice.everywhere.exclude(daily="").filter(next_at__lte=Now())
    return list(rows.order_by("next_at").values_list("pk", flat=True))


def waiting_runs() -> list[int]:
    """Syncs that nobody works on and that are to be looked at. One query."""
    return waiting(SyncRun)
