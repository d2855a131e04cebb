"""Reading the messages of an account that nobody hears, and noting that they were read.

What came in takes its effects as if X had told of it (x/dm_reading.py). What went out is shown to
whoever settles letters: `_show`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from django.db import connection
from django.db.models import Value
from django.db.models.functions import Greatest

from outreach.customers.newcomers import not_erased
from outreach.delivery.hearing.queries import missed_since
from outreach.delivery.models import AccountPace, SeenBy
from outreach.delivery.settling import show
from outreach.ground.writes import engine_action, outside_transactions
from outreach.x.dm_reading import Company, read_back
from outreach.x.models import XAccount
from outreach.x.payloads import SentEvent

# X stamps by a clock of its own, and shows a message a little after it was written.
OVERLAP = timedelta(seconds=90)

# Every gap of the app that ended, and past whose end each account was read that was there then.
FILL = """
    /* read: fill the gaps that are read */
    UPDATE x_gap gap SET filled_at = outreach_now()
    WHERE gap.filled_at IS NULL AND gap.ended_at IS NOT NULL
        AND NOT EXISTS (
            SELECT FROM x_xaccount account
            LEFT JOIN delivery_accountpace pace ON pace.x_account_id = account.id
            WHERE account.app_id = gap.app_id AND account.state <> 'disconnected'
                AND (account.connected_at <= gap.ended_at OR EXISTS (
                    SELECT FROM delivery_attempt spoke WHERE spoke.x_account_id = account.id
                        AND spoke.counts_until < account.connected_at))
                AND (pace.heard_dms_at IS NULL OR pace.heard_dms_at <= gap.ended_at))
"""


@outside_transactions
def read_messages(x_account_id: int) -> bool:
    """Read what may have been missed of an account; whether all of it is read now."""
    since = missed_since(x_account_id)
    if since is None:
        return False
    account = XAccount.everywhere.get(pk=x_account_id)
    company = Company(
        sent=partial(_show, x_account_id),
        left_out=partial(_erased_among, account.workspace_id),
    )
    complete_at = read_back(x_account_id, since - OVERLAP, company)
    if complete_at is None:
        return False
    note_read(x_account_id, complete_at)
    return True


@engine_action
def note_read(x_account_id: int, moment: datetime) -> None:
    """All messages of the account up to that moment are known; fills the gaps that this fills."""
    AccountPace.objects.get_or_create(x_account_id=x_account_id)
    AccountPace.objects.filter(pk=x_account_id).update(
        heard_dms_at=Greatest("heard_dms_at", Value(moment))
    )
    with connection.cursor() as cursor:
        cursor.execute(FILL)


@engine_action
def fill_gaps() -> None:
    """Fill what two readings filled at the same moment, and what waited for an account that is gone."""
    with connection.cursor() as cursor:
        cursor.execute(FILL)


def _erased_among(workspace_id: int, x_user_ids: Sequence[int]) -> set[int]:
    return set(x_user_ids) - not_erased(workspace_id, x_user_ids)


def _show(x_account_id: int, sent: Sequence[SentEvent]) -> None:
    """Messages of ours that a reading found, oldest first."""
    for dm in sent:
        _settle(x_account_id, dm)


@engine_action
def _settle(x_account_id: int, dm: SentEvent) -> None:
    """One by one: each locks its recipient, and several at once would have to be in order."""
    show(x_account_id, [dm], SeenBy.READ)
