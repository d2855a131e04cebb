"""What X's headers say of its limits, where that is less than our ledger allows.

Somebody may write from the account by other means, or X may allow less than is documented. Its
answer then narrows our budget until the limit's reset: so many attempts and no more, counted from
the one that was answered.
"""

from __future__ import annotations

import json
from types import SimpleNamespace

from django.conf import settings

from outreach.delivery.claim import Claimed
from outreach.delivery.statements import run
from outreach.ground.writes import step
from outreach.x.limits import Limits

# With more left than this, the next answers will say in time.
NEAR = 64

NARROW = """
    /* outcome: X allows less than we thought */
    UPDATE {table} SET narrowed = narrowed || %(report)s::jsonb
    WHERE {key} = %(owner)s AND %(remaining)s < %(limit)s - (
        SELECT count(*) FROM delivery_attempt WHERE {column} = %(owner)s
        AND counts_until > %(now)s::timestamptz - make_interval(secs => %(seconds)s)
    )
"""


@step
def note(claimed: Claimed, limits: Limits, letter: SimpleNamespace) -> None:
    """Narrow the budget by one answer's headers; nothing where they agree with the ledger."""
    for window in limits.windows:
        if window.remaining > NEAR or window.reset <= letter.now:
            continue
        of_app = window.scope == "app"
        ours = settings.X_APP_WINDOWS if of_app else settings.X_ACCOUNT_WINDOWS
        if not ours:
            continue
        # The endpoint's own limit is the shortest, the others are those of a day.
        pick = min if window.scope == "endpoint" else max
        limit, seconds = pick(ours, key=lambda each: each[1])
        report = {
            "remaining": window.remaining,
            "reset": window.reset.isoformat(),
            "since": letter.started_at.isoformat(),
        }
        run(
            NARROW.format(
                table="delivery_apppace" if of_app else "delivery_accountpace",
                key="app_id" if of_app else "x_account_id",
                column="app_id" if of_app else "x_account_id",
            ),
            owner=claimed.app_id if of_app else claimed.x_account_id,
            report=json.dumps({window.scope: report}),
            remaining=window.remaining,
            limit=limit,
            seconds=seconds,
            now=letter.now,
        )
