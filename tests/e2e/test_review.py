"""What author and managers do with a letter between them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from outreach.demo import cast
from tests.e2e.house import GOOD, sign_in

pytestmark = pytest.mark.e2e

BETTER = GOOD.replace("so we filmed it", "so on Monday we filmed it")


@pytest.fixture
def person(crowd):
    return next(crowd)


@pytest.fixture
def ruth_anew(visit):
    """Ruth in a new session: where an approval can be undone, keys rest for a moment."""
    ruth = visit()
    sign_in(ruth.page, cast.RUTH.email)
    return ruth


def test_a_requested_change_comes_back_mended_and_the_difference_is_shown(jo, ruth_anew, person):
    ruth = ruth_anew
    draft = jo.submitted(person)
    ruth.open_review(person)
    ruth.page.keyboard.press("c")
    comment = ruth.page.get_by_label("A word to its author")
    expect(comment).to_be_focused()
    expect(ruth.page.locator("#needs-hint")).to_have_text(
        "Say what to change, then request changes"
    )
    comment.fill("Say when you filmed it. Otherwise lovely, aqua & xylem included.")
    ruth.page.get_by_role("button", name="Request changes").click()
    expect(ruth.said).to_have_text(f"Sent back with your word: the letter to {person.name}.")

    jo.goto("")
    waiting = jo.page.locator("li").filter(has=jo.page.get_by_text(person.name)).first
    waiting.get_by_role("link").click()
    jo.page.wait_for_url(re.compile(rf"/compose/{draft}/$"))
    asked = jo.page.locator(".notice", has_text=f"{cast.RUTH.name} asks for a change")
    expect(asked).to_contain_text(
        "Say when you filmed it. Otherwise lovely, aqua & xylem included."
    )
    jo.words.fill(BETTER)
    jo.submit()

    ruth.open_review(person)
    added = ruth.page.locator(".words ins")
    assert [text.removeprefix("added: ") for text in added.all_text_contents()] == ["on Monday "]
    expect(ruth.page.locator(".words del")).to_have_count(0)
    ruth.approve_button.click()
    expect(ruth.undo_offer).to_be_visible()


def test_an_approval_is_undone_within_ten_seconds(jo, ruth, person):
    jo.submitted(person)
    revision = ruth.approve(person)
    jo.page.reload()
    expect(jo.state).to_have_text("On its way")
    ruth.page.keyboard.press("u")
    ruth.page.wait_for_url(re.compile(rf"/review/{revision}/$"))
    expect(ruth.said).to_have_text("The approval is undone; the letter is in review again.")
    expect(ruth.approve_button).to_be_visible()
    jo.page.reload()
    expect(jo.state).to_have_text("In review")


def test_a_rejected_letter_tells_its_author_why(jo, ruth_anew, person):
    ruth = ruth_anew
    jo.submitted(person)
    ruth.open_review(person)
    ruth.page.keyboard.press("x")
    comment = ruth.page.get_by_label("A word to its author")
    expect(comment).to_be_focused()
    comment.fill("They asked for the heron.")
    ruth.page.get_by_role("button", name="Reject").click()
    expect(ruth.said).to_have_text(f"Rejected: the letter to {person.name}.")
    expect(jo.state).to_have_text("Rejected")
    jo.page.reload()
    expect(jo.page.get_by_role("main")).to_contain_text("They asked for the heron.")
    expect(jo.page.get_by_role("main").get_by_text("Edit", exact=True)).to_have_count(0)


def test_its_author_takes_an_approved_letter_back_before_it_leaves(jo, ruth, person, outreach):
    draft = jo.submitted(person)
    ruth.approve(person)
    jo.page.reload()
    jo.page.get_by_text("Edit", exact=True).click()
    jo.button("Give up the approval and edit").click()
    jo.page.wait_for_url(re.compile(rf"/compose/{draft}/$"))
    expect(jo.words).to_have_value(GOOD)
    jo.goto("schedule/?state=not-sent")
    row = jo.page.locator("tr").filter(has=jo.link(person.name))
    expect(row.locator(".chip")).to_have_text("Not sent")
    expect(row).to_contain_text("Its author took it back to edit it.")
    ruth.page.goto(f"{outreach.sandbox_url}/phone/{person.handle}/with/{cast.HANDLE}/")
    expect(ruth.page.locator("#messages .bubble.theirs").filter(has_text="fox")).to_have_count(0)


def test_two_managers_never_decide_on_the_same_words(jo, ruth, visit, person, watch):
    jo.submitted(person)
    sam = visit("sam")
    revision = ruth.open_review(person)
    sam.open_review(person)
    ruth.approve_button.click()
    expect(ruth.undo_offer).to_contain_text(f"Approved: the letter to {person.name}.")
    with watch.expect_status(409):
        sam.page.keyboard.press("a")
        expect(sam.page.locator("[data-error-summary]")).to_contain_text(
            f"{cast.RUTH.name} decided on this letter: Approved."
        )
    expect(sam.page.locator("[data-error-summary]")).to_be_focused()
    assert sam.page.url.endswith(f"/review/{revision}/")
    expect(sam.approve_button).to_have_count(0)


def test_nobody_decides_on_their_own_words(ruth):
    ruth.goto("review/")
    own = ruth.page.locator("main li", has_text="Yours: somebody else decides")
    expect(own).to_have_count(1)
    own.get_by_role("link").click()
    ruth.page.wait_for_url(re.compile(r"/review/\d+/$"))
    expect(ruth.page.get_by_text("You wrote this, so somebody else decides.")).to_be_visible()
    expect(ruth.approve_button).to_have_count(0)
    path = ruth.page.url.partition("/w/demo/")[2]
    assert ruth.post(path, decision="approve", sha256="0" * 64) == 403


def test_an_author_can_neither_open_nor_post_to_the_review_of_their_letter(jo, ruth, person):
    jo.submitted(person)
    revision = ruth.open_review(person)
    digest = ruth.page.locator("[name=sha256]").input_value()
    expect(jo.page.get_by_role("navigation", name="Main").get_by_text("Review")).to_have_count(0)
    expect(jo.approve_button).to_have_count(0)
    assert jo.post(f"review/{revision}/", decision="approve", sha256=digest) == 403
    jo.goto(f"review/{revision}/", status=403)
    expect(jo.page.get_by_role("main")).to_contain_text(
        "Only a manager may decide on letters. You are here as a marketer."
    )
