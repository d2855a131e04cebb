"""How people come in: a link that works once, for a week, for one person."""

from __future__ import annotations

import threading
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from accounts import actions
from accounts.access import member_of
from accounts.models import Invitation, Membership, Role, User, Workspace
from outreach.audit.models import AuditEvent
from outreach.delivery.models import SendingPolicy
from outreach.ground.clock import now
from tests import factories

pytestmark = pytest.mark.django_db
GOOD = {"name": "Ada Admin", "password": "loom and linen 9", "again": "loom and linen 9"}


@pytest.fixture
def invited():
    """A new workspace, and the path of its administrator's invitation."""
    workspace, token = actions.create_workspace("Ink & Loom", admin_email="Ada@Example.com")
    return workspace, reverse("accounts:invitation", args=[token])


def accept(url: str, **said: str):
    return factories.browser(None).post(url, GOOD | said)


# --- the command -----------------------------------------------------------------------------


def create(*arguments: str) -> str:
    out = StringIO()
    call_command("create_workspace", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_makes_a_workspace_and_prints_a_link_that_works(settings):
    settings.PUBLIC_URL = "https://letters.example"
    said = create("Ink & Loom", "--admin", "ada@example.com", "--time-zone", "Europe/Lisbon")
    workspace = Workspace.objects.get(slug="ink-loom")
    assert (workspace.name, workspace.time_zone) == ("Ink & Loom", "Europe/Lisbon")
    (link,) = [line for line in said.splitlines() if line.startswith("https://letters.example/")]
    page = factories.browser(None).get(link.removeprefix("https://letters.example"))
    assert (page.status_code, page.context["workspace_name"]) == (200, "Ink & Loom")
    assert SendingPolicy.objects.of(workspace).count() == 1
    verbs = AuditEvent.objects.filter(workspace=workspace).order_by("pk")
    assert list(verbs.values_list("verb", flat=True)) == ["workspace.created", "member.invited"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("Ink & Loom", "--admin", "b@example.com"),
            "There is a workspace at /w/ink-loom/ already",
        ),
        (("New", "--admin", "nobody"), "nobody is no e-mail address"),
        (("New", "--admin", "a@example.com", "--time-zone", "Mars/Base"), "not a time zone"),
        (("x" * 101, "--admin", "a@example.com"), "at most 100 characters"),
        (("", "--admin", "a@example.com"), "cannot be blank"),
    ],
)
def test_the_command_says_what_is_wrong_and_leaves_nothing(invited, arguments, sentence):
    before = Workspace.objects.count(), Invitation.objects.count()
    with pytest.raises(CommandError, match=sentence):
        create(*arguments)
    assert (Workspace.objects.count(), Invitation.objects.count()) == before


def test_a_name_without_latin_letters_has_an_address_all_the_same():
    assert "/w/workspace/" in create("染物屋", "--admin", "ada@example.com")


def test_the_token_is_nowhere_stored(invited):
    token = invited[1].split("/")[-2]
    (invitation,) = Invitation.objects.filter(email="ada@example.com")
    assert invitation.token_sha256 == Invitation.hashed(token)
    for row in (*Invitation.objects.values(), *AuditEvent.objects.values("detail__details")):
        assert token not in str(row)


# --- accepting -------------------------------------------------------------------------------


def test_the_page_says_where_to_and_as_what(invited):
    page = factories.browser(None).get(invited[1])
    assert page.status_code == 200
    assert (page.context["email"], page.context["role"]) == ("ada@example.com", "Administrator")
    assert "Ink &amp; Loom" in page.content.decode()
    assert "no-store" in page["Cache-Control"]


def test_accepting_makes_a_member_who_is_signed_in(invited):
    workspace, url = invited
    response = accept(url)
    today = reverse("insights:today", args=[workspace.slug])
    assert (response.status_code, response["Location"]) == (302, today)
    assert response.client.get(today).status_code == 200
    user = User.objects.get(email="ada@example.com")
    member = member_of(user, workspace.slug)
    assert member is not None
    assert (member.role, user.name, user.check_password(GOOD["password"])) == (
        Role.ADMINISTRATOR,
        "Ada Admin",
        True,
    )
    event = AuditEvent.objects.get(verb="member.joined")
    assert (event.actor, event.target_id, event.workspace) == (user, user.pk, workspace)


def test_a_link_works_once(invited):
    assert accept(invited[1]).status_code == 302
    for answer in (accept(invited[1], name="Eve"), factories.browser(None).get(invited[1])):
        assert answer.status_code == 410
    assert Membership.objects.filter(workspace=invited[0]).count() == 1


