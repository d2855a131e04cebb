"""The reconciler: looks for an unsure letter in its conversation at X.

Two looks, well apart, that go back far enough and find nothing of ours that is nobody's, are a
clean absence: the letter goes back to the queue. A message of ours with other words, or one that
cannot be read, leaves it to a person.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from types import SimpleNamespace

from django.conf import settings

from outreach.delivery.arrival import lock
from outreach.delivery.meaning import Next
from outreach.delivery.models import AccountPace, DeliveryState, Outcome, SeenBy
from outreach.delivery.outcomes import NEVER_ABSENT, move
from outreach.delivery.settling import (
    CLOCKS_DIFFER,
    LOCK_PERSON,
    match,
    note,
    unclaimed,
)
from outreach.delivery.statements import one, rows, run
from outreach.ground.clock import now as clock_now
from outreach.ground.writes import engine_action, outside_transactions
from outreach.x.client import XClient
from outreach.x.errors import LimitedUntil, XError
from outreach.x.expenses import CapReached, Purpose, open_tab
from outreach.x.models import AccountState, XAccount, XToken
from outreach.x.payloads import SentEvent
from outreach.x.queries import reading
from outreach.x.tokens import TokenKeyMissing

log = logging.getLogger("outreach.delivery")

# A reader that died is followed by another after so long; when one that took longer has read, nobody
# can tell, so what it did not find proves nothing.
LEASE = timedelta(minutes=2)
# X shows messages for 30 days. Whoever looks later than this finds nothing, whatever there was.
SHOWN_FOR = timedelta(days=29)
# X did not answer, or may not be asked: look again then.
LOOK_AGAIN = timedelta(minutes=1)
CAPPED = timedelta(minutes=10)
# A conversation with more messages than so many pages since the attempt is a person's to read.
MOST_PAGES = 20
PER_PAGE = 100
LONGEST_WAIT = timedelta(days=1)

DUE = """
    /* settle: which attempts are to be looked for */
    SELECT id FROM delivery_attempt WHERE settle_at <= outreach_now()
    ORDER BY settle_at LIMIT %(most)s
"""
BEGIN = """
    /* settle: begin to look */
    UPDATE delivery_attempt SET settle_at = outreach_now() + %(lease)s
    WHERE id = %(attempt)s AND settle_at <= outreach_now() AND outcome = 'uncertain'
    RETURNING outreach_now() AS began, delivery_id
"""
# From the delivery's first attempt on that may have arrived.
SINCE = """
    /* settle: from when on to look */
    SELECT letter.recipient_x_user_id, letter.x_account_id, min(attempt.started_at) AS since
    FROM delivery_attempt attempt JOIN delivery_delivery letter ON letter.id = attempt.delivery_id
    WHERE letter.id = %(delivery)s AND attempt.outcome IN ('posting', 'uncertain', 'absent')
    GROUP BY letter.id
"""
LATER = """
    /* settle: look again later */
    UPDATE delivery_attempt SET settle_at = %(settle_at)s, absent_reads = %(reads)s,
        looked_at = coalesce(%(looked_at)s::timestamptz, looked_at)
    WHERE id = %(attempt)s AND outcome = 'uncertain'
"""
ABSENT = """
    /* settle: it is not there */
    UPDATE delivery_attempt SET outcome = 'absent', settle_at = NULL,
        absent_reads = %(reads)s, looked_at = %(looked_at)s
    WHERE id = %(attempt)s AND outcome = 'uncertain'
"""
EXPLAIN = """
    /* settle: say what was found */
    UPDATE delivery_delivery SET reason_code = %(code)s, reason = %(reason)s
    WHERE id = %(delivery)s AND state = 'uncertain'
"""
WHOSE = """
    /* settle: whose attempt it is */
    SELECT letter.x_account_id, letter.recipient_x_user_id, (
        SELECT min(started_at) FROM delivery_attempt
        WHERE delivery_id = letter.id AND outcome IN ('posting', 'uncertain', 'absent')
    ) AS since
    FROM delivery_attempt attempt JOIN delivery_delivery letter ON letter.id = attempt.delivery_id
    WHERE attempt.id = %(attempt)s
"""
OTHER_WORDS = (
    "X shows a message of yours to them with other words since then. Look whether it is this one, "
    "and decide."
)
UNREADABLE = (
    "Not all of the conversation with them could be read at X. Look whether the letter is there, "
    "and decide."
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a look brought: our messages since the bound, and whether all of them could be read."""

    messages: list[SentEvent]
    whole: bool


def due(most: int = 200) -> list[int]:
    """Attempts that are to be looked for now. One query."""
    return [attempt.id for attempt in rows(DUE, most=most)]


@outside_transactions
def reconcile(attempt_id: int) -> None:
    """Look for one unsure attempt, if it is time to; whoever comes second finds that it is not."""
    begun = _begin(attempt_id)
    if begun is None:
        return
    about = one(SINCE, delivery=begun.delivery_id)
    if about is None or about.recipient_x_user_id is None:
        return
    account = XAccount.everywhere.get(pk=about.x_account_id)
    if account.state == AccountState.DISCONNECTED:
        _later(attempt_id, clock_now() + LOOK_AGAIN)
        return
    try:
        found = _look(account, about.recipient_x_user_id, about.since - CLOCKS_DIFFER)
    except CapReached:
        _later(attempt_id, clock_now() + CAPPED)
    except LimitedUntil as limited:
        _later(attempt_id, max(limited.until or clock_now(), clock_now() + LOOK_AGAIN))
    except (XError, XToken.DoesNotExist, TokenKeyMissing) as error:
        log.warning("attempt %s could not be looked for: %s", attempt_id, error)
        _later(attempt_id, clock_now() + LOOK_AGAIN)
    else:
        conclude(attempt_id, begun.began, found)


