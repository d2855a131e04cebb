"""How long an account's lists are, as X counts them: one look-up, for a cent."""

from __future__ import annotations

from outreach.customers.models import SyncChoice
from outreach.customers.sync.estimates import LOOK_UP
from outreach.ground.clock import now
from outreach.ground.writes import engine_action, outside_transactions
from outreach.x.expenses import Purpose, open_tab
from outreach.x.models import XAccount
from outreach.x.queries import reading


@outside_transactions
def count_at_x(account: XAccount) -> None:
    """Ask X and store what it says. Raises XErrors, CapReached, and what `reading` raises."""
    with open_tab(account.app_id, account.pk, LOOK_UP, 1, purpose=Purpose.SYNC) as tab:
        me = reading(account, lambda client: client.me())
        tab.spend(1)
    _store(account, me.followers or 0, me.follows or 0)


@engine_action
def _store(account: XAccount, followers: int, following: int) -> None:
    SyncChoice.everywhere.update_or_create(
        x_account_id=account.pk,
        defaults={
            "workspace_id": account.workspace_id,
            "followers": followers,
            "following": following,
            "counted_at": now(),
        },
    )
