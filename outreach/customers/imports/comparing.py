"""Who of the staged rows is whom already, and what writing them would change.

Run twice over the same staged rows: to count before anything is written, and again inside the
transaction that writes, since customers change meanwhile. What it finds lies in two tables that
end with the transaction: `import_found` (a row and its customer) and `import_changes`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from django.db import connection

from outreach.customers.erasing.queries import (
    anybody_erased,
    erased_among,
    erased_handles_among,
)
from outreach.customers.imports.staging import MEMORY, execute, execute_of, table_of
from outreach.ground.writes import step


@dataclass(frozen=True, slots=True)
class Counts:
    """What a run does, or did, to how many rows."""

    new: int
    changed: int
    unchanged: int

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


# By X user id; else by handle, whatever its case. A row that names an id only takes a customer
# without one by handle: of two people the id decides. A row without an id means whoever has the
# handle, and rather somebody whom X was asked about. What is said of a row that was merged is said
# of the one that speaks for it; whoever was erased is found by nothing.
FIND = """
    CREATE TEMPORARY TABLE import_found ON COMMIT DROP AS
    WITH by_id AS MATERIALIZED (
        SELECT staged.line, coalesce(customer.merged_into_id, customer.id) AS customer_id,
            true AS known
        FROM {staged} staged JOIN customers_customer customer
            ON customer.workspace_id = %(workspace)s AND customer.x_user_id = staged.x_user_id
        WHERE staged.x_user_id IS NOT NULL
    )
    SELECT * FROM by_id
    UNION
    SELECT staged.line, coalesce(customer.merged_into_id, customer.id),
        customer.x_user_id IS NOT NULL
    FROM {staged} staged JOIN customers_customer customer
        ON customer.workspace_id = %(workspace)s AND lower(customer.handle) = staged.key
    WHERE (staged.x_user_id IS NULL OR customer.x_user_id IS NULL)
        AND customer.erased_at IS NULL
        AND NOT EXISTS (SELECT FROM by_id WHERE by_id.line = staged.line)
"""
RANK = """
    CREATE TEMPORARY TABLE import_ranked ON COMMIT DROP AS
    SELECT line, customer_id,
        row_number() OVER chosen AS place,
        rank() OVER chosen AS shared_place,
        count(*) FILTER (WHERE known) OVER (PARTITION BY line) > 1 AS undecided
    FROM (
        SELECT found.*, (SELECT max(checked_at) FROM customers_relationship relationship
            WHERE relationship.customer_id = found.customer_id) AS checked_at
        FROM import_found found
        WHERE line IN (SELECT line FROM import_found GROUP BY line HAVING count(*) > 1)
    ) several
    WINDOW chosen AS (PARTITION BY line ORDER BY known DESC, checked_at DESC NULLS LAST)
"""
SEVERAL = """
    SELECT line, 'Two customers have this handle, and X was asked about neither last. '
        'Add the X user id, or merge the two.' AS reason
    FROM import_ranked WHERE place = 2 AND shared_place = 1 AND undecided
"""
CHOOSE = """
    DELETE FROM import_found found USING import_ranked ranked
    WHERE found.line = ranked.line AND found.customer_id = ranked.customer_id AND ranked.place > 1
"""
TWICE = """
    SELECT line, format('This is the same customer as on line %%s.', first) AS reason
    FROM (
        SELECT line, min(line) OVER (PARTITION BY customer_id) AS first FROM import_found
        WHERE customer_id IN (
            SELECT customer_id FROM import_found GROUP BY customer_id HAVING count(*) > 1)
    ) told WHERE line > first
"""
NAMELESS = """
    SELECT staged.line, 'There is no handle in this row, and no customer has its X user id.' AS reason
    FROM {staged} staged
    WHERE staged.handle IS NULL
        AND NOT EXISTS (SELECT FROM import_found found WHERE found.line = staged.line)
"""
ERASED = """
    SELECT line, 'This person was erased here and does not come back by a file.' AS reason
    FROM {staged} WHERE line = ANY(%(erased)s)
"""
NEWCOMERS = """
    SELECT line, x_user_id, key FROM {staged} staged
    WHERE NOT EXISTS (SELECT FROM import_found found WHERE found.line = staged.line)
"""
REFUSE = """
    WITH told AS (TELL), gone AS (
        DELETE FROM {staged} staged USING told WHERE staged.line = told.line RETURNING staged.line
    ), forgotten AS (
        DELETE FROM import_found found USING told WHERE found.line = told.line
    )
    INSERT INTO customers_importrefusal (workspace_id, run_id, line, reason, cells)
    SELECT %(workspace)s, %(run)s, told.line, told.reason, '{}' FROM told JOIN gone USING (line)
