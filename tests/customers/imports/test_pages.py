"""The pages of an import: upload, columns, counts, progress, what was left out."""

from __future__ import annotations

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from outreach.customers.imports import actions, running
from outreach.customers.models import ImportRun
from tests import factories
from tests.customers.imports.importing import counted, everybody, fresh, imported, uploaded, worked

pytestmark = pytest.mark.django_db

TEXT = "handle,name,ink\nana,Fox Lover,blue\n=bad,Bo,red\n"


@pytest.fixture
def browser(house):
    return factories.browser(house.marketer)


@pytest.fixture
def woken(monkeypatch) -> list[int]:
    """The runs for which a worker was woken."""
    runs: list[int] = []
    monkeypatch.setattr("outreach.customers.imports.tasks.wake", runs.append)
    return runs


def url(house, name: str, run: ImportRun | None = None) -> str:
    return reverse(f"customers:{name}", args=[house.slug, *([run.pk] if run else [])])


def file(text: str, name: str = "people.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode())


def columns(*targets: str, day_first: str = "day") -> dict[str, str]:
    return {f"column_{n}": target for n, target in enumerate(targets)} | {"day_first": day_first}


def test_from_the_upload_to_the_last_page(browser, house, woken):
    page = browser.get(url(house, "imports"))
    assert (page.status_code, page.context["runs"]) == (200, [])
    answer = browser.post(url(house, "imports"), {"file": file(TEXT)})
    run = ImportRun.everywhere.get()
    assert (answer.status_code, answer.url) == (302, url(house, "import", run))
    assert browser.get(answer.url).context["run"].stage == "looking"
    worked(run)
    page = browser.get(answer.url)
    assert [row["name"] for row in page.context["form"].rows] == ["handle", "name", "ink"]
    assert [row["cells"] for row in page.context["form"].rows][1] == ["Fox Lover", "Bo"]
    assert page.context["asks_first_name"]
    answer = browser.post(
        url(house, "import_columns", run), columns("handle", "name", "attribute:ink")
    )
    assert answer.status_code == 302
    worked(run)
    page = browser.get(url(house, "import", run))
    assert (page.context["run"].new, page.context["run"].refused) == (1, 1)
    assert [row.line for row in page.context["refusals"]] == [3]
    assert "‘=bad’ is not a handle" in page.content.decode()
    assert everybody(house, "handle") == []
    assert browser.post(url(house, "import_confirm", run)).status_code == 302
    worked(run)
    assert woken == [run.pk] * 3
    page = browser.get(url(house, "import", run))
    assert "1 new, 0 changed, 0 unchanged, 1 left out" in " ".join(page.content.decode().split())
    assert everybody(house, "handle", "attributes") == [("ana", {"ink": "blue"})]
    assert [each.pk for each in browser.get(url(house, "imports")).context["runs"]] == [run.pk]


def test_refused_rows_come_as_a_file_that_can_be_mended_and_imported(browser, house):
    run = imported(house, TEXT)
    answer = browser.get(url(house, "import_refused", run))
    assert answer["Content-Disposition"] == 'attachment; filename="people.refused.csv"'
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    header, row = csv.reader(io.StringIO(text))
    assert header == ["handle", "name", "ink", "Left out: line", "Left out: why"]
    # '=' would be a formula in a spreadsheet.
    assert row[:4] == ["'=bad", "Bo", "red", "3"]
    again = uploaded(house, text.replace("'=bad", "bad"))
    assert again.targets == ["handle", "name", "attribute:ink", "", ""]


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({}, "Choose a file."),
        ({"file": file("")}, "The file is empty."),
        ({"file": file("handle\n" + "ana\n" * 400_000)}, "The file is larger than 1 MB"),
    ],
)
def test_what_cannot_be_uploaded_says_why_beside_the_field(browser, house, settings, sent, words):
    settings.IMPORT_MAX_BYTES = 1_000_000
    answer = browser.post(url(house, "imports"), sent)
    assert answer.status_code == 422
    assert words in answer.context["form"].errors["file"][0]
    assert not ImportRun.everywhere.exists()


