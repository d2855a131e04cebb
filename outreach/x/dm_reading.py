"""Reading an account's messages where X does not tell of them: page by page, newest first.

What came in is stored as if X had told of it, so the same handlers run, once (events.py); what went
out is shown to whoever settles letters. A reading that X's limit or the cap interrupts goes on
where it was. One process at a time reads an account: by a lease, since nothing may be held while X
is asked. Each message is paid for once in a UTC day, however often it is read (X's prices), which
is why a page that probably brings nothing new is a small one.
"""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F, Q

from outreach.ground.clock import Now, now
from outreach.ground.writes import engine_action, outside_transactions
from outreach.x import events
from outreach.x.client import EVENTS_PER_PAGE, DMEvent, DMPage, Retries
from outreach.x.errors import (
    AccountLocked,
    LimitedUntil,
    NeverReason,
    NeverWill,
    NotCalled,
    PaymentNeeded,
    TokenRefused,
    TryLater,
    XError,
)
from outreach.x.expenses import CapReached, Purpose, open_tab
from outreach.x.models import AccountState, DMReading, HeardDM, Via, XAccount, XToken
from outreach.x.payloads import SentEvent, told_of
from outreach.x.queries import reading
from outreach.x.tokens import TokenKeyMissing

log = logging.getLogger("outreach.x")

# Longer than a call with its timeouts and a refresh before it.
LEASE = timedelta(seconds=120)
# Each message on a page is charged, new or not.
FIRST_PAGE = 10
# Every try is a call that X counts, so it is ours to space them.
ONE_TRY = Retries(tries=1)
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=10), timedelta(minutes=5)
# What a person has to mend is looked at again so late.
MENDED_BY_A_PERSON = timedelta(minutes=15)
# So often a page on which X shows less than it counts is read again; then it is taken as it is.
UNREADABLE_TRIES = 3
# X shows messages of 30 days and tells again what is a day old.
FORGOTTEN_AFTER = timedelta(days=32)

LIMITED = "X’s limit for reading messages is used up for the moment."
NO_ANSWER = "X does not answer when its messages are read."
TOKENLESS = "It has no token that serves, so its messages cannot be read. Connect it again."
CAPPED = "This month’s cap does not pay for reading its messages."
UNREADABLE = "X does not show all of its messages."

FAILED = {"tries": F("tries") + 1}

# How many of these X has not been paid for today.
PAY = """
    /* read: which messages X is not paid for yet */
    INSERT INTO x_hearddm AS known (account_id, dm_event_id, x_user_id, heard_at, read_on)
    SELECT %(account)s, said.id, said.x_user_id, outreach_now(), %(today)s
    FROM unnest(%(ids)s::bigint[], %(people)s::bigint[]) AS said (id, x_user_id)
    ORDER BY said.id
    ON CONFLICT ON CONSTRAINT one_row_a_dm DO UPDATE SET read_on = EXCLUDED.read_on
        WHERE known.read_on IS DISTINCT FROM EXCLUDED.read_on
"""


@dataclass(frozen=True, slots=True)
class Company:
    """What the rooms above know and do.

    `sent` is shown what the account itself wrote; `left_out` says of whom (X user ids) nothing may
    be kept. Neither is called inside a transaction.
    """

    sent: Callable[[Sequence[SentEvent]], None]
    left_out: Callable[[Sequence[int]], set[int]]


class _Lost(Exception):  # noqa: N818  says what happened
    """Another process reads the account now, or it has to wait; nothing more is done."""


@outside_transactions
def read_back(account_id: int, back_to: datetime, company: Company) -> datetime | None:
    """Read the account's messages, newest first, to those that are older than `back_to`.

    Goes on with a reading that was interrupted. Returns the moment up to which all was read: just
    before the reading's first call; None where it is not complete yet, because somebody else reads,
    or X or the cap wants it to wait (DMReading says until when, and why).
    """
    lease = _take(account_id)
    if lease is None:
        return None
    account = XAccount.everywhere.get(pk=account_id)
    try:
        while True:
            complete_at = _read_a_page(account, lease, back_to, company)
            if complete_at is not None:
                return complete_at
    except _Lost:
        return None
    except CapReached:
        _put_off(account_id, lease, now() + MENDED_BY_A_PERSON, CAPPED)
    except (XToken.DoesNotExist, TokenKeyMissing):
        _put_off(account_id, lease, now() + MENDED_BY_A_PERSON, TOKENLESS)
    except XError as error:
        _after_an_error(account_id, lease, error)
    finally:
        _give_back(account_id, lease)
    return None


