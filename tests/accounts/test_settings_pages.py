"""One's own profile, the theme, the workspace's members."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import actions, queries
from accounts.models import Role
from outreach.audit.models import AuditEvent
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(house):
    return factories.browser(house.marketer)


@pytest.fixture
def profile(house):
    return reverse("accounts:profile", args=[house.slug])


def test_the_profile_shows_what_is_stored(browser, profile, house):
    form = browser.get(profile).context["form"]
    assert (form["name"].value(), form["time_zone"].value()) == ("Jo Writer", "UTC")


def test_a_profile_is_changed_and_the_log_says_so(browser, profile, house):
    response = browser.post(profile, {"name": "Jo W.", "time_zone": "Asia/Kolkata"})
    assert (response.status_code, response["Location"]) == (302, profile)
    house.marketer.user.refresh_from_db()
    assert (house.marketer.user.name, house.marketer.user.time_zone) == ("Jo W.", "Asia/Kolkata")
    event = AuditEvent.objects.get(verb="profile.changed")
    assert event.detail.details == {
        "was": {"name": "Jo Writer", "time_zone": "UTC"},
        "is": {"name": "Jo W.", "time_zone": "Asia/Kolkata"},
    }


@pytest.mark.parametrize(
    ("name", "zone", "field", "sentence"),
    [
        ("", "UTC", "name", "Enter your name."),
        ("   ", "UTC", "name", "Enter your name."),
        ("x" * 101, "UTC", "name", "at most 100 characters"),
        ("a\x00b", "UTC", "name", "Null characters are not allowed."),
        ("Jo", "Mars/Base", "time_zone", "Choose a time zone from the list."),
        ("Jo", "../../etc/passwd", "time_zone", "Choose a time zone from the list."),
    ],
)
def test_what_is_wrong_is_named_and_what_was_typed_is_kept(
    browser, profile, house, name, zone, field, sentence
):
    response = browser.post(profile, {"name": name, "time_zone": zone})
    assert response.status_code == 422
    assert sentence in " ".join(response.context["form"].errors[field])
    assert response.context["form"]["name"].value() == name
    house.marketer.user.refresh_from_db()
    assert house.marketer.user.name == "Jo Writer"


def test_an_empty_post_is_no_success(browser, profile):
    response = browser.post(profile, {})
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"name", "time_zone"}


def test_the_action_checks_too(house):
    with pytest.raises(ValidationError):
        actions.change_profile(house.marketer, name="Jo", time_zone="Mars/Base")


def test_times_are_shown_in_the_readers_zone(browser, house):
    actions.change_profile(house.marketer, name="Jo", time_zone="Pacific/Kiritimati")
    schedule = reverse("delivery:schedule", args=[house.slug])
    assert "Times in Pacific/Kiritimati." in browser.get(schedule).content.decode()


# --- the theme -------------------------------------------------------------------------------


@pytest.mark.parametrize("chosen", ["light", "dark"])
def test_a_theme_is_remembered_and_shown(browser, house, chosen):
    today = reverse("insights:today", args=[house.slug])
    response = browser.post(reverse("accounts:theme"), {"theme": chosen, "next": today})
    assert (response["Location"], response.cookies["theme"].value) == (today, chosen)
    assert browser.get(today).context["theme"] == chosen


def test_as_the_system_forgets_the_choice(browser, house):
    browser.post(reverse("accounts:theme"), {"theme": "dark"})
    response = browser.post(reverse("accounts:theme"), {"theme": "system"})
    assert response.cookies["theme"].value == ""
    assert browser.get(reverse("insights:today", args=[house.slug])).context["theme"] == ""


def test_a_cookie_made_up_by_hand_is_no_theme(browser, house):
    browser.cookies["theme"] = '"><script>'
    assert browser.get(reverse("insights:today", args=[house.slug])).context["theme"] == ""


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "javascript:alert(1)",
        "/\\evil.example",
        "",
        "\x00",
    ],
)
def test_the_way_back_stays_in_the_house(browser, target):
    response = browser.post(reverse("accounts:theme"), {"theme": "dark", "next": target})
    assert (response.status_code, response["Location"]) == (302, "/")


@pytest.mark.parametrize("target", ["nonsense", "a b", "/w/x/\r\nSet-Cookie: a=b", "home"])
def test_a_strange_way_back_breaks_nothing(browser, target):
    response = browser.post(reverse("accounts:theme"), {"theme": "dark", "next": target})
    assert response.status_code == 302
    assert "\n" not in response["Location"]
    assert set(response.cookies) == {"theme"}


def test_the_theme_needs_a_post(browser):
    assert browser.get(reverse("accounts:theme")).status_code == 405


# --- members ---------------------------------------------------------------------------------


def test_the_settings_list_this_workspaces_members_and_no_others(house, browser):
    other = factories.house()
    page = browser.get(reverse("accounts:settings", args=[house.slug]))
    listed = [(row.name, row.role) for row in page.context["members"]]
    assert listed == [
        ("Jo Writer", "Marketer"),
        ("Ruth Reader", "Manager"),
        ("Sam Keeper", "Administrator"),
    ]
    assert other.marketer.user.email not in page.content.decode()
    assert house.manager.user.email in page.content.decode()


def test_only_an_administrator_is_offered_the_audit_log(house):
    log = reverse("insights:audit_log", args=[house.slug])
    settings = reverse("accounts:settings", args=[house.slug])
    offered = {
        member.role: log in factories.browser(member).get(settings).content.decode()
        for member in (house.marketer, house.manager, house.administrator)
    }
    assert offered == {Role.MARKETER: False, Role.MANAGER: False, Role.ADMINISTRATOR: True}


def test_the_settings_cost_the_same_however_many_members(house, browser, django_assert_num_queries):
    url = reverse("accounts:settings", args=[house.slug])
    browser.get(url)
    counts = []
    for more in (0, 2, 27):
        for _ in range(more):
            factories.member(house.workspace, Role.MARKETER)
        with CaptureQueriesContext(
            connection,
        ) as queries_:
            browser.get(url)
        counts.append(len(queries_))
    assert counts == [counts[0]] * 3


def test_reviewers_beside_counts_who_else_may_decide(house):
    beside = queries.reviewers_beside
    assert beside(house.marketer, house.marketer.user_id) == 2
    assert beside(house.marketer, house.manager.user_id) == 1
    assert beside(factories.house().marketer, house.manager.user_id) == 2


# --- X accounts ------------------------------------------------------------------------------


def test_x_accounts_are_listed_and_only_managers_may_pause(house):
    other = factories.house()
    url = reverse("x:accounts", args=[house.slug])
    for member, may in ((house.marketer, False), (house.manager, True)):
        page = factories.browser(member).get(url)
        assert [account.pk for account in page.context["x_accounts"]] == [house.account.pk]
        assert page.context["may_pause"] is may
        assert house.account.handle in page.content.decode()
        assert other.account.handle not in page.content.decode()


def test_no_token_is_on_the_page(house):
    house = factories.house(token="very-secret-token")
    page = factories.browser(house.administrator).get(reverse("x:accounts", args=[house.slug]))
    assert "very-secret-token" not in page.content.decode()
    assert bytes(house.account.token.access_token).decode() not in page.content.decode()


def test_pausing_and_resuming_are_said_and_written_down(house):
    browser = factories.browser(house.manager)
    for act, state, reason in (
        ("pause", "paused", "Paused by Ruth Reader."),
        ("resume", "connected", ""),
    ):
        url = reverse(f"x:{act}", args=[house.slug, house.account.pk])
        for _ in range(2):  # again changes nothing
            response = browser.post(url)
            assert response["Location"] == reverse("x:accounts", args=[house.slug])
        house.account.refresh_from_db()
        assert (house.account.state, house.account.paused_reason) == (state, reason)
        assert AuditEvent.objects.filter(verb=f"x_account.{act}d").count() == 1
    assert browser.get(url).status_code == 405


# --- inviting --------------------------------------------------------------------------------


def test_an_administrator_makes_a_link_that_lets_one_person_in(house):
    administrator = factories.browser(house.administrator)
    url = reverse("accounts:invite", args=[house.slug])
    response = administrator.post(url, {"email": "New@Example.com", "role": "manager"})
    email, link = response.context["invited"]
    assert (response.status_code, email) == (200, "New@Example.com")
    path = "/" + link.split("/", 3)[3]
    password = "a long enough password"
    joined = factories.browser(None).post(
        path, {"name": "New Reader", "password": password, "again": password}
    )
    assert joined.status_code == 302
    rows = {(row.email, row.role) for row in queries.members_of(house.workspace)}
    assert ("new@example.com", "Manager") in rows
    assert factories.browser(None).get(path).status_code == 410


@pytest.mark.parametrize("who", ["marketer", "manager"])
def test_others_do_not_invite(house, who):
    browser = factories.browser(getattr(house, who))
    url = reverse("accounts:invite", args=[house.slug])
    response = browser.post(url, {"email": "new@example.com", "role": "administrator"})
    assert response.status_code == 403
    assert AuditEvent.objects.filter(verb="member.invited", actor__isnull=False).count() == 0


def test_a_member_is_not_invited_again(house):
    browser = factories.browser(house.administrator)
    url = reverse("accounts:invite", args=[house.slug])
    response = browser.post(url, {"email": house.marketer.user.email, "role": "manager"})
    assert response.status_code == 422
    assert "is a member of this workspace already" in response.content.decode()
