"""The page of one customer."""

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


@pytest.mark.parametrize(
    ("values", "known", "ways"),
    [
        ({"known": False, "x_user_id": None}, {}, ["syncs"]),
        ({"permission": False}, {"following": False}, ["follow_back", "invitations"]),
        ({}, {"followed_by": False}, []),
        ({}, {}, []),
    ],
)
def test_a_person_who_cannot_be_written_to_leads_to_where_that_is_mended(
    house, values, known, ways
):
    customer = house.customer(**values)
    if "x_user_id" in values:
        Customer.everywhere.filter(pk=customer.pk).update(x_user_id=None)
    customer.relationships.update(**known)
    page = show(house, customer)
    addresses = [reverse(f"customers:{name}", args=[house.slug]) for name in ways]
    assert [address for _, address in page.context["ways"]] == addresses
    assert all(f'<a href="{address}">' in page.content.decode() for address in addresses)


def test_a_tag_on_a_persons_page_leads_to_all_who_have_it(house):
    customer = house.customer(tags=["fox & owl"])
    assert f"{reverse('customers:list', args=[house.slug])}?tag=fox%20%26%20owl" in (
        show(house, customer).content.decode()
    )


def test_a_permission_recorded_by_hand_is_of_a_day(house):
    customer = house.customer(permission=False)
    noon = datetime(2026, 5, 4, 12, tzinfo=house.workspace.zone)
    for at in (noon, noon + timedelta(minutes=1)):
        Permission.objects.create(
            workspace=house.workspace, customer=customer, basis=Basis.OPTED_IN, given_at=at
        )
    shown = [row.at for row in show(house, customer).context["permissions"]]
    assert shown == [noon + timedelta(minutes=1), noon.date()]


def test_what_people_typed_is_never_markup(house):
    nasty = "<script>alert(1)</script>"
    customer = house.customer(name=nasty, first_name=nasty, attributes={nasty: nasty}, tags=[nasty])
    actions.suppress(house.marketer, customer.pk, reason=nasty)
    list_url = reverse("customers:list", args=[house.slug])
    for page in (show(house, customer), factories.browser(house.marketer).get(list_url)):
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
