"""What is said to X's OAuth 2.0, and what its answers mean."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from outreach.x import oauth
from outreach.x.oauth import AppKeys, InvalidClient, InvalidGrant, OAuthError, OAuthUnavailable
from tests.x.awkward import Awkward, answering
from tests.x.played import ALL_SCOPES, BEARER, CLIENT, SECRET, User, played

__all__ = ["played"]

KEYS = AppKeys(CLIENT, SECRET, BEARER)
BACK = "http://127.0.0.1:8000/x/callback/"
BRAND = User(2244994945, "inkandloom")


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def test_the_consent_page_is_asked_for_everything_with_pkce_and_state(settings):
    settings.X_AUTHORIZE_URL = "https://x.com/i/oauth2/authorize"
    url = oauth.authorize_url(KEYS, redirect_uri=BACK, state="a state", verifier="v" * 64)
    parts = urlsplit(url)
    asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://x.com/i/oauth2/authorize"
    assert asked == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": BACK,
        "scope": ALL_SCOPES,
        "state": "a state",
        "code_challenge": challenge_of("v" * 64),
        "code_challenge_method": "S256",
    }
    assert SECRET not in url
    assert "v" * 64 not in url


def test_a_code_becomes_a_pair(played):
    before = datetime.now(UTC)
    code = played.consent(BRAND, challenge_of("v" * 64), "dm.write users.read")
    pair = oauth.exchange(KEYS, code, redirect_uri=BACK, verifier="v" * 64)
    assert played.live[pair.access_token] == BRAND
    assert played.refreshable[pair.refresh_token] == BRAND
    assert pair.scopes == ("dm.write", "users.read")
    assert before <= pair.expires_at - timedelta(hours=2) <= datetime.now(UTC)
    ((path, form),) = played.asked
    assert path == "/2/oauth2/token"
    assert form["grant_type"] == "authorization_code"
    assert (form["redirect_uri"], form["code_verifier"]) == (BACK, "v" * 64)
    assert "client_secret" not in form


def test_another_verifier_gets_nothing(played):
    code = played.consent(BRAND, challenge_of("v" * 64))
    with pytest.raises(InvalidGrant):
        oauth.exchange(KEYS, code, redirect_uri=BACK, verifier="w" * 64)


def test_a_refresh_token_serves_once(played):
    first = played.pair(BRAND)["refresh_token"]
    assert oauth.refresh(KEYS, first).refresh_token != first
    with pytest.raises(InvalidGrant):
        oauth.refresh(KEYS, first)


def test_a_revoked_token_is_gone_and_revoking_it_again_is_no_error(played):
    access = played.pair(BRAND)["access_token"]
    oauth.revoke(KEYS, access)
    oauth.revoke(KEYS, access)
    assert played.revoked == [access, access]
    assert played.live == {}


def test_an_app_gets_a_token_for_itself(played):
    assert oauth.app_token(KEYS) == BEARER


def test_wrong_app_secrets_are_told_from_wrong_grants(played):
    for call in (
        lambda keys: oauth.exchange(keys, "code", redirect_uri=BACK, verifier="v"),
        lambda keys: oauth.refresh(keys, "refresh"),
        lambda keys: oauth.revoke(keys, "token"),
        oauth.app_token,
        oauth.check_client,
    ):
        with pytest.raises(InvalidClient):
            call(AppKeys(CLIENT, "wrong"))
    oauth.check_client(KEYS)
    oauth.check_bearer(KEYS)
    with pytest.raises(InvalidClient):
        oauth.check_bearer(AppKeys(CLIENT, SECRET, "wrong"))


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        ("400 Bad Request", {"error": "invalid_grant"}, InvalidGrant),
        ("400 Bad Request", {"error": "invalid_request", "error_description":
         "Value passed for the token was invalid."}, InvalidGrant),
        ("400 Bad Request", {"error": "invalid_request", "error_description":
         "Value passed for the authorization code was invalid."}, InvalidGrant),
        ("401 Unauthorized", {"error": "invalid_client"}, InvalidClient),
        ("401 Unauthorized", {}, InvalidClient),
        ("400 Bad Request", {"error": "unauthorized_client"}, InvalidClient),
        ("403 Forbidden", {"errors": [{"code": 99, "message": "Unable to verify"}]},
         InvalidClient),
        ("404 Not Found", {"title": "Not Found"}, OAuthUnavailable),
        ("400 Bad Request", {"error": "invalid_scope"}, OAuthError),
        ("403 Forbidden", {"title": "Forbidden"}, OAuthError),
        ("403 Forbidden", b"<html>", OAuthUnavailable),
        ("429 Too Many Requests", {"title": "Too Many Requests"}, OAuthUnavailable),
        ("408 Request Timeout", {}, OAuthUnavailable),
        ("503 Service Unavailable", {"error": "invalid_grant"}, OAuthUnavailable),
        ("302 Found", {}, OAuthUnavailable),
        ("200 OK", b"{}", OAuthUnavailable),
        ("200 OK", b"not json", OAuthUnavailable),
        ("200 OK", b'["access_token"]', OAuthUnavailable),
        ("200 OK", {"access_token": 7}, OAuthUnavailable),
    ],
)  # fmt: skip
def test_what_an_answer_means(settings, status, body, error):
    said = body if isinstance(body, bytes) else json.dumps(body).encode()
    script = answering(status, said, "Location: http://127.0.0.1:9/2/oauth2/token")
    with Awkward(script) as server:
        settings.X_API_URL = server.base_url
        with pytest.raises(OAuthError) as raised:
            oauth.refresh(KEYS, "refresh")
    assert type(raised.value) is error
    assert len(server.requests) == 1


def test_an_answer_that_does_not_come_is_unavailable(settings):
    settings.CALL_ANSWER_TIMEOUT = 0.2
    with Awkward(lambda visit: (visit.read_request(), visit.wait_for_the_end())) as server:
        settings.X_API_URL = server.base_url
        with pytest.raises(OAuthUnavailable):
            oauth.refresh(KEYS, "refresh")
    settings.X_API_URL = "http://127.0.0.1:9"
    with pytest.raises(OAuthUnavailable):
        oauth.refresh(KEYS, "refresh")


def test_nothing_logs_or_shows_a_secret(played, caplog):
    caplog.set_level(logging.DEBUG)
    refresh = played.pair(BRAND)["refresh_token"]
    pair = oauth.refresh(KEYS, refresh)
    played.answers["/2/oauth2/token"] = [(0, b"")]
    with pytest.raises(OAuthUnavailable) as raised:
        oauth.refresh(KEYS, pair.refresh_token)
    said = caplog.text + repr(KEYS) + repr(pair) + repr(raised.value)
    for secret in (SECRET, BEARER, refresh, pair.refresh_token, pair.access_token):
        assert secret not in said
    assert "POST /2/oauth2/token: 200" in caplog.text
    assert raised.value.__context__ is None


def test_a_pair_without_times_or_scopes_is_a_pair(played):
    played.answers["/2/oauth2/token"] = [(200, b'{"access_token": "a", "expires_in": "soon"}')]
    pair = oauth.refresh(KEYS, "refresh")
    assert (pair.access_token, pair.refresh_token, pair.scopes, pair.expires_at) == (
        "a",
        "",
        (),
        None,
    )
