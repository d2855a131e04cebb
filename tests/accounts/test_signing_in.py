"""The way in, and where it leads."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts.actions import enrol
from accounts.models import Role, User
from tests import factories
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db
WRONG = "That e-mail address and password do not belong together. Check both."


@pytest.fixture
def jo():
    return User.objects.create_user("Jo.Writer@Example.com", PASSWORD, name="Jo Writer")


def sign_in(email: str, password: str, browser=None, **more):
    browser = browser or factories.browser(None)
    return browser.post(
        reverse("accounts:sign_in"), {"username": email, "password": password} | more
    )


def test_an_address_is_kept_in_lower_case(jo):
    assert jo.email == "jo.writer@example.com"


@pytest.mark.parametrize(
    "typed", ["jo.writer@example.com", "JO.WRITER@EXAMPLE.COM", " Jo.Writer@example.com "]
)
def test_the_address_is_read_whatever_its_case(jo, typed):
    response = sign_in(typed, PASSWORD)
    assert (response.status_code, response["Location"]) == (302, "/")
    assert int(response.client.session["_auth_user_id"]) == jo.pk


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(jo):
    answers = [sign_in(jo.email, "wrong"), sign_in("nobody@example.com", "wrong")]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert [answer.context["form"].non_field_errors() for answer in answers] == [[WRONG], [WRONG]]
    assert [answer.context["form"]["username"].value() for answer in answers] == [
        jo.email,
        "nobody@example.com",
    ]
    for answer in answers:
        assert "_auth_user_id" not in answer.client.session
        assert "wrong" not in answer.content.decode()


def test_a_log_in_that_is_switched_off_gets_no_further(jo):
    User.objects.filter(pk=jo.pk).update(is_active=False)
    response = sign_in(jo.email, PASSWORD)
    assert response.status_code == 422
    assert response.context["form"].non_field_errors() == [WRONG]


@pytest.mark.parametrize(
    ("email", "password", "field", "sentence"),
    [
        ("", PASSWORD, "username", "Enter the e-mail address you sign in with."),
        ("jo@example.com", "", "password", "Enter your password."),
    ],
)
def test_what_is_missing_is_named(email, password, field, sentence):
    response = sign_in(email, password)
    assert response.status_code == 422
    assert response.context["form"].errors[field] == [sentence]


@pytest.mark.parametrize(
    "typed", ["a\x00b@example.com", "x" * 5000 + "@example.com", "'; --", "🐦"]
)
def test_anything_can_be_typed(typed):
    assert sign_in(typed, typed).status_code == 422


def test_it_goes_back_to_where_one_wanted_to_go(house):
    here = reverse("drafts:list", args=[house.slug])
    response = sign_in(house.marketer.user.email, PASSWORD, next=here)
    assert response["Location"] == here


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil"]
)
def test_it_goes_nowhere_else(house, target):
    assert sign_in(house.marketer.user.email, PASSWORD, next=target)["Location"] == "/"


def test_who_is_signed_in_is_sent_home(house):
    response = factories.browser(house.marketer).get(reverse("accounts:sign_in"))
    assert (response.status_code, response["Location"]) == (302, "/")


def test_who_is_signed_in_and_was_sent_to_sign_in_again_is_sent_home(house):
    """Two tabs: one signs in, the other still stands at the sign-in page of the sign-in page."""
    url = reverse("accounts:sign_in")
    response = factories.browser(house.marketer).get(f"{url}?next={url}")
    assert (response.status_code, response["Location"]) == (302, "/")


def test_signing_out_ends_the_session(house):
    browser = factories.browser(house.marketer)
    response = browser.post(reverse("accounts:sign_out"))
    assert (response.status_code, response["Location"]) == (302, "/sign-in/")
    assert browser.get(reverse("insights:today", args=[house.slug])).status_code == 302


def test_signing_out_is_no_link(house):
    assert factories.browser(house.marketer).get(reverse("accounts:sign_out")).status_code == 405


def test_a_form_without_its_token_is_refused_with_a_way_on(house):
    browser = Client(enforce_csrf_checks=True)
    response = browser.post(reverse("accounts:sign_in"), {"username": "x", "password": "y"})
    assert response.status_code == 403
    page = response.content.decode()
    assert "You were signed out" in page
    assert "/sign-in/?next=%2Fsign-in%2F" in page


def test_a_form_with_another_sessions_token_says_so_to_who_is_signed_in(house):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(house.marketer.user)
    response = browser.post(reverse("accounts:theme"), {"theme": "dark"})
    assert response.status_code == 403
    assert "load the page again" in response.content.decode()


def test_home_asks_the_signed_out_to_sign_in(db):
    response = factories.browser(None).get("/")
    assert (response.status_code, response["Location"]) == (302, "/sign-in/")


def test_home_opens_the_only_workspace(house):
    response = factories.browser(house.marketer).get("/")
    assert response["Location"] == reverse("insights:today", args=[house.slug])


def test_home_offers_a_choice_of_several_or_says_there_is_none(house, jo):
    other = factories.workspace("Another Brand")
    hidden = factories.workspace("Hidden Brand")
    with transaction.atomic():
        enrol(other, house.marketer.user, Role.MANAGER)
    browser = factories.browser(house.marketer)
    assert browser.get("/")["Location"] == reverse("accounts:workspaces")
    page = browser.get(reverse("accounts:workspaces")).content.decode()
    for slug in (house.slug, other.slug):
        assert reverse("insights:today", args=[slug]) in page
    assert ("Manager" in page, "Marketer" in page) == (True, True)
    assert hidden.name not in page

    browser = factories.browser(None)
    browser.force_login(jo)
    assert browser.get("/")["Location"] == reverse("accounts:workspaces")
    page = browser.get(reverse("accounts:workspaces"))
    assert page.status_code == 200
    assert "/w/" not in page.content.decode()


def test_the_choice_is_for_the_signed_in(db):
    assert factories.browser(None).get(reverse("accounts:workspaces")).status_code == 302


def test_healthz_answers_without_a_session(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = factories.browser(None).get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok")
