"""Whether an account's incoming messages are heard, and whom nobody hears.

An account is heard where X tells of its messages: the stream was alive within the policy's
`hear_minutes` (keep-alives count), X was asked to tell of incoming messages, and nothing is missing
that nobody has read since. Or where its messages were read completely within those minutes, and
after every gap that has ended; a gap that is open counts as ending now, so while it lasts they are
read again and again.

What is missing: gaps of its app's stream that nobody has filled; and, where X was asked to tell of
its messages only after its first letters (it was connected anew, or X had lost the subscription),
whatever came in between.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from outreach.ground.clock import now
from outreach.x.hooks import Heard

# The gate's question as an expression, where these names are in the FROM: `account` (x_xaccount),
# `policy` (delivery_sendingpolicy), `pace` (delivery_accountpace, may be null), `clock` (now). At
# most five index looks, however many gaps, events and attempts there are; planned with every claim,
# so it is written to be planned fast. What follows below says the same with its reasons.
HEARD = """coalesce(
    pace.heard_dms_at > clock.now - make_interval(mins => policy.hear_minutes)
        AND NOT EXISTS (
            SELECT FROM x_gap WHERE app_id = account.app_id AND filled_at IS NULL
                AND ended_at >= pace.heard_dms_at)
    OR EXISTS (
        SELECT FROM x_stream stream, x_subscription asked
        WHERE stream.app_id = account.app_id
            AND stream.heard_at > clock.now - make_interval(mins => policy.hear_minutes)
            AND asked.account_id = account.id AND asked.kind = 'dm.received'
            AND (pace.heard_dms_at >= asked.made_at OR NOT EXISTS (
                SELECT FROM delivery_attempt
                WHERE x_account_id = account.id AND counts_until < asked.made_at)))
        AND NOT EXISTS (
            SELECT FROM x_gap WHERE app_id = account.app_id AND filled_at IS NULL
                AND (ended_at IS NULL OR pace.heard_dms_at IS NULL
                    OR ended_at >= pace.heard_dms_at)),
    false)"""

# Why, for pages and readings: a row for each `account`, its `policy`, its `pace` and a `clock`.
HEARING = """
    SELECT known.*,
        missed.since AS missed_from, coalesce(missed.ended, false) AS ended_unread,
        -- It spoke before X was asked to tell, and was not read since.
        (SELECT counts_until FROM delivery_attempt
            WHERE x_account_id = account.id AND counts_until < known.asked_at
                AND (known.read_at IS NULL OR known.read_at < known.asked_at)
            ORDER BY counts_until DESC LIMIT 1) AS spoke_before_at
    FROM (
        SELECT pace.heard_dms_at AS read_at,
            make_interval(mins => policy.hear_minutes) AS within,
            (SELECT heard_at FROM x_stream WHERE app_id = account.app_id) AS stream_at,
            coalesce((SELECT min(made_at) FROM x_subscription
                WHERE account_id = account.id AND kind = 'dm.received'), 'infinity') AS asked_at
    ) known
    CROSS JOIN LATERAL (
        SELECT min(began_at) AS since, bool_or(ended_at IS NOT NULL) AS ended
        FROM x_gap
        WHERE app_id = account.app_id AND filled_at IS NULL AND (
            ended_at IS NULL OR known.read_at IS NULL OR ended_at >= known.read_at)
    ) missed
"""
# Told by X, without a hole; read, and no hole ended since.
_TOLD = (
    "coalesce(stream_at > clock.now - {within} AND asked_at < 'infinity' AND missed_from IS NULL"
    " AND spoke_before_at IS NULL, false)"
)
_READ = "coalesce(read_at > clock.now - {within} AND NOT ended_unread, false)"
TOLD, READ = _TOLD.format(within="within"), _READ.format(within="within")
_ACCOUNTS = f"""
    FROM (SELECT %(now)s::timestamptz AS now) clock
    CROSS JOIN x_xaccount account
    JOIN delivery_sendingpolicy policy ON policy.workspace_id = account.workspace_id
    LEFT JOIN delivery_accountpace pace ON pace.x_account_id = account.id
    CROSS JOIN LATERAL ({HEARING}) hearing
