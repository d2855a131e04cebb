"""Reads of finding people: one page of a list, how many there are, segments, tags."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.dateparse import parse_datetime

from outreach.customers.finding import ways
from outreach.customers.finding.criteria import Criteria, search_of
from outreach.customers.finding.ways import Test, Way
from outreach.customers.models import Customer, Segment, Sweep, SweepKind
from outreach.ground.clock import now
from outreach.ground.paging import Page
from outreach.ground.scope import Scope

# How many candidates are looked at: enough to know 'over 1,000' where all of them fit, and to fill
# a page where one in twenty does; few enough that nobody waits.
EXACT_TO = 1000
LOOK = EXACT_TO + 1
# How many look-ups in an index it costs to fold a name.
FOLDING = 4
# A way without an order is one only as far as it can be sorted at once.
GATHER = 2000
TAGS_OFFERED = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """A search made ready: its terms, its tests, and the way that is taken."""

    criteria: Criteria
    terms: list[str]
    tests: list[Test]
    way: Way
    about: int | None  # candidates of the way, where the planner was asked
    nobody: bool = False  # a search of signs alone finds nobody


@dataclass(frozen=True, slots=True)
class Found:
    """One page. `looked`: how many were looked at where the page is not full and more remain."""

    page: Page[Customer]
    order: str
    looked: int = 0


Place = tuple[Any, int]


@dataclass(frozen=True, slots=True)
class Walked:
    """Who fits, one more than was asked for at most; `last`: where more can be looked at, if so."""

    hits: list[Place]
    last: Place | None


@dataclass(frozen=True, slots=True)
class Survey:
    """How many candidates were looked at from the beginning, how many of them fit, and who first."""

    looked: int
    fit: int
    walked: Walked


@dataclass(frozen=True, slots=True)
class Count:
    """How many people fit. Exact, or `about` so many, more than `over` where that is known."""

    exact: int | None
    about: int = 0
    over: int = 0

    @property
    def words(self) -> str:
        if self.exact is not None:
            return people_words(self.exact)
        if self.over:
            return f"over {self.over:,} people, about {self.about:,}"
        return f"about {people_words(self.about)}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a list, and how many fit."""

    found: Found
    count: Count


def people_words(number: int) -> str:
    return "1 person" if number == 1 else f"{number:,} people"


def ask(scope: Scope, criteria: Criteria, *, named: str = "") -> Asked:
    """Choose the way: the one named (by a cursor), else the one with the fewest candidates.

    One query for the words of a search, one for the estimates where there is a choice.
    """
    moment = now()
    terms = ways.terms_of(criteria.q) if criteria.q else []
    tests = ways.tests_of(criteria, terms, moment)
    if criteria.q and not terms:
        return Asked(criteria, [], tests, ways.by_name(scope), None, nobody=True)
    if criteria.is_everybody:
        return Asked(criteria, [], tests, ways.by_name(scope), None)
    found = ways.ways_of(scope, criteria, terms, moment)
    if len(found) == 1:
        return Asked(criteria, terms, tests, found[0], None)
    sizes = ways.estimates(found)
    for way, size in zip(found, sizes, strict=True):
        if way.name == named:
            return Asked(criteria, terms, tests, way, size)
    _, place = min(
        (size * _effort(way, terms), place)
        for place, (way, size) in enumerate(zip(found, sizes, strict=True))
    )
    return Asked(criteria, terms, tests, found[place], sizes[place])


def _effort(way: Way, terms: list[str]) -> int:
    """Folding a candidate's name again, to see whether a word begins so, costs several look-ups."""
    return 1 + FOLDING * sum(f"term:{number}" not in way.covers for number in range(len(terms)))


def list_of(
    scope: Scope, criteria: Criteria, *, older: str = "", newer: str = "", size: int = 50
) -> Listed:
    """One page of the customers that fit, in the order of the way that is taken, and how many fit.

    A page for which `LOOK` people were looked at and that is not full says so; its cursor goes on
    behind them. However many people there are, the same queries: at most eight.
    """
    name, _, place = (newer or older).partition(":")
    asked = ask(scope, criteria, named=name)
    if asked.nobody:
        return Listed(Found(Page([], "", ""), ""), Count(0))
    after = _place(asked.way, place) if name == asked.way.name else None
    if after is None:
        asked, survey = _surveyed(scope, asked, size)
        return Listed(
            _page(scope, asked, survey.walked, None, False, size), _counted(asked, survey)
        )
    walked = _walk(asked, after, back=bool(newer), size=size)
    return Listed(
        _page(scope, asked, walked, after, bool(newer), size),
        _counted(*_surveyed(scope, ask(scope, criteria), 0)),
    )


def find(
    scope: Scope, criteria: Criteria, *, older: str = "", newer: str = "", size: int = 50
) -> Found:
    """One page alone; see `list_of`."""
    return list_of(scope, criteria, older=older, newer=newer, size=size).found


