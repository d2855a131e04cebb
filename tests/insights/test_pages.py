"""Today, the rail, the account strip, the audit log."""

from __future__ import annotations

import uuid
from datetime import UTC, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role
from outreach.audit.actions import record
from outreach.customers import actions as customers
from outreach.customers.finding import actions as finding
from outreach.customers.finding.criteria import Criteria
from outreach.delivery.holds import holds_of
from outreach.delivery.models import AccountPace, AppPace, Delivery, Pause
from outreach.drafts.models import Decision
from outreach.ground.clock import now
from outreach.insights import queries
from outreach.x import actions as x
from outreach.x.models import PausedBy, XAccount, XApp
from tests import factories

pytestmark = pytest.mark.django_db


def today(member):
    return factories.browser(member).get(reverse("insights:today", args=[member.workspace.slug]))


def set_state(letter: Delivery, state: str, **values) -> None:
    values = {"state": state, "claim_token": uuid.uuid4(), "reason": "why"} | values
    Delivery.everywhere.filter(pk=letter.pk).update(**values)


# --- Today -----------------------------------------------------------------------------------


def test_a_new_workspace_has_an_empty_day(house):
    response = today(house.marketer)
    assert response.status_code == 200
    assert (response.context["waiting"], response.context["letters_today"]) == ([], [])
    assert response.context["greeting"].endswith(", Jo")


def test_what_waits_is_for_who_can_do_something_about_it(house):
    changed = factories.submitted(house, house.customer(name="Ana"))
    factories.decided(house, changed, Decision.REQUEST_CHANGES)
    waiting = factories.submitted(house, house.customer(name="Bo"))
    own = factories.submitted(house, house.customer(name="Cy"), by=house.manager)
    titles = {
        member.role: [row.title for row in today(member).context["waiting"]]
        for member in (house.marketer, house.manager, house.administrator)
    }
    assert titles == {
        "marketer": ["A change is asked for in the letter to Ana"],
        "manager": ["Jo Writer wrote to Bo"],
        "administrator": ["Jo Writer wrote to Bo", "Ruth Reader wrote to Cy"],
    }
    urls = [row.url for row in today(house.administrator).context["waiting"]]
    assert urls == [
        reverse("drafts:review", args=[house.slug, revision.pk]) for revision in (waiting, own)
    ]


def test_unsure_and_blocked_letters_wait_for_everybody(house):
    letters = [factories.delivery(house, house.customer(name=name)) for name in ("Ana", "Bo", "Cy")]
    set_state(letters[0], "uncertain", reason="X did not answer.")
    set_state(letters[1], "blocked", reason="Ana does not follow you.")
    rows = [(row.title, row.detail) for row in today(house.marketer).context["waiting"]]
    assert sorted(rows) == [
        ("The letter to Ana may or may not have arrived", "X did not answer."),
        ("The letter to Bo is held back", "Ana does not follow you."),
    ]


def test_the_day_is_the_readers(house):
    """Sent at 23:30 UTC: yesterday in London, today in Tokyo."""
    letter = factories.delivery(house)
    moment = now().replace(hour=23, minute=30, second=0, microsecond=0) - timedelta(days=1)
    set_state(letter, "sent", sent_at=moment)
    counted = {}
    for zone in ("UTC", "Asia/Tokyo", "Pacific/Pago_Pago"):
        with timezone.override(zone):
            local = timezone.localtime(now()).date() == timezone.localtime(moment).date()
            found = queries.letters_of_today(house.marketer, holds_of(house.marketer, now()))
            lines = [(line.label, line.detail) for line in found]
        counted[zone] = lines == ([("Sent", "1")] if local else [])
    assert counted == {"UTC": True, "Asia/Tokyo": True, "Pacific/Pago_Pago": True}


def test_letters_that_wait_or_are_unsure_are_counted_and_lead_to_their_list(house):
    letters = [factories.delivery(house) for _ in range(3)]
    Delivery.everywhere.filter(pk=letters[0].pk).update(reason_code="cap", reason="Written lately.")
    set_state(letters[1], "uncertain")
    lines = {line.label: line for line in today(house.marketer).context["letters_today"]}
    assert {label: line.detail for label, line in lines.items()} == {
        "Still to leave": "1", "Waiting": "1", "Unsure": "1",
    }  # fmt: skip
    for label, pk in (("Waiting", letters[0].pk), ("Unsure", letters[1].pk)):
        rows = factories.browser(house.marketer).get(lines[label].url).context["rows"]
        assert [row.id for row in rows] == [pk]


def test_what_a_manager_can_resume_waits_for_them(house):
    x.pause_account(house.manager, house.account.pk)
    Pause.objects.create(workspace=house.workspace, reason="Paused by Sam Keeper.")
    rows = [(row.title, row.detail) for row in today(house.manager).context["waiting"]]
    assert rows == [
        ("All letters are paused", "Paused by Sam Keeper."),
        (f"Letters from @{house.account.handle} wait", "Paused by Ruth Reader."),
    ]
    assert today(house.marketer).context["waiting"] == []


