"""Keyset paging: every row once, both ways, whatever stands in the cursor."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outreach.customers.models import Customer
from outreach.drafts.models import Draft
from outreach.ground.paging import keyset
from tests import factories

pytestmark = pytest.mark.django_db
NAMES = ["Ana", "Ana", "Ana", "Bo", "Çelik", "ana", "Zoë", "Zoë ~ 5", "~7", "Åse", "李雷"]


@pytest.fixture
def rows(house):
    for name in NAMES:
        house.customer(name=name, known=False, permission=False)
    return Customer.objects.of(house.marketer)


def walk(rows, *, descending: bool, size: int):
    """All pages to the end, and back to the beginning."""
    there = [keyset(rows, by="name", size=size, descending=descending)]
    while there[-1].older:
        there.append(
            keyset(rows, by="name", size=size, descending=descending, older=there[-1].older)
        )
    back = [there[-1]]
    while back[-1].newer:
        back.append(keyset(rows, by="name", size=size, descending=descending, newer=back[-1].newer))
    return there, back


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 10, 11, 12])
def test_every_row_once_there_and_back(rows, size, descending):
    sign = "-" if descending else ""
    expected = [row.pk for row in rows.order_by(f"{sign}name", f"{sign}pk")]
    there, back = walk(rows, descending=descending, size=size)
    assert [row.pk for page in there for row in page.rows] == expected
    assert [row.pk for page in reversed(back) for row in page.rows] == expected
    assert (there[0].newer, there[-1].older) == ("", "")


def test_a_row_that_arrives_meanwhile_moves_no_page(rows, house):
    first = keyset(rows, by="name", size=4, descending=False)
    rest = [row.pk for row in rows.order_by("name", "pk")][4:]
    house.customer(name="Aaa", known=False, permission=False)
    following = keyset(rows, by="name", size=4, descending=False, older=first.older)
    assert [row.pk for row in following.rows] == rest[:4]


def test_a_page_is_one_query(rows, django_assert_num_queries):
    cursor = keyset(rows, by="name", size=3).older
    with django_assert_num_queries(1):
        keyset(rows, by="name", size=3, older=cursor)


def test_an_empty_list_has_no_way_on(house):
    page = keyset(Customer.objects.of(house.marketer), by="name", older="x~1")
    assert (page.rows, page.older, page.newer) == ([], "", "")


def test_times_come_back_whole(house):
    made = [factories.draft(house) for _ in range(5)]
    first = keyset(Draft.objects.of(house.marketer), by="updated_at", size=2)
    second = keyset(Draft.objects.of(house.marketer), by="updated_at", size=2, older=first.older)
    assert [row.pk for row in first.rows + second.rows] == [d.pk for d in reversed(made)][:4]


BAD = [
    "~", "~~", "5", "x~", "x~-1", "x~x", "x~1.5", "\x00~1", "a\x00b~3", "x~" + "9" * 30, "x~" + "9" * 18,
    "x~²", "x~٣", "🐦~4", "'; DROP TABLE x --~1", "0001-01-01T00:00:00+14:00~1",
    "9999-12-31T23:59:59-14:00~1", "2020-01-01~1", "2020-13-45~1", "NaN~1", "infinity~1",
]  # fmt: skip


@pytest.mark.parametrize("by", ["name", "created_at"])
@pytest.mark.parametrize("cursor", BAD)
def test_a_cursor_made_up_by_hand_never_breaks(rows, cursor, by):
    for way in ({"older": cursor}, {"newer": cursor}):
        page = keyset(rows, by=by, size=3, **way)
        assert len(page.rows) <= 3


def test_a_cursor_that_cannot_be_read_shows_the_first_page(rows):
    first = keyset(rows, by="name", size=3)
    for cursor in ("", "~", "nonsense", "x~x", "a\x00b~3"):
        assert [r.pk for r in keyset(rows, by="name", size=3, older=cursor).rows] == [
            r.pk for r in first.rows
        ]


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.integers(min_value=-5, max_value=10**20),
)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_text_as_a_cursor_is_answered(rows, text, number):
    for by in ("name", "created_at"):
        assert len(keyset(rows, by=by, size=3, older=f"{text}~{number}").rows) <= 3
        assert len(keyset(rows, by=by, size=3, newer=text).rows) <= 3


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 11, 12])
def test_several_parts_are_one_list(rows, size, descending, django_assert_num_queries):
    parts = [rows.filter(name__lt="C"), rows.filter(name__gte="C", name__lt="a")]
    parts.append(rows.exclude(name__lt="C").exclude(name__gte="C", name__lt="a"))
    sign = "-" if descending else ""
    expected = [row.pk for row in rows.order_by(f"{sign}name", f"{sign}pk")]
    options = {"by": "name", "size": size, "descending": descending}
    pages = [keyset(*parts, **options)]
    while pages[-1].older:
        with django_assert_num_queries(1):
            pages.append(keyset(*parts, older=pages[-1].older, **options))
    assert [row.pk for page in pages for row in page.rows] == expected
    back = [pages[-1]]
    while back[-1].newer:
        back.append(keyset(*parts, newer=back[-1].newer, **options))
    assert [row.pk for page in reversed(back) for row in page.rows] == expected
