"""OAuth 2.0 over real HTTP: codes that serve once, pairs that rotate, and refusals as X words them."""

from __future__ import annotations

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
import requests

from outreach.services.locks import wait_until

BRAND, ANN = 1, 2
CLIENT, SECRET = "sandbox-client", "sandbox-secret"
BACK = "http://127.0.0.1:8123/x/callback/"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=")
ASKED = {
    "response_type": "code",
    "client_id": CLIENT,
    "redirect_uri": BACK,
    "scope": "dm.write dm.read tweet.read users.read follows.read media.write offline.access",
    "state": "a state",
    "code_challenge": CHALLENGE.decode(),
    "code_challenge_method": "S256",
}


@pytest.fixture
def world(sandbox):
    sandbox.add_user(BRAND, "brand", "Thread & Ink")
    sandbox.add_user(ANN, "ann")
    sandbox.befriend(BRAND, ANN)
    return sandbox


def led_to(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


def code_of(world, **changes: str) -> str:
    return led_to(world.authorize("brand", **ASKED | changes))["code"]


def post(world, path: str, auth=(CLIENT, SECRET), headers=None, **form: str):
    return world.http.post(world.base_url + path, data=form, auth=auth, headers=headers, timeout=10)


def exchange(world, code: str, auth=(CLIENT, SECRET), **changes: str):
    form = {"code": code, "redirect_uri": BACK, "code_verifier": VERIFIER} | changes
    return post(world, "/2/oauth2/token", auth, grant_type="authorization_code", **form)


def refresh(world, token: str, auth=(CLIENT, SECRET), **more: str):
    form = {"refresh_token": token} | more
    return post(world, "/2/oauth2/token", auth, grant_type="refresh_token", **form)


def works(world, token: str) -> bool:
    return bool(world.api("GET", "/2/users/me", token).status_code == 200)


def refused(response: requests.Response) -> tuple[int, str]:
    assert set(response.json()) == {"error", "error_description"}
    assert response.headers["cache-control"] == "no-store"
    return response.status_code, response.json()["error"]


def test_a_code_becomes_a_pair_that_acts_for_the_user(world):
    address = world.authorize("brand", **ASKED)
    assert address.startswith(f"{BACK}?")
    assert led_to(address)["state"] == "a state"
    answer = exchange(world, led_to(address)["code"])
    pair = answer.json()
    assert answer.status_code == 200
    assert (pair["token_type"], pair["expires_in"]) == ("bearer", 7200)
    assert set(pair["scope"].split()) == set(ASKED["scope"].split())
    me = world.api("GET", "/2/users/me", pair["access_token"]).json()
    assert me["data"]["username"] == "brand"
    sent = world.api(
        "POST", f"/2/dm_conversations/with/{ANN}/messages", pair["access_token"], json={"text": "x"}
    )
    assert sent.status_code == 201
    assert world.dms()[0]["app"] == CLIENT


def test_only_offline_access_brings_a_refresh_token(world):
    pair = exchange(world, code_of(world, scope="tweet.read users.read")).json()
    assert "refresh_token" not in pair
    assert works(world, pair["access_token"])


def test_a_token_may_do_what_was_agreed_to_and_no_more(world):
    token = exchange(world, code_of(world, scope="tweet.read users.read")).json()["access_token"]
    answer = world.api("GET", "/2/dm_events", token)
    assert answer.status_code == 403
    assert "dm.read" in answer.json()["detail"]


def test_a_plain_challenge_is_taken_as_at_x(world):
    code = code_of(world, code_challenge="challenge", code_challenge_method="plain")
    assert exchange(world, code, code_verifier="challenge").status_code == 200


def test_a_code_serves_once(world):
    code = code_of(world)
    assert exchange(world, code).status_code == 200
    assert refused(exchange(world, code)) == (400, "invalid_grant")


def test_of_many_who_bring_one_code_at_once_one_is_served(world):
    code = code_of(world)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: exchange(world, code).status_code, range(8)))
    assert sorted(statuses) == [200] + [400] * 7


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "w" * 43},
        {"code_verifier": CHALLENGE.decode()},
        {"redirect_uri": "http://127.0.0.1:8124/x/callback/"},
    ],
)
def test_a_code_is_tied_to_its_verifier_and_address_and_has_one_try(world, changes):
    code = code_of(world)
    assert refused(exchange(world, code, **changes)) == (400, "invalid_grant")
    assert refused(exchange(world, code)) == (400, "invalid_grant")


def test_a_code_is_of_no_use_to_another_app_and_stays_good_for_its_own(world):
    world.put_app("other", client_secret="o", redirect_uris=[BACK])
    code = code_of(world)
    assert refused(exchange(world, code, ("other", "o"))) == (400, "invalid_grant")
    assert exchange(world, code).status_code == 200


def test_a_code_ends_after_its_time(world):
    world.set_oauth(code_seconds=0.001)
    assert refused(exchange(world, code_of(world))) == (400, "invalid_grant")


