"""The schedule and the week, as people use them: filters, times, pauses, decisions, the keyboard."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, expect

from outreach.demo import cast
from outreach.demo.letters import FILMS
from tests.e2e.accessibility import look_at
from tests.e2e.house import GOOD, Person, Visitor
from tests.e2e.test_keyboard import in_order, stops

pytestmark = pytest.mark.e2e

UNTIL_POLLED = 20_000  # ms: rows are looked at again every few seconds
UNSURE = "anaprado"


def typed(days: int, clock: str = "09:30") -> str:
    """A day and a time as the form takes them, by Jo's clock."""
    day = datetime.now(ZoneInfo(cast.JO.time_zone)).date() + timedelta(days=days)
    return f"{day}T{clock}"


def scheduled(jo: Visitor, ruth: Visitor, person: Person, at: str) -> int:
    """An approved letter to `person` that leaves then; return its number."""
    number = jo.begin(person)
    jo.write(GOOD)
    # What is typed saves itself; a submission meets no save under way.
    with jo.page.expect_response(re.compile(r"/read/$")):
        jo.page.get_by_label("Leave at").fill(at)
    jo.submit()
    ruth.approve(person)
    return number


def row_of(visitor: Visitor, person: Person) -> Locator:
    return visitor.page.locator("main tbody tr", has_text=f"@{person.handle}")


def seek(visitor: Visitor, person: Person, tab: str = "") -> Locator:
    """The row of the letter to `person`, on a page that shows nobody else's."""
    visitor.goto(f"schedule/?state={tab}&who={person.handle}")
    row = row_of(visitor, person)
    expect(row).to_have_count(1)
    return row


@pytest.fixture
def person(crowd) -> Person:
    return next(crowd)


def test_a_letter_gets_another_time_and_the_list_shows_it(jo, ruth, watch, person):
    scheduled(jo, ruth, person, typed(2))
    seek(jo, person).get_by_role("link", name=re.compile("^New time")).click()
    field = jo.page.get_by_label("Day and time")
    expect(field).to_have_value(typed(2))
    with watch.expect_status(422):
        field.fill("2020-01-01T09:00")
        jo.button("Set the time").click()
        expect(jo.page.locator("[data-error-summary]")).to_be_focused()
    expect(field).to_have_value("2020-01-01T09:00")
    look_at(jo.page, "a new time, refused")
    field.fill(typed(3, "11:15"))
    look_at(jo.page, "a new time")
    jo.button("Set the time").click()
    expect(jo.said).to_contain_text(f"The letter to {person.name} leaves ")
    assert f"who={person.handle}" in jo.page.url
    at = row_of(jo, person).locator("td.at time")
    assert datetime.fromisoformat(at.get_attribute("datetime") or "").strftime("%H:%M") == "11:15"


def test_a_letter_is_cancelled_in_its_row_and_the_sentence_has_the_focus(jo, ruth, person):
    scheduled(jo, ruth, person, typed(2))
    row = seek(jo, person)
    row.locator("summary").click()
    expect(row).to_contain_text(f"{person.name} will not get this letter")
    look_at(jo.page, "about to cancel in the list")
    row.get_by_role("button", name=re.compile("^Cancel the letter")).click()
    expect(row).to_have_count(0)
    expect(jo.said).to_have_text(f"The letter to {person.name} is cancelled; it does not leave.")
    expect(jo.said).to_be_focused()
    expect(seek(jo, person, "not-sent")).to_contain_text(f"Cancelled by {cast.JO.name}.")


def test_it_works_without_scripts(jo, ruth, visit, person):
    scheduled(jo, ruth, person, typed(2))
    plain = visit("jo", java_script_enabled=False)
    row = seek(plain, person)
    row.locator("summary").click()
    row.get_by_role("button", name=re.compile("^Cancel the letter")).click()
    expect(plain.said).to_have_text(f"The letter to {person.name} is cancelled; it does not leave.")
    assert f"who={person.handle}" in plain.page.url
    expect(plain.page.get_by_role("heading", name="No letter fits")).to_be_visible()