def _look(account: XAccount, recipient: int, since: datetime) -> Found:
    """The account's messages to one person since then, and whether the reading got that far."""
    messages: list[SentEvent] = []
    whole, page_token = True, None
    for _ in range(MOST_PAGES):
        with open_tab(
            account.app_id, account.pk, "dm_event", PER_PAGE, purpose=Purpose.SETTLE
        ) as tab:
            # Near the cap it pays for fewer.
            size = min(PER_PAGE, tab.left)
            call = partial(
                XClient.dm_events_with,
                participant_id=recipient,
                page_token=page_token,
                max_results=size,
            )
            page = reading(account, call)
            tab.spend(len(page.events) + page.unreadable)
        whole = whole and not page.unreadable
        messages += [
            SentEvent(event.id, recipient, event.expanded_text, event.created_at)
            for event in page.events
            if event.sender_id == account.x_user_id and event.created_at >= since
        ]
        if page.next_token is None or any(event.created_at < since for event in page.events):
            return Found(messages, whole)
        page_token = page.next_token
    return Found(messages, False)


@engine_action
def conclude(attempt_id: int, began: datetime, found: Found) -> None:
    """Draw what follows from one look that began then."""
    known = one(WHOSE, attempt=attempt_id)
    assert known is not None
    # What goes back to the queue locks the pace first, as everywhere.
    AccountPace.objects.select_for_update(no_key=True).get(pk=known.x_account_id)
    if known.recipient_x_user_id is None:
        return  # erased meanwhile
    rows(LOCK_PERSON, account=known.x_account_id, recipient=known.recipient_x_user_id)
    for message in found.messages:
        note(known.x_account_id, message, SeenBy.READ)
    for message in sorted(found.messages, key=lambda each: each.created_at, reverse=True):
        match(message.dm_event_id)
    letter = lock(attempt_id)
    if letter.outcome != Outcome.UNCERTAIN or letter.recipient_x_user_id is None:
        return  # it was there, or was settled meanwhile
    if letter.now - known.since > SHOWN_FOR:
        _later_step(letter.attempt_id, None, reads=0)
        return
    since = known.since - CLOCKS_DIFFER
    strangers = unclaimed(letter.x_account_id, letter.recipient_x_user_id, since)
    if strangers or not found.whole:
        code, reason = ("other_words", OTHER_WORDS) if strangers else ("unreadable", UNREADABLE)
        run(EXPLAIN, delivery=letter.id, code=code, reason=reason)
        _put_off(letter, reads=0)
    elif letter.kind in NEVER_ABSENT:
        _put_off(letter, reads=0)
    elif letter.now - began > LEASE:
        _put_off(letter, reads=letter.absent_reads)
    else:
        _not_there(letter, began)


def _not_there(letter: SimpleNamespace, began: datetime) -> None:
    """A clean absence; the second one, well after the first, is believed."""
    between = timedelta(seconds=settings.SETTLE_BETWEEN_SECONDS)
    well_apart = letter.looked_at is not None and began - letter.looked_at >= between
    if letter.absent_reads == 0 or not well_apart:
        first = began if letter.absent_reads == 0 else letter.looked_at
        _later_step(letter.attempt_id, first + between, reads=1, looked_at=first)
        return
    run(ABSENT, attempt=letter.attempt_id, reads=letter.absent_reads + 1, looked_at=began)
    if letter.state == DeliveryState.UNCERTAIN:
        back = Next(DeliveryState.QUEUED, Outcome.ABSENT, "", "", look_at=letter.now)
        move(letter, back, token=letter.claim_token)


def _put_off(letter: SimpleNamespace, *, reads: int) -> None:
    """Look again after as long as it has been unsure by now, since each look is charged."""
    between = timedelta(seconds=settings.SETTLE_BETWEEN_SECONDS)
    wait = min(max(between, letter.now - letter.started_at), LONGEST_WAIT)
    _later_step(letter.attempt_id, letter.now + wait, reads=reads)


@engine_action
def _begin(attempt_id: int) -> SimpleNamespace | None:
    return one(BEGIN, attempt=attempt_id, lease=LEASE)


@engine_action
def _later(attempt_id: int, moment: datetime) -> None:
    """Look again then; what was found so far stands."""
    run(
        "/* settle: look again later */ UPDATE delivery_attempt SET settle_at = %(settle_at)s "
        "WHERE id = %(attempt)s AND outcome = 'uncertain'",
        attempt=attempt_id,
        settle_at=moment,
    )


def _later_step(
    attempt_id: int, moment: datetime | None, *, reads: int, looked_at: datetime | None = None
) -> None:
    run(LATER, attempt=attempt_id, settle_at=moment, reads=reads, looked_at=looked_at)