def test_access_tokens_end_after_their_time_and_a_refresh_goes_on(world):
    world.set_oauth(access_seconds=0.001)
    pair = exchange(world, code_of(world)).json()
    # A condition, since the machine's clock may be set back by a little at just this moment.
    assert wait_until(lambda: not works(world, pair["access_token"]), 10)
    world.set_oauth(access_seconds=60)
    pair = refresh(world, pair["refresh_token"]).json()
    assert pair["expires_in"] == 60
    assert works(world, pair["access_token"])


def test_a_token_that_is_told_to_expire_does(world):
    pair = exchange(world, code_of(world)).json()
    world.expire_token(pair["access_token"])
    assert not works(world, pair["access_token"])
    assert refresh(world, pair["refresh_token"]).status_code == 200


def test_a_refresh_token_serves_once_and_scopes_stay(world):
    first = exchange(world, code_of(world)).json()
    second = refresh(world, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["scope"] == first["scope"]
    assert refused(refresh(world, first["refresh_token"])) == (400, "invalid_grant")
    # The pair that came of it is as good as before.
    assert works(world, second["access_token"])
    assert refresh(world, second["refresh_token"]).status_code == 200


def test_of_many_who_refresh_at_once_one_is_served(world):
    token = exchange(world, code_of(world)).json()["refresh_token"]
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: refresh(world, token).status_code, range(20)))
    assert sorted(statuses) == [200] + [400] * 19


def test_a_refresh_token_is_of_no_use_to_another_app(world):
    world.put_app("other", client_secret="o")
    token = exchange(world, code_of(world)).json()["refresh_token"]
    assert refused(refresh(world, token, ("other", "o"))) == (400, "invalid_grant")
    assert refresh(world, token).status_code == 200


def test_an_access_token_is_no_refresh_token_and_the_other_way_round(world):
    pair = exchange(world, code_of(world)).json()
    assert refused(refresh(world, pair["access_token"])) == (400, "invalid_grant")
    assert not works(world, pair["refresh_token"])


def test_tokens_outlive_a_restart_of_nothing_but_the_process(world):
    pair = exchange(world, code_of(world)).json()
    world.stop()
    world.start()
    assert works(world, pair["access_token"])
    assert refresh(world, pair["refresh_token"]).status_code == 200


WRONG_CLIENTS = [
    (("sandbox-client", "wrong"), {}, "invalid_client"),
    (("nobody", "sandbox-secret"), {}, "invalid_client"),
    (("", ""), {}, "invalid_client"),
    (None, {"client_id": "nobody"}, "invalid_client"),
    # X wants the header of an app that has a secret.
    (None, {"client_id": CLIENT}, "unauthorized_client"),
    (None, {"client_id": CLIENT, "client_secret": SECRET}, "unauthorized_client"),
]


@pytest.mark.parametrize(("auth", "more", "word"), WRONG_CLIENTS)
def test_who_does_not_prove_to_be_the_app_is_refused(world, auth, more, word):
    code = code_of(world)
    answer = exchange(world, code, auth, **more)
    assert refused(answer) == (401, word)
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert exchange(world, code).status_code == 200


def test_an_app_without_a_secret_names_itself_in_the_body(world):
    world.put_app("public", client_secret="", redirect_uris=["https://app.example/back"])
    back = {"client_id": "public", "redirect_uri": "https://app.example/back"}
    answer = exchange(world, code_of(world, **back), None, **back)
    assert answer.status_code == 200
    assert (
        refresh(world, answer.json()["refresh_token"], None, client_id="public").status_code == 200
    )
    # Nor can anybody pass for it with an empty password.
    assert refused(refresh(world, "x", ("public", ""))) == (401, "invalid_client")


def test_ids_and_secrets_are_form_encoded_in_the_header(world):
    world.put_app("id:with/odd", client_secret="p%+ ü", redirect_uris=[BACK])
    auth = (quote("id:with/odd", safe=""), quote("p%+ ü", safe=""))
    code = code_of(world, client_id="id:with/odd")
    assert exchange(world, code, auth).status_code == 200


INCOMPLETE = [
    ({}, "invalid_request"),
    ({"grant_type": ""}, "invalid_request"),
    ({"grant_type": "authorization_code"}, "invalid_request"),
    ({"grant_type": "authorization_code", "code": "x", "redirect_uri": BACK}, "invalid_request"),
    ({"grant_type": "refresh_token"}, "invalid_request"),
    ({"grant_type": "refresh_token", "refresh_token": "x", "client_id": "y"}, "invalid_request"),
    ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant"),
    ({"grant_type": "password"}, "unsupported_grant_type"),
    ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
]