"""
_HOW = f"""
    /* page: whether an account is heard */
    SELECT {TOLD} OR {READ},
        greatest(CASE WHEN {TOLD} THEN stream_at + within END,
            CASE WHEN {READ} THEN read_at + within END),
        CASE WHEN {TOLD} OR {READ} THEN NULL
            WHEN missed_from IS NOT NULL THEN greatest(missed_from, read_at)
            WHEN spoke_before_at IS NOT NULL THEN greatest(spoke_before_at, read_at)
            ELSE greatest(CASE WHEN asked_at < 'infinity' THEN stream_at END, read_at)
        END
    {_ACCOUNTS}
    WHERE account.id = %(x_account_id)s
"""


def heard(x_account_id: int, moment: datetime) -> Heard:
    """Whether an account is heard at that moment. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_HOW, {"x_account_id": x_account_id, "now": moment})
        return Heard(*cursor.fetchone())


def heard_until(x_account_id: int) -> datetime | None:
    """Until when the account counts as heard if nothing more is heard; None where it is not now."""
    return heard(x_account_id, now()).until


# --- whom nobody hears ---------------------------------------------------------------------------

# A reading is due so much earlier than it must be there: two may fail before letters wait.
EARLY = 3
# Whoever was written to so lately may be answering.
ANSWERS_COME_FOR = timedelta(days=7)
# Nobody hears them, they have letters due or had some lately, and nobody has read them just now.
_EARLY = f"within / {EARLY}"
# X sends a keep-alive every 20 seconds.
_SILENT = f"greatest({_EARLY}, interval '1 minute')"
_UNHEARD = f"""
    /* tick: whom nobody hears */
    SELECT account.id
    {_ACCOUNTS}
    LEFT JOIN delivery_accountqueue queue ON queue.x_account_id = account.id
    LEFT JOIN x_dmreading reading ON reading.account_id = account.id
    WHERE account.state <> 'disconnected'
        AND (queue.look_at <= clock.now + within OR EXISTS (
            SELECT FROM delivery_attempt spoke WHERE spoke.x_account_id = account.id
                AND spoke.counts_until > clock.now - %(answers)s::interval))
        AND NOT {_TOLD.format(within=_SILENT)}
        AND NOT {_READ.format(within=_EARLY)}
        AND (reading.again_at IS NULL OR reading.again_at <= clock.now)
        AND (reading.leased_until IS NULL OR reading.leased_until < clock.now)
    ORDER BY queue.look_at NULLS LAST, read_at NULLS FIRST
    LIMIT %(most)s
"""  # noqa: S608
# Back to where something may be missing. What came before an account was connected is none of
# ours, unless letters had left from it before.
_MISSED_SINCE = f"""
    /* read: from when on something may be missing */
    SELECT greatest(missing.since, read_at, CASE WHEN NOT EXISTS (
        SELECT FROM delivery_attempt spoke
        WHERE spoke.x_account_id = account.id AND spoke.counts_until < account.connected_at
    ) THEN account.connected_at END)
    {_ACCOUNTS}
    CROSS JOIN LATERAL (
        SELECT least(
            missed_from,
            spoke_before_at - within,  -- when it spoke, it was heard
            CASE WHEN asked_at = 'infinity' THEN account.connected_at
                WHEN stream_at IS NULL THEN asked_at
                WHEN stream_at <= clock.now - {_SILENT} THEN stream_at END
        ) AS since
    ) missing
    WHERE account.id = %(x_account_id)s AND missing.since IS NOT NULL
"""  # noqa: S608


def unheard(most: int = 500) -> list[int]:
    """Accounts whose messages somebody has to read now, those with the next letter first. Two queries."""
    values: dict[str, Any] = {"now": now(), "answers": ANSWERS_COME_FOR, "most": most}
    with connection.cursor() as cursor:
        cursor.execute(_UNHEARD, values)
        return [x_account_id for (x_account_id,) in cursor.fetchall()]


def missed_since(x_account_id: int) -> datetime | None:
    """From when on messages of an account may be missing; None: nothing is. Two queries."""
    with connection.cursor() as cursor:
        cursor.execute(_MISSED_SINCE, {"x_account_id": x_account_id, "now": now()})
        row = cursor.fetchone()
    return row[0] if row else None