def search(scope: Scope, *, q: str, older: str, newer: str, size: int) -> Page[Customer]:
    """Customers with a word in name, handle or tags that begins so."""
    return find(scope, Criteria(q=search_of(q)), older=older, newer=newer, size=size).page


def count(scope: Scope, criteria: Criteria) -> Count:
    """How many fit: exactly up to 1,000; beyond, or where too few of many fit, about how many.

    At most six queries.
    """
    asked = ask(scope, criteria)
    return Count(0) if asked.nobody else _counted(*_surveyed(scope, asked, 0))


def _page(
    scope: Scope, asked: Asked, walked: Walked, after: Place | None, back: bool, size: int
) -> Found:
    hits, last = walked.hits, walked.last
    more = len(hits) > size
    hits = hits[:size]
    ends = [hits[0], hits[-1]] if hits else []
    if last is not None and not more:
        # Not full, and there is more to look at: go on behind the last that was looked at.
        ends = [ends[0] if ends else last, last]
    if back:
        hits.reverse()
        ends.reverse()
    rows = {row.pk: row for row in Customer.objects.of(scope).filter(pk__in=[i for _, i in hits])}
    goes_on = more or last is not None
    has_older = bool(ends) and (goes_on or back)
    has_newer = bool(ends) and after is not None and (goes_on or not back)
    return Found(
        Page(
            [rows[pk] for _, pk in hits if pk in rows],
            older=_cursor(asked.way, ends[1]) if has_older else "",
            newer=_cursor(asked.way, ends[0]) if has_newer else "",
        ),
        _ORDER[asked.way.name.rstrip("0123456789")],
        looked=LOOK if last is not None and not more else 0,
    )


_ORDER = {
    "name": "by name",
    "word": "by the word that was found",
    "written": "last written to first",
    "answered": "last answered first",
    "stopped": "latest stop first",
    "id": "newest first",
    "tag": "newest first",
    "mutual": "newest first",
    "permission": "newest first",
    "attribute": "newest first",
}


def _counted(asked: Asked, survey: Survey) -> Count:
    if survey.walked.last is None:
        return Count(survey.fit) if survey.fit <= EXACT_TO else _about(asked, survey)
    return _about(asked, survey)


def _about(asked: Asked, survey: Survey) -> Count:
    size = asked.about if asked.about is not None else ways.estimates([asked.way])[0]
    about = max(round(max(size, survey.looked) * survey.fit / max(survey.looked, 1)), survey.fit)
    # Two figures: more would say more than is known.
    about = max(int(float(f"{about:.2g}")), survey.fit)
    return Count(None, about=about, over=EXACT_TO if survey.fit > EXACT_TO else 0)


def _surveyed(scope: Scope, asked: Asked, size: int) -> tuple[Asked, Survey]:
    """Look at the first candidates; by their attribute, where few have it and no index is better."""
    if asked.criteria.attributes and (asked.about is None or asked.about > LOOK):
        asked = _gathered(scope, asked) or asked
    return asked, _survey(asked, size)


def _survey(asked: Asked, size: int) -> Survey:
    """The first page and, from the same look, how many of the first candidates fit. One query."""
    candidates = asked.way.rows(None, back=False, most=LOOK)
    left = ways.together(asked.tests, asked.way)
    looked = f"SELECT k, id, row_number() OVER () AS n FROM ({candidates.text}) each"
    join = (
        "JOIN LATERAL (SELECT * FROM customers_customer c WHERE c.id = looked.id LIMIT 1) c ON true"
        if left.text != "true"
        else ""
    )
    # Whoever has two words that begin so counts, and is shown, at the first of them.
    once = ""
    if asked.way.name.startswith("word"):
        once = "JOIN (SELECT min(n) AS n FROM looked GROUP BY id) first USING (n) "
    text = (
        f"WITH looked AS MATERIALIZED ({looked}), fits AS MATERIALIZED ("
        f"SELECT looked.k, looked.id, looked.n FROM looked {once}{join} WHERE {left.text}) "
        "SELECT (SELECT count(*) FROM looked), (SELECT count(*) FROM fits), k, id, n, true FROM "
        "(SELECT * FROM fits ORDER BY n LIMIT %s) shown "
        "UNION ALL SELECT (SELECT count(*) FROM looked), (SELECT count(*) FROM fits), k, id, n, "
        "false FROM (SELECT * FROM looked ORDER BY n DESC LIMIT 1) last ORDER BY 6 DESC, 5"
    )
    with connection.cursor() as cursor:
        cursor.execute(text, [*candidates.given, *left.given, size + 1])
        rows = cursor.fetchall()
    if not rows:
        return Survey(0, 0, Walked([], None))
    count_looked, fit = int(rows[0][0]), int(rows[0][1])
    hits = [(k, pk) for _, _, k, pk, _, fits in rows if fits]
    last = (rows[-1][2], rows[-1][3]) if count_looked == LOOK else None
    return Survey(count_looked, fit, Walked(hits, last))


