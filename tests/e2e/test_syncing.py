"""A sync in the browser: from its price to what it brought, without a reload by hand."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import look_at

pytestmark = pytest.mark.e2e

UNTIL_DONE = 40_000  # ms: the tick, a stint, the merge, and the next look of the page


def test_a_sync_goes_from_its_price_to_its_result(visit):
    ruth = visit("ruth")
    ruth.goto("customers/")
    ruth.link("Sync").click()
    ruth.page.wait_for_url(re.compile(r"/customers/sync/$"))
    look_at(ruth.page, "the accounts that can be synced")
    ruth.page.locator("main a.row-link").first.click()
    ruth.page.wait_for_url(re.compile(r"/customers/sync/\d+/$"))
    look_at(ruth.page, "a sync that nobody knows the price of")

    ruth.page.get_by_role("button", name=re.compile("^Ask X how many")).click()
    expect(ruth.said).to_contain_text("X said how many they are.")
    begin = ruth.page.get_by_role("button", name=re.compile(r"^Read both lists, \$"))
    expect(begin).to_be_visible()
    look_at(ruth.page, "a sync with its price")

    begin.click()
    expect(ruth.said).to_contain_text("It is begun.")
    ruth.page.reload()  # it survives
    last = ruth.page.get_by_role("heading", name="The last sync of everybody")
    expect(last).to_be_visible(timeout=UNTIL_DONE)
    expect(ruth.page.locator("section:has(#last)")).to_contain_text("began to follow")
    expect(ruth.page.locator("section:has(#history)")).to_contain_text("Done")
    look_at(ruth.page, "a sync that is done")

    ruth.link("Who began, who ceased").click()
    ruth.page.wait_for_url(re.compile(r"/changes/$"))
    look_at(ruth.page, "who began and who ceased")


def test_an_administrator_chooses_what_happens_each_day(visit):
    sam = visit("sam")
    sam.goto("customers/sync/")
    sam.page.locator("main a.row-link").first.click()
    sam.page.wait_for_url(re.compile(r"/customers/sync/\d+/$"))
    look_at(sam.page, "the daily choice")
    recipients = sam.page.get_by_role("radio", name=re.compile("^Those about to be written to"))
    recipients.check()
    sam.button("Keep this choice").click()
    expect(sam.said).to_contain_text("The choice is kept.")
    expect(recipients).to_be_checked()
    sam.page.get_by_role("radio", name=re.compile("^Nothing")).check()
    sam.button("Keep this choice").click()
    expect(sam.said).to_contain_text("The choice is kept.")
