"""The schedule: which letters stand in which tab, with which reason, and what a page costs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from outreach.delivery import schedule_queries
from outreach.delivery.filters import Filters
from outreach.delivery.holds import holds_of
from outreach.delivery.models import AccountPace, Delivery, Pause
from outreach.ground.clock import now
from outreach.x import actions as x
from outreach.x.models import AccountState, XAccount
from tests import factories
from tests.delivery.scheduled import (
    campaign,
    letter,
    moved,
    not_heard,
    page,
    paused,
    queries_of,
    waits,
)
from tests.delivery.test_actions import put

STATES = ["queued", "sending", "sent", "failed", "blocked", "cancelled", "uncertain"]
TABS = {
    "": {"queued", "sending"},
    "waiting": set(),
    "unsure": {"uncertain"},
    "sent": {"sent"},
    "not-sent": {"blocked", "failed", "cancelled"},
}


@pytest.fixture
def delivery(house) -> Delivery:
    return factories.delivery(house)


def shown(house, **query):
    """The schedule as the marketer sees it: its context."""
    return factories.browser(house.marketer).get(page(house, "schedule"), query).context


def ids(context) -> list[int]:
    return [row.id for row in context["rows"]]


def counts(context) -> dict[str, object]:
    return {tab.label: tab.count for tab in context["tabs"]}


@pytest.mark.parametrize("tab", TABS)
def test_each_tab_shows_its_states_and_no_others(house, tab):
    for state in STATES:
        put(factories.delivery(house), state)
    context = shown(house, state=tab)
    assert {row.state for row in context["rows"]} == TABS[tab]
    assert counts(context) == {
        "On their way": 2, "Waiting": 0, "Unsure": 1, "Sent": 1, "Not sent": 3,
    }  # fmt: skip
    assert [item.current for item in context["tabs"]] == [name == tab for name in TABS]


def test_an_unknown_tab_is_the_first(house, delivery):
    context = shown(house, state="x")
    assert ids(context) == [delivery.pk]
    assert [item.current for item in context["tabs"]] == [True, False, False, False, False]


def test_what_has_a_reason_of_its_own_waits_and_says_when_it_is_looked_at_again(house, delivery):
    waits(delivery)
    again = moved(delivery, now() + timedelta(hours=5)).look_at
    assert ids(shown(house)) == []
    (row,) = shown(house, state="waiting")["rows"]
    assert (row.state_words, row.reason) == ("Waiting", "You wrote to Maria lately.")
    assert (row.at_words, row.at) == ("Looked at again", again)


def test_a_paused_account_holds_all_its_letters_at_once(house, delivery):
    later = moved(letter(house), now() + timedelta(days=2))
    x.pause_account(house.manager, house.account.pk)
    context = shown(house, state="waiting")
    assert ids(context) == [delivery.pk, later.pk]
    assert {row.reason for row in context["rows"]} == {"Paused by Ruth Reader."}
    assert counts(context)["On their way"] == 0
    (hold,) = context["holds"]
    assert (hold.title, hold.liftable) == (f"Letters from @{house.account.handle} wait", True)
    x.resume_account(house.manager, house.account.pk)
    assert ids(shown(house, state="waiting")) == []


def test_an_account_that_must_be_connected_again_is_not_resumed_from_here(house, delivery):
    moment = now()
    XAccount.everywhere.filter(pk=house.account.pk).update(
        state=AccountState.DISCONNECTED, disconnected_at=moment
    )
    context = shown(house, state="waiting")
    (hold,) = context["holds"]
    assert (hold.liftable, hold.since) == (False, moment)
    (row,) = context["rows"]
    assert "is not connected to X" in row.reason


def test_what_passes_by_itself_holds_what_is_due_and_nothing_else(house, delivery):
    later = moved(letter(house), now() + timedelta(days=2))
    not_heard(house)
    context = shown(house, state="waiting")
    assert ids(context) == [delivery.pk]
    assert context["rows"][0].reason == "We cannot hear replies just now."
    assert context["rows"][0].at == AccountPace.objects.get().held_until
    assert ids(shown(house)) == [later.pk]


def test_a_pause_that_is_over_holds_nothing_although_no_claim_met_that_yet(house, delivery):
    AccountPace.objects.filter(x_account=house.account).update(
        held_code="paused", held_reason="Paused by Ruth Reader.", held_since=now(), held_until=now()
    )
    assert ids(shown(house)) == [delivery.pk]


def test_a_paused_campaign_holds_its_letters_and_no_others(house, delivery):
    fox = campaign(house)
    held = letter(house, of_campaign=fox)
    paused(house, fox, "Two people said stop.")
    assert ids(shown(house)) == [delivery.pk]
    (row,) = shown(house, state="waiting")["rows"]
    assert (row.id, row.reason, row.campaign) == (held.pk, "Two people said stop.", "Fox tee")


def test_a_paused_workspace_holds_every_letter(house, delivery):
    fox = letter(house, of_campaign=campaign(house))
    stranger = factories.house()
    theirs = factories.delivery(stranger)
    paused(house)
    context = shown(house, state="waiting")
    assert (set(ids(context)), counts(context)["On their way"]) == ({delivery.pk, fox.pk}, 0)
    assert ids(shown(stranger)) == [theirs.pk]


def test_the_operators_pause_holds_every_workspace_and_nobody_there_lifts_it(house, delivery):
    Pause.objects.create(workspace=None, campaign=None, reason="Moving to another machine.")
    paused(house)
    context = shown(house, state="waiting")
    assert [row.reason for row in context["rows"]] == ["Moving to another machine."]
    assert [(hold.kind, hold.liftable) for hold in context["holds"]] == [
        ("everything", False),
        ("workspace", True),
    ]


def test_the_widest_hold_is_named_first_and_the_letters_own_reason_after_it(house, delivery):
    waits(delivery)
    x.pause_account(house.manager, house.account.pk)
    (row,) = shown(house, state="waiting")["rows"]
    assert row.reasons == ["Paused by Ruth Reader.", "You wrote to Maria lately."]
    assert row.at_words == "Not before"


def test_what_leaves_soonest_stands_first_and_what_is_over_newest_first(house):
    made = [letter(house) for _ in range(3)]
    moment = now()
    for number, delivery in enumerate(made):
        moved(delivery, moment + timedelta(hours=[3, 1, 2][number]))
    assert ids(shown(house)) == [made[1].pk, made[2].pk, made[0].pk]
    for delivery in made:
        put(delivery, "sent")
        Delivery.everywhere.filter(pk=delivery.pk).update(changed_at=now())
    assert ids(shown(house, state="sent")) == [made[2].pk, made[1].pk, made[0].pk]


@pytest.mark.parametrize("tab", ["", "waiting", "not-sent"])
def test_every_letter_is_on_one_page_there_and_back(house, monkeypatch, tab):
    monkeypatch.setattr(schedule_queries, "PAGE_SIZE", 2)
    fox = campaign(house)
    paused(house, fox)
    made = [letter(house, of_campaign=fox if number % 2 else None) for number in range(8)]
    for number, delivery in enumerate(made):
        moved(delivery, now() + timedelta(minutes=number))
        if number % 4 == 2:
            waits(delivery)
        if tab == "not-sent":
            put(delivery, ["blocked", "failed", "cancelled"][number % 3])
    expected = len({"": made[::4], "waiting": [*made[1::2], *made[2::4]], "not-sent": made}[tab])
    client, found = factories.browser(house.marketer), []
    url = f"{page(house, 'schedule')}?state={tab}"
    while url:
        context = client.get(url).context
        found.append(ids(context))
        url, last = context["older_url"], url
    assert len({pk for each in found for pk in each}) == sum(map(len, found)) == expected
    back = []
    while last:
        context = client.get(last).context
        back.append(ids(context))
        last = context["newer_url"]
    assert sorted(pk for each in back for pk in each) == sorted(pk for each in found for pk in each)


def test_filters_narrow_every_tab_and_stay_in_the_addresses(house):
    fox = campaign(house)
    other = factories.account(house.workspace)
    one = letter(house, house.customer(name="Ana Prado", handle="anaprado"), of_campaign=fox)
    two = letter(house, house.customer(name="Tom Reyes", handle="tomreyes"))
    assert ids(shown(house, campaign=fox.pk)) == [one.pk]
    assert ids(shown(house, who="tom")) == [two.pk]
    assert ids(shown(house, who="@anaprado")) == [one.pk]
    assert ids(shown(house, account=other.pk)) == []
    context = shown(house, account=house.account.pk, campaign=fox.pk, who="ana")
    assert ids(context) == [one.pk]
    assert counts(context)["On their way"] == 1
    query = f"account={house.account.pk}&campaign={fox.pk}&who=ana"
    assert context["tabs"][1].url == f"{page(house, 'schedule')}?state=waiting&{query}"


def test_a_count_of_the_week_leads_to_the_letters_of_its_hour(house):
    moment = now()
    one = moved(letter(house), moment + timedelta(hours=1))
    moved(letter(house), moment + timedelta(hours=3))
    filters = Filters(since=moment, until=moment + timedelta(hours=2))
    client = factories.browser(house.marketer)
    assert ids(client.get(filters.address(page(house, "schedule"))).context) == [one.pk]


@pytest.mark.parametrize(
    "query",
    [
        {"account": "x"},
        {"account": "-1"},
        {"account": str(2**63)},
        {"account": "9" * 40},
        {"campaign": "٣"},
        {"who": "\x00"},
        {"since": "yesterday"},
        {"since": "0001-01-01T00:00:00+00:00"},
        {"since": "2026-11-27T09:00"},
        {"until": "9999-99-99"},
        {"older": "x~y"},
        {"newer": "\x00~1"},
    ],
)
def test_a_filter_that_cannot_be_read_counts_as_not_said(house, delivery, query):
    assert ids(shown(house, **query)) == [delivery.pk]


@pytest.mark.parametrize(
    ("code", "words"),
    [("not_followed", "Leaves by itself if that changes before"), ("spam", "Since")],
)
def test_what_comes_back_by_itself_says_until_when(house, delivery, code, words):
    put(delivery, "blocked")
    Delivery.everywhere.update(reason_code=code)
    (row,) = shown(house, state="not-sent")["rows"]
    assert (row.at_words, row.at == delivery.leave_by) == (words, words != "Since")


@pytest.mark.parametrize("query", [{"account": 999999}, {"campaign": 999999}, {"who": "zzzz"}])
def test_where_nothing_fits_the_page_says_so_and_leads_on(house, delivery, query):
    response = factories.browser(house.marketer).get(page(house, "schedule"), query)
    assert "No letter fits" in response.content.decode()
    assert response.context["all_url"] == page(house, "schedule")


@pytest.mark.parametrize("tab", TABS)
def test_an_empty_tab_says_what_will_stand_there(house, tab):
    response = factories.browser(house.marketer).get(page(house, "schedule"), {"state": tab})
    assert schedule_queries.EMPTY[tab][0] in response.content.decode()


def test_nothing_is_counted_beyond_what_anybody_counts(house, monkeypatch):
    monkeypatch.setattr(schedule_queries, "MOST_COUNTED", 2)
    for _ in range(2):
        letter(house)
    assert counts(shown(house))["On their way"] == 2
    letter(house)
    assert counts(shown(house))["On their way"] == "over 2"


def test_the_schedule_shows_nothing_of_other_workspaces(house, delivery):
    other = factories.house()
    fox = campaign(house)
    own = factories.delivery(other)
    waits(letter(house, of_campaign=fox))
    paused(house, fox)
    for state in TABS:
        context = shown(other, state=state, campaign=fox.pk)
        assert (ids(context), context["campaign"], context["holds"]) == ([], None, [])
    assert ids(shown(other)) == [own.pk]
    assert ids(shown(other, account=house.account.pk)) == []


def test_a_contradiction_is_shown_wherever_the_letter_is(house, delivery):
    put(delivery, "sent")
    told = "It was called not sent, and X showed it at 09:14."
    Delivery.everywhere.update(contradiction=told)
    client = factories.browser(house.marketer)
    listed = client.get(page(house, "schedule"), {"state": "sent"})
    its_own = client.get(page(house, "letter", delivery.revision.draft_id))
    assert told in listed.content.decode()
    assert told in its_own.content.decode()


# --- rows that live ----------------------------------------------------------------------------


def test_the_page_asks_for_the_rows_that_may_change_and_no_others(house):
    waiting, sent = waits(letter(house)), put(letter(house), "sent")
    client = factories.browser(house.marketer)
    for tab, pk, may_change in (("waiting", waiting.pk, True), ("sent", sent.pk, False)):
        html = client.get(page(house, "schedule"), {"state": tab}).content.decode()
        assert (f'name="ids" value="{pk}"' in html) == may_change


def test_a_row_is_polled_until_none_can_change(house, delivery):
    client = factories.browser(house.marketer, htmx=True)
    url = f"{page(house, 'rows')}?ids={delivery.pk}"
    first = client.get(url)
    assert first.status_code == 200
    assert "<html" not in first.content.decode()
    version = first.context["rows"][0].version
    assert client.get(url).context["rows"][0].version == version
    put(delivery, "sent")
    last = client.get(url)
    assert last.status_code == 286
    assert last.context["rows"][0].version != version
    assert f'id="letter-{delivery.pk}"' in last.content.decode()
    assert counts(last.context)["Sent"] == 1


@pytest.mark.parametrize("asked", ["", "x", "-1", "٣", str(2**63), "9" * 30])
def test_rows_that_are_none_end_the_polling(house, delivery, asked):
    response = factories.browser(house.marketer).get(page(house, "rows"), {"ids": asked})
    assert (response.status_code, response.context["rows"]) == (286, [])


def test_rows_of_another_workspace_are_not_there(house, delivery):
    stranger = factories.house()
    response = factories.browser(stranger.marketer).get(
        page(stranger, "rows"), {"ids": str(delivery.pk)}
    )
    assert response.context["rows"] == []
    assert delivery.text not in response.content.decode()


# --- who may what, and what it costs -----------------------------------------------------------


@pytest.mark.parametrize("role", ["marketer", "manager", "administrator"])
def test_only_managers_are_offered_to_pause_and_to_resume(house, delivery, role):
    paused(house, campaign(house))
    response = factories.browser(getattr(house, role)).get(page(house, "schedule"))
    text = response.content.decode()
    may = role != "marketer"
    assert ("Pause…" in text, "Resume<" in text) == (may, may)
    assert "Paused by Ruth Reader." in text


def test_what_is_paused_is_not_offered_to_be_paused(house, delivery):
    fox = campaign(house)
    client = factories.browser(house.manager)

    def offered() -> list[str]:
        context = client.get(page(house, "schedule"), {"campaign": fox.pk}).context
        return [each["words"] for each in context["pausable"]]

    account = f"Pause letters from @{house.account.handle}"
    assert offered() == ["Pause the campaign Fox tee", account, "Pause all letters"]
    x.pause_account(house.manager, house.account.pk)
    paused(house, fox)
    paused(house)
    assert offered() == []


@pytest.mark.parametrize("query", [{}, {"state": "waiting"}, {"state": "not-sent"}])
def test_the_schedule_costs_the_same_with_one_three_and_thirty(house, query):
    client = factories.browser(house.manager)
    url = page(house, "schedule")
    fox = campaign(house)
    paused(house, fox)
    found = []
    for wanted in (1, 3, 30):
        while Delivery.everywhere.count() < wanted * 3:
            letter(house, of_campaign=fox)
            letter(house)
            put(letter(house), "blocked")
        url = f"{page(house, 'schedule')}?state={query.get('state', '')}"
        found.append(queries_of(client, url))
    assert found == [found[0]] * 3


def test_polled_rows_cost_the_same_with_one_and_three(house):
    client = factories.browser(house.manager, htmx=True)
    first = letter(house)
    one = queries_of(client, f"{page(house, 'rows')}?ids={first.pk}")
    three = "&".join(f"ids={letter(house, of_campaign=campaign(house)).pk}" for _ in range(3))
    assert queries_of(client, f"{page(house, 'rows')}?{three}") == one


def test_a_search_costs_the_same_whomever_it_finds(house):
    client = factories.browser(house.manager)
    url = f"{page(house, 'schedule')}?who=maria"
    letter(house)
    first = queries_of(client, url)
    for _ in range(3):
        letter(house)
    assert queries_of(client, url) == first


def test_holds_are_read_in_three_queries(house, django_assert_num_queries):
    for number in range(3):
        paused(house, campaign(house, f"Fox {number}"))
    moment = now()
    with django_assert_num_queries(3):
        assert len(list(holds_of(house.marketer, moment))) == 3


# --- the forecast ------------------------------------------------------------------------------


def test_a_row_says_when_its_letter_will_leave_given_what_is_before_it(house, settings):
    settings.X_ACCOUNT_WINDOWS = [(1, 900)]
    made = [letter(house) for _ in range(3)]
    first, second, third = shown(house)["rows"]
    assert [row.id for row in (first, second, third)] == [each.pk for each in made]
    assert [row.at_words for row in (first, second, third)] == ["Leaves about"] * 3
    assert timedelta(minutes=15) <= second.at - first.at < timedelta(minutes=16)
    assert timedelta(minutes=15) <= third.at - second.at < timedelta(minutes=16)
    assert (first.reason, second.reason) == ("", third.reason)
    assert second.reason.startswith("X allows an account only so many")


def test_a_letter_that_will_be_too_late_says_so_in_time(house, settings):
    settings.X_ACCOUNT_WINDOWS = [(1, 900)]
    made = [letter(house) for _ in range(2)]
    soon = now() + timedelta(minutes=5)
    Delivery.everywhere.filter(pk=made[1].pk).update(leave_by=soon)
    _, late = shown(house)["rows"]
    assert (late.at_words, late.at) == ("Would be too late", soon)


def test_a_line_says_when_the_last_letter_leaves_and_what_they_cost(house, settings):
    settings.X_ACCOUNT_WINDOWS = [(1, 900)]
    fox = campaign(house)
    for number in range(3):
        letter(house, of_campaign=fox if number else None)
    client = factories.browser(house.marketer, htmx=True)
    every = client.get(page(house, "forecast"))
    assert (every.context["group"].leave, every.context["price"][0]) == (3, "$")
    assert "<html" not in every.content.decode()
    some = client.get(page(house, "forecast"), {"campaign": fox.pk})
    assert some.context["group"].leave == 2
    assert float(every.context["price"][1:]) > float(some.context["price"][1:])


def test_the_line_of_another_workspaces_campaign_is_not_there(house):
    fox = campaign(house)
    stranger = factories.house()
    client = factories.browser(stranger.administrator, htmx=True)
    assert client.get(page(stranger, "forecast"), {"campaign": fox.pk}).status_code == 404