@pytest.mark.parametrize(("form", "word"), INCOMPLETE)
def test_what_is_incomplete_or_unknown_is_said_by_its_word(world, form, word):
    assert refused(post(world, "/2/oauth2/token", **form)) == (400, word)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"grant_type": "refresh_token"}', "application/json"),
        (b"grant_type=refresh_token&grant_type=x", "application/x-www-form-urlencoded"),
        (b"grant_type=\xff\xfe", "application/x-www-form-urlencoded"),
        (b"grant_type=refresh_token&refresh_token=" + b"x" * 20_000,)
        + ("application/x-www-form-urlencoded",),
        (b"&".join(b"a%d=b" % n for n in range(50)), "application/x-www-form-urlencoded"),
    ],
)
def test_what_is_no_form_is_refused(world, body, content_type):
    answer = world.http.post(
        f"{world.base_url}/2/oauth2/token",
        data=body,
        auth=(CLIENT, SECRET),
        headers={"content-type": content_type},
        timeout=10,
    )
    assert refused(answer) == (400, "invalid_request")


def test_x_s_own_words_can_be_had_instead(world):
    world.set_oauth(x_words=True)
    answer = refresh(world, "none")
    assert refused(answer) == (400, "invalid_request")
    assert answer.json()["error_description"] == "Value passed for the token was invalid."


def test_revoking_an_access_token_leaves_the_refresh_token(world):
    pair = exchange(world, code_of(world)).json()
    answer = post(world, "/2/oauth2/revoke", token=pair["access_token"])
    assert (answer.status_code, answer.json()) == (200, {"revoked": True})
    assert not works(world, pair["access_token"])
    assert refresh(world, pair["refresh_token"]).status_code == 200


def test_revoking_a_refresh_token_ends_what_came_of_the_consent(world):
    pair = exchange(world, code_of(world)).json()
    other = exchange(world, code_of(world)).json()
    assert post(world, "/2/oauth2/revoke", token=pair["refresh_token"]).status_code == 200
    assert not works(world, pair["access_token"])
    assert refused(refresh(world, pair["refresh_token"])) == (400, "invalid_grant")
    assert works(world, other["access_token"])


def test_an_app_revokes_its_own_tokens_only(world):
    world.put_app("other", client_secret="o")
    pair = exchange(world, code_of(world)).json()
    answer = post(world, "/2/oauth2/revoke", ("other", "o"), token=pair["refresh_token"])
    # Whether there was such a token is nobody else's to know.
    assert (answer.status_code, answer.json()) == (200, {"revoked": True})
    assert works(world, pair["access_token"])
    assert refused(post(world, "/2/oauth2/revoke", ("other", "x"), token="t"))[0] == 401
    assert refused(post(world, "/2/oauth2/revoke")) == (400, "invalid_request")


def test_an_app_gets_its_own_token_the_same_until_it_is_invalidated(world):
    def own() -> str:
        answer = post(world, "/oauth2/token", grant_type="client_credentials")
        assert answer.json()["token_type"] == "bearer"
        return str(answer.json()["access_token"])

    assert own() == own() == "sandbox-bearer"
    assert world.api("GET", f"/2/users?ids={ANN}", "sandbox-bearer").status_code == 200
    gone = post(world, "/oauth2/invalidate_token", access_token="sandbox-bearer")
    assert (gone.status_code, gone.json()) == (200, {"access_token": "sandbox-bearer"})
    assert world.api("GET", f"/2/users?ids={ANN}", "sandbox-bearer").status_code == 401
    fresh = own()
    assert fresh != "sandbox-bearer"
    assert world.api("GET", f"/2/users?ids={ANN}", fresh).status_code == 200
    world.reset()
    assert own() == "sandbox-bearer"


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/invalidate_token"])
@pytest.mark.parametrize("auth", [None, (CLIENT, "wrong"), (CLIENT, SECRET)])
def test_the_older_endpoints_have_one_refusal_for_everything(world, path, auth):
    answer = post(world, path, auth, grant_type="refresh_token", access_token="none")
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["code"] == 99


def test_a_revoked_consent_ends_every_token_and_every_code(world):
    pair, code = exchange(world, code_of(world)).json(), code_of(world)
    issued = world.issue_token(BRAND)
    others = world.issue_token(ANN)
    assert world.revoke_consent(BRAND)
    assert not works(world, pair["access_token"])
    assert not works(world, issued)
    assert refused(refresh(world, pair["refresh_token"])) == (400, "invalid_grant")
    assert refused(exchange(world, code)) == (400, "invalid_grant")
    assert works(world, others)
    assert not world.revoke_consent(BRAND)


def test_a_revoked_consent_is_told_to_the_app(world):
    subscription = {"event_type": "oauth.revoke", "filter": {}}
    made = world.api("POST", "/2/activity/subscriptions", "sandbox-bearer", json=subscription)
    assert made.status_code == 200, made.text
    exchange(world, code_of(world))
    before = world.http.get(f"{world.base_url}/_sandbox/activity").json()["events"]
    world.revoke_consent(BRAND)
    assert world.http.get(f"{world.base_url}/_sandbox/activity").json()["events"] == before + 1


def test_a_lost_answer_has_used_the_refresh_token_up(world):
    token = exchange(world, code_of(world)).json()["refresh_token"]
    rule = {"endpoint": "oauth_token", "fault": "error_after", "times": 1}
    world.control("faults", rules=[rule])
    assert refresh(world, token).status_code == 503
    assert refused(refresh(world, token)) == (400, "invalid_grant")
