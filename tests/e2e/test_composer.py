"""No word is lost, whatever happens while one writes."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Response, expect

from outreach.demo import cast
from tests.e2e.house import GOOD, Visitor

pytestmark = pytest.mark.e2e

OTHER = "Hi {first_name|there}, would you like the heron, free?"
# What the textarea and the layer of marks behind it must share, or the marks lie beside the words.
TYPE = (
    "font", "letterSpacing", "wordSpacing", "lineHeight", "textIndent", "whiteSpaceCollapse",
    "overflowWrap", "paddingTop", "paddingLeft", "paddingRight", "tabSize", "direction",
)  # fmt: skip


# What the browser and htmx say in the console when no answer comes.
NO_ANSWER = ("net::ERR_CONNECTION_REFUSED", "htmx:sendError", "htmx:afterRequest")


@pytest.fixture
def person(crowd):
    return next(crowd)


def test_two_tabs_on_one_letter_lose_nothing(jo, watch, person):
    jo.begin(person)
    other = Visitor(jo.page.context.new_page(), watch)
    other.page.goto(jo.page.url)
    jo.write(GOOD)
    with watch.expect_status(409):
        assert other.write(OTHER).status == 409
        conflict = other.page.locator("#conflict [role=alert]")
        expect(conflict).to_contain_text("Not saved")
        expect(conflict).to_contain_text("saved in another tab or on another device")
        expect(other.words).to_have_value(OTHER)

    # Nothing was overwritten, and what was typed is kept in the browser meanwhile.
    jo.page.reload()
    expect(jo.words).to_have_value(GOOD)
    other.button("Keep these words").click()
    other.page.wait_for_load_state()
    expect(other.page.locator("#conflict [role=alert]")).to_have_count(0)
    expect(other.words).to_have_value(OTHER)
    with watch.expect_status(409):
        assert jo.write(GOOD).status == 409
        jo.link("Take the other version").click()
    expect(jo.words).to_have_value(OTHER)
    expect(jo.page.locator("#unsaved")).to_be_hidden()


def _keeps_their_time(answer: Response) -> bool:
    """Whether it is the answer to the form as it is by then: 'Saved' may be of what was before."""
    sent = answer.request.post_data or ""
    return answer.url.endswith("/read/") and "=2031-12-24T20" in sent and "=theirs" in sent


def test_a_time_to_leave_is_said_by_both_clocks_as_it_is_chosen(jo, person):
    jo.begin(person)
    leaves = jo.page.locator("#leaves")
    expect(leaves).to_contain_text("About 3 cents to X.")
    jo.page.get_by_label("Leave at").fill("2031-12-24T20:30")
    with jo.page.expect_response(_keeps_their_time):
        jo.page.get_by_label(re.compile("Their time")).check()
    expect(leaves).to_contain_text("Wednesday 24 December, 20:30 in")
    expect(leaves).to_contain_text("Approved before then, it leaves then.")
    jo.page.reload()
    expect(jo.page.get_by_label("Leave at")).to_have_value("2031-12-24T20:30")
    expect(jo.page.get_by_label(re.compile("Their time"))).to_be_checked()
    expect(leaves).to_contain_text("Wednesday 24 December, 20:30 in")


def test_words_typed_while_the_server_is_away_are_saved_when_it_is_back(jo, watch, person):
    jo.begin(person)
    reads = re.compile(r"/read/$")
    jo.page.route(reads, lambda route: route.abort("connectionrefused"))
    with watch.expect_words(*NO_ANSWER):
        jo.words.fill(GOOD)
        unsaved = jo.page.locator("#unsaved")
        expect(unsaved).to_contain_text(
            "Not saved yet: the server did not answer. Your words are kept in this browser."
        )
        expect(jo.page.locator("#saved")).to_have_text("Not saved yet")
        jo.page.unroute(reads)
        jo.button("Try again").click()
        expect(unsaved).to_be_hidden()
    expect(jo.page.locator("#saved")).to_have_text(re.compile("Saved now"))
    jo.page.reload()
    expect(jo.words).to_have_value(GOOD)
    expect(jo.page.locator("#unsaved")).to_be_hidden()


def test_a_page_left_while_the_server_is_away_offers_its_words_again(jo, watch, person):
    jo.begin(person)
    reads = re.compile(r"/read/$")
    jo.page.route(reads, lambda route: route.abort("connectionrefused"))
    with watch.expect_words(*NO_ANSWER):
        jo.words.fill(GOOD)
        expect(jo.page.locator("#unsaved")).to_be_visible()
        # The browser asks whether to leave; this person leaves all the same.
        jo.page.once("dialog", lambda dialog: dialog.accept())
        jo.page.reload()
    jo.page.unroute(reads)
    expect(jo.words).to_have_value("")
    expect(jo.page.locator("[data-unsaved-quote]")).to_have_text(GOOD.replace("\n", " "))
    with jo.page.expect_response(reads):
        jo.button("Put them back").click()
    expect(jo.words).to_have_value(GOOD)
    expect(jo.page.locator("#saved")).to_have_text(re.compile("Saved now"))


def test_a_session_that_ends_while_one_writes_keeps_the_words(jo, person):
    jo.begin(person)
    composer = jo.page.url
    jo.page.context.clear_cookies()
    answer = jo.write(GOOD)
    assert answer.status == 204
    assert answer.headers["hx-redirect"].startswith("/sign-in/?next=/w/demo/compose/")
    jo.page.wait_for_url(re.compile("/sign-in/"))
    jo.page.get_by_label("E-mail").fill(cast.JO.email)
    jo.page.get_by_label("Password").fill(cast.PASSWORD)
    jo.page.get_by_role("button", name="Sign in").click()
    jo.page.wait_for_url(composer)
    expect(jo.page.locator("[data-unsaved-quote]")).to_have_text(GOOD.replace("\n", " "))
    with jo.page.expect_response(re.compile(r"/read/$")):
        jo.button("Put them back").click()
    jo.page.reload()
    expect(jo.words).to_have_value(GOOD)


def test_marks_lie_under_the_very_words(jo, person):
    jo.begin(person)
    words = "👩‍🎨 Hi {first_name|there},\n\n" + "a long line of ordinary words " * 6 + "bit.ly/fox"
    jo.write(words)
    mark = jo.page.locator("[data-layer] mark.f-block, [data-layer] mark.f-mend").last
    expect(mark).to_have_text("bit.ly/fox")
    layer = jo.page.locator("[data-layer]")
    assert layer.text_content() == words + "\u200b"
    measure = "(element, names) => names.map((name) => getComputedStyle(element)[name])"
    assert layer.evaluate(measure, TYPE) == jo.words.evaluate(measure, TYPE)
    box = "(e) => [e.getBoundingClientRect().x, e.getBoundingClientRect().y, e.clientWidth]"
    assert layer.evaluate(box) == jo.words.evaluate(box)


def test_a_fix_is_made_on_one_press_and_taken_back_by_the_browsers_own_undo(jo, person):
    jo.begin(person)
    loud = "Hi {first_name|there}, the fox is here!!! Shall I show you?"
    jo.write(loud)
    with jo.page.expect_response(re.compile(r"/read/$")):
        jo.page.get_by_role("button", name=re.compile("^Keep one !")).click()
    expect(jo.words).to_have_value(loud.replace("!!!", "!"))
    expect(jo.words).to_be_focused()
    with jo.page.expect_response(re.compile(r"/read/$")):
        jo.page.keyboard.press("Control+z")
    expect(jo.words).to_have_value(loud)


def test_what_the_server_refuses_is_said_at_the_field_and_nothing_typed_is_lost(jo, watch, person):
    jo.begin(person)
    jo.write("Check out my site!!! Click the link: bit.ly/fox")
    expect(jo.postmark).to_contain_text("Householder")
    with watch.expect_status(422):
        jo.button("Submit for review").click()
        summary = jo.page.locator("[data-error-summary]")
        expect(summary).to_be_focused()
    expect(jo.words).to_have_value("Check out my site!!! Click the link: bit.ly/fox")
    summary.get_by_role("link").click()
    why = jo.page.get_by_label("Why should it go all the same?")
    expect(why).to_be_focused()
    why.fill("They like it loud.")
    jo.submit()
    expect(jo.state).to_have_text("In review")
