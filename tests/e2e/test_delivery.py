"""Letters that cannot leave as they were meant to."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from outreach.demo import cast

pytestmark = pytest.mark.e2e

UNTIL_TRIED = 40_000  # ms: ten seconds to undo, the next look of the scheduler, and the call


def test_a_letter_to_somebody_who_left_waits_for_them_and_is_sent(jo, ruth, visit, outreach, crowd):
    # Who wrote first may always be answered; this one only opted in.
    person = next(each for each in crowd if each.opted_in)
    draft = jo.submitted(person)
    ruth.approve(person)
    phone = visit()
    phone.page.goto(f"{outreach.sandbox_url}/phone/{person.handle}/with/{cast.HANDLE}/")
    phone.button(f"Stop following {cast.BRAND}").click()
    expect(phone.button(f"Follow {cast.BRAND}")).to_be_visible()

    jo.page.reload()
    expect(jo.steps.last).to_have_text("Not sent", timeout=UNTIL_TRIED)
    # The listener heard it before the letter was due.
    expect(jo.page.locator(".step").last).to_contain_text(
        f"{person.first_name or person.name} does not follow you."
    )

    phone.button(f"Follow {cast.BRAND}").click()
    expect(phone.button(f"Stop following {cast.BRAND}")).to_be_visible()
    jo.page.reload()
    jo.button("Try again").click()
    expect(jo.said).to_have_text("It is on its way again, if nothing holds it.")
    assert jo.page.url.endswith(f"/letters/{draft}/")
    expect(jo.state).to_have_text("Sent", timeout=UNTIL_TRIED)
    words = jo.page.locator(".words").text_content()
    newest = phone.page.locator("#messages .bubble.theirs .words").last
    expect(newest).to_have_text(words or "", use_inner_text=True)
    assert newest.text_content() == words
