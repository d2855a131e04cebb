"""Everybody as CSV, which is no danger in a spreadsheet and changes nothing when it comes back."""

from __future__ import annotations

import csv
import io

import pytest
from django.urls import reverse

from outreach.audit.models import AuditDetail, AuditEvent
from outreach.customers import actions as customers
from outreach.customers.imports import exporting
from outreach.customers.imports.queries import defused
from outreach.ground.clock import now
from tests import factories
from tests.customers.imports.importing import counted, counts, imported, reasons

pytestmark = pytest.mark.django_db


def exported(house) -> str:
    answer = factories.browser(house.manager).get(reverse("customers:export", args=[house.slug]))
    assert answer.status_code == 200
    return answer.getvalue().decode()


def test_everybody_with_their_evidence_is_a_managers_to_take_away(house):
    house.customer()
    jo = factories.browser(house.marketer)
    assert jo.get(reverse("customers:export", args=[house.slug])).status_code == 403
    offered = jo.get(reverse("customers:imports", args=[house.slug])).content.decode()
    assert "A manager can export everybody." in offered
    assert reverse("customers:export", args=[house.slug]) not in offered


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


@pytest.fixture
def full(house):
    """A workspace with people of all kinds."""
    house.customer(
        handle="ana", name="=cmd|' /C calc'!A0", first_name="Ana", tags=["prints", "vip"],
        time_zone="Europe/Lisbon", attributes={"ink": "+blue", "Weird key": "x", "visits": 5},
    )  # fmt: skip
    stopped = house.customer(handle="bo", name="'=quoted", x_user_id=1234567890123456789)
    customers.suppress(house.marketer, stopped.pk, reason="@said stop")
    factories.not_looked_up(house, "cy", name="Зоя 🦊", attributes={"ink": 'a "quote", and\nline'})
    bare = factories.not_looked_up(house, "dee")
    customers.suppress(house.marketer, bare.pk, reason="said so on 4 May")
    # A handle that changed hands: two people have had it.
    house.customer(handle="ANA", name="Another", permission=False)
    return house


def test_what_was_exported_and_is_imported_is_unchanged(full):
    run = counted(full, exported(full))
    assert reasons(run) == {}
    assert (run.state, counts(run)) == ("done", (0, 0, 5, 0))


def test_into_an_empty_workspace_it_makes_the_same_people(full):
    empty = factories.house()
    run = imported(empty, exported(full))
    assert counts(run) == (5, 0, 0, 0)
    stable = [name for name in exporting.HEADER if name != "Permission date"]
    assert [{key: row[key] for key in stable} for row in rows(exported(empty))] == [
        {key: row[key] for key in stable} for row in rows(exported(full))
    ]


def test_no_cell_is_a_formula_and_ids_survive_a_spreadsheet(full):
    cells = [cell for row in csv.reader(io.StringIO(exported(full))) for cell in row]
    assert [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")] == []
    assert {"'=cmd|' /C calc'!A0", "''=quoted", "'1234567890123456789", "'@said stop"} <= set(cells)


def test_a_withdrawn_permission_is_not_exported(house):
    made = house.customer(handle="ana")
    made.permissions.update(withdrawn_at=now())
    assert [row["Permission"] for row in rows(exported(house))] == [""]


def test_only_this_workspace_is_exported_and_it_is_audited(full):
    factories.house().customer(handle="elsewhere", attributes={"theirs": "x"})
    text = exported(full)
    assert "elsewhere" not in text
    assert "theirs" not in text
    event = AuditEvent.objects.get(verb="customers.exported")
    assert event.actor_id == full.manager.user_id
    assert AuditDetail.objects.get(event=event).details == {"customers": 5}


def test_everybody_is_there_however_many_pages(house, monkeypatch):
    monkeypatch.setattr(exporting, "PAGE", 2)
    for number in range(5):
        factories.not_looked_up(house, f"h{number}")
    assert [row["Handle"] for row in rows(exported(house))] == [f"h{n}" for n in range(5)]


@pytest.mark.parametrize(
    ("cell", "said"),
    [("", ""), ("plain", "plain"), ("'s", "'s"), ("=1", "'=1"), ("'=1", "''=1"), ("-", "'-")],
)
def test_defusing(cell, said):
    assert defused(cell) == said
