"""The list of customers: search, filters, pages, and what they cost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from outreach.customers import actions
from outreach.customers.finding import queries
from outreach.customers.finding.criteria import Criteria
from outreach.customers.models import Customer, Permission
from outreach.ground.clock import now
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(house):
    return factories.browser(house.marketer)


@pytest.fixture
def url(house):
    return reverse("customers:list", args=[house.slug])


def names(response) -> list[str]:
    return [row.name for row in response.context["rows"]]


def named(house, *given: str, **values):
    return [house.customer(name=name, **values) for name in given]


# --- the list --------------------------------------------------------------------------------


def test_an_empty_list_says_so(browser, url):
    page = browser.get(url)
    assert (page.status_code, names(page), page.context["count"].words) == (200, [], "0 people")


def test_an_empty_workspace_leads_to_where_customers_come_from(browser, url, house):
    ways = [
        reverse(f"customers:{name}", args=[house.slug])
        for name in ("imports", "syncs", "invitations")
    ]

    def within(page: HttpResponse) -> list[bool]:
        empty = page.content.decode().partition('class="sheet empty"')[2].partition("</section>")[0]
        return [f'href="{way}"' in empty for way in ways]

    assert within(browser.get(url)) == [True, True, True]
    assert within(browser.get(url, {"q": "zoe"})) == [False, False, False]


def test_customers_come_by_name_and_only_this_workspaces(browser, url, house):
    named(factories.house(), "Aaron of elsewhere")
    named(house, "Zoe", "Ana", "Mia")
    page = browser.get(url)
    assert names(page) == ["Ana", "Mia", "Zoe"]
    assert page.context["count"].words == "3 people"
    assert "elsewhere" not in page.content.decode()


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("bo ink", ["Bo Limes"]),
        ("lim an", ["Ana Lima"]),
        ("lim cy", []),
        ("@inky_b", ["Bo Limes"]),
        ("bo_", []),
        ("ana", ["Ana Lima"]),
        ("LIM", ["Ana Lima", "Bo Limes"]),
        ("ima", []),
        ("@inky", ["Bo Limes"]),
        ("inky", ["Bo Limes"]),
        ("Prints", ["Cy"]),
        ("prin", ["Cy"]),
        ("  ana  ", ["Ana Lima"]),
        ("%", []),
        ("_", []),
        ("\\", []),
        ("'; --", []),
        ("a\x00na", ["Ana Lima"]),
        ("🐦" * 300, []),
    ],
)
def test_search_is_by_the_beginning_of_a_word_a_handle_or_a_tag(browser, url, house, q, found):
    house.customer(name="Ana Lima", handle="analima")
    house.customer(name="Bo Limes", handle="inky_bo")
    house.customer(name="Cy", handle="cy", tags=["prints"])
    page = browser.get(url, {"q": q})
    assert (page.status_code, names(page)) == (200, found)
    assert page.context["q"] == " ".join(q.replace("\x00", "").split())[:100]


def test_what_a_search_finds_elsewhere_is_not_found(browser, url):
    factories.house().customer(name="Ana", handle="ana", tags=["ana"])
    assert names(browser.get(url, {"q": "ana"})) == []


FILTERS = {
    "": ["Alone", "Bare", "Mutual", "Stopped"],
    "mutual=yes": ["Bare", "Mutual", "Stopped"],
    "mutual=no": ["Alone"],
    "permission=yes": ["Mutual", "Stopped"],
    "permission=no": ["Alone", "Bare"],
    "stopped=yes": ["Stopped"],
    "stopped=no": ["Alone", "Bare", "Mutual"],
    "written=30": ["Bare"],
    "written=90": ["Alone", "Bare"],
    "written=not-30": ["Alone", "Mutual", "Stopped"],
    "written=never": ["Mutual", "Stopped"],
    "answered=7": ["Bare"],
    "answered=not-7": ["Alone", "Mutual", "Stopped"],
    "tag=fair": ["Alone", "Bare"],
    "tag=rare+one": ["Bare"],
    "tag=fair&tag=rare+one": ["Bare"],
    "tag=rare": [],
    "attribute=size:M": ["Bare", "Mutual"],
    "attribute=order:12": ["Bare"],
    "attribute=size:M&attribute=order:12": ["Bare"],
    "attribute=size:XL": [],
    "mutual=yes&permission=yes&stopped=no": ["Mutual"],
    "q=b&mutual=yes": ["Bare"],
    "q=b&permission=yes": [],
    "q=one&tag=fair": ["Bare"],
    "mutual=maybe&written=soon&filter=stopped": ["Alone", "Bare", "Mutual", "Stopped"],
}


@pytest.fixture
def four(house):
    """Four people of whom each filter finds some."""
    mutual, alone, bare, stopped = named(house, "Mutual", "Alone", "Bare", "Stopped")
    alone.relationships.update(followed_by=False)
    Permission.objects.of(house.marketer).filter(customer=bare).delete()
    Permission.objects.of(house.marketer).filter(customer=alone).update(withdrawn_at=now())
    actions.suppress(house.marketer, stopped.pk, reason="stop")
    # Another workspace's stop of the same person says nothing here.
    other = factories.house()
    twin = other.customer(x_user_id=mutual.x_user_id, tags=["fair"], attributes={"size": "M"})
    actions.suppress(other.marketer, twin.pk, reason="stop")
    days = timedelta(days=1)
    everyone = Customer.objects.of(house.marketer)
    everyone.filter(pk=bare.pk).update(
        tags=["fair", "rare one"], attributes={"size": "M", "order": 12},
        last_written_at=now() - 5 * days, last_answered_at=now() - 4 * days,
    )  # fmt: skip
    everyone.filter(pk=alone.pk).update(
        tags=["fair"], last_written_at=now() - 60 * days, last_answered_at=now() - 50 * days
    )
    everyone.filter(pk=mutual.pk).update(attributes={"size": "M"})


@pytest.mark.parametrize(("query", "found"), FILTERS.items())
def test_filters_and_their_counts(browser, url, four, query, found):
    page = browser.get(f"{url}?{query}")
    assert sorted(names(page)) == found
    assert page.context["count"].exact == len(found)


def test_whoever_is_known_by_handle_alone_is_stopped_by_handle(browser, url, house):
    stranger = factories.not_looked_up(house, "Fox_Lover", name="Fox")
    named(house, "Ana")
    actions.suppress(house.marketer, stranger.pk, reason="stop")
    assert names(browser.get(url, {"stopped": "yes"})) == ["Fox"]
    assert names(browser.get(url, {"stopped": "no"})) == ["Ana"]


def test_filters_stand_in_the_addresses_and_can_be_taken_away(browser, url, house):
    named(house, "Ana", "Bo")
    page = browser.get(f"{url}?q=a&mutual=yes&tag=fair&attribute=size:M")
    current = {each["label"]: each["url"] for each in page.context["chips"] if each["current"]}
    rest = "&attribute=size%3AM"
    assert current == {
        "Mutual": f"{url}?q=a&tag=fair{rest}",
        "tag: fair": f"{url}?q=a&mutual=yes{rest}",
        "size: M": f"{url}?q=a&mutual=yes&tag=fair",
    }


def test_what_is_typed_becomes_an_address_without_empty_filters(house, url):
    browser = factories.browser(house.marketer, htmx=True)
    page = browser.get(f"{url}?q=ana&mutual=&tag=&written=")
    assert page["HX-Replace-Url"] == f"{url}?q=ana"


def test_pages_go_both_ways_and_keep_the_search(browser, url, house):
    made = sorted(f"Ana {number:03}" for number in range(120))
    Customer.everywhere.bulk_create(
        Customer(workspace=house.workspace, x_user_id=9000 + n, handle=f"h{n}", name=name)
        for n, name in enumerate(made)
    )
    pages = [browser.get(url, {"q": "ana"})]
    while pages[-1].context["older_url"]:
        assert "q=ana" in pages[-1].context["older_url"]
        pages.append(browser.get(pages[-1].context["older_url"]))
    assert [name for page in pages for name in names(page)] == made
    assert [len(names(page)) for page in pages] == [50, 50, 20]
    back = browser.get(pages[-1].context["newer_url"])
    assert names(back) == names(pages[1])
    assert names(browser.get(back.context["newer_url"])) == names(pages[0])
    assert pages[0].context["newer_url"] == ""


@pytest.mark.parametrize("cursor", ["~", "x~x", "a\x00~1", "~" + "9" * 40, "%", "🐦~1"])
def test_a_cursor_made_up_by_hand_is_answered(browser, url, house, cursor):
    named(house, "Ana", "Bo")
    for way in ("older", "newer"):
        assert browser.get(url, {way: cursor}).status_code == 200


def test_the_list_costs_the_same_however_long(browser, url, house):
    counts = []
    for more in (1, 2, 27):
        named(house, *(["Ana"] * more))
        browser.get(url)
        with CaptureQueriesContext(connection) as queries_run:
            assert browser.get(url).status_code == 200
        counts.append(len(queries_run))
    assert counts == [counts[0]] * 3


@pytest.mark.parametrize("query", sorted(FILTERS))
def test_a_filter_costs_the_same_for_one_and_for_three(browser, url, four, house, query):
    def costs() -> int:
        browser.get(f"{url}?{query}")
        with CaptureQueriesContext(connection) as run:
            assert browser.get(f"{url}?{query}").status_code == 200
        return len(run)

    before = costs()
    for number in range(2):
        bare = house.customer(
            name="Bare", tags=["fair", "rare one"], attributes={"size": "M", "order": 12},
            last_written_at=now(), last_answered_at=now(),
        )  # fmt: skip
        stopped = house.customer(name=f"Stopped {number}")
        actions.suppress(house.marketer, stopped.pk, reason="stop")
        assert bare.pk
    # Rows of people cost the same queries however many; nobody at all saves those about people.
    assert costs() - before in ((0,) if FILTERS[query] else (0, 1, 2, 3, 4))


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 people"), (1, "1 person"), (3, "3 people"), (4, "over 3 people, about 4")],
)
def test_counting_stops_where_nobody_reads_on(house, monkeypatch, number, words):
    monkeypatch.setattr(queries, "EXACT_TO", 3)
    monkeypatch.setattr(queries, "LOOK", 4)
    monkeypatch.setattr(queries.ways, "estimates", lambda found: [number for _ in found])
    named(house, *(["Ana"] * number), known=False, permission=False)
    assert queries.count(house.marketer, Criteria()).words == words


def test_a_page_that_looked_at_many_goes_on_behind_them(browser, url, house, monkeypatch):
    """Each of two filters fits many, both fit few: a page looks at so many and says so."""
    monkeypatch.setattr(queries, "LOOK", 4)
    for number in range(12):
        tags = ["fair", "shop"] if number in (2, 9) else ["fair"]
        house.customer(name=f"Ana {number}", tags=tags, known=False)
    for number in range(20):
        house.customer(name=f"Bo {number}", tags=["shop"], known=False)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE customers_word")
    found, pages, address = [], 0, f"{url}?tag=fair&tag=shop"
    while address:
        page = browser.get(address)
        found += names(page)
        pages += 1
        address = page.context["older_url"]
    assert (found, pages) == (["Ana 9", "Ana 2"], 4)
    first = browser.get(f"{url}?tag=fair&tag=shop")
    assert (first.context["found"].looked, first.context["count"].exact) == (4, None)
    assert "Count them exactly" in first.content.decode()


def test_who_has_two_words_that_begin_so_is_shown_once(browser, url, house):
    made = [
        house.customer(name="Ana Anders", handle=f"ana_{n}", tags=["anchor"]) for n in range(60)
    ]
    found, address = [], f"{url}?q=an"
    while address:
        page = browser.get(address)
        assert page.context["count"].exact == 60
        found += [row.id for row in page.context["rows"]]
        address = page.context["older_url"]
    assert sorted(found) == [customer.pk for customer in made]


def test_the_list_is_only_read(browser, url):
    assert browser.post(url).status_code == 405
