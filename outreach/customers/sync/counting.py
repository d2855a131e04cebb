"""How long an account's lists are, as X counts them: one look-up, for a cent."""

from __future__ import annotations

from outreach.customers.models import SyncChoice
from outreach.customers.sync.errors import NotCounted
from outreach.customers.sync.estimates import LOOK_UP
from outreach.ground.clock import now
from outreach.ground.writes import engine_action, outside_transactions
from outreach.x.expenses import Purpose, open_tab
from outreach.x.models import XAccount
from outreach.x.queries import reading


@outside_transactions
def count_at_x(account: XAccount) -> None:
    """Ask X and store what it says. Raises XErrors, CapReached, and what `reading` raises.

    Raises NotCounted where X answers and does not say how many they are.
    """
    with open_tab(account.app_id, account.pk, LOOK_UP, 1, purpose=Purpose.SYNC) as tab:
        me = reading(account, lambda client: client.me())
        tab.spend(1)
    if me.followers is None or me.follows is None:
        raise NotCounted("X did not say how many they are. Ask it again later.")
    _store(account, me.followers, me.follows)


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
