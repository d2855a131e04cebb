"""A world that was made once by the product's own code, put back before each run.

Rows are copied into a schema beside, and from there in one statement, without triggers: they were
checked when they were made. What the database itself must note about claims is noted here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module

from django.db import connection

from tests.delivery.simulation.clock import CLOCK

# What the record said when an attempt was written, in the transaction of the claim: the customer is
# locked there, so no 'stop' commits between.
NOTES = """
CREATE TABLE simulation.claim AS
    SELECT 0::bigint AS attempt_id, 0::bigint AS delivery_id, ''::text AS words,
        false AS approved, false AS mutual, false AS stopped, now() AS at
    WITH NO DATA;
CREATE FUNCTION simulation.note_claim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO simulation.claim
    SELECT NEW.id, delivery.id, delivery.text,
        review.undone_at IS NULL AND review.decision = 'approve'
            AND revision.text = delivery.text AND review.revision_id = revision.id,
        coalesce((
            SELECT relationship.following AND relationship.followed_by
            FROM customers_relationship relationship
            WHERE relationship.x_account_id = delivery.x_account_id
                AND relationship.customer_id = delivery.customer_id
        ), false),
        EXISTS (
            SELECT FROM customers_suppression suppression
            WHERE suppression.workspace_id = delivery.workspace_id
                AND suppression.x_user_id = delivery.recipient_x_user_id
        ),
        outreach_now()
    FROM delivery_delivery delivery
    JOIN drafts_review review ON review.id = delivery.approval_id
    JOIN drafts_revision revision ON revision.id = delivery.revision_id
    WHERE delivery.id = NEW.delivery_id;
    RETURN NULL;
END $$;
CREATE TRIGGER simulation_note_claim AFTER INSERT ON delivery_attempt
    FOR EACH ROW EXECUTE FUNCTION simulation.note_claim();
"""
REPLICA = "SET LOCAL session_replication_role = replica;"
_TABLES = """
    SELECT class.relname, string_agg(quote_ident(attribute.attname), ', ' ORDER BY attribute.attnum)
    FROM pg_class class
    JOIN pg_namespace namespace ON namespace.oid = class.relnamespace
    JOIN pg_attribute attribute ON attribute.attrelid = class.oid
    WHERE namespace.nspname = 'public' AND class.relkind = 'r' AND attribute.attnum > 0
        AND NOT attribute.attisdropped AND attribute.attgenerated = ''
        AND class.relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission')
    GROUP BY class.relname ORDER BY class.relname
"""
_SEQUENCES = """
    SELECT format('SELECT setval(%L, %s, true);', format('%I.%I', schemaname, sequencename),
        coalesce(last_value, 1) + 1000)
    FROM pg_sequences WHERE schemaname = 'public' ORDER BY sequencename
"""


@contextmanager
def laboratory() -> Iterator[None]:
    """The database as the simulation wants it: a clock that stands still, and notes of claims."""
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS simulation CASCADE; CREATE SCHEMA simulation;")
        cursor.execute(NOTES)
        cursor.execute(CLOCK)
    try:
        yield
    finally:
        shipped = import_module("outreach.ground.migrations.0001_clock").CREATE
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA simulation CASCADE")
            cursor.execute(shipped.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))


def wipe() -> None:
    """Take every row away, so that a world begins with nothing but itself."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        tables = [table for table, _ in cursor.fetchall()]
        cursor.execute(f"BEGIN; {REPLICA}{_delete(tables)} COMMIT;")


def _delete(tables: Iterable[str]) -> str:
    return "".join(f'DELETE FROM "{table}";' for table in tables)


class Snapshot:
    """The rows of all tables as they are now."""

    def __init__(self, name: str) -> None:
        self._statements: list[str] = []
        with connection.cursor() as cursor:
            cursor.execute(_TABLES)
            tables = dict(cursor.fetchall())
            cursor.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name};")
            filled = []
            for table, columns in tables.items():
                cursor.execute(f'SELECT EXISTS (SELECT FROM "{table}")')
                if cursor.fetchone()[0]:
                    filled.append((table, columns))
                    cursor.execute(
                        f'CREATE TABLE {name}."{table}" AS SELECT {columns} FROM "{table}"'
                    )
            cursor.execute(_SEQUENCES)
            sequences = [row[0] for row in cursor.fetchall()]
        self.name = name
        self._empty = _delete(tables)
        self._fill = "".join(
            f'INSERT INTO "{table}" ({columns}) OVERRIDING SYSTEM VALUE '
            f'SELECT {columns} FROM {name}."{table}";'
            for table, columns in filled
        )
        self._set = "".join(sequences)

    def restore(self) -> None:
        """Put every row back as it was."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"BEGIN; {REPLICA} DELETE FROM simulation.claim;"
                f"{self._empty}{self._fill}{self._set} COMMIT;"
            )
