"""Reads of finding people: one page of a list, how many there are, segments, tags."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.dateparse import parse_datetime

from outreach.customers.finding import ways
from outreach.customers.finding.criteria import Criteria
from outreach.customers.finding.ways import Test, Way
from outreach.customers.models import Customer, Segment, Sweep, SweepKind
from outreach.ground.clock import now
from outreach.ground.paging import Page
from outreach.ground.scope import Scope

# How many candidates a page looks at: enough to fill it where one in twenty fits, and few enough
# that nobody waits. A count looks at more, since it is asked once.
LOOK = 1000
COUNT_LOOK = 2000
EXACT_TO = 1000
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
    size, place = min((size, place) for place, size in enumerate(sizes))
    return Asked(criteria, terms, tests, found[place], size)


def find(
    scope: Scope, criteria: Criteria, *, older: str = "", newer: str = "", size: int = 50
) -> Found:
    """One page of the customers that fit, in the order of the way that is taken.

    A page that looked at `LOOK` people and is not full says so; its cursor goes on behind them.
    At most five queries, however many people there are: three for everybody or one filter.
    """
    back = bool(newer)
    name, _, place = (newer or older).partition(":")
    asked = ask(scope, criteria, named=name)
    if asked.nobody:
        return Found(Page([], "", ""), "")
    after = _place(asked.way, place) if name == asked.way.name else None
    back = back and after is not None
    hits, last = _walk(asked, after, back=back, size=size)
    if last is not None and len(hits) <= size and criteria.attributes and after is None:
        gathered = _gathered(scope, asked)
        if gathered is not None:
            asked = gathered
            hits, last = _walk(asked, None, back=False, size=size)
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
    unfinished = more or last is not None
    page = Page(
        [rows[pk] for _, pk in hits if pk in rows],
        older=_cursor(asked.way, ends[1]) if ends and (unfinished or back) else "",
        newer=_cursor(asked.way, ends[0])
        if ends and after is not None and (unfinished or not back)
        else "",
    )
    partial = last is not None and not more
    return Found(page, _ORDER.get(asked.way.name.rstrip("0123456789"), ""), LOOK if partial else 0)


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


def search(scope: Scope, *, q: str, older: str, newer: str, size: int) -> Page[Customer]:
    """Customers with a word in name, handle or tags that begins so. At most three queries."""
    return find(scope, Criteria(q=q), older=older, newer=newer, size=size).page


def count(scope: Scope, criteria: Criteria) -> Count:
    """How many fit: exactly up to 1,000; beyond, or where too few of many fit, about how many.

    At most four queries.
    """
    asked = ask(scope, criteria)
    if asked.nobody:
        return Count(0)
    looked, hits = _tally(asked)
    if looked < COUNT_LOOK and hits <= EXACT_TO:
        return Count(hits)
    if hits <= EXACT_TO and criteria.attributes:
        gathered = _gathered(scope, asked)
        if gathered is not None:
            looked, hits = _tally(gathered)
            return Count(hits) if hits <= EXACT_TO else _about(gathered, looked, hits)
    return _about(asked, looked, hits)


def _about(asked: Asked, looked: int, hits: int) -> Count:
    candidates = asked.about if asked.about is not None else ways.estimates([asked.way])[0]
    candidates = max(candidates, looked)
    about = _rounded(round(candidates * hits / max(looked, 1)))
    if hits > EXACT_TO:
        return Count(None, about=max(about, hits), over=EXACT_TO)
    return Count(None, about=max(about, hits))


def _rounded(number: int) -> int:
    """Two figures: more would say more than is known."""
    return int(float(f"{number:.2g}"))


def _tally(asked: Asked) -> tuple[int, int]:
    """How many candidates were looked at, and how many of them fit; both bounded. One query."""
    way = asked.way
    candidates = way.rows(None, back=False, most=COUNT_LOOK)
    left = ways.together(asked.tests, way)
    text = (
        f"WITH looked AS MATERIALIZED ({candidates.text}) "
        "SELECT (SELECT count(*) FROM looked), (SELECT count(*) FROM ("
    )
    if left.text == "true":
        # Everything is answered by the index: nobody's row is read.
        text += "SELECT DISTINCT id FROM looked) fits)"
    else:
        text += (
            "SELECT FROM (SELECT DISTINCT id FROM looked) each JOIN LATERAL "
            "(SELECT * FROM customers_customer c WHERE c.id = each.id LIMIT 1) c ON true "
            f"WHERE {left.text}) fits)"
        )
    with connection.cursor() as cursor:
        cursor.execute(text, [*candidates.given, *left.given])
        looked, hits = cursor.fetchone()
    return int(looked), int(hits)


def _gathered(scope: Scope, asked: Asked) -> Asked | None:
    """The same by its first attribute, where few enough have it. One query."""
    key, value = asked.criteria.attributes[0]
    way = ways.by_attribute(scope, key, value, GATHER + 1)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {way.source.text}", list(way.source.given))
        (size,) = cursor.fetchone()
    if size > GATHER:
        return None
    return Asked(asked.criteria, asked.terms, asked.tests, way, size)


Place = tuple[Any, int]


def _walk(
    asked: Asked, after: Place | None, *, back: bool, size: int
) -> tuple[list[Place], Place | None]:
    """Who fits among the next candidates, one more than `size` at most; and the last candidate
    where the way goes on behind those that were looked at. One query.
    """
    way = asked.way
    candidates = way.rows(after, back=back, most=LOOK)
    left = ways.together(asked.tests, way)
    order = way.order("looked", back=back)
    once = ""
    given_once: tuple[str, ...] = ()
    if way.kind is str and way.name != "name":
        # Whoever has two words that begin so is shown at the first of them.
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
    last = next(((k, pk) for k, pk, fits in rows if not fits), None)
    return hits, last


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
    return Sweep.objects.of(scope).select_related("asked_by").get(pk=sweep_id)


def last_count(scope: Scope, query: str) -> Sweep | None:
    """The newest exact count of a filter, under way or done. One query."""
    rows = Sweep.objects.of(scope).filter(query=query, kind=SweepKind.COUNT)
    return rows.order_by("-pk").first()
