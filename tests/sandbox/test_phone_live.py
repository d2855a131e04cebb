"""The phone in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import launch_options
from tests.sandbox.test_oauth import ASKED, BACK

BRAND, ANN = 1, 2
TALK = "/phone/ann/with/brand/"
CONSENT = f"/i/oauth2/authorize?{urlencode(ASKED)}"

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        options: Any = launch_options()
        browser = playwright.chromium.launch(**options)
        yield browser
        browser.close()


@pytest.fixture
def world(sandbox):
    sandbox.add_user(BRAND, "brand", "Thread & Ink")
    sandbox.add_user(ANN, "ann", "Ann River")
    sandbox.befriend(BRAND, ANN)
    sandbox.write(BRAND, ANN, "Hello Ann")
    return sandbox


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page on which any complaint of the browser fails the test."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def test_a_message_arrives_while_one_looks_and_is_announced_once(world, page):
    page.goto(world.base_url + TALK)
    expect(page.locator(".bubble")).to_have_count(1)
    page.get_by_label("Message to Thread & Ink").fill("half a sent")
    token = world.issue_token(BRAND)
    sent = {"text": "The proof is <b>dry</b>"}
    world.api("POST", f"/2/dm_conversations/with/{ANN}/messages", token, json=sent)
    expect(page.locator(".bubble")).to_have_count(2)
    expect(page.locator(".bubble .words").last).to_have_text("The proof is <b>dry</b>")
    expect(page.get_by_role("status")).to_have_text(
        "New message from Thread & Ink: The proof is <b>dry</b>"
    )
    # What is being typed stays, and the cursor stays in it.
    expect(page.get_by_label("Message to Thread & Ink")).to_have_value("half a sent")
    expect(page.get_by_label("Message to Thread & Ink")).to_be_focused()


def test_an_answer_is_written_with_the_keyboard_alone(world, page):
    page.goto(world.base_url + TALK)
    page.get_by_label("Message to Thread & Ink").focus()
    page.keyboard.type("Which paper is it on?")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".bubble.mine .words")).to_have_text("Which paper is it on?")
    assert [dm["text"] for dm in world.dms(BRAND)] == ["Hello Ann", "Which paper is it on?"]


def test_a_new_conversation_appears_in_the_list(world, page):
    world.add_user(3, "other", "Other Brand")
    page.goto(f"{world.base_url}/phone/ann/")
    expect(page.locator(".who")).to_have_count(1)
    world.write(3, ANN, "Good morning")
    expect(page.locator(".who")).to_have_count(2)
    page.get_by_role("link", name="Other Brand").click()
    expect(page.locator(".bubble .words")).to_have_text("Good morning")


@pytest.mark.parametrize(("button", "told"), [("Authorize app", "code="), ("Cancel", "error=")])
def test_the_consent_page_leads_back_to_the_app(world, page, button, told):
    page.route(f"{BACK}**", lambda route: route.fulfill(body="The app"))
    page.goto(world.base_url + CONSENT)
    page.get_by_role("radio", name="Thread & Ink").check()
    page.get_by_role("button", name=button).click()
    page.wait_for_url(f"{BACK}**")
    assert told in page.url


def test_the_control_page_changes_the_world(world, page):
    page.goto(f"{world.base_url}/_sandbox/")
    page.get_by_label("Beginning of a name or handle").fill("riv")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Ann River").click()
    page.get_by_role("button", name="Close DMs").click()
    expect(page.get_by_role("button", name="Open DMs")).to_be_visible()
    token = world.issue_token(BRAND)
    sent = world.api("POST", f"/2/dm_conversations/with/{ANN}/messages", token, json={"text": "x"})
    assert sent.status_code == 403


def test_it_works_without_a_script(world, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{world.base_url}/phone/")
    page.get_by_role("link", name="Ann River").click()
    page.get_by_role("link", name="Thread & Ink").click()
    page.get_by_label("Message to Thread & Ink").fill("Hello")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".bubble")).to_have_count(2)
    world.write(BRAND, ANN, "Again")
    page.get_by_role("link", name="Look for new messages").click()
    page.reload()
    expect(page.locator(".bubble")).to_have_count(3)
    page.get_by_role("button", name="Stop following Thread & Ink").click()
    expect(page.get_by_role("button", name="Follow Thread & Ink")).to_be_visible()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_and_nothing_is_cut_off(world, browser, scheme, width):
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    world.write(ANN, BRAND, "W" * 300)
    token = world.issue_token(BRAND)
    world.api("GET", "/2/dm_events", token)
    world.control("faults", rules=[{"endpoint": "users", "fault": "error_after"}])
    world.api("GET", "/2/users?ids=1", token)
    desk = ("/_sandbox/", "/_sandbox/people/ann", "/_sandbox/people/brand")
    phones = ("/phone/", "/phone/ann/", TALK, "/phone/ann/find?to=nobody", "/phone/nobody/")
    for path in (*phones, "/phone/brand/", CONSENT, *desk):
        page.goto(world.base_url + path)
        found = Axe().run(page).response["violations"]
        assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []
        wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        assert (path, wide) == (path, False)
    context.close()