def test_many_unsure_letters_are_one_line_that_leads_to_them(house):
    for _ in range(6):
        set_state(factories.delivery(house), "uncertain")
    (row,) = today(house.marketer).context["waiting"]
    assert row.title == "6 letters may or may not have arrived"
    assert row.url == reverse("delivery:schedule", args=[house.slug]) + "?state=unsure"


def test_a_manager_decides_and_a_marketer_looks(house):
    set_state(factories.delivery(house), "uncertain")
    actions = [today(each).context["waiting"][0].action for each in (house.marketer, house.manager)]
    assert actions == ["Look", "Decide"]


def test_letters_of_today_and_of_the_last_fourteen_days(house):
    other = factories.house()
    for of in (house, other):
        letters = [factories.delivery(of) for _ in range(4)]
        set_state(letters[0], "sent", sent_at=now())
        set_state(letters[1], "sent", sent_at=now() - timedelta(days=13))
        set_state(letters[2], "sent", sent_at=now() - timedelta(days=15))
    context = today(house.marketer).context
    assert [(line.label, line.detail) for line in context["letters_today"]] == [
        ("Sent", "1"),
        ("Still to leave", "1"),
    ]
    assert [(figure.label, figure.value) for figure in context["last_14"]] == [("Sent", 2)]


def test_today_costs_the_same_however_much_there_is(house):
    url = reverse("insights:today", args=[house.slug])
    browsers = [factories.browser(member) for member in (house.marketer, house.administrator)]
    counts: list[list[int]] = [[], []]
    for more in (1, 2, 9):
        for _ in range(more):
            factories.submitted(house)
            factories.decided(house, factories.submitted(house), Decision.REQUEST_CHANGES)
            set_state(factories.delivery(house), "blocked")
            set_state(factories.delivery(house), "sent", sent_at=now())
        for number, browser in enumerate(browsers):
            browser.get(url)
            with CaptureQueriesContext(connection) as run:
                assert browser.get(url).status_code == 200
            counts[number].append(len(run))
    assert counts == [[found[0]] * 3 for found in counts]


def test_what_only_an_administrator_can_mend_waits_for_them(house):
    with transaction.atomic():
        account = XAccount.everywhere.select_for_update().get(pk=house.account.pk)
        x.pause(account, PausedBy.REVOKED, "The consent was taken back at X.", actor_id=None)
    month = now().astimezone(UTC).date().replace(day=1)
    XApp.objects.filter(pk=house.account.app_id).update(warned_for=month)
    assert today(house.manager).context["waiting"] == []
    factories.submitted(house)
    titles = [row.title for row in today(house.administrator).context["waiting"]]
    # Before the letters to read: it keeps every letter waiting.
    assert titles[:2] == [
        f"Letters from @{house.account.handle} wait",
        "This month’s cost at X nears its cap",
    ]
    assert len(titles) == 3


def test_no_more_than_five_of_a_kind_are_listed(house):
    for _ in range(7):
        factories.submitted(house)
    assert len(today(house.manager).context["waiting"]) == 5


# --- the rail and the strip ------------------------------------------------------------------


def test_the_rail_shows_what_a_role_reaches(house):
    factories.submitted(house)
    factories.submitted(house, by=house.manager)
    rails = {
        member.role: [(i["label"], i["count"], i["current"]) for i in today(member).context["rail"]]
        for member in (house.marketer, house.manager)
    }
    assert rails["marketer"] == [
        ("Today", 0, True),
        ("Compose", 0, False),
        ("Schedule", 0, False),
        ("Customers", 0, False),
        ("Settings", 0, False),
    ]
    # One's own letter does not wait for oneself.
    assert rails["manager"][2] == ("Review", 1, False)


def test_the_strip_shows_each_account_of_this_workspace(house):
    factories.house()
    x.pause_account(house.manager, house.account.pk)
    (strip,) = today(house.marketer).context["account_strip"]
    assert (strip.handle, strip.health, strip.reason) == (
        house.account.handle,
        "paused",
        "Paused by Ruth Reader.",
    )
    assert (strip.used_15, strip.limit_15, strip.used_24h, strip.limit_24h) == (0, 15, 0, 1440)
    assert strip.next_send is None


def test_an_account_that_sends_nothing_promises_nothing(house):
    words = today(house.marketer).content.decode()
    assert words.count("15 now") == 2  # on Today, and in a phone's top line
    x.pause_account(house.manager, house.account.pk)
    words = today(house.marketer).content.decode()
    assert "sends nothing" in words
    assert "15 now" not in words


def test_the_strip_says_what_x_closed_and_until_when(house):
    factories.delivery(house)
    until = now() + timedelta(minutes=50)
    AppPace.objects.filter(pk=house.account.app_id).update(
        closed_until=until, closed_reason="X wants its credits topped up."
    )
    (strip,) = today(house.marketer).context["account_strip"]
    assert (strip.health, strip.reason, strip.next_send) == (
        "waiting",
        "X wants its credits topped up.",
        until,
    )


