"""From an invitation to a permission and a draft, by hand on both sides."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from outreach.demo import cast
from outreach.services.locks import wait_until
from tests.e2e.accessibility import look_at
from tests.e2e.house import Person, Visitor

pytestmark = pytest.mark.e2e

SECONDS = 30.0


def make_invitation(jo: Visitor, word: str, name: str = "Autumn fair") -> str:
    """Fill in the form; return the path of the invitation's page."""
    jo.goto("customers/invitations/new/")
    jo.page.locator("#id_name").fill(name)
    jo.page.get_by_label("Where people see it").fill("poster at the fair")
    jo.page.get_by_label("The word they send").fill(word)
    jo.page.get_by_label("What the drafts begin with").fill("Hi {first_name|there}, the recipe.")
    jo.button("Make the invitation").click()
    jo.page.wait_for_url(re.compile(r"/invitations/\d+/$"))
    return jo.page.url.partition(cast.SLUG + "/")[2]


def test_who_sends_the_word_on_the_phone_has_opted_in_and_has_a_draft(jo, visit, outreach, crowd):
    person: Person = next(crowd)
    path = make_invitation(jo, "Kraanvogel")
    look_at(jo.page, "an invitation that nobody accepted")
    code = jo.page.get_by_role("img", name="QR code that begins a DM")
    assert code.evaluate("image => image.complete && image.naturalWidth > 100")

    phone = visit()
    phone.page.goto(jo.page.get_by_label("Link, to copy").input_value())
    assert phone.page.url.startswith(outreach.sandbox_url)
    look_at(phone.page, "the phone that a link opens")
    phone.page.get_by_label("Name or handle").fill(person.handle)
    phone.button("Search").click()
    phone.page.get_by_role("link", name=re.compile(f"@{person.handle}")).click()
    words = phone.page.get_by_label(f"Message to {cast.BRAND}")
    expect(words).to_have_value("Kraanvogel")
    words.fill("KRAANVOGEL, please")
    phone.button("Send").click()
    expect(phone.page.locator("#messages li").last).to_contain_text("KRAANVOGEL, please")

    def accepted() -> bool:
        jo.goto(path)
        return jo.page.get_by_role("heading", name="1 opted in").count() == 1

    assert wait_until(accepted, SECONDS)
    look_at(jo.page, "an invitation that was accepted")
    jo.page.locator("main a.row-link", has_text=person.name).click()
    jo.page.wait_for_url(re.compile(rf"/customers/{person.id}/$"))
    permission = jo.page.locator("aside li", has_text="opted in, poster at the fair")
    expect(permission.first).to_contain_text("KRAANVOGEL, please")

    jo.goto("compose/?state=draft")
    jo.page.locator("main :is(li, tr)", has_text=f"@{person.handle}").locator("a.row-link").click()
    jo.page.wait_for_url(re.compile(r"/compose/\d+/$"))
    expect(jo.words).to_have_value("Hi {first_name|there}, the recipe.")
    expect(jo.page.get_by_label("Why this person?")).to_have_value(
        re.compile("Sent us ‘Kraanvogel’ on .*: Autumn fair, poster at the fair")
    )


def test_the_link_is_copied_with_one_click(jo, watch):
    jo.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    make_invitation(jo, "Reiger")
    jo.page.get_by_role("button", name="Copy the link").click()
    expect(jo.page.get_by_role("button", name="Copied")).to_be_visible()
    copied = jo.page.evaluate("navigator.clipboard.readText()")
    assert copied == jo.page.get_by_label("Link, to copy").input_value()


def test_the_code_can_be_downloaded_and_the_sheet_printed(jo):
    path = make_invitation(jo, "Ooievaar")
    for kind, begins in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with jo.page.expect_download() as download:
            jo.link(f"Download {kind}").click()
        assert download.value.suggested_filename == f"invitation-ooievaar.{kind.lower()}"
        assert begins in download.value.path().read_bytes()[:200]
    jo.goto(path + "sheet/")
    look_at(jo.page, "the sheet to print")
    jo.page.emulate_media(media="print")
    expect(jo.page.get_by_text("Print it with your browser")).to_be_hidden()
    expect(jo.page.locator(".word")).to_be_visible()


def test_a_word_that_is_taken_or_common_is_said_beside_it_and_a_closed_one_is_free(jo, watch):
    path = make_invitation(jo, "Zwaan")
    with watch.expect_status(422):
        for word, says in (("hello", "without meaning to opt in"), ("ZWAAN", "has this word")):
            jo.goto("customers/invitations/new/")
            jo.page.locator("#id_name").fill("Another")
            jo.page.get_by_label("Where people see it").fill("the shop")
            jo.page.get_by_label("The word they send").fill(word)
            jo.button("Make the invitation").click()
            expect(jo.page.locator("[data-error-summary]")).to_contain_text(says)
            expect(jo.page.locator("#id_name")).to_have_value("Another")
            look_at(jo.page, "an invitation, refused")
    jo.goto(path)
    jo.page.locator("summary", has_text="Close it").click()
    jo.button("Close the invitation").click()
    expect(jo.said).to_contain_text("‘Zwaan’ opts nobody in any more")
    look_at(jo.page, "an invitation, closed")
    make_invitation(jo, "zwaan")


def test_the_last_30_days_are_read_at_the_price_that_was_shown(visit):
    sam = visit("sam")
    sam.goto("settings/x/")
    sam.page.locator("main a.row-link").click()
    sam.page.wait_for_url(re.compile(r"/settings/x/\d+/$"))
    sam.page.get_by_role("link", name="See the price").click()
    sam.page.wait_for_url(re.compile(r"/customers/history/\d+/$"))
    look_at(sam.page, "the price of a history")
    sam.page.get_by_label("Read at most so many messages").fill("200")
    sam.button("Show the price").click()
    sam.button("Read at most 200 messages, at most $4.00").click()
    # It may have ended by the time the page is there.
    last = sam.page.get_by_text(re.compile(r"messages? read .*: .* wrote"))

    def ended() -> bool:
        sam.page.reload()
        return last.count() == 1

    assert wait_until(ended, SECONDS)
    look_at(sam.page, "a history that was read")


def test_who_is_followed_back_leaves_the_list(jo, visit, outreach):
    jo.goto("customers/follow-back/")
    row = jo.page.locator("tbody tr").last
    handle = row.locator("td.who small").inner_text().removeprefix("@")
    name = row.locator("a.row-link").inner_text()
    assert handle != "adeola_prints"  # who another test needs as somebody not followed
    phone = visit()
    phone.page.goto(row.locator("td.acts a").get_attribute("href") or "")
    look_at(phone.page, "the phone, asked to follow")
    phone.page.get_by_role("link", name=re.compile(f"@{cast.HANDLE}")).click()
    phone.button(f"Follow {name}").click()
    expect(phone.button(f"Stop following {name}")).to_be_visible()

    def gone() -> bool:
        jo.goto("customers/follow-back/")
        return jo.page.locator("tbody", has_text=f"@{handle}").count() == 0

    assert wait_until(gone, SECONDS)
