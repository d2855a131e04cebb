"""An account's way to us and away again, in a browser: the guide, X's consent page, disconnecting."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.accessibility import look_at
from tests.e2e.house import Visitor

pytestmark = pytest.mark.e2e
BRAND, OTHER = "tomreyes", "siobhan_byrne"
PASSWORD = "a long practice word"


@pytest.fixture
def shop(outreach, visit: Callable[..., Visitor], request) -> tuple[Visitor, str]:
    """The administrator of a new workspace, and its slug."""
    number = abs(hash(request.node.name)) % 10**6
    email = f"kim{number}@example.com"
    said = outreach.manage("create_workspace", f"Shop {number}", "--admin", email)
    (slug,) = re.findall(r"/w/([^/]+)/", said)
    (link,) = re.findall(r"^http\S+$", said, re.MULTILINE)
    kim = visit()
    kim.page.goto(link)
    kim.page.get_by_label("Your name").fill("Kim Tran")
    for label in ("Password", "The same password again"):
        kim.page.get_by_role("textbox", name=label, exact=True).fill(PASSWORD)
    kim.button("Join").click()
    kim.page.wait_for_url(f"/w/{slug}/")
    return kim, slug


def agree(page: Page, handle: str) -> None:
    """Say who one is on X's page, and let the app in."""
    page.wait_for_url(re.compile(r"/i/oauth2/authorize"))
    page.get_by_label("handle", exact=False).fill(handle)
    page.get_by_role("button", name="Authorize app").click()


def test_an_account_is_connected_connected_again_and_disconnected(shop, watch):
    kim, slug = shop
    page = kim.page

    # The guide, and what is still missing: nothing, where one practises.
    page.goto(f"/w/{slug}/settings/x/")
    look_at(page, "no account yet")
    kim.link("The guide: what X wants first").click()
    expect(page.get_by_label("Callback URI, to copy")).to_have_value(re.compile(r"/x/callback/$"))
    kim.button("Check").click()
    expect(page.get_by_text("Nothing is missing.")).to_be_visible()
    look_at(page, "the guide, checked")

    # Off to X, and not agreeing there.
    page.get_by_role("button", name="Connect an account").click()
    page.wait_for_url(re.compile(r"/i/oauth2/authorize"))
    with watch.expect_status(403):
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("X’s consent was not given")
    look_at(page, "a consent that was not given")

    # From that page to X again, and agreeing.
    kim.button("Go to X again").click()
    agree(page, BRAND)
    page.wait_for_url(re.compile(r"/settings/x/\d+/$"))
    expect(kim.said).to_contain_text(f"@{BRAND} is connected.")
    expect(page.locator("main .top img.avatar")).to_have_js_property("complete", True)
    assert page.locator("main .top img.avatar").evaluate("image => image.naturalWidth") > 0
    expect(page.get_by_text("send messages, read its messages")).to_be_visible()
    look_at(page, "an account, just connected")
    account = page.url

    # Again, and as somebody else by mistake: nothing is connected but what was wanted.
    kim.button("Connect again").click()
    with watch.expect_status(409):
        agree(page, OTHER)
        expect(page.get_by_role("heading", level=1)).to_have_text(
            f"That was @{OTHER}, not @{BRAND}"
        )
    look_at(page, "another account than the one that was wanted")
    kim.button("Go to X again").click()
    agree(page, BRAND)
    page.wait_for_url(account)
    expect(kim.said).to_contain_text(f"@{BRAND} is connected.")

    # It is the same account: one row, and no second one.
    page.goto(f"/w/{slug}/settings/x/")
    expect(page.locator("main li", has_text=f"@{BRAND}")).to_have_count(1)
    expect(page.get_by_text("Connect another account")).to_be_visible()
    look_at(page, "one account")

    # And away.
    page.goto(account)
    page.get_by_text("Disconnect", exact=True).click()
    kim.button(f"Disconnect @{BRAND}").click()
    expect(kim.said).to_contain_text(f"@{BRAND} is disconnected: X forgot its tokens")
    look_at(page, "an account, disconnected")


def test_an_app_that_x_does_not_know_is_refused_beside_its_field(shop, watch):
    kim, slug = shop
    page = kim.page
    page.goto(f"/w/{slug}/settings/x/apps/new/")
    look_at(page, "bringing an app")
    page.get_by_label("Name").fill("Ours")
    page.get_by_label("Client id").fill("no-such-app")
    page.get_by_label("Client secret").fill("wrong")
    with watch.expect_status(422):
        kim.button("Try and store").click()
        expect(page.locator("[data-error-summary]")).to_be_focused()
    expect(page.get_by_label("Client id")).to_have_value("no-such-app")
    expect(page.get_by_label("Client secret")).to_have_value("")
    look_at(page, "an app that X does not know")


def test_a_way_back_that_is_none_says_so(shop, watch):
    kim, _ = shop
    with watch.expect_status(404):
        kim.page.goto("/x/callback/?state=made-up&code=c")
        expect(kim.page.get_by_role("heading", level=1)).to_have_text(
            "This link back from X is not known here"
        )
    look_at(kim.page, "a link back that is not known", whole=True)


def test_the_callback_address_is_copied(shop):
    kim, slug = shop
    kim.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    kim.page.goto(f"/w/{slug}/settings/x/guide/")
    kim.page.get_by_role("button", name="Copy").click()
    expect(kim.page.get_by_role("button", name="Copied")).to_be_visible()
    copied = kim.page.evaluate("navigator.clipboard.readText()")
    assert copied == kim.page.get_by_label("Callback URI, to copy").input_value()
