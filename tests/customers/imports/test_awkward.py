"""Each awkward file ends in rows imported, or in a reason that its owner understands."""

from __future__ import annotations

import re

import pytest

from outreach.customers.imports import actions
from outreach.customers.imports.refusing import FileRefused
from outreach.customers.models import Customer, ImportPiece, ImportRefusal, ImportRun
from tests.customers.imports.awkward import FILES, Awkward, chunks
from tests.customers.imports.importing import counts, everybody, worked

pytestmark = pytest.mark.django_db
# What a marketer should never read.
JARGON = re.compile(r"Error|Exception|Traceback|None|codec|0x|psycopg|UnicodeDecode|openpyxl", re.I)


def test_there_are_enough_of_them():
    assert len({file.name for file in FILES}) == len(FILES) >= 40


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_an_awkward_file(house, tmp_path, caplog, file: Awkward):
    path = tmp_path / file.name
    file.write(path)
    run = worked(actions.upload(house.marketer, file.name, chunks(path)))
    said = run.problem
    if run.is_open:
        try:
            actions.choose_columns(house.marketer, run.pk, run.targets, day_first=run.day_first)
        except FileRefused as refused:
            said = str(refused)
            actions.cancel(house.marketer, run.pk)
        else:
            run = worked(run)
            said = run.problem
    if run.is_open and not said:
        actions.confirm(house.marketer, run.pk)
        run = worked(run)
        said = run.problem
    run = ImportRun.everywhere.get(pk=run.pk)
    assert not run.is_open
    assert [record.getMessage() for record in caplog.records] == []
    assert not ImportPiece.everywhere.exists()
    assert not JARGON.search(said)
    if file.why:
        assert file.why in said
        assert not Customer.everywhere.exists()
        return
    assert (run.state, said, counts(run)) == ("done", "", (file.new, 0, 0, file.refused))
    assert Customer.everywhere.count() == file.new
    if file.names:
        assert tuple(everybody(house, "name")) == file.names
    refusals = list(ImportRefusal.everywhere.filter(run=run))
    assert len(refusals) == file.refused
    assert all(row.reason and not JARGON.search(row.reason) and row.cells for row in refusals)
