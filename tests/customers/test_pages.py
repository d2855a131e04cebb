"""The list of customers, and one of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from outreach.customers import actions, queries
from outreach.customers.models import Basis, ContactPolicy, Customer, Permission, Relationship
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
    assert (page.status_code, names(page), page.context["count_words"]) == (200, [], "0 people")


def test_customers_come_by_name_and_only_this_workspaces(browser, url, house):
    named(factories.house(), "Aaron of elsewhere")
    named(house, "Zoe", "Ana", "Mia")
    page = browser.get(url)
    assert names(page) == ["Ana", "Mia", "Zoe"]
    assert page.context["count_words"] == "3 people"
    assert "elsewhere" not in page.content.decode()


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("ana", ["Ana Lima"]),
        ("LIM", ["Ana Lima", "Bo Limes"]),
        ("ima", []),
        ("@inky", ["Bo Limes"]),
        ("inky", ["Bo Limes"]),
        ("Prints", ["Cy"]),
        ("prin", []),
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
    assert page.context["q"] == q[:100]


def test_what_a_search_finds_elsewhere_is_not_found(browser, url):
    factories.house().customer(name="Ana", handle="ana", tags=["ana"])
    assert names(browser.get(url, {"q": "ana"})) == []


def test_filters(browser, url, house):
    mutual, alone, bare, stopped = named(house, "Mutual", "Alone", "Bare", "Stopped")
    alone.relationships.update(followed_by=False)
    Permission.objects.of(house.marketer).filter(customer=bare).delete()
    Permission.objects.of(house.marketer).filter(customer=alone).update(withdrawn_at=now())
    actions.suppress(house.marketer, stopped.pk, reason="stop")
    # Another workspace's stop of the same person says nothing here.
    other = factories.house()
    twin = other.customer(x_user_id=mutual.x_user_id)
    actions.suppress(other.marketer, twin.pk, reason="stop")
    answers = {only: names(browser.get(url, {"filter": only})) for only in queries.FILTERS}
    assert answers == {
        "": ["Alone", "Bare", "Mutual", "Stopped"],
        "mutual": ["Bare", "Mutual", "Stopped"],
        "permission": ["Mutual", "Stopped"],
        "stopped": ["Stopped"],
    }
    assert len(names(browser.get(url, {"filter": "made up"}))) == 4


def test_filter_and_search_go_together_and_stand_in_the_addresses(browser, url, house):
    named(house, "Ana", "Bo")
    page = browser.get(url, {"q": "a", "filter": "mutual"})
    assert names(page) == ["Ana"]
    current = [each for each in page.context["filters"] if each["current"]]
    assert [each["url"] for each in current] == [f"{url}?q=a&filter=mutual"]


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


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 people"), (1, "1 person"), (2, "2 people"), (3, "3 people"), (4, "over 3 people")],
)
def test_counting_stops_where_nobody_reads_on(house, number, words):
    named(house, *(["Ana"] * number), known=False, permission=False)
    assert queries.count_up_to(queries.matching(house.marketer), most=3) == words


def test_the_list_is_only_read(browser, url):
    assert browser.post(url).status_code == 405


# --- one person ------------------------------------------------------------------------------


def show(house, customer, member=None):
    url = reverse("customers:show", args=[house.slug, customer.pk])
    return factories.browser(member or house.marketer).get(url)


def test_a_person_with_everything(house):
    customer = house.customer(
        name="Maria Silva", first_name="Maria", attributes={"size": "M", "b": 2}, tags=["prints"]
    )
    page = show(house, customer)
    person = page.context["person"]
    assert page.status_code == 200
    assert (person.may_be_written_to, person.relationship_words) == (True, "mutual")
    assert page.context["attributes"] == [("b", 2), ("size", "M")]
    assert [said.evidence for said in page.context["permissions"]] == ["which ink is that?"]
    assert "Maria Silva" in page.content.decode()


def test_a_person_with_nothing(house):
    customer = house.customer(name="Li", first_name="", known=False, permission=False)
    person = show(house, customer).context["person"]
    assert (person.relationship_words, person.permission_words) == (
        "not checked yet",
        "none recorded",
    )
    assert (person.first_name, person.checked_at) == ("Li", None)
    assert person.why_not == ["No permission of Li is recorded."]


def test_a_stopped_person(house):
    customer = house.customer()
    actions.suppress(house.marketer, customer.pk, reason="said stop on 3 May")
    page = show(house, customer)
    assert page.context["suppression"].reason == "said stop on 3 May"
    assert "said stop on 3 May" in page.content.decode()


def test_what_people_typed_is_never_markup(house):
    nasty = "<script>alert(1)</script>"
    customer = house.customer(name=nasty, first_name=nasty, attributes={nasty: nasty}, tags=[nasty])
    actions.suppress(house.marketer, customer.pk, reason=nasty)
    draft_url = reverse("customers:list", args=[house.slug])
    for page in (show(house, customer), factories.browser(house.marketer).get(draft_url)):
        assert nasty not in page.content.decode()


@pytest.mark.parametrize(
    ("relationship", "words", "reasons"),
    [
        ({}, "mutual", []),
        ({"following": False}, "they follow", ["You do not follow Maria. Follow back at X first."]),
        ({"followed_by": False}, "you follow", ["Maria does not follow you."]),
        (
            {"following": False, "followed_by": False},
            "neither follows",
            ["Maria does not follow you."],
        ),
        (
            {"accepts_dms": False},
            "mutual, takes no messages",
            ["Maria does not take messages from you."],
        ),
        ({"known": False}, "not checked yet", []),
        ({"permission": False}, "mutual", ["No permission of Maria is recorded."]),
    ],
)
def test_who_may_be_written_to_and_why_not(house, relationship, words, reasons):
    person = queries.person(house.marketer, house.customer(**relationship).pk, house.workspace)
    assert (person.relationship_words, person.why_not) == (words, reasons)
    assert person.may_be_written_to is (not reasons)


def test_a_workspace_may_write_without_a_recorded_permission(house):
    ContactPolicy.objects.create(workspace=house.workspace, require_permission=False)
    customer = house.customer(permission=False)
    assert queries.person(house.marketer, customer.pk, house.workspace).why_not == []


def test_a_withdrawn_permission_is_none(house):
    customer = house.customer()
    customer.permissions.update(withdrawn_at=now())
    person = queries.person(house.marketer, customer.pk, house.workspace)
    assert (person.has_permission, person.permission_words) == (False, "none recorded")


def test_one_account_that_is_mutual_is_enough(house):
    customer = house.customer(followed_by=False)
    house.account = factories.account(house.workspace)
    Relationship.objects.create(
        workspace=house.workspace, x_account=house.account, customer=customer,
        following=True, followed_by=True, accepts_dms=True, checked_at=now(),
    )  # fmt: skip
    assert queries.person(house.marketer, customer.pk, house.workspace).why_not == []


def test_the_newest_permission_speaks_in_the_persons_own_day(house):
    customer = house.customer(permission=False, time_zone="Pacific/Kiritimati")
    for day, place in ((1, "a form"), (9, "a fair")):
        Permission.objects.create(
            workspace=house.workspace, customer=customer, basis=Basis.OPTED_IN, place=place,
            given_at=datetime(2026, 5, day, 23, tzinfo=UTC),
        )  # fmt: skip
    person = queries.person(house.marketer, customer.pk, house.workspace)
    assert person.permission_words == "opted in, a fair, 10 May"


def test_a_person_without_a_zone_has_the_workspaces_and_it_says_so(house):
    type(house.workspace).objects.filter(pk=house.workspace.pk).update(time_zone="Asia/Tokyo")
    house.workspace.refresh_from_db()
    theirs = queries.person(
        house.marketer, house.customer(time_zone="America/Sao_Paulo").pk, house.workspace
    )
    ours = queries.person(house.marketer, house.customer().pk, house.workspace)
    assert theirs.local_time_words.endswith(" in Sao Paulo")
    assert ours.local_time_words.endswith(" in Tokyo, your own time zone, as theirs is not known")
    assert ours.local_time.utcoffset() == timedelta(hours=9)


@pytest.mark.parametrize(
    ("name", "initials"),
    [
        ("Maria Silva", "MS"),
        ("maria", "M"),
        ("🌸 Ana Lima", "AL"),
        ("🌸", "H"),
        ("", "H"),
        ("李 雷", "李雷"),
    ],
)
def test_initials(name, initials):
    assert Customer(name=name, handle="handle").initials == initials


def test_a_person_costs_the_same_whatever_is_known(house):
    few, many = house.customer(), house.customer()
    for _ in range(5):
        house.account = factories.account(house.workspace)
        Permission.objects.create(
            workspace=house.workspace, customer=many, basis=Basis.OPTED_IN, given_at=now()
        )
    counts = []
    for customer in (few, many):
        browser = factories.browser(house.marketer)
        with CaptureQueriesContext(connection) as queries_run:
            browser.get(reverse("customers:show", args=[house.slug, customer.pk]))
        counts.append(len(queries_run))
    assert counts[0] == counts[1]
