"""The guide through X's portal and its check, and the list of accounts."""

from __future__ import annotations

import pytest
from django.urls import reverse

from outreach.x import checking, connections
from tests import factories
from tests.x.played import played

__all__ = ["played"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(house):
    return factories.browser(house.administrator)


def lines(browser, house, **posted: object) -> dict[str, checking.Line]:
    answer = browser.post(reverse("x:check", args=[house.slug]), posted)
    assert answer.status_code == 200
    return {line.name: line for line in answer.context["lines"]}


def test_the_guide_says_what_x_wants(browser, house, played):
    words = browser.get(reverse("x:guide", args=[house.slug])).content.decode()
    for said in (
        'value="http://127.0.0.1:8000/x/callback/"',
        "Read and write and Direct message",
        "Web App",
        "X_CLIENT_ID",
        "X_CLIENT_SECRET",
        "X_BEARER_TOKEN",
        "X_CONSUMER_SECRET",
        "spending limit",
        "Automation",
        "Privacy policy",
        "media.write",
        "Bring an X app",
    ):
        assert said in words, said
    assert played.asked == []


def test_the_check_finds_nothing_missing_where_all_is_there(browser, house, played):
    found = lines(browser, house)
    assert {name: line.ok for name, line in found.items()} == {
        "Callback address": True,
        "Encryption of tokens": True,
        "Client id and secret": True,
        "Bearer token": True,
        "Consumer secret": True,
    }
    page = browser.post(reverse("x:check", args=[house.slug])).content.decode()
    assert "Nothing is missing." in page
    assert played.live == {}


def test_the_check_names_each_thing_that_is_missing_and_how_to_mend_it(
    browser, house, played, settings
):
    settings.X_CLIENT_SECRET = settings.X_BEARER_TOKEN = settings.X_CONSUMER_SECRET = ""
    settings.TOKEN_KEYS = []
    settings.PRACTICE, settings.PUBLIC_URL = False, "http://outreach.example"
    found = lines(browser, house)
    assert {name: line.ok for name, line in found.items()} == {
        "Callback address": False,
        "Encryption of tokens": False,
        "Client id and secret": False,
        "Bearer token": False,
        "Consumer secret": None,
    }
    assert all(line.how for line in found.values())
    assert "X_CLIENT_SECRET" in found["Client id and secret"].how
    assert "https" in found["Callback address"].how


def test_the_check_tells_wrong_from_unanswered(browser, house, played):
    played.clients.clear()
    played.answers["/2/activity/subscriptions"] = [(503, b"")]
    found = lines(browser, house)
    assert (found["Client id and secret"].ok, found["Bearer token"].ok) == (False, None)
    assert found["Bearer token"].what == "X did not answer."
    played.bearers.clear()
    assert lines(browser, house)["Bearer token"].ok is False


def test_the_check_waits_once_for_an_x_that_does_not_answer(browser, house, played):
    played.answers["/oauth2/token"] = played.answers["/2/oauth2/token"] = [(503, b"")]
    found = lines(browser, house)
    assert [found[name].what for name in ("Client id and secret", "Bearer token")] == [
        "X did not answer.",
        "X did not answer.",
    ]
    assert played.count("/2/activity/subscriptions") == 0


def test_the_check_looks_at_an_app_of_the_workspace(browser, house, played, settings):
    played.clients["ours"] = "our secret"
    app = connections.bring_app(
        house.administrator, name="Ours", client_id="ours", client_secret="our secret"
    )
    found = lines(browser, house, app=app.pk)
    assert (found["Client id and secret"].ok, found["Bearer token"].ok) == (True, False)
    assert found["Bearer token"].how == "Enter the bearer token in the app’s form."
    settings.TOKEN_KEYS = [settings.TOKEN_KEYS[0][::-1][1:] + "="]
    assert lines(browser, house, app=app.pk)["The app’s secrets"].ok is False


@pytest.mark.parametrize("app", ["x", "999999", "-1", "9" * 40])
def test_an_app_that_is_none(browser, house, played, app):
    assert browser.post(reverse("x:check", args=[house.slug]), {"app": app}).status_code == 404
    assert browser.get(reverse("x:guide", args=[house.slug]), {"app": app}).status_code == 404
    connect = reverse("x:connect", args=[house.slug])
    assert browser.post(connect, {"app": app}).status_code == 404
    assert browser.post(connect, {"account": app}).status_code == 404


def test_the_list_offers_connecting_to_administrators_alone(house, played):
    url = reverse("x:accounts", args=[house.slug])
    assert (
        "Connect another account"
        in factories.browser(house.administrator).get(url).content.decode()
    )
    for member in (house.marketer, house.manager):
        assert "Connect another account" not in factories.browser(member).get(url).content.decode()


def test_the_lists_queries_do_not_grow_with_accounts(house, played, django_assert_num_queries):
    browser = factories.browser(house.administrator)
    url = reverse("x:accounts", args=[house.slug])
    browser.get(url)
    with django_assert_num_queries(14):
        browser.get(url)
    for _ in range(3):
        factories.account(house.workspace)
    with django_assert_num_queries(14):
        browser.get(url)


def test_an_empty_list_teaches_the_next_step(played):
    made = factories.house()
    made.account.token.delete()
    factories.without_account(made)
    url = reverse("x:accounts", args=[made.slug])
    words = factories.browser(made.administrator).get(url).content.decode()
    assert "No X account yet" in words
    assert "Connect an account" in words
    assert "The guide: what X wants first" in words
