"""Two rows of one person: everything is kept, and a stop of either holds for both."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.urls import reverse

from outreach.audit.models import AuditEvent
from outreach.customers import actions as customers
from outreach.customers.finding import actions
from outreach.customers.finding.criteria import Criteria
from outreach.customers.finding.errors import CannotMerge
from outreach.customers.finding.queries import find
from outreach.customers.models import Customer, Permission, Relationship, Suppression
from outreach.delivery.claim import Held, claim
from outreach.delivery.models import Delivery
from outreach.drafts.errors import CannotBeWrittenTo
from outreach.ground.clock import now
from outreach.ground.writes import NoTransaction
from tests import factories

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def test_a_row_known_by_handle_alone_goes_and_what_it_knew_stays(house):
    kept = house.customer(tags=["fair"], attributes={"size": "M"}, first_name="", permission=False)
    other = factories.not_looked_up(
        house, "heron", tags=["shop", "fair"], attributes={"size": "L", "city": "Porto"},
        first_name="Ana", time_zone="Europe/Oslo", last_answered_at=now() - DAY,
    )  # fmt: skip
    customers.record_permission(
        house.marketer, other.pk, given=customers.Given(now(), "a fair", "card")
    )
    assert actions.merge(house.marketer, kept.pk, other.pk).pk == kept.pk
    kept.refresh_from_db()
    assert (kept.tags, kept.attributes) == (["fair", "shop"], {"size": "M", "city": "Porto"})
    assert (kept.first_name, kept.time_zone) == ("Ana", "Europe/Oslo")
    assert kept.last_answered_at == other.last_answered_at
    assert Permission.everywhere.get().customer_id == kept.pk
    assert not Customer.everywhere.filter(pk=other.pk).exists()
    event = AuditEvent.objects.get(verb="customer.merged")
    assert (event.target_id, event.detail.details["other"]["handle"]) == (kept.pk, "heron")


def test_a_row_that_x_knows_stays_with_its_letters_and_is_found_no_more(house):
    letter = factories.delivery(house)
    other = letter.customer
    kept = house.customer(name="Ana Kept", permission=False)
    actions.merge(house.marketer, kept.pk, other.pk)
    letter.refresh_from_db()
    other.refresh_from_db()
    assert other.merged_into_id == kept.pk
    assert (letter.state, letter.reason_code, letter.customer_id) == (
        "cancelled", "merged", other.pk,
    )  # fmt: skip
    assert Permission.everywhere.get(customer=kept)
    assert Relationship.everywhere.filter(customer=other).count() == 1
    assert find(house.marketer, Criteria()).page.rows == [kept]
    assert find(house.marketer, Criteria(q=other.handle)).page.rows == []
    assert find(house.marketer, Criteria(mutual="yes")).page.rows == [kept]
    with pytest.raises(CannotBeWrittenTo, match="merged"):
        factories.draft(house, other)
    page = factories.browser(house.marketer).get(
        reverse("customers:show", args=[house.slug, other.pk])
    )
    assert page["Location"] == reverse("customers:show", args=[house.slug, kept.pk])


def test_a_letter_approved_after_the_merge_does_not_leave(house):
    revision = factories.submitted(house)
    kept = house.customer()
    actions.merge(house.marketer, kept.pk, revision.customer_id)
    factories.on_its_way(factories.decided(house, revision))
    held = claim(house.account.pk)
    assert isinstance(held, Held)
    assert held.verdict.code == "merged"


@pytest.mark.parametrize("stopped", ["kept", "other"])
@pytest.mark.parametrize("looked_up", [True, False])
def test_a_stop_of_either_holds_for_both(house, stopped, looked_up):
    rows = {
        "kept": house.customer(),
        "other": house.customer() if looked_up else factories.not_looked_up(house, "heron"),
    }
    waiting = factories.delivery(house, rows["kept"]) if stopped == "other" else None
    customers.suppress(house.marketer, rows[stopped].pk, reason="said stop on 4 May")
    actions.merge(house.marketer, rows["kept"].pk, rows["other"].pk)
    stops = Suppression.everywhere.filter(workspace=house.workspace)
    assert set(stops.values_list("reason", flat=True)) == {"said stop on 4 May"}
    assert stops.filter(x_user_id=rows["kept"].x_user_id).count() == 1
    if looked_up:
        assert stops.filter(x_user_id=rows["other"].x_user_id).count() == 1
    else:
        assert stops.filter(x_user_id=None, handle="heron").count() == 1
    if waiting is not None:
        assert Delivery.everywhere.get(pk=waiting.pk).state == "cancelled"


def test_what_cannot_be_merged_is_refused_and_nothing_changes(house):
    known, handle = house.customer(), factories.not_looked_up(house, "heron")
    gone = house.customer()
    actions.merge(house.marketer, known.pk, gone.pk)
    before = list(Customer.everywhere.order_by("pk").values())
    for kept, other, words in (
        (known, known, "one row already"),
        (known, gone, "merged already"),
        (gone, known, "merged already"),
        (handle, known, f"Keep @{known.handle}"),
    ):
        with pytest.raises(CannotMerge, match=words):
            actions.merge(house.marketer, kept.pk, other.pk)
    assert list(Customer.everywhere.order_by("pk").values()) == before


def test_who_was_merged_before_goes_along(house):
    first, second, third = (house.customer() for _ in range(3))
    actions.merge(house.marketer, second.pk, first.pk)
    actions.merge(house.marketer, third.pk, second.pk)
    assert set(Customer.everywhere.filter(merged_into=third)) == {first, second}


@pytest.mark.django_db(transaction=True)
def test_the_step_insists_on_a_transaction():
    house = factories.house()
    with pytest.raises(NoTransaction):
        actions.merge_step(house.workspace.pk, 1, 2, actor_id=None)


def test_the_page_asks_once_and_merges(house):
    browser = factories.browser(house.marketer)
    handle, known = factories.not_looked_up(house, "heron"), house.customer(handle="heron")
    url = reverse("customers:merge", args=[house.slug, handle.pk])
    near = browser.get(url)
    assert [each.id for each in near.context["near"]] == [known.pk]
    asked = browser.get(url, {"with": known.pk})
    assert asked.context["keep"].id == known.pk  # the row that X knows is the one to keep
    refused = browser.post(url, {"with": known.pk, "keep": handle.pk})
    assert (refused.status_code, refused.context["refused"][-12:]) == (422, "Keep @heron.")
    assert browser.post(url, {"keep": known.pk}).status_code == 422
    done = browser.post(url, {"with": known.pk, "keep": known.pk})
    assert done["Location"] == reverse("customers:show", args=[house.slug, known.pk])
    assert list(Customer.everywhere.all()) == [known]


# --- when a letter last left, and when they last answered ------------------------------------


def test_heard_of_is_the_latest_moment_of_the_row_and_of_whom_it_was_merged_into(house):
    kept, other, stranger = house.customer(), house.customer(), house.customer()
    elsewhere = factories.house().workspace
    actions.merge(house.marketer, kept.pk, other.pk)
    early, late = now() - DAY, now()
    with transaction.atomic():
        for at in (late, early):
            actions.answered_step(house.workspace.pk, other.x_user_id, at)
            actions.written_step(house.workspace.pk, other.pk, at)
        actions.answered_step(house.workspace.pk, 424242, late)
        actions.answered_step(elsewhere.pk, stranger.x_user_id, late)
    for row in (kept, other):
        row.refresh_from_db()
        assert (row.last_answered_at, row.last_written_at) == (late, late)
    stranger.refresh_from_db()
    assert (stranger.last_answered_at, stranger.last_written_at) == (None, None)