def _read_a_page(
    account: XAccount, lease: uuid.UUID, back_to: datetime, company: Company
) -> datetime | None:
    """Read and store one page; the moment of completeness where it was the last. Raises _Lost."""
    row = _may_call(account.pk, lease)
    if row is None:
        raise _Lost
    wanted = EVENTS_PER_PAGE if row.page_token else FIRST_PAGE
    purpose = Purpose.SETTLE
    with open_tab(account.app_id, account.pk, "dm_event", wanted, purpose=purpose) as tab:
        most = min(tab.left, wanted)
        page: DMPage = reading(
            account,
            lambda client: client.dm_events(page_token=row.page_token or None, max_results=most),
            retries=ONE_TRY,
        )
        tab.spend(_keep(account, page.events, company) + page.unreadable)
    events.handle(account.pk)
    if page.unreadable and row.unreadable < UNREADABLE_TRIES:
        again_at, once_more = now() + _backoff(row.unreadable), {"unreadable": F("unreadable") + 1}
        _put_off(account.pk, lease, again_at, UNREADABLE, began_at=None, page_token="", **once_more)
        raise _Lost
    if page.unreadable:
        log.error("account %s: %d messages cannot be read", account.pk, page.unreadable)
    closed = page.limits.closed()
    opens = closed.reset if closed else None
    over = page.next_token is None or any(each.created_at < back_to for each in page.events)
    if over:
        _complete(account.pk, lease, opens)
        return row.began_at
    _go_on(account.pk, lease, page.next_token or "")
    if opens is not None and opens > now():
        _put_off(account.pk, lease, opens, LIMITED)
        raise _Lost
    return None


def _keep(account: XAccount, page: Sequence[DMEvent], company: Company) -> int:
    """Store what is on a page; how many messages on it X has not been paid for today."""
    ends = {event.id: event.other_end(account.x_user_id) for event in page}
    gone = company.left_out([end for end in ends.values() if end is not None])
    kept = [event for event in page if ends[event.id] not in gone]
    mine: list[DMEvent] = []
    theirs: list[DMEvent] = []
    for event in kept:
        if ends[event.id] is not None:
            (mine if event.sender_id == account.x_user_id else theirs).append(event)
    told = [told_of(event, account.x_user_id) for event in reversed(theirs)]
    events.store(account.app_id, told, Via.READ)
    company.sent(
        [
            SentEvent(event.id, ends[event.id] or 0, event.expanded_text, event.created_at)
            for event in reversed(mine)
        ]
    )
    # Of whom nothing is kept, nobody knows what was paid.
    paid_before = len(kept) - _pay(account.pk, [(event.id, ends[event.id]) for event in kept])
    return len(page) - paid_before


@engine_action
def _pay(account_id: int, messages: Sequence[tuple[int, int | None]]) -> int:
    values: dict[str, Any] = {
        "account": account_id,
        "ids": [id_ for id_, _ in messages],
        "people": [x_user_id for _, x_user_id in messages],
        "today": now().astimezone(UTC).date(),
    }
    with connection.cursor() as cursor:
        cursor.execute(PAY, values)
        return int(cursor.rowcount)


# --- whose turn it is ----------------------------------------------------------------------------


@engine_action
def _take(account_id: int) -> uuid.UUID | None:
    """The lease, where nobody has it and nothing says to wait."""
    if XAccount.everywhere.filter(pk=account_id, state=AccountState.DISCONNECTED).exists():
        return None
    DMReading.objects.bulk_create([DMReading(account_id=account_id)], ignore_conflicts=True)
    lease = uuid.uuid4()
    free = Q(leased_until__isnull=True) | Q(leased_until__lt=Now())
    due = Q(again_at__isnull=True) | Q(again_at__lte=Now())
    taken = DMReading.objects.filter(free, due, pk=account_id)
    return lease if taken.update(lease=lease, leased_until=Now() + LEASE) else None


