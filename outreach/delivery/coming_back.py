"""Letters that were held back come back by themselves once what held them is gone.

They followed again, take messages again, or their permission was recorded. The gates decide anew.
What a person has to think about (a stop, X's refusal of the words, a time that is over) stays.
"""

from __future__ import annotations

from outreach.delivery.models import COMES_BACK, AccountPace
from outreach.delivery.statements import rows
from outreach.delivery.trail import say
from outreach.ground.writes import engine_action, outside_transactions

MOST = 500

# Only what X or a person said after the letter was held back counts.
LIFTED = """
    /* come back: whose reason is gone */
    SELECT letter.x_account_id, letter.id
    FROM delivery_delivery letter
    LEFT JOIN customers_relationship known
        ON known.x_account_id = letter.x_account_id AND known.customer_id = letter.customer_id
    WHERE letter.state = 'blocked' AND letter.reason_code = ANY(%(codes)s)
        AND letter.leave_by > outreach_now()
        AND CASE letter.reason_code WHEN 'no_permission' THEN EXISTS (
            SELECT FROM customers_permission permission
            WHERE permission.customer_id = letter.customer_id AND permission.withdrawn_at IS NULL
        ) ELSE known.reachable AND known.following AND known.followed_by AND known.accepts_dms
            AND greatest(known.checked_at, known.following_heard_at, known.followed_by_heard_at)
                > letter.changed_at
        END
    ORDER BY letter.leave_by LIMIT %(most)s
"""
QUEUE_AGAIN = """
    /* come back: queue the letters again */
    UPDATE delivery_delivery SET state = 'queued', reason_code = '', reason = '',
        look_at = outreach_now(), changed_at = outreach_now()
    WHERE state = 'blocked' AND reason_code = ANY(%(codes)s) AND id IN (
        SELECT letter.id FROM delivery_delivery letter
        WHERE letter.id = ANY(%(letters)s) ORDER BY letter.id FOR NO KEY UPDATE
    )
    RETURNING id, workspace_id
"""


@outside_transactions
def come_back() -> int:
    """Queue what nothing holds back any more; returns how many letters."""
    by_account: dict[int, list[int]] = {}
    for letter in rows(LIFTED, codes=list(COMES_BACK), most=MOST):
        by_account.setdefault(letter.x_account_id, []).append(letter.id)
    return sum(_queue_again(account, letters) for account, letters in by_account.items())


@engine_action
def _queue_again(x_account_id: int, letters: list[int]) -> int:
    # Before the letters, as everywhere: what queues them moves the account's own moment.
    AccountPace.objects.select_for_update(no_key=True).get(pk=x_account_id)
    queued = rows(QUEUE_AGAIN, codes=list(COMES_BACK), letters=letters)
    for letter in queued:
        say(letter, "delivery.queued", {"was": "blocked"})
    return len(queued)