def test_a_row_lives_but_not_under_somebodys_hands(jo, ruth, visit, person):
    scheduled(jo, ruth, person, typed(2))
    row, other = seek(jo, person), visit("jo")
    used = seek(other, person)
    used.locator("summary").click()
    asked = used.get_by_role("button", name=re.compile("^Cancel the letter"))
    expect(asked).to_be_visible()

    hers = seek(ruth, person)
    hers.locator("summary").click()
    hers.get_by_role("button", name=re.compile("^Cancel the letter")).click()
    expect(ruth.said).to_contain_text("is cancelled")

    expect(row.locator(".chip")).to_have_text("Not sent", timeout=UNTIL_POLLED)
    expect(row).to_contain_text(f"Cancelled by {cast.RUTH.name}.")
    expect(asked).to_be_visible()  # its question is open, so it was left alone
    asked.click()
    expect(other.said).to_contain_text("so there is nothing to cancel")


def test_what_a_manager_pauses_waits_everywhere_until_it_is_resumed(jo, ruth, person):
    scheduled(jo, ruth, person, typed(2))
    row = seek(jo, person)
    ruth.goto("schedule/")
    try:
        ruth.page.locator("#pausing summary").click()
        look_at(ruth.page, "about to pause")
        ruth.button("Pause all letters").click()
        expect(ruth.said).to_contain_text("All letters are paused.")
        expect(ruth.page.locator("#holds")).to_contain_text(f"paused by {cast.RUTH.name}")
        # Where it is looked at, it is said at the next look; nobody there may resume it.
        expect(row.locator(".chip")).to_have_text("Waiting", timeout=UNTIL_POLLED)
        expect(jo.page.locator("#holds")).to_contain_text("All letters are paused")
        expect(jo.page.get_by_role("button", name=re.compile("^Resume"))).to_have_count(0)
        look_at(jo.page, "the schedule, paused")
        jo.goto("")
        look_at(jo.page, "Today, paused", whole=True)
    finally:
        ruth.goto("schedule/")
        ruth.page.get_by_role("button", name=re.compile("^Resume ?: All letters")).click()
        expect(ruth.page.locator("#holds")).not_to_contain_text("All letters are paused")
    expect(ruth.said).to_have_text("Letters leave again.")


def test_a_campaign_is_paused_resumed_and_asks_before_it_is_cancelled(ruth):
    ruth.goto("schedule/")
    ruth.page.get_by_label("Of which campaign").select_option(FILMS)
    ruth.button("Filter").click()
    ruth.page.locator("#pausing summary").click()
    ruth.button(f"Pause the campaign {FILMS}").click()
    expect(ruth.said).to_have_text("The campaign is paused. Its letters wait.")
    ruth.page.get_by_role("link", name=re.compile("^Waiting")).click()
    expect(ruth.page.locator("tbody tr")).to_have_count(2)
    expect(ruth.page.locator("tbody tr").first).to_contain_text(FILMS)
    ruth.page.get_by_role("button", name=re.compile("^Resume")).click()
    expect(ruth.said).to_have_text("The campaign’s letters leave again.")
    expect(ruth.page.locator("tbody tr")).to_have_count(0)
    ruth.link("Cancel what has not left").click()
    expect(ruth.page.get_by_text("2 letters will not be sent")).to_be_visible()
    look_at(ruth.page, "about to cancel a campaign")
    ruth.link("Keep them").click()
    expect(ruth.page.get_by_label("Of which campaign")).to_have_value(re.compile(r"\d+"))


def test_an_unsure_letter_explains_itself_and_leads_to_the_conversation(jo, ruth):
    for visitor, may in ((jo, False), (ruth, True)):
        visitor.goto(f"schedule/?state=unsure&who={UNSURE}")
        visitor.page.locator("tbody a.row-link").click()
        unsure = visitor.page.locator("#unsure")
        expect(unsure).to_contain_text("X was called")
        expect(visitor.button("It arrived")).to_have_count(int(may))
        look_at(visitor.page, "an unsure letter")
    again = unsure.locator("summary")
    again.click()
    expect(unsure).to_contain_text("gets the same letter twice")
    look_at(ruth.page, "about to send it again")
    again.click()
    ruth.link("Open the conversation at X").click()
    ruth.page.wait_for_url(re.compile(rf"/phone/{cast.HANDLE}/with/{UNSURE}/"))
    expect(ruth.page.locator("#messages")).to_contain_text("one more thing")