@engine_action
def _may_call(account_id: int, lease: uuid.UUID) -> DMReading | None:
    """Note that X is called now, before it is; None where it may not be, and until when."""
    row = (
        DMReading.objects.select_for_update(no_key=True).filter(pk=account_id, lease=lease).first()
    )
    if row is None:
        return None
    moment = now()
    most, seconds = settings.X_DM_READS_WINDOW
    window = timedelta(seconds=seconds)
    row.calls = [call for call in row.calls if call > moment - window]
    if len(row.calls) >= most:
        row.again_at, row.failure = row.calls[-most] + window, LIMITED
        row.save(update_fields=["again_at", "failure"])
        return None
    row.calls.append(moment)
    row.began_at = row.began_at or moment
    row.leased_until = moment + LEASE
    row.save(update_fields=["calls", "began_at", "leased_until"])
    return row


@engine_action
def _go_on(account_id: int, lease: uuid.UUID, page_token: str) -> None:
    _ours(account_id, lease, page_token=page_token, failure="")


@engine_action
def _complete(account_id: int, lease: uuid.UUID, opens: datetime | None) -> None:
    """The next one begins anew, and not before X's limit opens where this one used it up."""
    values: dict[str, Any] = {"tries": 0, "unreadable": 0, "failure": "", "again_at": opens}
    _ours(account_id, lease, began_at=None, page_token="", **values)


@engine_action
def _put_off(account_id: int, lease: uuid.UUID, until: datetime, words: str, **values: Any) -> None:
    ours = DMReading.objects.filter(pk=account_id, lease=lease)
    ours.update(again_at=until, failure=words, **values)


@engine_action
def _give_back(account_id: int, lease: uuid.UUID) -> None:
    DMReading.objects.filter(pk=account_id, lease=lease).update(lease=None, leased_until=None)


def _ours(account_id: int, lease: uuid.UUID, **values: Any) -> None:
    if not DMReading.objects.filter(pk=account_id, lease=lease).update(**values):
        raise _Lost


def _after_an_error(account_id: int, lease: uuid.UUID, error: XError) -> None:
    """Wait as long as X says, or longer each time, or until a person may have mended it."""
    moment = now()
    if isinstance(error, LimitedUntil):
        window = timedelta(seconds=settings.X_DM_READS_WINDOW[1])
        said = error.until if error.until and error.until > moment else moment + window
        until, words, failed = said, LIMITED, False
    elif isinstance(error, TryLater | NotCalled | TokenRefused):
        tries = DMReading.objects.values_list("tries", flat=True).get(pk=account_id)
        until, words, failed = moment + _backoff(tries), NO_ANSWER, True
    elif isinstance(error, NeverWill) and error.reason == NeverReason.BAD_REQUEST:
        # X forgot the page where we were.
        _put_off(account_id, lease, moment, NO_ANSWER, began_at=None, page_token="", **FAILED)
        return
    else:
        until, words, failed = moment + MENDED_BY_A_PERSON, _why(error), True
    log.warning("account %s: its messages are not read: %s", account_id, error.kind)
    _put_off(account_id, lease, until, words, **(FAILED if failed else {}))


def _why(error: XError) -> str:
    if isinstance(error, PaymentNeeded):
        return "The X app’s credits or usage at X are used up. Mend that at X."
    if isinstance(error, AccountLocked):
        return "X locked the account. Sign in to X as the brand."
    if isinstance(error, NeverWill) and error.reason == NeverReason.NO_ACCESS:
        return "The account may not read messages. Connect it again and leave everything ticked."
    return "X refuses to show its messages, and does not say why."


def _backoff(tries: int) -> timedelta:
    """Exponential, with jitter, so that many accounts do not come back in step."""
    longest: timedelta = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(tries, 10))
    return longest * random.uniform(0.5, 1)


# --- forgetting ----------------------------------------------------------------------------------


@engine_action
def forget() -> int:
    """Forget messages that X neither shows nor tells of any more. Returns how many."""
    return HeardDM.objects.filter(heard_at__lt=now() - FORGOTTEN_AFTER).delete()[0]