"""
# A blank cell leaves what is there. The name of somebody whom X was asked about is X's to say.
CHANGES = """
    CREATE TEMPORARY TABLE import_changes ON COMMIT DROP AS
    SELECT * FROM (
        SELECT found.line, found.customer_id, renamed,
            renamed
            OR staged.first_name <> customer.first_name IS TRUE
            OR staged.time_zone <> customer.time_zone IS TRUE
            OR (NOT staged.tags <@ customer.tags::text[]) IS TRUE
            OR (NOT staged.attributes <@ customer.attributes AND EXISTS (
                SELECT FROM jsonb_each_text(staged.attributes) said
                WHERE customer.attributes ->> said.key IS DISTINCT FROM said.value)) IS TRUE
            OR (customer.x_user_id IS NULL AND staged.x_user_id IS NOT NULL) AS profile,
            staged.basis IS NOT NULL AND NOT EXISTS (
                SELECT FROM customers_permission permission
                WHERE permission.customer_id = customer.id AND permission.basis = staged.basis
                    AND permission.given_at = staged.given_at) AS permitted,
            staged.stop IS NOT NULL AND NOT EXISTS (
                SELECT FROM customers_suppression suppression
                WHERE suppression.workspace_id = %(workspace)s AND (
                    suppression.x_user_id = coalesce(customer.x_user_id, staged.x_user_id)
                    OR (suppression.x_user_id IS NULL
                        AND coalesce(customer.x_user_id, staged.x_user_id) IS NULL
                        AND lower(suppression.handle) = staged.key))) AS stopped
        FROM import_found found
        JOIN {staged} staged ON staged.line = found.line
        JOIN customers_customer customer ON customer.id = found.customer_id
        CROSS JOIN LATERAL (SELECT staged.name <> customer.name IS TRUE AND NOT EXISTS (
            SELECT FROM customers_relationship relationship
            WHERE relationship.customer_id = customer.id) AS renamed) AS naming
    ) compared
    WHERE profile OR permitted OR stopped
"""


@step
def compare(run_id: int, workspace_id: int) -> Counts:
    """Find the customers of the staged rows, refuse what fits nobody or two, and count."""
    values: dict[str, Any] = {"workspace": workspace_id, "run": run_id}
    execute("SET LOCAL work_mem = %(memory)s", {"memory": MEMORY})
    execute("DROP TABLE IF EXISTS import_found, import_ranked, import_changes")
    execute_of(run_id, FIND, **values)
    execute("ANALYZE import_found")
    if execute(RANK):
        _refuse(run_id, SEVERAL, **values)
        execute(CHOOSE)
    _refuse(run_id, TWICE, **values)
    _refuse(run_id, NAMELESS, **values)
    erased = _erased(run_id, workspace_id)
    if erased:
        _refuse(run_id, ERASED, **values, erased=erased)
    changed = execute_of(run_id, CHANGES, **values)
    execute("ANALYZE import_changes")
    staged, found = _count(run_id)
    return Counts(new=staged - found, changed=changed, unchanged=found - changed)


def _refuse(run_id: int, telling: str, **values: Any) -> None:
    execute_of(run_id, REFUSE.replace("TELL", telling), **values)


def _count(run_id: int) -> tuple[int, int]:
    with connection.cursor() as cursor:
        statement = "SELECT (SELECT count(*) FROM {staged}), (SELECT count(*) FROM import_found)"
        execute_on(cursor, run_id, statement)
        staged, found = cursor.fetchone()
    return int(staged), int(found)


def execute_on(cursor: Any, run_id: int, statement: str, **values: Any) -> None:
    """As `execute_of`, on a cursor whose rows are then fetched."""
    cursor.execute(statement.replace("{staged}", table_of(run_id)), values)


def _erased(run_id: int, workspace_id: int) -> list[int]:
    """Lines of staged newcomers who were erased here, by X user id or by handle."""
    erased: list[int] = []
    if not anybody_erased(workspace_id):
        return erased
    with connection.cursor() as cursor:
        execute_on(cursor, run_id, NEWCOMERS)
        while rows := cursor.fetchmany(10_000):
            ids = erased_among(workspace_id, [x_user_id for _, x_user_id, _ in rows if x_user_id])
            keys = erased_handles_among(workspace_id, [key for _, _, key in rows if key])
            erased += [line for line, x_user_id, key in rows if x_user_id in ids or key in keys]
    return erased
