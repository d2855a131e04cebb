"""Ways through a million customers: in which order an index gives them, and how one is tested.

A *way* walks one index, so that the next fifty people cost the same whether a thousand or a million
fit. It looks at a bounded number of candidates and tests each of them for everything else that is
asked. Of several ways the one with the fewest candidates is taken, as the planner estimates them.

Each test is a scalar subquery: PostgreSQL may turn an EXISTS into a join that reads a whole table.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from outreach.customers.finding.criteria import Criteria
from outreach.ground.scope import Scope

# The last code point: behind every word that begins with a term.
END = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL and what it is given."""

    text: str
    given: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Way:
    """One index to walk. Rows come as (k, id) in the order of (`k`, `id`).

    `name` stands in cursors. `rows` gives `k`, `id` of candidates of one workspace; `k` and `id`
    are the expressions that it is ordered by. `kind` is what a cursor's `k` is read as.
    """

    name: str
    columns: str
    source: Sql
    k: str
    id: str
    kind: type = int
    descending: bool = True
    covers: frozenset[str] = field(default_factory=frozenset)
    distinct: bool = False
    # Where `k` is unique and a plain index on it exists beside the workspace's own: the workspace's
    # column. PostgreSQL would drop it from an order in which it is constant, walk the plain index,
    # and pass over everybody else's rows; so it is asked for as a range, which it cannot drop.
    fence: str = ""
    workspace_id: int = 0

    def rows(self, after: tuple[Any, int] | None, *, back: bool, most: int) -> Sql:
        """The next `most` candidates behind `after`, or before it where `back`."""
        down = self.descending != back
        sign, order = ("<", "DESC") if down else (">", "ASC")
        text, given = self.source.text, list(self.source.given)
        if self.fence:
            ordered = f"{self.fence} {order}, {self.k} {order}"
            if after is not None:
                text += f" AND ({self.fence}, {self.k}) {sign} (%s, %s)"
                given += [self.workspace_id, after[0]]
        else:
            ordered = f"{self.k} {order}, {self.id} {order}"
            if self.k == self.id:
                ordered = f"{self.id} {order}"
            if after is not None and self.k == self.id:
                text += f" AND {self.id} {sign} %s"
                given.append(after[1])
            elif after is not None:
                text += f" AND ({self.k}, {self.id}) {sign} (%s, %s)"
                given += after
        only = f"DISTINCT ON ({self.fence}, {self.k}) " if self.distinct else ""
        given.append(most)
        return Sql(
            f"SELECT {only}{self.columns} FROM {text} ORDER BY {ordered} LIMIT %s", tuple(given)
        )

    def order(self, alias: str, *, back: bool) -> str:
        word = "DESC" if self.descending != back else "ASC"
        return f"{alias}.k {word}, {alias}.id {word}"


@dataclass(frozen=True, slots=True)
class Test:
    """What must hold of a candidate `c`; `name` is the filter's, as in `Way.covers`."""

    name: str
    sql: Sql


_MUTUAL = """coalesce((SELECT true FROM customers_relationship r WHERE r.customer_id = c.id
    AND r.following AND r.followed_by LIMIT 1), false)"""
_PERMITTED = """coalesce((SELECT true FROM customers_permission p WHERE p.customer_id = c.id
    AND p.withdrawn_at IS NULL LIMIT 1), false)"""
_STOPPED = """coalesce((SELECT true FROM customers_suppression s
    WHERE s.workspace_id = c.workspace_id AND s.x_user_id = c.x_user_id LIMIT 1),
    CASE WHEN c.x_user_id IS NULL THEN (SELECT true FROM customers_suppression s
        WHERE s.workspace_id = c.workspace_id AND s.x_user_id IS NULL
        AND lower(s.handle) = lower(c.handle) LIMIT 1) END, false)"""
_BOOLEANS = {"mutual": _MUTUAL, "permission": _PERMITTED, "stopped": _STOPPED}
_COLUMN = {"written": "last_written_at", "answered": "last_answered_at"}


