"""The README's tour, walked in a browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from outreach.demo import cast
from tests.e2e.house import GOOD, SPAM, number_in, sign_in

pytestmark = pytest.mark.e2e

UNTIL_SENT = 40_000  # ms: ten seconds to undo, the next look of the scheduler, and the call


def test_a_letter_goes_from_the_first_word_to_the_phone_and_is_answered(visit, outreach, crowd):
    person = next(each for each in crowd if each.first_name)
    before = outreach.dms(person.x_user_id)

    # 1, 2: Jo signs in and chooses somebody; whoever cannot be written to says why.
    jo = visit()
    sign_in(jo.page, cast.JO.email)
    expect(jo.page.get_by_role("heading", level=1)).to_contain_text("Jo")
    expect(jo.page.get_by_text("Practice: nothing reaches X")).to_be_visible()
    jo.page.get_by_role("navigation", name="Main").get_by_role("link", name="Compose").click()
    jo.link("Write a letter").click()
    refused = jo.page.locator("#people li:has(.chip:text-is('Not now'))").first
    expect(refused.locator("small").nth(1)).to_have_text(re.compile(r"\.\s*$"))
    jo.page.get_by_label("Name or handle").fill(person.handle)
    expect(jo.page.locator("#people li")).to_have_count(1)
    jo.page.get_by_role("button", name=f"Write to {person.name}").click()
    jo.page.wait_for_url(re.compile(r"/compose/\d+/$"))
    draft = number_in(jo.page.url)

    # 3: the words are underlined, the postmark says Householder; mended, it says Addressed.
    jo.words.press_sequentially(SPAM)
    expect(jo.postmark).to_have_class(re.compile(r"\bspam\b"))
    expect(jo.postmark).to_contain_text("Householder")
    marked = jo.page.locator("[data-layer] mark.f-block, [data-layer] mark.f-mend")
    expect(marked.first).to_be_attached()
    assert "".join(marked.all_text_contents()) == "check out my site!!!bit.ly/fox"
    quotes = jo.page.locator("#reading [data-finding]:not([data-severity=praise]) q")
    assert {words in SPAM for words in quotes.all_text_contents()} == {True}
    jo.write(GOOD)
    expect(jo.postmark).to_contain_text("Addressed")
    expect(jo.page.locator("#saved")).to_have_text(re.compile("Saved now"))
    jo.brief()
    with jo.page.expect_response(re.compile(r"/read/$")):
        jo.page.keyboard.press("Tab")
    text = jo.page.locator("#bubble").text_content()
    assert text is not None
    assert text == GOOD.replace("{first_name|there}", person.first_name)
    jo.page.reload()
    expect(jo.words).to_have_value(GOOD)
    expect(jo.page.get_by_label("Why now?")).to_have_value("The film is ready")

    # 4: submitted.
    jo.submit()
    expect(jo.said).to_have_text("The letter is submitted. A manager reads it next.")
    expect(jo.state).to_have_text("In review")
    jo.page.evaluate("window.neverLeft = true")

    # 5: Ruth sees it in the queue, reads what the person will read, and presses `a`.
    ruth = visit()
    sign_in(ruth.page, cast.RUTH.email)
    revision = ruth.open_review(person)
    assert ruth.page.locator(".words").text_content() == text
    assert jo.post(f"review/{revision}/", decision="approve") == 403
    ruth.page.keyboard.press("a")
    expect(ruth.undo_offer).to_contain_text(f"Approved: the letter to {person.name}.")
    expect(ruth.undo_offer.get_by_role("button")).to_have_text(re.compile("Undo"))

    # 6: Jo's page, never reloaded, shows each step.
    expect(jo.state).to_have_text("On its way")
    expect(jo.steps).to_have_text(["Submitted", "Approved", "Queued", re.compile("Leaves|On its")])
    assert outreach.dms(person.x_user_id) == before
    expect(jo.state).to_have_text("Sent", timeout=UNTIL_SENT)
    expect(jo.steps).to_have_text(["Submitted", "Approved", "Queued", "Sent"])
    assert jo.page.evaluate("window.neverLeft") is True
    assert number_in(jo.page.url) == draft
    (arrived,) = outreach.dms(person.x_user_id)[len(before) :]
    expect(jo.page.locator(".step").last).to_contain_text(f"X calls it message {arrived['id']}.")
    expect(ruth.page.locator("form.undo")).to_have_count(0)

    # 7: the phone shows the approved words, byte for byte, and the person answers.
    assert arrived["text"].encode() == text.encode()
    phone = jo.page
    jo.link("Open the practice phone").click()
    phone.wait_for_url(f"{outreach.sandbox_url}/phone/")
    phone.get_by_label("Name or handle").fill(person.handle)
    phone.get_by_role("button", name="Search").click()
    phone.get_by_role("link", name=person.name).click()
    phone.get_by_role("link", name=cast.BRAND).click()
    newest = phone.locator("#messages .bubble").last
    assert newest.get_attribute("data-id") == arrived["id"]
    assert newest.locator(".words").text_content() == text
    answer = "The heron, of course.\n🪿"
    phone.get_by_label(f"Message to {cast.BRAND}").fill(answer)
    phone.get_by_role("button", name="Send").click()
    expect(phone.locator("#messages .bubble.mine .words").last).to_have_text(
        answer, use_inner_text=True
    )
    (answered,) = outreach.dms(person.x_user_id)[len(before) + 1 :]
    assert (answered["text"], answered["recipient"]) == (answer, str(cast.X_USER_ID))


def test_the_whole_way_works_without_scripts(visit, crowd):
    person = next(crowd)
    jo, ruth = (visit(key, java_script_enabled=False) for key in ("jo", "ruth"))
    jo.begin(person)
    jo.words.fill("Hi {first_name|there}, the fox is HERE!!!")
    jo.button("Save").click()
    expect(jo.postmark).to_contain_text("Mend")
    jo.page.get_by_role("button", name=re.compile("^Keep one !")).click()
    expect(jo.words).to_have_value("Hi {first_name|there}, the fox is HERE!")
    jo.words.fill(GOOD)
    jo.brief()
    jo.submit()
    expect(jo.said).to_have_text("The letter is submitted. A manager reads it next.")
    ruth.open_review(person)
    text = ruth.page.locator(".words").text_content()
    ruth.approve_button.click()
    expect(ruth.undo_offer).to_contain_text(f"Approved: the letter to {person.name}.")
    jo.page.reload()
    expect(jo.state).to_have_text("On its way")
    expect(jo.page.locator(".stamp")).to_contain_text(f"Approved by {cast.RUTH.name}")
    assert jo.page.locator(".words").text_content() == text
