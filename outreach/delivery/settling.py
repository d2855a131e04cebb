"""What X shows of our messages, matched with the attempts that may have sent them.

A message belongs to one attempt, an attempt has one message. An attempt's own answer outranks a
match by its words; an id that this frees is matched anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace

from outreach.customers.finding.actions import written_step
from outreach.customers.newcomers import not_erased
from outreach.delivery.arrival import arrived, lock
from outreach.delivery.matching import words_key
from outreach.delivery.models import SeenBy, SeenDM
from outreach.delivery.statements import one, rows, run
from outreach.ground.clock import now
from outreach.ground.writes import engine_action, step
from outreach.x.models import ActivityEvent, XAccount
from outreach.x.payloads import SentEvent, sent_dms_of

SENT = "dm.sent"
# How an attempt is known to have arrived by a message with its words.
SEEN = "seen"
# X's clock is not ours, and its stamps may be whole seconds.
CLOCKS_DIFFER = timedelta(seconds=60)

# X shows messages for 30 days, and tells of none that is older.
FORGOTTEN_AFTER = timedelta(days=32)

SEE = """
    /* settle: note the message */
    INSERT INTO delivery_seendm (dm_event_id, x_account_id, recipient_x_user_id, words_sha256,
        stamped_at, seen_at, via)
    VALUES (%(dm)s, %(account)s, %(recipient)s, %(words)s, %(stamped_at)s, outreach_now(), %(via)s)
    ON CONFLICT (dm_event_id) DO NOTHING
"""
LOCK_PERSON = """
    /* settle: lock the customer */
    SELECT id FROM customers_customer WHERE id IN (
        SELECT customer.id FROM customers_customer customer
        JOIN x_xaccount account ON account.workspace_id = customer.workspace_id
        WHERE account.id = %(account)s AND customer.x_user_id = %(recipient)s
    )
    ORDER BY id FOR NO KEY UPDATE
"""
UNCLAIMED = """
    /* settle: is the message anybody's */
    SELECT seen.* FROM delivery_seendm seen
    WHERE seen.dm_event_id = %(dm)s AND NOT EXISTS (
        SELECT FROM delivery_attempt WHERE dm_event_id = seen.dm_event_id
    )
"""
# The newest match; letters that are not sent yet come first.
CANDIDATES = """
    /* settle: whose the message may be */
    SELECT attempt.id, letter.text
    FROM delivery_delivery letter
    JOIN x_xaccount account ON account.id = letter.x_account_id
    JOIN delivery_attempt attempt ON attempt.delivery_id = letter.id
    WHERE letter.workspace_id = account.workspace_id
        AND letter.recipient_x_user_id = %(recipient)s
        AND letter.x_account_id = %(account)s
        AND attempt.outcome IN ('posting', 'uncertain', 'absent')
        AND attempt.dm_event_id IS NULL
        AND attempt.started_at <= %(latest)s
    ORDER BY letter.state = 'sent', attempt.started_at DESC, attempt.id DESC
"""
UNCLAIMED_OF_PERSON = """
    /* settle: messages that are nobody's */
    SELECT seen.dm_event_id, seen.words_sha256, seen.stamped_at FROM delivery_seendm seen
    WHERE seen.x_account_id = %(account)s AND seen.recipient_x_user_id = %(recipient)s
        AND seen.stamped_at >= %(since)s AND NOT EXISTS (
            SELECT FROM delivery_attempt WHERE dm_event_id = seen.dm_event_id
        )
    ORDER BY seen.stamped_at DESC, seen.dm_event_id DESC
"""
ABSENT_ATTEMPTS = """
    /* claim: attempts that were judged absent */
    SELECT id, started_at FROM delivery_attempt
    WHERE delivery_id = %(delivery)s AND outcome = 'absent' AND dm_event_id IS NULL
    ORDER BY started_at DESC
"""


@step
def stored_events(events: Sequence[ActivityEvent]) -> None:
    """Note the messages of dm.sent events in the transaction that stores them: claims look there."""
    accounts = XAccount.everywhere.in_bulk({event.account_id for event in events})
    for event in events:
        account = accounts[event.account_id or 0]
        for sent in _of_the_kept(account, event):
            note(account.pk, sent, SeenBy.EVENT)


@step
def settle_by_event(event: ActivityEvent) -> None:
    """X tells that an account sent something: settle what it belongs to."""
    assert event.account_id is not None  # nobody's events are not handed on
    account = XAccount.everywhere.get(pk=event.account_id)
    show(account.pk, _of_the_kept(account, event), SeenBy.EVENT)


def _of_the_kept(account: XAccount, event: ActivityEvent) -> list[SentEvent]:
    """The messages that an event tells of, without those to people who were erased."""
    messages = sent_dms_of([event])
    kept = not_erased(account.workspace_id, {sent.recipient_id for sent in messages})
    return [sent for sent in messages if sent.recipient_id in kept]


@step
def show(x_account_id: int, sent: Iterable[SentEvent], via: SeenBy) -> None:
    """Messages of an account's own, of people who were not erased: settle what they belong to."""
    for each in sent:
        note(x_account_id, each, via)
        match(each.dm_event_id)


@step
def note(x_account_id: int, message: SentEvent, via: SeenBy) -> None:
    """Remember a message that X showed; once, however often it does."""
    run(
        SEE,
        dm=message.dm_event_id,
        account=x_account_id,
        recipient=message.recipient_id,
        words=words_key(message.text),
        stamped_at=message.created_at,
        via=via.value,
    )


@step
def match(dm_event_id: int) -> int | None:
    """Give a message that is nobody's to the attempt it belongs to; return the letter's id."""
    message = one(UNCLAIMED, dm=dm_event_id)
    if message is None:
        return None
    # Claims, answers and stops of this person wait meanwhile.
    person = {"account": message.x_account_id, "recipient": message.recipient_x_user_id}
    rows(LOCK_PERSON, **person)
    if one(UNCLAIMED, dm=dm_event_id) is None:
        return None
    for attempt in rows(CANDIDATES, latest=message.stamped_at + CLOCKS_DIFFER, **person):
        if words_key(attempt.text) != bytes(message.words_sha256):
            continue
        letter = lock(attempt.id)
        if letter.attempt_dm is None and letter.outcome in ("posting", "uncertain", "absent"):
            written_step(letter.workspace_id, letter.customer_id, letter.now)
            arrived(letter, SEEN, dm_event_id)
            return int(letter.id)
    return None


@step
def arrived_after_all(letter: SimpleNamespace) -> bool:
    """Whether a message that X showed meanwhile belongs to an attempt judged absent.

    For the claim, which has locked the letter and its customer, before the letter leaves again.
    """
    for attempt in rows(ABSENT_ATTEMPTS, delivery=letter.id):
        for message in unclaimed(
            letter.x_account_id, letter.recipient_x_user_id, attempt.started_at - CLOCKS_DIFFER
        ):
            if bytes(message.words_sha256) == words_key(letter.text):
                written_step(letter.workspace_id, letter.customer_id, letter.now)
                arrived(lock(attempt.id), SEEN, message.dm_event_id)
                return True
    return False


def unclaimed(x_account_id: int, recipient: int, since: datetime) -> list[SimpleNamespace]:
    """The messages to one person that X showed and that belong to no attempt, newest first."""
    return rows(UNCLAIMED_OF_PERSON, account=x_account_id, recipient=recipient, since=since)


@engine_action
def forget() -> int:
    """Forget messages that X neither shows nor tells of any more. Returns how many."""
    return SeenDM.objects.filter(seen_at__lt=now() - FORGOTTEN_AFTER).delete()[0]
