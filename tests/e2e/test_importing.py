"""A file of customers in a real browser, with a real worker, step by step to the end."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import look_at
from tests.e2e.house import Visitor

pytestmark = pytest.mark.e2e

FILE = (
    "Who,Display name,Tags,Time zone,Favourite print\n"
    '@import_ana,"Fox Lover, she/her","prints, vip",Lisbon,The Otter\n'
    "https://x.com/import_bo,李小龙,,Asia/Tokyo,\n"
    "@import_ana,again,,,\n"
    "not a handle,🦊,,,\n"
)  # fmt: skip


def upload(visitor: Visitor, name: str, content: str) -> None:
    visitor.goto("customers/import/")
    visitor.page.locator("#id_file").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": content.encode()}
    )
    visitor.button("Upload").click()
    visitor.page.wait_for_url(re.compile(r"/customers/import/\d+/$"))


def test_a_file_from_its_upload_to_its_customers(jo):
    upload(jo, "fair.csv", FILE)
    page = jo.page
    # The page finds by itself that the worker has looked at the file.
    expect(page.get_by_role("heading", name="What the columns are")).to_be_visible()
    expect(page.get_by_label("Who is", exact=True)).to_have_value("handle")
    expect(page.get_by_text("No column is the first name.")).to_be_visible()
    look_at(page, "the columns of a file")
    page.get_by_label("Who is", exact=True).select_option("")
    with jo.watch.expect_status(422):
        jo.button("Count the rows").click()
        expect(page.locator("[data-error-summary]")).to_contain_text("No column holds handles")
    look_at(page, "columns without handles")
    page.get_by_label("Who is", exact=True).select_option("handle")
    jo.button("Count the rows").click()
    expect(page.get_by_role("heading", name="What would be written")).to_be_visible()
    expect(page.get_by_role("heading", name="2 rows left out")).to_be_visible()
    expect(page.get_by_text("The file names @import_ana on line 2 already.")).to_be_visible()
    look_at(page, "the counts of a file")
    jo.button("Write 2 customers").click()
    expect(page.locator(".notice.good")).to_contain_text(
        "2 new, 0 changed, 0 unchanged, 2 left out"
    )
    look_at(page, "a file that was imported")
    with page.expect_download() as download:
        jo.link("Download them, with the reasons").click()
    assert download.value.suggested_filename == "fair.refused.csv"
    jo.goto("customers/?q=import_ana")
    expect(page.locator("#people")).to_contain_text("Fox Lover, she/her")


def test_a_file_that_is_no_table_and_one_that_is_cancelled(jo):
    upload(jo, "report.csv", "%PDF-1.7")
    expect(jo.page.locator(".notice.spam")).to_contain_text("This is a PDF.")
    look_at(jo.page, "a file that is no table")
    upload(jo, "people.csv", "handle\nimport_cy\n")
    expect(jo.page.get_by_role("heading", name="What the columns are")).to_be_visible()
    jo.button("Cancel the import").click()
    expect(jo.page.locator(".notice.mend")).to_contain_text("Nothing of the file was written.")
    jo.goto("customers/import/")
    with jo.watch.expect_status(422):
        jo.button("Upload").click()
        expect(jo.page.locator("[data-error-summary]")).to_contain_text("Choose a file.")
    look_at(jo.page, "the imports of a workspace, and no file chosen")


def test_everybody_as_a_file(ruth):
    ruth.goto("customers/import/")
    with ruth.page.expect_download() as download:
        ruth.link("Export everybody as CSV").click()
    text = download.value.path().read_text(encoding="utf-8-sig")
    assert text.startswith("Handle,X user id,Name,First name,")
    assert "anaprado" in text
