"""What chaos writes down beside the engine, in the database: whose a claim is, and when it held.

Triggers note each claim and each stop in rows that nobody changes, so that the commit time of the
row is that of the claim or of the stop (`track_commit_timestamp`). The engine knows nothing of it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, DataError, InterfaceError, ProgrammingError, connection

from chaos.scale import SETTLE_BETWEEN_SECONDS

# `following` and `followed_by` are what our record said when the attempt was written, and `said_at`
# since when: a change that was committed while the claim was under way is not held against it.
TABLES = """
    CREATE TABLE chaos_claim (
        attempt_id bigint PRIMARY KEY,
        delivery_id bigint NOT NULL,
        worker text NOT NULL,
        following boolean,
        followed_by boolean,
        said_at timestamptz,
        began_at timestamptz NOT NULL
    );
    CREATE TABLE chaos_stop (x_user_id bigint NOT NULL, workspace_id bigint NOT NULL);
    CREATE FUNCTION chaos_note_claim() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO chaos_claim
        SELECT NEW.id, NEW.delivery_id, current_setting('application_name'),
            known.following, known.followed_by, pg_xact_commit_timestamp(known.xmin), now()
        FROM delivery_delivery delivery
        LEFT JOIN customers_relationship known ON known.customer_id = delivery.customer_id
            AND known.x_account_id = delivery.x_account_id
        WHERE delivery.id = NEW.delivery_id;
        RETURN NULL;
    END $$;
    CREATE TRIGGER chaos_note_claim AFTER INSERT ON delivery_attempt
        FOR EACH ROW EXECUTE FUNCTION chaos_note_claim();
    CREATE FUNCTION chaos_note_stop() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO chaos_stop VALUES (NEW.x_user_id, NEW.workspace_id);
        RETURN NULL;
    END $$;
    CREATE TRIGGER chaos_note_stop AFTER INSERT ON customers_suppression
        FOR EACH ROW EXECUTE FUNCTION chaos_note_stop();
"""

PATIENCE = 60.0


def set_up() -> None:
    """Make the tables and triggers."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        cursor.execute(
            "ALTER DATABASE outreach SET idle_in_transaction_session_timeout = '1s'"
        )  # TEMPORARY


def ask(query: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[tuple[Any, ...]]:
    """Run one statement, again where PostgreSQL was just restarted; return its rows, if it has any."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with connection.cursor() as cursor:
                cursor.execute(query, values or None)
                return list(cursor.fetchall()) if cursor.description else []
        except (DatabaseError, InterfaceError) as error:
            # A server that ends in mid-sentence is no OperationalError to psycopg2.
            connection.close()
            if isinstance(error, DataError | ProgrammingError) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def is_heard() -> bool:
    """Whether X was asked to tell about every account, and a stream stands on which it does."""
    ((accounts, subscribed, heard),) = ask(
        "SELECT (SELECT count(*) FROM x_xaccount), "
        "(SELECT count(*) FROM x_subscription WHERE kind IN ('dm.sent', 'dm.received', "
        "'follow.follow', 'follow.unfollow')), "
        "(SELECT count(*) FROM x_stream WHERE heard_at IS NOT NULL AND connected_at IS NOT NULL)"
    )
    return bool(heard) and subscribed == 4 * accounts


def states() -> dict[str, int]:
    """How many deliveries are in which state."""
    return dict(ask("SELECT state, count(*) FROM delivery_delivery GROUP BY state ORDER BY state"))


def with_a_call() -> set[str]:
    """The workers that have a call to X under way at this moment."""
    return {
        row[0]
        for row in ask(
            "SELECT claim.worker FROM delivery_attempt attempt "
            "JOIN chaos_claim claim ON claim.attempt_id = attempt.id "
            "WHERE attempt.outcome = 'posting'"
        )
    }


def held_by(worker: str) -> list[tuple[int, int, int]]:
    """(attempt, account's X user id, recipient) of each call that a worker has under way."""
    return [
        (row[0], row[1], row[2])
        for row in ask(
            "SELECT attempt.id, account.x_user_id, delivery.recipient_x_user_id "
            "FROM chaos_claim claim JOIN delivery_attempt attempt ON attempt.id = claim.attempt_id "
            "JOIN delivery_delivery delivery ON delivery.id = attempt.delivery_id "
            "JOIN x_xaccount account ON account.id = attempt.x_account_id "
            "WHERE claim.worker = %s AND attempt.outcome = 'posting'",
            [worker],
        )
    ]


def requeued(attempts: Sequence[int]) -> list[int]:
    """Those of the attempts that were judged absent: their letters went back to the queue."""
    rows = ask(
        "SELECT id FROM delivery_attempt WHERE id = ANY(%s) AND outcome = 'absent'",
        [list(attempts)],
    )
    return [row[0] for row in rows]


def hurry() -> None:
    """Let the time pass that is waited after something failed, before it is tried again.

    A second read stays as far from the first as it must be.
    """
    ask(
        "UPDATE delivery_delivery SET look_at = outreach_now() "
        "WHERE state = 'queued' AND look_at > outreach_now() + interval '1 second'"
    )
    ask("UPDATE delivery_accountpace SET look_up_after = NULL WHERE look_up_after IS NOT NULL")
    ask(
        "UPDATE delivery_attempt SET settle_at = outreach_now() + %(between)s "
        "WHERE outcome = 'uncertain' AND settle_at > outreach_now() + 2 * %(between)s",
        {"between": timedelta(seconds=SETTLE_BETWEEN_SECONDS)},
    )