def tests_of(criteria: Criteria, terms: Sequence[str], moment: datetime) -> list[Test]:
    """Every condition on a candidate, cheap ones first. Merged and erased rows are nobody."""
    tests = [Test("speaks", Sql("c.merged_into_id IS NULL AND c.erased_at IS NULL"))]
    for name, column in _COLUMN.items():
        value = getattr(criteria, name)
        if value:
            tests.append(Test(name, _when(f"c.{column}", value, moment)))
    tests += [
        Test(f"tag:{tag}", Sql("c.tags @> ARRAY[%s]::varchar[]", (tag,))) for tag in criteria.tags
    ]
    tests += [
        # An attribute's value may be a text or a number; people type both alike.
        Test(f"attribute:{key}:{value}", Sql("c.attributes ->> %s = %s", (key, value)))
        for key, value in criteria.attributes
    ]
    for name, text in _BOOLEANS.items():
        value = getattr(criteria, name)
        if value:
            tests.append(Test(name, Sql(text if value == "yes" else f"NOT {text}")))
    tests += [
        Test(
            f"term:{number}",
            Sql(
                "customers_has_word(c.name, c.handle, c.tags, %s)",
                (term,),
            ),
        )
        for number, term in enumerate(terms)
    ]
    return tests


def _when(column: str, value: str, moment: datetime) -> Sql:
    if value == "never":
        return Sql(f"{column} IS NULL")
    since = moment - timedelta(days=int(value.removeprefix("not-")))
    if value.startswith("not-"):
        return Sql(f"({column} IS NULL OR {column} < %s)", (since,))
    return Sql(f"{column} >= %s", (since,))


def by_name(scope: Scope) -> Way:
    """Everybody, by name."""
    return Way(
        "name",
        "c.name AS k, c.id",
        Sql(
            "customers_customer c WHERE c.workspace_id = %s AND c.merged_into_id IS NULL "
            "AND c.erased_at IS NULL",
            (scope.workspace_id,),
        ),
        k="c.name",
        id="c.id",
        kind=str,
        descending=False,
        covers=frozenset({"speaks"}),
    )


def by_id(scope: Scope) -> Way:
    """Everybody, who came last first."""
    return Way(
        "id",
        "c.id AS k, c.id",
        Sql(
            "customers_customer c WHERE c.workspace_id BETWEEN %s AND %s",
            (scope.workspace_id, scope.workspace_id),
        ),
        k="c.id",
        id="c.id",
        fence="c.workspace_id",
        workspace_id=scope.workspace_id,
    )


def by_word(scope: Scope, term: str, number: int) -> Way:
    """Whoever has a word that begins so, in the order of these words."""
    return Way(
        f"word{number or ''}",
        "w.word AS k, w.customer_id AS id",
        Sql(
            "customers_word w WHERE w.workspace_id = %s AND w.word >= %s AND w.word < %s",
            (scope.workspace_id, term, term + END),
        ),
        k="w.word",
        id="w.customer_id",
        kind=str,
        descending=False,
        covers=frozenset({"speaks", f"term:{number}"}),
    )


def ways_of(scope: Scope, criteria: Criteria, terms: Sequence[str], moment: datetime) -> list[Way]:
    """The indexes that this search can go by; by id where none of them serves."""
    ws = scope.workspace_id
    found = [by_word(scope, term, number) for number, term in enumerate(terms)]
    for number, tag in enumerate(criteria.tags):
        found.append(
            Way(
                f"tag{number or ''}",
                "w.customer_id AS k, w.customer_id AS id",
                Sql(
                    "customers_word w WHERE w.workspace_id = %s AND w.word = %s",
                    (ws, f"#{tag}"),
                ),
                k="w.customer_id",
                id="w.customer_id",
                covers=frozenset({"speaks", f"tag:{tag}"}),
            )
        )
    for name, column in _COLUMN.items():
        value = getattr(criteria, name)
        if value.isdecimal():
            recent = _when(f"c.{column}", value, moment)
            found.append(
                Way(
                    name,
                    f"c.{column} AS k, c.id",
                    Sql(
                        f"customers_customer c WHERE c.workspace_id = %s AND {recent.text}",
                        (ws, *recent.given),
                    ),
                    k=f"c.{column}",
                    id="c.id",
                    kind=datetime,
                    covers=frozenset({name}),
                )
            )
    if criteria.mutual == "yes":
        found.append(
            Way(
                "mutual",
                "r.customer_id AS k, r.customer_id AS id",
                Sql(
                    "customers_relationship r WHERE r.workspace_id BETWEEN %s AND %s "
                    "AND r.following AND r.followed_by",
                    (ws, ws),
                ),
                k="r.customer_id",
                id="r.customer_id",
                covers=frozenset({"mutual"}),
                distinct=True,
                fence="r.workspace_id",
                workspace_id=ws,
            )
        )
    if criteria.permission == "yes":
        found.append(
            Way(
                "permission",
                "p.customer_id AS k, p.customer_id AS id",
                Sql(
                    "customers_permission p WHERE p.workspace_id BETWEEN %s AND %s "
                    "AND p.withdrawn_at IS NULL",
                    (ws, ws),
                ),
                k="p.customer_id",
                id="p.customer_id",
                covers=frozenset({"permission"}),
                distinct=True,
                fence="p.workspace_id",
                workspace_id=ws,
            )
        )
    if criteria.stopped == "yes":
        found.append(_by_stop(ws))
    return found or [by_id(scope)]