def test_a_link_works_for_seven_days(invited, clock):
    clock(timedelta(days=7, seconds=-30).total_seconds())
    assert factories.browser(None).get(invited[1]).status_code == 200
    clock(timedelta(days=7, seconds=1).total_seconds())
    assert factories.browser(None).get(invited[1]).status_code == 410
    assert accept(invited[1]).status_code == 410
    assert not User.objects.filter(email="ada@example.com").exists()


def test_a_link_that_ends_while_the_form_is_sent(invited):
    token = invited[1].split("/")[-2]
    Invitation.objects.update(expires_at=now())
    with pytest.raises(actions.InvitationGone):
        actions.accept_invitation(token, name="Ada", password=GOOD["password"])


@pytest.mark.parametrize("token", ["x", "x" * 2000, "%00", "🐦", "..", "a%0d%0ab"])
def test_a_link_that_never_was_is_gone_too(db, token):
    assert factories.browser(None).get(f"/invitations/{token}/").status_code in (404, 410)


@pytest.mark.parametrize(
    ("said", "field", "sentence"),
    [
        ({"name": ""}, "name", "Enter your name."),
        ({"name": "x" * 101}, "name", "at most 100 characters"),
        ({"password": "", "again": ""}, "password", "Enter a password."),
        ({"again": "another one 123"}, "again", "The two passwords differ. Enter both again."),
        ({"password": "short", "again": "short"}, "password", "at least 12 characters"),
        ({"password": "1qaz2wsx3edc", "again": "1qaz2wsx3edc"}, "password", "too common"),
    ],
)
def test_what_is_wrong_is_named_at_its_field_and_the_name_is_kept(invited, said, field, sentence):
    response = accept(invited[1], **said)
    assert response.status_code == 422
    assert sentence in " ".join(response.context["form"].errors[field])
    assert response.context["form"]["name"].value() == (GOOD | said)["name"]
    assert GOOD["password"] not in response.content.decode()
    assert not User.objects.filter(email="ada@example.com").exists()
    assert factories.browser(None).get(invited[1]).status_code == 200


def test_an_empty_form_is_answered_with_what_is_missing(invited):
    response = factories.browser(None).post(invited[1])
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"name", "password", "again"}


def test_an_existing_log_in_needs_its_own_password(invited):
    """Or an invitation would be a way into somebody's account."""
    ada = User.objects.create_user("ada@example.com", "her own old password", name="Ada Already")
    response = accept(invited[1])
    assert response.status_code == 422
    assert response.context["form"].errors["password"] == [
        "There is a log-in for this address already. Enter its password."
    ]
    assert not Membership.objects.filter(user=ada).exists()
    own = "her own old password"
    assert accept(invited[1], password=own, again=own).status_code == 302
    ada.refresh_from_db()
    assert (ada.name, Membership.objects.get(user=ada).workspace) == ("Ada Already", invited[0])


def test_who_is_a_member_already_keeps_their_role(invited):
    workspace, url = invited
    ada = User.objects.create_user("ada@example.com", GOOD["password"], name="Ada")
    with transaction.atomic():
        actions.enrol(workspace, ada, Role.MARKETER)
    assert accept(url).status_code == 302
    assert Membership.objects.get(user=ada).role == Role.MARKETER


@pytest.mark.django_db(transaction=True)
def test_two_at_once_come_in_once():
    workspace, token = actions.create_workspace("Ink", admin_email="ada@example.com")
    ready, ends = threading.Barrier(2), []

    def run():
        ready.wait()
        try:
            actions.accept_invitation(token, name="Ada", password=GOOD["password"])
            ends.append("in")
        except actions.InvitationGone:
            ends.append("gone")
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["gone", "in"]
    assert Membership.objects.filter(workspace=workspace).count() == 1


# --- what the database holds -----------------------------------------------------------------


@pytest.mark.parametrize(
    "write",
    [
        lambda house: User.objects.create(email="Upper@example.com", name="U"),
        lambda house: User.objects.create(email=house.marketer.user.email, name="Twice"),
        lambda house: Membership.objects.create(
            user=house.marketer.user, workspace=house.workspace, role=Role.MANAGER
        ),
        lambda house: Membership.objects.filter(user=house.marketer.user).update(role="owner"),
        lambda house: Workspace.objects.create(name="Twice", slug=house.slug),
    ],
    ids=["upper case", "address twice", "two roles", "unknown role", "address of a workspace"],
)
def test_the_database_refuses(house, write):
    with pytest.raises(IntegrityError), transaction.atomic():
        write(house)