def _gathered(scope: Scope, asked: Asked) -> Asked | None:
    """The same by its first attribute, where few enough have it. One query.

    Where one of the newest 200 has it, many do: a walk finds them, and the index would list half of
    all for nothing.
    """
    key, value = asked.criteria.attributes[0]
    way = ways.by_attribute(scope, key, value, GATHER + 1)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT CASE WHEN NOT EXISTS (SELECT FROM (SELECT id, attributes "
            "FROM customers_customer WHERE workspace_id BETWEEN %s AND %s "
            "ORDER BY workspace_id DESC, id DESC LIMIT 200) c "
            f"WHERE attributes ->> %s = %s) THEN (SELECT count(*) FROM {way.source.text}) END",
            [scope.workspace_id, scope.workspace_id, key, value, *way.source.given],
        )
        (size,) = cursor.fetchone()
    if size is None or size > GATHER:
        return None
    return Asked(asked.criteria, asked.terms, asked.tests, way, size)


def _walk(asked: Asked, after: Place, *, back: bool, size: int) -> Walked:
    """The next who fit behind a place, or before it: one more than `size` at most. One query."""
    way = asked.way
    candidates = way.rows(after, back=back, most=LOOK)
    left = ways.together(asked.tests, way)
    order = way.order("looked", back=back)
    once = ""
    given_once: tuple[str, ...] = ()
    if way.name.startswith("word"):
        # Whoever has two words that begin so was shown at the first of them.
        term = asked.terms[int(way.name.removeprefix("word") or 0)]
        once = " AND looked.k = customers_first_word(c.name, c.handle, c.tags, %s)"
        given_once = (term,)
    text = (
        "(SELECT looked.k, looked.id, true AS fits "
        f"FROM ({candidates.text}) looked JOIN LATERAL "
        "(SELECT * FROM customers_customer c WHERE c.id = looked.id LIMIT 1) c ON true "
        f"WHERE {left.text}{once} ORDER BY {order} LIMIT %s) "
        f"UNION ALL (SELECT k, id, false FROM ({candidates.text}) looked OFFSET %s)"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            text,
            [*candidates.given, *left.given, *given_once, size + 1, *candidates.given, LOOK - 1],
        )
        rows = cursor.fetchall()
    hits = [(k, pk) for k, pk, fits in rows if fits]
    return Walked(hits, next(((k, pk) for k, pk, fits in rows if not fits), None))


def _cursor(way: Way, place: Place) -> str:
    k, pk = place
    said = k.isoformat() if isinstance(k, datetime) else str(k)
    return f"{way.name}:{said}~{pk}"


def _place(way: Way, said: str) -> Place | None:
    """Where a cursor points to; None where it cannot be read."""
    value, _, pk = said.rpartition("~")
    if "\x00" in value or not (pk.isascii() and pk.isdecimal()) or len(pk) > 18:
        return None
    if way.kind is str:
        return value.encode("utf-8", "ignore").decode(), int(pk)
    if way.kind is datetime:
        try:
            moment = parse_datetime(value)
        except ValueError:
            return None
        if moment is None or moment.tzinfo is None or not 1900 < moment.year < 2200:
            return None
        return moment, int(pk)
    if not (value.isascii() and value.isdecimal()) or len(value) > 18:
        return None
    return int(value), int(pk)


# --- segments, tags, sweeps ------------------------------------------------------------------


def tags_of(scope: Scope, most: int = TAGS_OFFERED) -> list[str]:
    """The workspace's tags, the first hundred by letter: each by one step in the index. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE tags AS (
                (SELECT word FROM customers_word
                WHERE workspace_id = %(ws)s AND word > '#' AND word < '$'
                ORDER BY word LIMIT 1)
                UNION ALL
                SELECT (
                    SELECT w.word FROM customers_word w
                    WHERE w.workspace_id = %(ws)s AND w.word > tags.word AND w.word < '$'
                    ORDER BY w.word LIMIT 1
                ) FROM tags WHERE tags.word IS NOT NULL
            )
            SELECT substr(word, 2) FROM tags WHERE word IS NOT NULL LIMIT %(most)s
            """,
            {"ws": scope.workspace_id, "most": most},
        )
        return [tag for (tag,) in cursor.fetchall()]


def segments(scope: Scope) -> list[Segment]:
    """The workspace's segments by name, a hundred at most. One query."""
    return list(Segment.objects.of(scope).select_related("made_by").order_by("name", "pk")[:100])


def segment(scope: Scope, segment_id: int) -> Segment:
    """One segment. Raises Segment.DoesNotExist."""
    return Segment.objects.of(scope).select_related("made_by").get(pk=segment_id)


def sweep(scope: Scope, sweep_id: int) -> Sweep:
    """One count or tagging. Raises Sweep.DoesNotExist."""
    return Sweep.objects.of(scope).select_related("started_by").get(pk=sweep_id)


def last_count(scope: Scope, query: str) -> Sweep | None:
    """The newest exact count of a filter, under way or done. One query."""
    rows = Sweep.objects.of(scope).filter(query=query, kind=SweepKind.COUNT)
    return rows.order_by("-pk").first()