def test_a_search_narrows_the_list_as_one_types_and_stays_in_the_address(jo, ruth, person):
    scheduled(jo, ruth, person, typed(2))
    jo.goto("schedule/")
    jo.page.keyboard.press("/")
    who = jo.page.get_by_label("Name or handle of who gets it")
    expect(who).to_be_focused()
    who.press_sequentially(person.handle)
    expect(jo.page.locator("tbody tr")).to_have_count(1)
    expect(row_of(jo, person)).to_be_visible()
    expect(who).to_be_focused()
    expect(jo.page).to_have_url(re.compile(rf"who={person.handle}"))
    jo.page.reload()
    expect(row_of(jo, person)).to_be_visible()
    who.fill("nobody-at-all")
    expect(jo.page.get_by_role("heading", name="No letter fits")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_week_shows_a_letter_in_its_hour_and_leads_to_it(jo, ruth, visit, person, width):
    at = typed(7, "16:20")
    number = scheduled(jo, ruth, person, at)
    at_hers = visit("jo", viewport={"width": width, "height": 844})
    year, week, _ = datetime.fromisoformat(at).isocalendar()
    at_hers.goto("schedule/week/")
    this = at_hers.link("This week")
    expect(this).to_have_attribute("aria-current", "date")
    at_hers.link("Later").click()
    at_hers.page.wait_for_url(re.compile(rf"week={year}-W{week:02}"))
    shape = ".week" if width > 700 else ".days"
    slot = at_hers.page.locator(f"{shape} a.slot.leaving", has_text=person.name)
    expect(slot).to_be_visible()
    if width > 700:
        hour = slot.locator("xpath=ancestor::tr/th")
        expect(hour).to_have_text("16:00")
    at_hers.page.set_viewport_size({"width": 1280, "height": 900})
    look_at(at_hers.page, "a week with letters")  # which cuts it short
    at_hers.page.set_viewport_size({"width": width, "height": 844})
    at_hers.page.reload()
    slot.click()
    at_hers.page.wait_for_url(re.compile(rf"/letters/{number}/$"))


def test_an_empty_week_says_how_to_fill_it(jo):
    jo.goto("schedule/week/?week=2031-W20")
    expect(jo.page.get_by_role("heading", name="No letter in this week")).to_be_visible()
    look_at(jo.page, "an empty week")


@pytest.mark.parametrize("width", [1280, 390])
def test_tab_leads_through_the_schedule_in_order(visit, width):
    ruth = visit("ruth", viewport={"width": width, "height": 844})
    ruth.goto("schedule/?state=not-sent")
    found = stops(ruth)
    wanted = ["Week", "Pause…", "Name or handle of who gets it", "Filter"]
    assert in_order(found, *wanted) == wanted
    tabs = [name for name in found if name.startswith(("On their way", "Not sent"))]
    assert len(tabs) == 2


def test_a_pause_is_made_and_lifted_by_the_keyboard_alone(ruth):
    ruth.goto("schedule/")
    ruth.page.locator("#pausing summary").focus()
    ruth.page.keyboard.press("Enter")
    button = ruth.button(f"Pause letters from @{cast.HANDLE}")
    expect(button).to_be_visible()
    ruth.page.keyboard.press("Escape")
    expect(button).to_be_hidden()
    ruth.page.keyboard.press("Enter")
    ruth.page.keyboard.press("Tab")
    expect(button).to_be_focused()
    ruth.page.keyboard.press("Enter")
    expect(ruth.said).to_be_focused()
    try:
        expect(ruth.said).to_have_text("The account is paused. Its letters wait.")
    finally:
        resume = ruth.page.get_by_role("button", name=re.compile("^Resume ?: @"))
        resume.focus()
        ruth.page.keyboard.press("Enter")
        expect(ruth.said).to_have_text("The account sends again.")
