"""Who follows whom: asked of X ahead of the letters that need to know it.

Each user read is charged once in a UTC day, however often; so a look-up that must be made takes
along whoever's letter is due later on the same day, up to the hundred that X answers at once.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from outreach.customers import actions as customers
from outreach.delivery import outcomes
from outreach.delivery.models import AccountPace, Delivery, DeliveryState
from outreach.delivery.statements import rows
from outreach.ground.clock import now as clock_now
from outreach.ground.writes import engine_action, outside_transactions
from outreach.x.client import XClient, XUser
from outreach.x.errors import LimitedUntil, NotCalled, XError
from outreach.x.expenses import CapReached, Purpose, open_tab
from outreach.x.models import XAccount

log = logging.getLogger("outreach.delivery")

STALE = """
    /* look up: who is about to be written to */
    WITH clock AS MATERIALIZED (SELECT outreach_now() AS now),
    next AS MATERIALIZED (
        SELECT customer_id, recipient_x_user_id, campaign_id, look_at
        FROM delivery_delivery
        WHERE x_account_id = %(account)s AND state = 'queued'
        ORDER BY x_account_id, look_at, id LIMIT %(next)s
    )
    SELECT next.recipient_x_user_id, bool_or(next.look_at <= clock.now + %(ahead)s) AS soon
    FROM clock CROSS JOIN next
    JOIN customers_customer customer ON customer.id = next.customer_id
    JOIN delivery_sendingpolicy policy ON policy.workspace_id = customer.workspace_id
    LEFT JOIN customers_relationship known
        ON known.x_account_id = %(account)s AND known.customer_id = customer.id
    WHERE next.recipient_x_user_id IS NOT NULL
        AND (known.checked_at IS NULL
            OR known.checked_at + make_interval(hours => policy.relationship_hours)
                <= greatest(next.look_at, clock.now + %(ahead)s))
        -- It has to be known still when they are due, and tomorrow it costs anew.
        AND next.look_at < least(
            clock.now + make_interval(hours => policy.relationship_hours),
            date_trunc('day', clock.now, 'UTC') + interval '1 day') + %(ahead)s
        -- To answer somebody it does not have to be known.
        AND NOT (next.campaign_id IS NULL AND customer.last_answered_at IS NOT NULL
            AND customer.last_answered_at
                > clock.now - make_interval(days => policy.answer_days))
    GROUP BY next.recipient_x_user_id
    ORDER BY min(next.look_at), next.recipient_x_user_id
    LIMIT %(most)s
"""

# Whoever is written to within the minute is worth a look-up.
LOOK_AHEAD = timedelta(minutes=1)
# X answers so many users a look-up.
LOOK_UP = 100
# So many of an account's next letters are looked through for them.
NEXT = 500
# Whoever X did not answer about is asked about again after this; look-ups are charged and limited.
LOOK_UP_RETRY = timedelta(seconds=30)
# A look-up whose answer was lost may have been charged, so it is not repeated as soon.
LOST_RETRY = timedelta(minutes=5)


@outside_transactions
def look_up_stale(account: XAccount, client: XClient) -> int:
    """Ask X about those due soon whose relationship is not known freshly enough.

    Returns how many were asked about. Where X does not answer, their letters wait.
    """
    ids = stale_recipients(account)
    if not ids:
        return 0
    # Stamped with the time before the call: X answers as of some moment after it.
    looked_at = clock_now()
    pace = AccountPace.objects.get(pk=account.pk)
    if pace.look_up_after is not None and pace.look_up_after > looked_at:
        return 0
    try:
        with open_tab(account.app_id, account.pk, "user", len(ids), purpose=Purpose.LETTER) as tab:
            # Near the cap it pays for fewer.
            ids = ids[: tab.left]
            answer = client.users(ids)
            tab.spend(len(ids) - len(answer.missing))
    except CapReached:
        return 0  # the claim says so to each letter
    except XError as error:
        log.warning("look-up for account %s: %s", account.pk, error)
        until = error.until if isinstance(error, LimitedUntil) else None
        lost = error.status is None and not isinstance(error, NotCalled)
        retry = LOST_RETRY if lost else LOOK_UP_RETRY
        _look_up_later(account, max(until or looked_at, looked_at + retry))
        outcomes.stop_for(error, account, generation=client.generation)
        return 0
    # What X did not say is not known, and is not 'no'.
    found = [user for user in answer.found if None not in _said(user)]
    told = [user.id for user in found] + list(answer.missing)
    if len(told) < len(ids):
        _look_up_later(account, looked_at + LOOK_UP_RETRY)
    customers.store_relationships(account.pk, told, found, looked_at=looked_at)
    _let_go_on(account.pk, told)
    return len(ids)


@engine_action
def _let_go_on(x_account_id: int, x_user_ids: list[int]) -> None:
    """What waited for just this may be looked at again."""
    # Before the letters, as everywhere: what moves them moves the account's own moment.
    AccountPace.objects.select_for_update(no_key=True).get(pk=x_account_id)
    Delivery.everywhere.filter(
        x_account_id=x_account_id,
        state=DeliveryState.QUEUED,
        reason_code="relationship_unknown",
        recipient_x_user_id__in=x_user_ids,
    ).update(look_at=clock_now())


def _said(user: XUser) -> tuple[bool | None, bool | None, bool | None]:
    return user.following, user.followed_by, user.accepts_dms


def _look_up_later(account: XAccount, moment: datetime) -> None:
    AccountPace.objects.filter(pk=account.pk).update(look_up_after=moment)


def stale_recipients(account: XAccount) -> list[int]:
    """X user ids of those about to be written to, whose relationship is unknown or too old.

    None where nobody is due within the minute; else with them, those due later on this UTC day.
    Reads the next letters of the account only, however many wait.
    """
    found = rows(STALE, account=account.pk, next=NEXT, most=LOOK_UP, ahead=LOOK_AHEAD)
    if not any(person.soon for person in found):
        return []
    return [person.recipient_x_user_id for person in found]