def test_a_sixth_open_import_is_refused_on_the_page(browser, house, woken):
    for _ in range(actions.MOST_OPEN):
        actions.upload(house.marketer, "people.csv", [b"handle\nana\n"])
    answer = browser.post(url(house, "imports"), {"file": file(TEXT)})
    assert answer.status_code == 422
    assert answer.context["form"].errors["file"][0].startswith("5 imports are open already.")


def test_columns_that_make_no_customers_keep_what_was_chosen(browser, house):
    run = uploaded(house, TEXT)
    answer = browser.post(url(house, "import_columns", run), columns("name", "first_name", ""))
    assert answer.status_code == 422
    form = answer.context["form"]
    assert form.non_field_errors()[0].startswith("No column holds handles")
    assert [row["field"].value() for row in form.rows] == ["name", "first_name", ""]
    answer = browser.post(url(house, "import_columns", run), columns("made up", "", ""))
    assert answer.context["form"].errors["column_0"] == ["Choose one of the list."]
    assert fresh(run).stage == "columns"


def test_progress_is_polled_and_ends_with_the_page_anew(browser, house):
    run = actions.upload(house.marketer, "people.csv", [TEXT.encode()])
    ImportRun.everywhere.filter(pk=run.pk).update(stage="counting", done=30, of=120)
    part = browser.get(url(house, "import_progress", run))
    assert part.status_code == 200
    assert 'value="25"' in part.content.decode()
    ImportRun.everywhere.filter(pk=run.pk).update(stage="counted")
    part = browser.get(url(house, "import_progress", run))
    assert (part.status_code, part["HX-Refresh"]) == (286, "true")


def test_a_file_that_is_no_table_says_so(browser, house):
    run = uploaded(house, "%PDF-1.7")
    page = browser.get(url(house, "import", run))
    assert "This is a PDF. Save the table as CSV or XLSX." in page.content.decode()


def test_cancelling_and_what_is_over(browser, house):
    run = counted(house, TEXT)
    assert browser.post(url(house, "import_cancel", run)).status_code == 302
    assert fresh(run).state == "cancelled"
    for name, data in (
        ("import_confirm", {}),
        ("import_columns", columns("handle", "", "")),
        ("import_cancel", {}),
    ):
        assert browser.post(url(house, name, run), data).status_code == 302
    assert fresh(run).state == "cancelled"
    assert browser.get(url(house, "import", run)).status_code == 200


def test_what_a_cell_says_is_shown_and_not_obeyed(browser, house):
    run = counted(house, "handle,<b>x</b>\n<script>alert(1)</script>,1\nana,<i>\n")
    page = browser.get(url(house, "import", run)).content.decode()
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert "<b>x</b>" not in page


def test_another_workspaces_import_is_not_there(browser, house):
    run = counted(factories.house(), TEXT)
    for name in ("import", "import_progress", "import_refused"):
        assert browser.get(url(house, name, run)).status_code == 404
    for name in ("import_columns", "import_confirm", "import_cancel"):
        assert browser.post(url(house, name, run)).status_code == 404
    assert fresh(run).stage == "counted"


def test_each_page_runs_the_same_queries_however_much_there_is(browser, house):
    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as run:
            assert browser.get(address).status_code == 200
        return len(run)

    few = counted(house, "handle,a\nana,1\n-,2\n")
    many = counted(
        house, "handle,a,b,c\n" + "".join(f"h{n},1,2,3\n" for n in range(40)) + "-,1,2,3\n" * 70
    )
    browser.get(url(house, "imports"))
    assert queries(url(house, "import", few)) == queries(url(house, "import", many))
    one = queries(url(house, "imports"))
    counted(house, TEXT)
    assert queries(url(house, "imports")) == one


def test_a_worker_is_woken_by_the_tick_for_what_waits(house, monkeypatch):
    from outreach.customers.imports import tasks

    run = actions.upload(house.marketer, "people.csv", [TEXT.encode()])
    counted(house, TEXT)
    woken: list[int] = []
    monkeypatch.setattr(tasks, "wake", woken.append)
    tasks.tick()
    assert woken == [run.pk]
    tasks.go_on(run.pk)
    assert fresh(run).stage == "columns"
    assert running.work(run.pk) is False