@pytest.mark.parametrize("held", ["workspace", "account"])
def test_the_strip_says_what_holds_the_accounts_letters(house, held):
    again = now() + timedelta(minutes=1)
    if held == "workspace":
        Pause.objects.create(workspace=house.workspace, reason="Paused by Ruth Reader.")
        expected = ("paused", "Paused by Ruth Reader.", None)
    else:
        AccountPace.objects.update_or_create(
            x_account=house.account,
            defaults={
                "held_code": "not_heard",
                "held_reason": "We cannot hear replies just now.",
                "held_until": again,
            },
        )
        expected = ("waiting", "We cannot hear replies just now.", again)
    (strip,) = today(house.marketer).context["account_strip"]
    assert (strip.health, strip.reason, strip.next_send) == expected


def test_a_workspace_without_an_account_has_pages(db):
    of = factories.workspace()
    member = factories.member(of, Role.ADMINISTRATOR)
    response = today(member)
    assert (response.status_code, response.context["account_strip"]) == (200, [])


def test_a_part_of_a_page_costs_no_rail(house):
    draft = factories.draft(house)
    part = factories.browser(house.marketer, htmx=True).post(
        reverse("drafts:read", args=[house.slug, draft.pk]), {"text": "Hi", "version": 1}
    )
    assert (part.context["rail"], part.context["account_strip"]) == ([], [])


def test_every_page_says_that_nothing_reaches_x(house, settings):
    settings.PRACTICE = True
    assert "Practice: nothing reaches X" in today(house.marketer).content.decode()
    settings.PRACTICE = False
    assert "nothing reaches X" not in today(house.marketer).content.decode()


# --- the audit log ---------------------------------------------------------------------------


@pytest.fixture
def log(house):
    return reverse("insights:audit_log", args=[house.slug])


def test_the_log_is_for_administrators(house, log):
    assert factories.browser(house.manager).get(log).status_code == 403
    assert factories.browser(house.administrator).get(log).status_code == 200


def test_the_log_is_this_workspaces_newest_first_in_words(house, log):
    letter = factories.delivery(house, house.customer(name="Ana"))
    other = factories.house()
    factories.delivery(other)
    events = factories.browser(house.administrator).get(log).context["events"]
    draft = letter.revision.draft_id
    assert [(event.who, event.words) for event in events[:4]] == [
        ("Outreach", f"delivery queued: delivery {letter.pk}"),
        ("Ruth Reader", f"draft approved: draft {draft}"),
        ("Jo Writer", f"draft submitted: draft {draft}"),
        ("Jo Writer", f"draft started: draft {draft}"),
    ]
    assert events[1].object_url == reverse("delivery:letter", args=[house.slug, draft])
    assert not [event for event in events if f"draft {other.workspace.pk}" == event.words]


def test_a_change_of_the_guidance_policy_leads_to_its_page(house, log):
    row = factories.policy(house, house_limit=160)
    event = factories.browser(house.administrator).get(log).context["events"][0]
    assert event.words == f"guidance policy changed: guidance policy {row.pk}"
    assert event.object_url == reverse("drafts:policy", args=[house.slug])


@pytest.mark.parametrize(
    ("required", "words"), [(False, "a recorded permission is not needed"), (True, "is needed")]
)
def test_the_log_says_which_way_the_contact_policy_was_changed(house, log, required, words):
    customers.set_require_permission(house.administrator, required=not required, understood=True)
    customers.set_require_permission(house.administrator, required=required, understood=True)
    event = factories.browser(house.administrator).get(log).context["events"][0]
    assert event.words.startswith("contact policy changed: ")
    assert event.words.endswith(words)
    assert event.object_url == reverse("customers:policy", args=[house.slug])


def test_the_log_leads_to_what_was_done_for_many(house, log):
    sweep = finding.count_exactly(house.marketer, criteria=Criteria())
    event = factories.browser(house.administrator).get(log).context["events"][0]
    assert event.object_url == reverse("customers:sweep", args=[house.slug, sweep.pk])


def test_the_log_pages_to_its_beginning(house, log):
    with transaction.atomic():
        for number in range(120):
            record("x.done", target_kind="x", target_id=number, workspace_id=house.workspace.pk)
    browser = factories.browser(house.administrator)
    url, seen = log, []
    while url:
        context = browser.get(url).context
        seen += [event.words for event in context["events"]]
        url = context["older_url"]
    assert seen[:120] == [f"x done: x {number}" for number in range(119, -1, -1)]
    assert len(seen) == len(set(seen))
    assert seen[-1].startswith("workspace created")


@pytest.mark.parametrize("before", ["", "x", "-1", "0", "9" * 18, "9" * 40, "\x00", "٣", "1e3"])
def test_a_place_in_the_log_made_up_by_hand_is_answered(house, log, before):
    assert factories.browser(house.administrator).get(log, {"before": before}).status_code == 200


def test_the_log_costs_the_same_however_long(house, log):
    browser = factories.browser(house.administrator)
    counts = []
    for more in (1, 3, 30):
        with transaction.atomic():
            for number in range(more):
                record("x.done", target_kind="x", target_id=number, workspace_id=house.workspace.pk)
        browser.get(log)
        with CaptureQueriesContext(connection) as run:
            browser.get(log)
        counts.append(len(run))
    assert counts == [counts[0]] * 3
