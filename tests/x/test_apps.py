"""X apps as rows: the installation's and those that workspaces bring, each tried before it is kept."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.urls import reverse

from outreach.audit.models import AuditEvent
from outreach.x import brought_apps, connections
from outreach.x.app_keys import is_usable, keys_of
from outreach.x.models import XApp
from outreach.x.tokens import encrypt
from tests import factories
from tests.x.played import BEARER, CLIENT, SECRET, played

__all__ = ["played"]

pytestmark = pytest.mark.django_db
ENTERED = {"name": "Ours", "client_id": "ours", "client_secret": "our secret"}


@pytest.fixture
def ours(played):
    """X knows an app that the workspace may bring."""
    played.clients["ours"] = "our secret"
    played.bearers.add("our bearer")
    return played


def bring(house, **changed: str):
    browser = factories.browser(house.administrator)
    url = reverse("x:bring_app", args=[house.slug])
    return browser.post(url, ENTERED | changed)


def brought() -> XApp | None:
    return XApp.objects.filter(workspace__isnull=False).first()


def brought_by(house) -> XApp:
    return connections.bring_app(house.administrator, **ENTERED)


# --- whose -------------------------------------------------------------------------------------


def test_the_installations_app_is_in_the_environment(house, played):
    keys = keys_of(house.account.app)
    assert (keys.client_id, keys.client_secret, keys.bearer_token) == (CLIENT, SECRET, BEARER)
    assert is_usable(house.account.app)
    assert SECRET not in repr(keys)


def test_a_brought_apps_secrets_are_kept_encrypted(house, ours):
    answer = bring(house, bearer_token="our bearer", consumer_secret="consumer")
    app = brought()
    assert answer["Location"] == reverse("x:guide", args=[house.slug]) + f"?app={app.pk}"
    assert (app.workspace_id, app.name, app.client_id) == (house.workspace.pk, "Ours", "ours")
    kept = b"".join(map(bytes, (app.client_secret, app.bearer_token, app.consumer_secret)))
    for secret in (b"our secret", b"our bearer", b"consumer"):
        assert secret not in kept
    keys = keys_of(app)
    assert (keys.client_secret, keys.bearer_token, keys.consumer_secret) == (
        "our secret", "our bearer", "consumer",
    )  # fmt: skip
    event = AuditEvent.objects.get(verb="x_app.brought")
    assert "secret" not in str(event.detail.details).replace("client_secret", "")


def test_no_page_shows_a_secret_again(house, ours):
    bring(house, bearer_token="our bearer", consumer_secret="consumer value")
    app = brought()
    browser = factories.browser(house.administrator)
    pages = [
        reverse("x:app", args=[house.slug, app.pk]),
        reverse("x:guide", args=[house.slug]) + f"?app={app.pk}",
        reverse("x:accounts", args=[house.slug]),
    ]
    for page in pages:
        words = browser.get(page).content.decode()
        assert "Ours" in words
        for secret in ("our secret", "our bearer", "consumer value"):
            assert secret not in words, page


# --- tried when entered ------------------------------------------------------------------------


def test_wrong_secrets_are_said_beside_their_fields(house, ours):
    answer = bring(house, client_secret="wrong", bearer_token="wrong too")
    assert answer.status_code == 422
    form = answer.context["form"]
    assert set(form.errors) == {"client_secret", "bearer_token"}
    words = answer.content.decode()
    assert "X does not know this client id with this client secret." in words
    assert "X does not accept this bearer token." in words
    # What was typed is kept, but for the secrets.
    assert 'value="ours"' in words
    assert "wrong too" not in words
    assert brought() is None


def test_a_plan_without_the_activity_api_is_told_from_a_wrong_token(house, ours):
    ours.answers["/2/activity/subscriptions"] = [(403, b'{"title": "Client Forbidden"}')]
    answer = bring(house, bearer_token="our bearer")
    assert list(answer.context["form"].errors) == ["bearer_token"]
    assert "plan" in answer.context["form"].errors["bearer_token"][0]


@pytest.mark.parametrize("answer", [(503, b""), (0, b""), (429, b"")])
def test_where_x_does_not_answer_nothing_is_stored_and_nothing_else_lost(house, ours, answer):
    ours.answers["/2/oauth2/token"] = [answer]
    said = bring(house)
    assert said.status_code == 502
    words = said.content.decode()
    assert "X did not answer" in words
    assert 'value="ours"' in words
    assert 'value="Ours"' in words
    assert "our secret" not in words
    assert brought() is None


def test_what_is_missing_is_named(house, ours):
    answer = bring(house, name="", client_id="", client_secret="")
    assert set(answer.context["form"].errors) == {"name", "client_id", "client_secret"}
    assert ours.asked == []


def test_an_app_that_is_known_here_is_refused_beside_its_client_id(house, ours):
    bring(house)
    other = factories.house()
    for again in (house, other):
        answer = bring(again)
        assert answer.status_code == 422
        assert (
            "is known to this installation already" in answer.context["form"].errors["client_id"][0]
        )
        assert other.workspace.name not in answer.context["form"].errors["client_id"][0]
    answer = bring(other, client_id=CLIENT, client_secret=SECRET)
    assert list(answer.context["form"].errors) == ["client_id"]
    assert XApp.objects.filter(workspace__isnull=False).count() == 1


# --- replaced ----------------------------------------------------------------------------------


def test_secrets_are_replaced_one_by_one(house, ours):
    bring(house, bearer_token="our bearer")
    app = brought()
    ours.bearers.add("a new bearer")
    browser = factories.browser(house.administrator)
    url = reverse("x:app", args=[house.slug, app.pk])
    # What is there says so beside its field; what is not says what it is good for.
    words = browser.get(url).content.decode()
    assert words.count("Leave it empty to keep the one that is stored.") == 2
    assert words.count("Optional.") == 1
    answer = browser.post(url, {"name": "Ours, renamed", "bearer_token": "a new bearer"})
    assert answer.status_code == 302
    app.refresh_from_db()
    keys = keys_of(app)
    assert (app.name, app.client_id) == ("Ours, renamed", "ours")
    assert (keys.client_secret, keys.bearer_token) == ("our secret", "a new bearer")
    event = AuditEvent.objects.get(verb="x_app.changed")
    assert event.detail.details["replaced"] == "bearer_token"


def test_a_refused_replacement_keeps_what_was_there(house, ours):
    app = brought_by(house)
    browser = factories.browser(house.administrator)
    url = reverse("x:app", args=[house.slug, app.pk])
    answer = browser.post(url, {"name": "Ours", "client_secret": "wrong"})
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["client_secret"])
    app.refresh_from_db()
    assert keys_of(app).client_secret == "our secret"


def test_the_client_id_cannot_be_changed(house, ours):
    app = brought_by(house)
    browser = factories.browser(house.administrator)
    url = reverse("x:app", args=[house.slug, app.pk])
    browser.post(url, {"name": "Ours", "client_id": "another"})
    app.refresh_from_db()
    assert app.client_id == "ours"


def test_secrets_of_a_lost_key_can_be_entered_anew(house, ours, settings):
    app = brought_by(house)
    settings.TOKEN_KEYS = [Fernet.generate_key().decode()]
    browser = factories.browser(house.administrator)
    url = reverse("x:app", args=[house.slug, app.pk])
    answer = browser.post(url, {"name": "Ours", "bearer_token": "our bearer"})
    assert (answer.status_code, "TOKEN_KEYS" in answer.content.decode()) == (503, True)
    answer = browser.post(url, {"name": "Ours", "client_secret": "our secret"})
    assert answer.status_code == 302
    app.refresh_from_db()
    assert keys_of(app).client_secret == "our secret"


def test_another_workspaces_app_is_not_there(house, ours):
    app = brought_by(house)
    other = factories.house()
    browser = factories.browser(other.administrator)
    url = reverse("x:app", args=[other.slug, app.pk])
    assert browser.get(url).status_code == 404
    assert browser.post(url, ENTERED).status_code == 404
    assert browser.post(reverse("x:connect", args=[other.slug]), {"app": app.pk}).status_code == 404
    assert browser.post(reverse("x:check", args=[other.slug]), {"app": app.pk}).status_code == 404
    entered = brought_apps.Entered(name="Mine")
    with pytest.raises(XApp.DoesNotExist):
        brought_apps.change(other.administrator, app.pk, entered)
    app.refresh_from_db()
    assert app.name == "Ours"


def test_a_full_app_takes_no_more_accounts(house, ours, settings):
    settings.X_SUBSCRIPTIONS_AN_APP = 6
    words = factories.browser(house.administrator).get(reverse("x:accounts", args=[house.slug]))
    assert "1 of 1 accounts connected" in words.content.decode()
    assert "full" in words.content.decode()


def test_an_app_without_secrets_is_not_usable(house, settings):
    settings.X_CLIENT_ID = ""
    assert not is_usable(house.account.app)
    assert not is_usable(XApp(workspace=house.workspace, client_id="ours"))
    assert is_usable(
        XApp(workspace=house.workspace, client_id="ours", client_secret=encrypt("secret"))
    )
