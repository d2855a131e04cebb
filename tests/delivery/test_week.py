"""The week calendar: each letter in its hour by the reader's clock, and what it says of hours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from outreach.delivery import week_queries
from outreach.delivery.filters import Filters
from outreach.delivery.holds import holds_of
from outreach.delivery.models import Delivery, SendingPolicy
from outreach.ground.clock import now
from tests import factories
from tests.delivery.scheduled import (
    campaign,
    letter,
    moved,
    page,
    paused,
    queries_of,
    unsure,
    waits,
)
from tests.delivery.test_actions import put

LISBON, BERLIN, KIRITIMATI = map(ZoneInfo, ("Europe/Lisbon", "Europe/Berlin", "Pacific/Kiritimati"))
MONDAY = date(2026, 11, 23)


@pytest.fixture
def delivery(house) -> Delivery:
    return factories.delivery(house)


def of(house, first=MONDAY, zone=LISBON, **filters):
    member = house.marketer
    return week_queries.week(member, first, zone, Filters(**filters), holds_of(member, now()))


def entries(week) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """What is shown, by weekday and hour."""
    return {
        (f"{day.day:%a}", f"{slot.start.astimezone(week.zone):%H:%M}"): [
            (entry.kind, entry.words) for entry in slot.entries
        ]
        for day in week.days
        for slot in day.busy
    }


def shown(house, **query):
    client = factories.browser(house.marketer)
    return client.get(page(house, "week"), query)


@pytest.mark.parametrize(
    ("said", "first"),
    [
        ("2026-W48", MONDAY),
        ("2026-W53", date(2026, 12, 28)),
        ("2025-W53", MONDAY),  # that year had none
        ("2026-W00", MONDAY),
        ("0001-W01", MONDAY),
        ("9999-W52", MONDAY),
        ("2026-48", MONDAY),
        ("x", MONDAY),
        ("٢٠٢٦-W٤٨", MONDAY),
        ("", MONDAY),
    ],
)
def test_a_week_is_named_in_the_address_else_it_is_this_one(said, first):
    assert week_queries.week_of(said, date(2026, 11, 27)) == first


@pytest.mark.parametrize("day", [MONDAY, date(2026, 1, 1), date(2027, 1, 3), date(2024, 12, 30)])
def test_a_weeks_name_leads_back_to_it(day):
    first = week_queries.week_of("", day)
    assert first.weekday() == 0
    assert week_queries.week_of(week_queries.week_words(first), date(2000, 1, 1)) == first


def test_each_letter_stands_in_its_hour_by_the_readers_clock(house, delivery):
    moved(delivery, datetime(2026, 11, 26, 17, 20, tzinfo=UTC))
    assert entries(of(house)) == {("Thu", "17:00"): [("leaving", delivery.customer.name)]}
    assert entries(of(house, zone=BERLIN)) == {
        ("Thu", "18:00"): [("leaving", delivery.customer.name)]
    }
    assert list(entries(of(house, zone=KIRITIMATI))) == [("Fri", "07:00")]


def test_what_became_of_letters_is_told_apart(house):
    at = datetime(2026, 11, 24, 10, 5, tzinfo=UTC)
    made = {kind: moved(letter(house), at) for kind in ("sent", "leaving", "waiting", "unsure")}
    put(made["sent"], "sent")
    waits(made["waiting"])
    unsure(made["unsure"])
    cancelled = put(moved(letter(house), at), "cancelled")
    Delivery.everywhere.exclude(pk=cancelled.pk).exclude(state="queued").update(changed_at=at)
    Delivery.everywhere.filter(state="sent").update(sent_at=at)
    (found,) = entries(of(house)).values()
    assert [kind for kind, _ in found] == ["sent", "leaving", "waiting", "unsure"]
    assert dict(found) == {kind: each.customer.name for kind, each in made.items()}
    html = shown(house, week="2026-W48").content.decode()
    for words in ("sent", "on its way", "waiting", "unsure"):
        assert f", {words}" in html  # not by colour alone


def test_an_hour_with_many_letters_is_a_count_that_leads_to_them(house):
    at = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    for number in range(4):
        moved(letter(house), at + timedelta(minutes=number))
    moved(letter(house), at + timedelta(minutes=60))  # the next hour's
    week = of(house)
    assert entries(week)["Tue", "10:00"] == [("leaving", "4 letters")]
    url = week.days[1].busy[0].entries[0].url
    context = factories.browser(house.marketer).get(url).context
    assert len(context["rows"]) == 4


def test_a_count_names_the_campaign_where_all_are_of_one(house):
    at = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    fox = campaign(house)
    for _ in range(4):
        moved(letter(house, of_campaign=fox), at)
    assert entries(of(house))["Tue", "10:00"] == [("leaving", "Fox tee, 4")]
    moved(letter(house), at)
    assert entries(of(house))["Tue", "10:00"] == [("leaving", "5 letters")]


def test_an_hour_counts_no_further_than_anybody_reads(house, monkeypatch):
    monkeypatch.setattr(week_queries, "SLOT_COUNTED", 4)
    for _ in range(5):
        moved(letter(house), datetime(2026, 11, 24, 10, 0, tzinfo=UTC))
    assert entries(of(house))["Tue", "10:00"] == [("leaving", "over 4 letters")]


def test_what_a_pause_holds_waits_here_too(house):
    fox = campaign(house)
    moved(letter(house, of_campaign=fox), datetime(2026, 11, 24, 10, 0, tzinfo=UTC))
    moved(letter(house), datetime(2026, 11, 25, 10, 0, tzinfo=UTC))
    paused(house, fox)
    kinds = {key: kind for key, [(kind, _)] in entries(of(house)).items()}
    assert kinds == {("Tue", "10:00"): "waiting", ("Wed", "10:00"): "leaving"}
    paused(house)
    assert {kind for [(kind, _)] in entries(of(house)).values()} == {"waiting"}


def test_the_hours_shown_reach_from_the_first_letter_to_the_last(house, delivery):
    moved(delivery, datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
    assert of(house).hours == list(range(8, 19))
    moved(letter(house), datetime(2026, 11, 24, 5, 0, tzinfo=UTC))
    moved(letter(house), datetime(2026, 11, 25, 22, 0, tzinfo=UTC))
    assert of(house).hours == list(range(5, 23))


def test_an_hour_that_daylight_saving_skips_is_empty_and_one_that_comes_twice_holds_both(house):
    skipped, twice = date(2026, 3, 29), date(2026, 10, 25)
    one = moved(letter(house), datetime(2026, 10, 25, 0, 30, tzinfo=UTC))  # 01:30 in summer time
    two = moved(letter(house), datetime(2026, 10, 25, 1, 30, tzinfo=UTC))  # 01:30 again
    three = moved(letter(house), datetime(2026, 3, 29, 1, 30, tzinfo=UTC))  # 02:30, 01:30 skipped
    autumn = entries(of(house, first=twice - timedelta(days=6)))
    assert autumn == {
        ("Sun", "01:00"): [("leaving", one.customer.name), ("leaving", two.customer.name)]
    }
    spring = entries(of(house, first=skipped - timedelta(days=6)))
    assert spring == {("Sun", "02:00"): [("leaving", three.customer.name)]}


def test_hours_and_days_on_which_nothing_leaves_are_hinted(house, delivery):
    moved(delivery, datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
    type(house.workspace).objects.filter(pk=house.workspace.pk).update(time_zone="Europe/Lisbon")
    house.marketer.workspace.refresh_from_db()
    SendingPolicy.everywhere.filter(pk=house.workspace.pk).update(
        window_opens="09:30", window_closes="17:00", quiet_weekdays=[6], quiet_dates=["2026-11-25"]
    )
    week = of(house)
    quiet = {
        f"{day.day:%a}": [slot.start.hour for slot in day.slots if slot.quiet] for day in week.days
    }
    all_day = list(range(8, 19))
    assert quiet["Tue"] == [8, 17, 18]
    assert (quiet["Wed"], quiet["Sun"]) == (all_day, all_day)
    assert [day.quiet for day in week.days] == ["", "", "quiet day", "", "", "", "quiet day"]
    assert "between 09:30 and 17:00" in week.rules
    assert "Nothing leaves on Sunday." in week.rules


def test_a_workspace_without_hours_hints_none(house, delivery):
    moved(delivery, datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
    week = of(house)
    assert [slot.quiet for day in week.days for slot in day.slots] == [""] * 77
    assert week.rules == ""


def test_it_can_be_of_one_account_or_campaign(house, delivery):
    at = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    moved(delivery, at)
    fox = campaign(house)
    theirs = moved(letter(house, of_campaign=fox), at)
    assert entries(of(house, campaign=fox.pk)) == {
        ("Tue", "12:00"): [("leaving", theirs.customer.name)]
    }
    assert entries(of(house, account=house.account.pk + 1)) == {}


def test_it_shows_nothing_of_other_workspaces(house, delivery):
    moved(delivery, datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
    stranger = factories.house()
    assert of(stranger).is_empty
    assert of(stranger, account=house.account.pk).is_empty
    client = factories.browser(stranger.administrator)
    assert client.get(page(house, "week")).status_code == 404


def test_one_goes_from_week_to_week_and_back_to_this_one(house):
    here = page(house, "week")
    context = shown(house, week="2026-W53", account="7").context
    assert context["earlier_url"] == f"{here}?week=2026-W52&account=7"
    assert context["later_url"] == f"{here}?week=2027-W01&account=7"
    assert context["this_week_url"] == f"{here}?account=7"
    assert context["is_this_week"] is False
    assert shown(house).context["is_this_week"] is True


def test_it_names_its_time_zone(house, delivery):
    user = house.marketer.user
    user.time_zone = "Asia/Kathmandu"
    user.save()
    html = shown(house).content.decode()
    assert html.count("Asia/Kathmandu") >= 2  # for eyes, and in the table's caption


def test_an_empty_week_teaches_how_a_letter_comes_to_stand_there(house):
    response = shown(house, week="2026-W20")
    assert "No letter in this week" in response.content.decode()
    assert "<table" not in response.content.decode()


def test_a_week_costs_the_same_with_one_letter_three_and_thirty(house):
    client = factories.browser(house.marketer)
    url = page(house, "week")
    found = []
    for wanted in (1, 3, 30):
        while Delivery.everywhere.count() < wanted:
            moved(letter(house), now() + timedelta(minutes=Delivery.everywhere.count()))
        found.append(queries_of(client, url))
    assert found == [found[0]] * 3
