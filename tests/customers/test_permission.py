"""Permissions with their evidence, withdrawn and given anew."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from outreach.audit.models import AuditEvent
from outreach.customers import actions
from outreach.customers.errors import NothingToWithdraw, NotSuppressed, StalePermission
from outreach.customers.evidence import kind_of, safe_name
from outreach.customers.models import (
    Basis,
    EvidenceFile,
    EvidenceKind,
    Permission,
    Suppression,
)
from outreach.customers.queries import person
from outreach.delivery import claim
from outreach.ground.clock import now
from tests import factories

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
GIVEN = {"given_on": "2026-05-04", "place": "a fair", "evidence": "signed the list"}


def url(house, name, pk):
    return reverse(f"customers:{name}", args=[house.slug, pk])


def show(house, customer, member=None):
    return factories.browser(member or house.marketer).get(url(house, "show", customer.pk))


def given(**changes):
    return actions.Given(**{"at": now(), "place": "a fair", "evidence": "card 12"} | changes)


@pytest.fixture
def browser(house):
    return factories.browser(house.marketer)


# --- evidence --------------------------------------------------------------------------------


def test_that_somebody_wrote_to_us_is_not_offered_by_hand(house, browser):
    customer = house.customer(permission=False)
    form = show(house, customer).context["permission_form"]
    assert list(form.fields) == ["given_on", "place", "evidence", "file"]
    browser.post(url(house, "permit", customer.pk), GIVEN | {"basis": "wrote_to_us"})
    assert Permission.everywhere.get().basis == Basis.OPTED_IN


def test_a_file_shows_a_permission_and_is_served_to_be_saved(house, browser):
    customer = house.customer(permission=False)
    file = SimpleUploadedFile("../card\u202e <b>.exe", PNG, content_type="text/html")
    sent = GIVEN | {"evidence": "", "file": file}
    assert browser.post(url(house, "permit", customer.pk), sent).status_code == 302
    (row,) = show(house, customer).context["permissions"]
    assert (row.file, row.by) == ("card b.png", "Jo Writer")
    response = browser.get(url(house, "evidence", row.id))
    assert (response.content, response["Content-Type"]) == (PNG, "image/png")
    assert response["Content-Disposition"] == 'attachment; filename="card b.png"'
    assert response["X-Content-Type-Options"] == "nosniff"
    event = AuditEvent.objects.get(verb="permission.recorded")
    assert event.detail.details["file"] == "card b.png"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>\0", "neither a PNG or JPEG picture, nor a PDF, nor a text"),
        (b"MZ\x90\x00\x03", "neither a PNG or JPEG picture, nor a PDF, nor a text"),
        (b"PK\x03\x04", "neither a PNG or JPEG picture, nor a PDF, nor a text"),
        (b"", "The file is empty"),
        (b"a" * 2_100_000, "The file has 2.0 MB; 1 MB is the most"),
    ],
)
def test_a_file_that_is_none_of_those_is_refused_and_nothing_typed_is_lost(
    house, browser, settings, content, words
):
    settings.EVIDENCE_BYTES = 1024 * 1024
    customer = house.customer(permission=False)
    sent = GIVEN | {"file": SimpleUploadedFile("card.png", content)}
    response = browser.post(url(house, "permit", customer.pk), sent)
    form = response.context["permission_form"]
    assert (response.status_code, list(form.errors)) == (422, ["file"])
    assert words in form.errors["file"][0]
    assert form["place"].value() == "a fair"
    assert Permission.everywhere.count() == EvidenceFile.everywhere.count() == 0


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PNG, EvidenceKind.PNG),
        (b"\xff\xd8\xff\xe0", EvidenceKind.JPEG),
        (b"%PDF-1.7", EvidenceKind.PDF),
        ("Sim, escrevam-me ✓\n".encode(), EvidenceKind.TEXT),
        (b"<script>alert(1)</script>", EvidenceKind.TEXT),
        (b"\xff\xfeS\0i\0m\0", None),
        (b" \n ", None),
        (b"a\x1b[31m", None),
    ],
)
def test_what_a_file_is_is_told_by_its_bytes(content, kind):
    assert kind_of(content) == kind


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("card.png", "card.txt"),
        ("C:\\Users\\jo\\card", "card.txt"),
        ("../../etc/passwd", "passwd.txt"),
        ("", "evidence.txt"),
        ("...", "evidence.txt"),
        ('a"b\r\nSet-Cookie: x', "abSet-Cookie x.txt"),
        ("cartão.tar.gz", "cartão.tar.txt"),
        ("x" * 300, "x" * 90 + ".txt"),
    ],
)
def test_a_files_name_is_made_safe(name, safe):
    assert safe_name(name, EvidenceKind.TEXT) == safe


def test_text_is_served_as_text(house, browser):
    file = actions.File("said.txt", EvidenceKind.TEXT, b"<script>alert(1)</script>")
    customer = house.customer(permission=False)
    made = actions.record_permission(house.marketer, customer.pk, given=given(file=file))
    response = browser.get(url(house, "evidence", made.pk))
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["Content-Disposition"].startswith("attachment")


def test_another_workspaces_evidence_is_not_there(house):
    file = actions.File("said.txt", EvidenceKind.TEXT, b"yes")
    made = actions.record_permission(house.marketer, house.customer().pk, given=given(file=file))
    other = factories.house()
    response = factories.browser(other.administrator).get(url(other, "evidence", made.pk))
    assert response.status_code == 404


# --- withdrawing -----------------------------------------------------------------------------


def test_a_withdrawn_permission_holds_nobody_and_stays_visible(house, browser):
    letter = factories.delivery(house)
    permission = Permission.everywhere.get()
    response = browser.post(url(house, "withdraw", permission.pk))
    assert response["Location"] == url(house, "show", letter.customer_id)
    page = show(house, letter.customer)
    assert page.context["person"].why_not == ["No permission of Maria is recorded."]
    (row,) = page.context["permissions"]
    assert (row.withdrawn_by, row.withdrawn_at is not None) == ("Jo Writer", True)
    held = claim.claim(house.account.pk)
    assert held.verdict.code == "no_permission"
    event = AuditEvent.objects.get(verb="permission.withdrawn")
    assert (event.actor, event.target_id) == (house.marketer.user, letter.customer_id)


def test_a_permission_is_withdrawn_once(house, browser):
    house.customer()
    permission = Permission.everywhere.get()
    first = actions.withdraw_permission(house.marketer, permission.pk).withdrawn_at
    with pytest.raises(NothingToWithdraw):
        actions.withdraw_permission(house.manager, permission.pk)
    assert browser.post(url(house, "withdraw", permission.pk)).status_code == 302
    permission.refresh_from_db()
    assert permission.withdrawn_at == first
    assert AuditEvent.objects.filter(verb="permission.withdrawn").count() == 1


# --- lifting a stop --------------------------------------------------------------------------


@pytest.fixture
def stopped(house):
    customer = house.customer()
    actions.suppress(house.marketer, customer.pk, reason="said stop")
    return customer


def test_a_manager_lifts_a_stop_with_a_reason_and_a_fresh_permission(house, stopped):
    today = timezone.localdate().isoformat()
    browser = factories.browser(house.manager)
    sent = GIVEN | {"given_on": today, "reason": "asked again at the fair"}
    response = browser.post(url(house, "lift", stopped.pk), sent)
    assert response["Location"] == url(house, "show", stopped.pk)
    assert Suppression.everywhere.count() == 0
    found = person(house.marketer, stopped.pk, house.workspace)
    fresh = next(each for each in found.permissions if each.place == "a fair")
    assert (found.may_be_written_to, fresh.recorded_by_id) == (True, house.manager.user_id)
    event = AuditEvent.objects.get(verb="customer.suppression_lifted")
    said = event.detail.details
    assert (said["reason"], said["was"]["reason"]) == ("asked again at the fair", "said stop")
    assert said["permission"] == fresh.pk
    assert event.actor == house.manager.user


@pytest.mark.parametrize("missing", ["reason", "given_on", "place", "evidence"])
def test_a_stop_is_not_lifted_without(house, stopped, missing):
    today = timezone.localdate().isoformat()
    sent = GIVEN | {"given_on": today, "reason": "asked again"} | {missing: ""}
    response = factories.browser(house.manager).post(url(house, "lift", stopped.pk), sent)
    assert (response.status_code, list(response.context["lift_form"].errors)) == (422, [missing])
    assert Suppression.everywhere.count() == 1


def test_a_permission_from_before_the_stop_does_not_lift_it(house, stopped):
    old = now() - timedelta(days=3)
    with pytest.raises(StalePermission, match="Give the day since then"):
        actions.lift_suppression(house.manager, stopped.pk, reason="so", given=given(at=old))
    sent = GIVEN | {"given_on": old.date().isoformat(), "reason": "so"}
    response = factories.browser(house.manager).post(url(house, "lift", stopped.pk), sent)
    assert list(response.context["lift_form"].errors) == ["given_on"]
    assert Suppression.everywhere.count() == 1
    assert Permission.everywhere.count() == 1


def test_a_marketer_lifts_nothing(house, stopped, browser):
    response = browser.post(url(house, "lift", stopped.pk), GIVEN | {"reason": "so"})
    assert response.status_code == 403
    assert "A manager can lift the stop" in show(house, stopped).content.decode()
    assert "Lift it and record" in show(house, stopped, house.manager).content.decode()


def test_what_is_not_stopped_is_not_lifted(house):
    customer = house.customer()
    with pytest.raises(NotSuppressed):
        actions.lift_suppression(house.manager, customer.pk, reason="so", given=given())
    assert Permission.everywhere.count() == 1


def test_a_stop_by_handle_is_lifted_too(house):
    stranger = factories.not_looked_up(house, "Fox_Lover")
    actions.suppress(house.marketer, stranger.pk, reason="said stop")
    actions.lift_suppression(house.manager, stranger.pk, reason="so", given=given())
    assert Suppression.everywhere.count() == 0


# --- the page --------------------------------------------------------------------------------


def test_the_page_costs_the_same_whatever_is_known(house):
    few, many = house.customer(), house.customer()
    for number in range(5):
        file = actions.File(f"{number}.txt", EvidenceKind.TEXT, b"yes")
        made = actions.record_permission(house.marketer, many.pk, given=given(file=file))
        if number % 2:
            actions.withdraw_permission(house.manager, made.pk)
    actions.suppress(house.marketer, many.pk, reason="stop")
    counts = []
    for customer in (few, many):
        browser = factories.browser(house.manager)
        browser.get(url(house, "show", customer.pk))
        with CaptureQueriesContext(connection) as run:
            assert browser.get(url(house, "show", customer.pk)).status_code == 200
        counts.append(len(run))
    # Session, user, membership; the person, five of what decides, permissions; the frame's nine.
    assert counts == [19, 19]


def test_the_ids_of_a_pages_fields_are_its_own(house, stopped):
    """Two forms ask for a day and a place; a label must lead to its own."""
    page = show(house, stopped, house.manager).content.decode()
    for field in ("permission_place", "lift_place"):
        assert page.count(f'id="{field}"') == page.count(f'for="{field}"') == 1
