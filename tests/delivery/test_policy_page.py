"""The page of the sending policy: managers set it, everybody reads it, nothing typed is lost."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.access import NotAllowed
from outreach.audit.models import AuditEvent
from outreach.delivery import policy
from outreach.delivery.claim import claim
from outreach.delivery.models import Delivery, SendingPolicy
from outreach.delivery.policy_actions import PolicyChanged, change_sending_policy
from outreach.ground.clock import now
from tests import factories


@pytest.fixture
def house(db):
    return factories.house(any_hour=False)


@pytest.fixture
def browser(house):
    return factories.browser(house.manager)


@pytest.fixture
def page(house):
    return reverse("delivery:policy", args=[house.slug])


@pytest.fixture
def change(house):
    return reverse("delivery:change_policy", args=[house.slug])


def posted(house, **values) -> dict:
    return {
        "seen": policy.rules_of(house.manager).digest,
        "cap_letters": "1",
        "cap_days": "7",
        "window_opens": "09:00",
        "window_closes": "18:00",
        "quiet_weekdays": [],
        "quiet_dates": "",
        "relationship_hours": "24",
        "hear_minutes": "15",
        "answer_days": "7",
    } | values


def said(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_settings_lead_to_it(house, browser, page):
    assert page in browser.get(reverse("accounts:settings", args=[house.slug])).content.decode()


def test_a_manager_sets_it(house, browser, page, change):
    coming = date.today() + timedelta(days=40)  # noqa: DTZ011  any day to come
    values = {
        "cap_letters": "2",
        "cap_days": "30",
        "window_opens": "22:00",
        "window_closes": "02:00",
        "quiet_weekdays": ["6", "5"],
        "quiet_dates": f"{coming}\r\n\r\n2020-12-24\r\n{coming}",
        "relationship_hours": "48",
        "hear_minutes": "5",
        "answer_days": "0",
    }
    response = browser.post(change, posted(house, **values))
    assert (response.status_code, response["Location"]) == (302, page)
    assert said(response) == ["The policy holds from now on."]
    assert policy.rules_of(house.manager) == policy.Rules(
        cap_letters=2,
        cap_days=30,
        window_opens=time(22),
        window_closes=time(2),
        quiet_weekdays=(5, 6),
        quiet_dates=(coming,),
        relationship_hours=48,
        hear_minutes=5,
        answer_days=0,
    )
    form = browser.get(page).context["form"]
    assert form["quiet_dates"].value() == coming.isoformat()
    assert form["quiet_weekdays"].value() == (5, 6)


def test_a_change_is_an_audit_event_that_says_what_is_different(house, browser, change):
    browser.post(change, posted(house, hear_minutes="1", quiet_weekdays=["6"]))
    event = AuditEvent.objects.get(verb="sending_policy.changed")
    assert event.actor_id == house.manager.user_id
    assert event.detail.details["changes"] == [
        "Quiet days of the week: Sunday, was none.",
        "Messages must have been heard within: 1 minute, was 15 minutes.",
    ]
    assert event.detail.details["was"]["hear_minutes"] == 15
    log = factories.browser(house.administrator).get(
        reverse("insights:audit_log", args=[house.slug])
    )
    line = log.context["events"][0]
    assert line.words.startswith("sending policy changed. Quiet days of the week: Sunday")
    assert line.object_url == reverse("delivery:policy", args=[house.slug])


def test_nothing_different_is_no_change(house, browser, change):
    response = browser.post(change, posted(house))
    assert said(response) == ["Nothing is different, so the policy stays as it is."]
    assert not AuditEvent.objects.filter(verb="sending_policy.changed").exists()


WRONG = [
    ("cap_letters", "-1", "Give a whole number of letters from 0 to 100."),
    ("cap_letters", "9" * 5000, "Give a whole number of letters from 0 to 100."),
    ("cap_days", "0", "Give a whole number of days from 1 to 365."),
    ("cap_days", "", "Give a whole number of days from 1 to 365."),
    ("window_opens", "25:00", "Give a time of day, such as 09:00."),
    ("window_closes", "", "Give a time of day, such as 09:00."),
    ("quiet_weekdays", ["7"], "Choose days of the week from the list."),
    ("quiet_weekdays", ["monday"], "Choose days of the week from the list."),
    (
        "quiet_weekdays",
        list("0123456"),
        (
            "Leave at least one day open, or no letter ever leaves. To stop for a while, pause the "
            "account."
        ),
    ),
    (
        "quiet_dates",
        "2031-12-24\n24 December",
        (
            "‘24 December’ is no day. Give each as year-month-day on a line of its own, such as "
            "2026-12-24."
        ),
    ),
    (
        "quiet_dates",
        "2031-02-30",
        (
            "‘2031-02-30’ is no day. Give each as year-month-day on a line of its own, such as "
            "2026-12-24."
        ),
    ),
    ("relationship_hours", "x", "Give a whole number of hours from 1 to 720."),
    ("hear_minutes", "0", "Give a whole number of minutes from 1 to 1440."),
    ("answer_days", "31", "Give a whole number of days from 0 to 30."),
]


@pytest.mark.parametrize(("field", "value", "error"), WRONG)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(
    house, browser, change, field, value, error
):
    values = posted(house, **{"relationship_hours": "48", field: value})
    response = browser.post(change, values)
    form = response.context["form"]
    assert response.status_code == 422
    assert form.errors == {field: [error]}
    for name, each in values.items():
        assert form[name].value() == each
    assert policy.rules_of(house.manager).relationship_hours == 24


def test_of_two_managers_the_second_is_told_and_may_save_again(house, browser, change):
    mine = posted(house, cap_days="14")
    browser.post(change, posted(house, cap_days="30"))
    response = browser.post(change, mine)
    assert response.status_code == 409
    assert "Somebody changed the policy" in response.content.decode()
    assert response.context["form"]["cap_days"].value() == "14"
    assert policy.rules_of(house.manager).cap_days == 30
    browser.post(change, mine | {"seen": response.context["seen"]})
    assert policy.rules_of(house.manager).cap_days == 14


def test_a_marketer_reads_it_and_does_not_set_it(house, page, change):
    SendingPolicy.everywhere.update(quiet_weekdays=[6], quiet_dates=[date(2031, 12, 24)])
    browser = factories.browser(house.marketer)
    words = " ".join(browser.get(page).content.decode().split())
    for shown in ("1 letter in 7 days", "09:00 to 18:00", "Sunday", "2031-12-24", "Managers set"):
        assert shown in words
    assert "Save the policy" not in words
    assert browser.post(change, posted(house)).status_code == 403
    with pytest.raises(NotAllowed):
        change_sending_policy(house.marketer, seen="", to=policy.rules_of(house.marketer))


def test_a_workspace_sets_its_own(house):
    other = factories.house(any_hour=False)
    rules = policy.rules_of(house.manager)
    to = policy.Rules(**{name: getattr(rules, name) for name in rules.__slots__} | {"cap_days": 9})
    change_sending_policy(house.manager, seen=rules.digest, to=to)
    assert policy.rules_of(other.manager).cap_days == 7
    with pytest.raises(PolicyChanged):
        change_sending_policy(house.manager, seen=rules.digest, to=rules)


def test_what_waits_for_the_old_hours_is_looked_at_by_the_new_ones(house, browser, change):
    hour = (now() + timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    SendingPolicy.everywhere.update(
        window_opens=hour.time(), window_closes=(hour + timedelta(hours=1)).time()
    )
    delivery = factories.delivery(house)
    claim(house.account.pk)
    delivery.refresh_from_db()
    assert delivery.reason_code == "send_window"
    assert delivery.look_at > now()
    browser.post(change, posted(house, window_opens="00:00", window_closes="00:00"))
    claim(house.account.pk)
    assert Delivery.everywhere.get(pk=delivery.pk).state == "sending"


def test_the_page_is_a_fixed_number_of_queries(house, browser, page):
    browser.get(page)  # what a process remembers is read once
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            browser.get(page)
        counts.append(len(queries))
        factories.house().customer()
        SendingPolicy.everywhere.update(quiet_dates=[date(2031, 12, day) for day in range(1, 20)])
    assert counts[0] == counts[1]
