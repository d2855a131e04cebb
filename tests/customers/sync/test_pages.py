"""The pages of syncs: what one takes before it begins, how far it is, what it brought."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from outreach.customers.models import (
    FollowChange,
    SeenMutual,
    Suppression,
    SyncChoice,
    SyncKind,
    SyncRun,
)
from outreach.ground.clock import now
from outreach.ground.runs import RunState
from outreach.x.models import AccountState, XAccount, XApp
from tests import factories

pytestmark = pytest.mark.django_db


def url(house, name: str = "sync") -> str:
    return reverse(f"customers:{name}", args=[house.slug, house.account.pk])


def counted(house, followers: int = 1204, following: int = 950) -> SyncChoice:
    row: SyncChoice = SyncChoice.objects.create(
        workspace=house.workspace, x_account=house.account, followers=followers,
        following=following, counted_at=now(),
    )  # fmt: skip
    return row


def run_of(house, **values) -> SyncRun:
    row = SyncRun(workspace=house.workspace, x_account=house.account, kind="lists")
    for name, value in values.items():
        setattr(row, name, value)
    row.save()
    return row


def mutual(house, number: int) -> SeenMutual:
    row: SeenMutual = SeenMutual.objects.create(
        workspace=house.workspace, x_account=house.account, x_user_id=number,
        handle=f"h{number}", name=f"M {number}", accepts_dms=True, seen_at=now(),
    )  # fmt: skip
    return row


@pytest.fixture
def manager(house):
    return factories.browser(house.manager)


def words(response) -> str:
    return " ".join(response.content.decode().split())


# --- before it begins ------------------------------------------------------------------------


def test_calls_minutes_and_dollars_stand_there_before_anything_begins(house, manager):
    XApp.objects.update(monthly_cap=100)
    counted(house, 1204, 950)
    page = manager.get(url(house))
    estimate = page.context["page"].lists.estimate
    assert (estimate.people, estimate.calls, estimate.minutes) == (2154, 3, 1)
    assert estimate.price == "$21.54"
    assert '<button class="btn" type="submit">Read both lists, $21.54</button>' in words(page)
    assert '<input type="hidden" name="price" value="$21.54">' in words(page)


def test_nobody_learns_a_price_that_nobody_knows(house, manager):
    page = manager.get(url(house))
    assert page.context["page"].lists.why_not == "X was not asked yet how many they are."
    assert "Read both lists, " not in words(page)
    assert "Ask X how many, $0.01" in words(page)


def test_what_the_cap_does_not_pay_for_has_no_button_and_says_what_helps(house, manager):
    counted(house, 100_000, 90_000)
    page = manager.get(url(house))
    assert (
        "It costs up to $1,900.00, and this month&#x27;s cap leaves $20.00 for syncs. Raise the cap "
        "(Settings, X accounts), or ask only about those about to be written to."
    ) in words(page)
    assert "Read both lists, " not in words(page)


def test_the_cheaper_ways_stand_beside_it(house, manager):
    stale = house.customer(checked_ago=timedelta(days=9))
    factories.delivery(house, stale)
    factories.not_looked_up(house, "ann")
    page = manager.get(url(house))
    assert page.context["page"].recipients.estimate.price == "$0.01"
    assert "Look them up, $0.01" in words(page)
    assert "Ask X who they are, $0.01" in words(page)


def test_how_fresh_it_is(house, manager):
    house.customer()
    house.customer(checked_ago=timedelta(days=30))
    house.customer(known=False)
    factories.not_looked_up(house, "ann")
    factories.house().customer()
    fresh = manager.get(url(house)).context["page"].freshness
    assert (fresh.fresh, fresh.stale, fresh.never) == (1, 1, 1)


@pytest.mark.parametrize("count", [1, 3])
def test_the_page_runs_a_fixed_number_of_queries(house, manager, count):
    counted(house)
    for number in range(count):
        customer = house.customer(checked_ago=timedelta(days=9))
        factories.delivery(house, customer)
        factories.not_looked_up(house, f"h{number}")
        mutual(house, 900 + number)
        run_of(house, state=RunState.DONE, ended_at=now(), started_by=house.manager.user)
    run_of(house, began_at=now(), of=10)
    with CaptureQueriesContext(connection) as caught:
        assert manager.get(url(house)).status_code == 200
    assert len(caught) == 43


def test_marketers_look_and_begin_nothing(house):
    XApp.objects.update(monthly_cap=100)
    counted(house)
    mutual(house, 901)
    page = words(factories.browser(house.marketer).get(url(house)))
    seen = words(factories.browser(house.administrator).get(url(house)))
    for button in ("Read both lists, $21.54", "Adopt them", "Keep this choice", "Ask X how many, "):
        assert button in seen
        assert button not in page
    assert "$21.54" in page


# --- beginning -------------------------------------------------------------------------------


def begin(house, browser, **posted):
    return browser.post(url(house, "sync_start"), posted)


def test_it_begins_at_the_price_that_was_shown(house, manager):
    XApp.objects.update(monthly_cap=100)
    counted(house)
    answer = begin(house, manager, kind="lists", price="$21.54", adopt="on")
    assert (answer.status_code, answer["Location"]) == (302, url(house))
    run = SyncRun.everywhere.get()
    assert (run.kind, run.state, run.adopt, str(run.price)) == (
        "lists",
        "waiting",
        True,
        "21.54000",
    )
    page = manager.get(url(house))
    assert "Everybody: under way" in words(page)
    assert "Read both lists, " not in words(page)


@pytest.mark.parametrize(
    ("posted", "said"),
    [
        ({"kind": "lists", "price": "$1.00"}, "It costs up to $21.54 by now. Look at the price"),
        ({"kind": "nonsense"}, "Choose one of the ways on this page."),
        ({}, "Choose what to ask X."),
        ({"kind": "adopt"}, "There is nobody to ask about."),
        ({"kind": "recipients"}, "There is nobody to ask about."),
    ],
)
def test_what_cannot_be_begun_says_why_on_the_same_page(house, manager, posted, said):
    XApp.objects.update(monthly_cap=100)
    counted(house)
    answer = begin(house, manager, **posted)
    assert answer.status_code == 422
    assert said in words(answer)
    assert SyncRun.everywhere.count() == 0


def test_a_second_one_is_refused_clearly(house, manager):
    XApp.objects.update(monthly_cap=100)
    counted(house)
    run_of(house)
    answer = begin(house, manager, kind="lists", price="$21.54")
    assert answer.status_code == 422
    assert f"A sync of @{house.account.handle} is under way." in words(answer)


def test_an_account_that_is_not_connected_says_so(house, manager):
    counted(house)
    XAccount.everywhere.update(state=AccountState.DISCONNECTED, disconnected_at=now())
    assert "Not connected" in words(manager.get(url(house)))
    assert "is not connected. Connect it first." in words(
        begin(house, manager, kind="lists", price="$99")
    )


def test_an_account_of_elsewhere_is_not_there(house, manager):
    other = factories.house()
    for name in ("sync", "sync_progress", "sync_changes"):
        there = reverse(f"customers:{name}", args=[house.slug, other.account.pk])
        assert manager.get(there).status_code == 404
    for name in ("sync_start", "sync_cancel", "sync_count"):
        there = reverse(f"customers:{name}", args=[house.slug, other.account.pk])
        assert manager.post(there, {"kind": "lists"}).status_code == 404
    assert SyncRun.everywhere.count() == 0


# --- while it runs ---------------------------------------------------------------------------


def test_progress_is_a_part_of_the_page_and_survives_a_reload(house, manager):
    run_of(house, state="running", began_at=now(), of=2154, done=1000, calls=1)
    part = factories.browser(house.manager, htmx=True).get(url(house, "sync_progress"))
    assert part.status_code == 200
    assert "1,000 of about 2,154 people read." in words(part)
    assert 'value="46"' in words(part)
    assert 'data-words="40 percent read."' in words(part)
    assert "<html" not in words(part)
    page = manager.get(url(house))
    assert "1,000 of about 2,154 people read." in words(page)
    assert 'hx-trigger="every 2s"' in words(page)


def test_the_polling_ends_with_the_run_and_shows_the_page_anew(house):
    run_of(house, state=RunState.DONE, ended_at=now())
    answer = factories.browser(house.manager, htmx=True).get(url(house, "sync_progress"))
    assert (answer.status_code, answer["HX-Refresh"]) == (286, "true")


def test_without_scripts_the_part_leads_to_the_page(house, manager):
    assert manager.get(url(house, "sync_progress"))["Location"] == url(house)


def test_it_says_what_it_waits_for(house, manager):
    run_of(
        house, state="running", began_at=now(), done=1, of=9,
        waits_for="X's limit is reached; it opens again by itself.",
        look_at=now() + timedelta(minutes=9, seconds=30),
    )  # fmt: skip
    page = words(manager.get(url(house)))
    assert "X&#x27;s limit is reached; it opens again by itself." in page
    assert "in 9 minutes" in page


def test_it_can_be_cancelled(house, manager):
    run_of(house)
    answer = manager.post(url(house, "sync_cancel"), follow=True)
    assert "It is cancelled. Nothing was changed by it." in words(answer)
    assert SyncRun.everywhere.get().state == "cancelled"
    again = manager.post(url(house, "sync_cancel"), follow=True)
    assert "There was nothing to cancel: no sync is under way." in words(again)


# --- what it brought -------------------------------------------------------------------------


def test_the_result_stands_in_a_sentence_with_what_can_be_done(house, manager):
    run_of(
        house, state=RunState.DONE, ended_at=now(), began=412, ceased=38, renamed=3,
        followers=1204, following=950, strangers=2,
    )  # fmt: skip
    mutual(house, 901)
    mutual(house, 902)
    Suppression.objects.create(workspace=house.workspace, x_user_id=901, reason="stop")
    page = words(manager.get(url(house)))
    assert (
        "Of your customers 412 began to follow, 38 ceased, 3 took another handle." in page
    )  # fmt: skip
    assert "2 mutuals are not customers yet" in page
    assert "1 of them said stop, and stays stopped." in page
    assert "Adopt them</button>" in page


def test_an_adoption_is_begun_without_a_price(house, manager):
    mutual(house, 901)
    assert begin(house, manager, kind="adopt").status_code == 302
    assert SyncRun.everywhere.get().kind == SyncKind.ADOPT


def test_a_failure_says_why_in_the_history(house, manager):
    run_of(house, state=RunState.FAILED, ended_at=now(), problem="X locked the account.")
    page = words(manager.get(url(house)))
    assert "X locked the account." in page
    assert "by itself" in page


def test_who_began_and_who_ceased(house, manager):
    run = run_of(house, state=RunState.DONE, ended_at=now())
    for number, (by_brand, holds) in enumerate(
        [(False, True), (False, False), (True, True), (True, False)]
    ):
        FollowChange.objects.create(
            workspace=house.workspace, x_account=house.account,
            customer=house.customer(name=f"Person {number}"), run=run if number % 2 else None,
            by_brand=by_brand, holds=holds, before=now() - timedelta(days=2), by=now(),
        )  # fmt: skip
    everything = manager.get(url(house, "sync_changes"))
    assert len(everything.context["rows"]) == 4
    page = words(everything)
    for said in ("they began to follow", "they ceased to follow", "you began to follow them"):
        assert said in page
    shown = {
        which: [row.customer.name for row in manager.get(
            url(house, "sync_changes"), {"which": which}
        ).context["rows"]]
        for which in ("began", "ceased", "brand")
    }  # fmt: skip
    assert shown == {
        "began": ["Person 0"], "ceased": ["Person 1"], "brand": ["Person 3", "Person 2"],
    }  # fmt: skip


def test_names_are_text_whatever_they_hold(house, manager):
    FollowChange.objects.create(
        workspace=house.workspace, x_account=house.account,
        customer=house.customer(name="<script>alert(1)</script>"),
        by_brand=False, holds=True, before=now(), by=now(),
    )  # fmt: skip
    assert "<script>alert" not in manager.get(url(house, "sync_changes")).content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_the_other_pages_run_a_fixed_number_of_queries(house, manager, count):
    for _ in range(count):
        run_of(house, state=RunState.DONE, ended_at=now())
        FollowChange.objects.create(
            workspace=house.workspace, x_account=house.account, customer=house.customer(),
            by_brand=False, holds=True, before=now(), by=now(),
        )  # fmt: skip
        factories.account(house.workspace)
    listed = reverse("customers:syncs", args=[house.slug])
    for address, queries in ((listed, 17), (url(house, "sync_changes"), 15)):
        with CaptureQueriesContext(connection) as caught:
            assert manager.get(address).status_code == 200
        assert len(caught) == queries, address


def test_empty_pages_say_what_is_next(house, manager):
    listed = words(manager.get(reverse("customers:syncs", args=[house.slug])))
    assert "No sync yet." in listed
    assert "No change yet" in words(manager.get(url(house, "sync_changes")))
    assert "None yet. Look at what one takes above" in words(manager.get(url(house)))


# --- each day --------------------------------------------------------------------------------


def test_an_administrator_chooses_what_happens_each_day_at_its_monthly_price(house):
    counted(house, 100, 100)
    browser = factories.browser(house.administrator)
    assert "Everybody: at most $60.00 a month." in words(browser.get(url(house)))
    answer = browser.post(
        url(house, "sync_choose"), {"daily": "lists", "adopt": "on", "owns_app": "on"}, follow=True
    )
    assert "The choice is kept." in words(answer)
    choice = SyncChoice.everywhere.get()
    assert (choice.daily, choice.adopt, choice.owns_app, choice.followers) == (
        "lists", True, True, 100,
    )  # fmt: skip
    assert choice.next_at is not None
    assert "Everybody: at most $6.00 a month." in words(answer)
    browser.post(url(house, "sync_choose"), {"daily": ""})
    choice.refresh_from_db()
    assert (choice.daily, choice.next_at, choice.owns_app) == ("", None, False)


def test_nobody_pays_twice_for_choosing_each_day(house):
    counted(house, 100, 100)
    browser = factories.browser(house.administrator)
    hour = timedelta(hours=1)
    run_of(house, state=RunState.DONE, ended_at=now() - 30 * hour)
    run_of(house, state=RunState.DONE, ended_at=now() - hour, kind="recipients")
    browser.post(url(house, "sync_choose"), {"daily": "lists"})
    assert SyncChoice.everywhere.get().next_at <= now()
    browser.post(url(house, "sync_choose"), {"daily": ""})
    run = run_of(house, state=RunState.DONE, ended_at=now() - hour)
    browser.post(url(house, "sync_choose"), {"daily": "lists"})
    assert SyncChoice.everywhere.get().next_at == run.ended_at + 24 * hour


def test_a_choice_that_there_is_not_is_refused_and_the_rest_kept(house):
    browser = factories.browser(house.administrator)
    answer = browser.post(url(house, "sync_choose"), {"daily": "hourly", "owns_app": "on"})
    assert answer.status_code == 422
    assert "Choose one of the three." in words(answer)
    assert answer.context["form"]["owns_app"].value() is True
    assert SyncChoice.everywhere.count() == 0


def test_the_list_of_customers_leads_here(house, manager):
    page = manager.get(reverse("customers:list", args=[house.slug]))
    assert reverse("customers:syncs", args=[house.slug]) in page.content.decode()
