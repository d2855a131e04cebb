"""`manage.py import_customers`."""

from __future__ import annotations

import csv
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from outreach.audit.models import AuditEvent
from outreach.customers.models import ImportRun
from tests.customers.imports.importing import everybody

pytestmark = pytest.mark.django_db


def run(house, path, *options: str) -> str:
    out = StringIO()
    call_command("import_customers", str(path), "--workspace", house.slug, *options, stdout=out)
    return out.getvalue()


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "people.csv"
    made.write_text("handle,name\nana,Ana\n=no,Bo\n")
    return made


def test_the_last_line_is_json(house, path):
    said = json.loads(run(house, path, "--json").splitlines()[-1])
    refused = path.with_name("people.refused.csv")
    assert said == {
        "new": 1, "changed": 0, "unchanged": 0, "refused": 1, "refused_file": str(refused),
    }  # fmt: skip
    rows = list(csv.reader(refused.open(encoding="utf-8-sig", newline="")))
    assert rows[1][:3] == ["'=no", "Bo", "3"]
    assert everybody(house, "handle", "name") == [("ana", "Ana")]
    assert {event.actor_id for event in AuditEvent.objects.filter(target_kind="import")} == {None}


def test_again_it_changes_nothing(house, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("handle\nana\n")
    run(house, path)
    assert json.loads(run(house, path, "--json")) == {
        "new": 0, "changed": 0, "unchanged": 1, "refused": 0, "refused_file": None,
    }  # fmt: skip


def test_in_words(house, path):
    said = run(house, path)
    assert said.startswith("1 new, 0 changed, 0 unchanged, 1 refused.\n")
    assert str(path.with_name("people.refused.csv")) in said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "The file is empty."),
        ("%PDF", "This is a PDF."),
        ("first,last\nAna,Prado\n", "No column holds handles"),
    ],
)
def test_a_file_that_is_refused_whole_leaves_no_open_run(house, tmp_path, content, words):
    path = tmp_path / "people.csv"
    path.write_text(content)
    with pytest.raises(CommandError, match=words):
        run(house, path)
    assert not [each for each in ImportRun.everywhere.all() if each.is_open]


def test_a_file_or_a_workspace_that_is_not_there(house, tmp_path, path):
    with pytest.raises(CommandError, match="No such file"):
        run(house, tmp_path / "nothing.csv")
    with pytest.raises(CommandError, match="There is no workspace nowhere"):
        call_command("import_customers", str(path), "--workspace", "nowhere")
    assert not ImportRun.everywhere.exists()
