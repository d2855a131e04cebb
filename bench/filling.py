"""Many letters on their way, made in seconds: copies of one that the product made itself.

A table's row is copied in one statement, with ids, people and times of its own, so that every
column that is not named here is as the product wrote it. Triggers and foreign keys are off
meanwhile (it takes a superuser), since the copies keep what those hold: each points at its own
copies. Checks and unique constraints hold as ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, transaction

COLUMNS = """
    SELECT column_name FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name = %s AND is_generated = 'NEVER'
"""
# What a trigger keeps: when to look at each account next.
LOOK_AT = """
    INSERT INTO delivery_accountqueue (x_account_id, look_at)
    SELECT x_account_id, min(look_at) FROM delivery_delivery
    WHERE state = 'queued' GROUP BY x_account_id
    ON CONFLICT (x_account_id) DO UPDATE SET look_at = EXCLUDED.look_at
"""
# So that the planner knows them at once.
ANALYZE = """
    ANALYZE x_xaccount, customers_customer, customers_relationship, customers_permission,
        drafts_draft, drafts_revision, drafts_review, delivery_delivery, delivery_accountpace,
        delivery_accountqueue
"""


def copy_accounts(account_id: int, count: int) -> list[int]:
    """Make so many accounts like that one; they have no token of their own. Returns their ids."""
    with transaction.atomic():
        _triggers_off()
        newest = "(SELECT max(x_user_id) FROM x_xaccount)"
        own = {"x_user_id": f"{newest} + 1 + n", "handle": "'copy' || n"}
        first = _copy("x_xaccount", account_id, count, own)
    return list(range(first, first + count))


def fill(
    delivery_id: int,
    accounts: Sequence[int],
    *,
    letters: int,
    people: int,
    first_x_user_id: int,
    to_first: int = 0,
    due: str = "outreach_now() - interval '1 minute'",
    campaign: str = "its.campaign_id",
) -> range:
    """Copy a letter so often, for so many new people in turn. Returns the copies' ids.

    The first `to_first` people are the first account's, all others are one account's each, the
    accounts taking turns. `due` and `campaign` (its id) are SQL over `n`, a letter's number from 0.
    """
    with transaction.atomic():
        _triggers_off()
        customer, revision, review, account = _one(
            "SELECT customer_id, revision_id, approval_id, x_account_id "
            f"FROM delivery_delivery WHERE id = {delivery_id}"
        )
        (draft,) = _one(f"SELECT draft_id FROM drafts_revision WHERE id = {revision}")
        to = f"(n % {people})"
        array = f"'{{{','.join(map(str, accounts))}}}'::bigint[]"
        by = (
            f"CASE WHEN {to} < {to_first} THEN {accounts[0]} "
            f"ELSE ({array})[1 + {to} % {len(accounts)}] END"
        )

        who = {"x_user_id": f"{first_x_user_id} + n", "handle": "'copy' || n"}
        person = _copy("customers_customer", customer, people, who)
        whole = {"x_account_id": by, "customer_id": f"{person} + {to}"}
        for table in ("customers_relationship", "customers_permission"):
            (one,) = _one(f"SELECT min(id) FROM {table} WHERE customer_id = {customer}")
            _copy(table, one, people, whole)
        draft = _copy("drafts_draft", draft, people, whole)
        # What guidance said is most of a revision, and nothing that a claim asks.
        its = {"draft_id": f"{draft} + {to}", "number": f"n / {people} + 1", "report": "'{}'"}
        revision = _copy("drafts_revision", revision, letters, whole | its)
        approved = {"revision_id": f"{revision} + n"}
        review = _copy("drafts_review", review, letters, approved)
        addressed = {
            "approval_id": f"{review} + n",
            "recipient_x_user_id": f"{first_x_user_id} + {to}",
            "campaign_id": campaign,
            "state": "'queued'",
            "reason": "''",
            "due_at": due,
            "look_at": due,
        }
        letter = _copy("delivery_delivery", delivery_id, letters, whole | approved | addressed)
        _paces(account, accounts)
        _do(LOOK_AT)
    _do(ANALYZE)
    return range(letter, letter + letters)


def be_heard(accounts: Sequence[int]) -> None:
    """Have the accounts' incoming messages been heard this moment, as by a stream that stands."""
    from outreach.ground.clock import now
    from outreach.x.models import Stream, Subscription, XAccount

    heard = {"connected_at": now(), "heard_at": now()}
    for app in XAccount.everywhere.filter(pk__in=accounts).values_list("app", flat=True).distinct():
        Stream.objects.update_or_create(pk=app, defaults=heard)
    Subscription.objects.bulk_create(
        [
            Subscription(account_id=pk, kind="dm.received", x_subscription_id=str(pk))
            for pk in accounts
        ],
        ignore_conflicts=True,
    )


def _copy(table: str, row_id: int, count: int, changes: Mapping[str, str]) -> int:
    """Copy a row so often; `changes` is SQL over n, by column. Returns the first copy's id."""
    newest, sequence = _one(f"SELECT max(id), pg_get_serial_sequence('{table}', 'id') FROM {table}")
    first = int(newest) + 1
    changes = {**changes, "id": f"{first} + n"}
    columns = _columns(table)
    # A table that does not know the account (such as permissions) is copied without it.
    values = [changes.get(column, f"its.{column}") for column in columns]
    _do(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} "
        f"FROM {table} its CROSS JOIN generate_series(0, {count - 1}) n WHERE its.id = {row_id}"
    )
    _do(f"SELECT setval('{sequence}', {first + count})")
    return first


def _paces(of: int, accounts: Sequence[int]) -> None:
    """Give each account a pace like that one's, where it has none."""
    columns = _columns("delivery_accountpace")
    values = ["account" if column == "x_account_id" else f"its.{column}" for column in columns]
    _do(
        f"INSERT INTO delivery_accountpace ({', '.join(columns)}) SELECT {', '.join(values)} "
        f"FROM delivery_accountpace its CROSS JOIN unnest(%s::bigint[]) account "
        f"WHERE its.x_account_id = {of} ON CONFLICT DO NOTHING",
        list(accounts),
    )


def _columns(table: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS, [table])
        return [column for (column,) in cursor.fetchall()]


def _triggers_off() -> None:
    _do("SET LOCAL session_replication_role = replica")


def _one(sql: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        row: tuple[Any, ...] = cursor.fetchone()
    return row


def _do(sql: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