def _by_stop(workspace_id: int) -> Way:
    """Who said stop, the latest stop first; id 0 for who is no customer any more."""
    return Way(
        "stopped",
        """s.id AS k, coalesce(
            (SELECT c.id FROM customers_customer c
            WHERE c.workspace_id = s.workspace_id AND c.x_user_id = s.x_user_id LIMIT 1),
            CASE WHEN s.x_user_id IS NULL THEN (SELECT c.id FROM customers_customer c
                WHERE c.workspace_id = s.workspace_id AND c.x_user_id IS NULL
                AND lower(c.handle) = lower(s.handle) LIMIT 1) END,
            0) AS id""",
        Sql(
            "customers_suppression s WHERE s.workspace_id BETWEEN %s AND %s",
            (workspace_id, workspace_id),
        ),
        k="s.id",
        id="s.id",
        covers=frozenset({"stopped"}),
        fence="s.workspace_id",
        workspace_id=workspace_id,
    )


def by_attribute(scope: Scope, key: str, value: str, most: int) -> Way:
    """Who has an attribute, `most` of them: a way only where there are fewer, as it has no order."""
    typed = json.dumps({key: value})
    try:
        counted = json.dumps({key: json.loads(value)}, allow_nan=False)
    except ValueError:
        counted = typed
    return Way(
        "attribute",
        "a.id AS k, a.id",
        Sql(
            "customers_with_attribute(%s, %s::jsonb, %s::jsonb, %s) AS a (id) WHERE true",
            (scope.workspace_id, typed, counted, most),
        ),
        k="a.id",
        id="a.id",
    )


def together(tests: Sequence[Test], way: Way | None = None) -> Sql:
    """All tests that the way does not answer by itself, joined by AND."""
    left = [test.sql for test in tests if way is None or test.name not in way.covers]
    text = " AND ".join(f"({sql.text})" for sql in left) or "true"
    return Sql(text, tuple(value for sql in left for value in sql.given))


def estimates(ways: Sequence[Way]) -> list[int]:
    """How many candidates each way has, as the planner expects. One query, which reads no row."""
    with connection.cursor() as cursor:
        asked = []
        for way in ways:
            walked = cursor.mogrify(f"SELECT 1 FROM {way.source.text}", list(way.source.given))
            asked.append(walked.decode() if isinstance(walked, bytes) else walked)
        columns = ", ".join(["customers_estimate(%s)"] * len(asked))
        cursor.execute(f"SELECT {columns}", asked)
        return [int(each) for each in cursor.fetchone()]


def newest_id(scope: Scope) -> int:
    """The highest id of the workspace's customers; 0 where there is none. One query."""
    newest = by_id(scope).rows(None, back=False, most=1)
    with connection.cursor() as cursor:
        cursor.execute(newest.text, list(newest.given))
        row = cursor.fetchone()
        return int(row[1]) if row else 0


def terms_of(q: str) -> list[str]:
    """The words that are searched for, folded as stored ones are. One query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT customers_terms(%s)", [q])
        return list(cursor.fetchone()[0])
