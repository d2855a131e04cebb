"""The way to X's consent page and back, through the pages, with a played X."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.fernet import Fernet
from django.urls import reverse

from accounts.models import Membership, Role
from outreach.audit.models import AuditEvent
from outreach.delivery import sender
from outreach.delivery.models import AccountPace, AppPace
from outreach.ground.clock import now
from outreach.x import actions, avatars, connecting, connections
from outreach.x.models import Consent, PausedBy, XAccount, XToken
from outreach.x.tokens import decrypt
from tests import factories
from tests.x.played import ALL_SCOPES, PICTURE, User, played

__all__ = ["played"]

pytestmark = pytest.mark.django_db
BRAND = 2244994945


@pytest.fixture
def house(db):
    return factories.house()


@pytest.fixture
def brand(played) -> User:
    return User(BRAND, "inkandloom", f"{played.base_url}/picture.png")


class Way:
    """An administrator's browser, on its way to X and back."""

    def __init__(self, house, member=None) -> None:
        self.house = house
        self.browser = factories.browser(member or house.administrator)
        self.asked: dict[str, str] = {}

    def begin(self, **posted: object):
        answer = self.browser.post(reverse("x:connect", args=[self.house.slug]), posted)
        if answer.status_code == 302:
            query = parse_qs(urlsplit(answer["Location"]).query)
            self.asked = {key: values[0] for key, values in query.items()}
        return answer

    def back(self, **query: str):
        return self.browser.get("/x/callback/", {"state": self.asked.get("state", ""), **query})

    def connect(self, played, user: User, scopes: str = ALL_SCOPES, **posted: object):
        assert self.begin(**posted).status_code == 302
        code = played.consent(user, self.asked["code_challenge"], scopes)
        return self.back(code=code)


def accounts(house) -> dict[str, XAccount]:
    rows = XAccount.objects.of(house.administrator).exclude(pk=house.account.pk)
    return {account.handle: account for account in rows}


def nothing_changed(house) -> bool:
    tokens = XToken.objects.filter(account__workspace=house.workspace)
    return accounts(house) == {} and tokens.count() == 1


# --- there and back ----------------------------------------------------------------------------


def test_pressing_connect_leads_to_x_and_keeps_only_the_hash_of_the_state(house, played):
    way = Way(house)
    answer = way.begin()
    assert answer["Location"].startswith("https://x.example/i/oauth2/authorize?")
    assert way.asked["redirect_uri"] == "http://127.0.0.1:8000/x/callback/"
    assert way.asked["scope"] == ALL_SCOPES
    consent = Consent.everywhere.get()
    assert bytes(consent.state_sha256) == Consent.hashed(way.asked["state"])
    assert decrypt(consent.verifier) not in answer["Location"]
    assert played.asked == []


def test_the_pages_with_a_connect_button_let_their_forms_end_at_x(house, played):
    way = Way(house)
    pages = [
        reverse("x:accounts", args=[house.slug]),
        reverse("x:guide", args=[house.slug]),
        reverse("x:account", args=[house.slug, house.account.pk]),
    ]
    answers = [way.browser.get(page) for page in pages] + [way.begin(app="", account="")]
    refused = way.back(error="access_denied")
    for answer in [*answers, refused]:
        assert "form-action 'self' https://x.example" in answer["Content-Security-Policy"]
    elsewhere = way.browser.get(reverse("accounts:settings", args=[house.slug]))
    assert "form-action 'self';" in elsewhere["Content-Security-Policy"] + ";"


def test_an_account_is_connected_with_its_picture_scopes_and_tokens(house, played, brand):
    way = Way(house)
    answer = way.connect(played, brand)
    account = accounts(house)["inkandloom"]
    assert answer["Location"] == reverse("x:account", args=[house.slug, account.pk])
    assert (account.x_user_id, account.state, account.name) == (BRAND, "connected", "Inkandloom")
    assert (bytes(account.avatar), account.avatar_type) == (PICTURE, "image/png")
    assert account.app.workspace_id is None
    assert account.token.scopes == ALL_SCOPES.split()
    assert decrypt(account.token.access_token) in played.live
    assert decrypt(account.token.refresh_token) in played.refreshable
    assert AppPace.objects.filter(pk=account.app_id).exists()
    event = AuditEvent.objects.get(verb="x_account.connected", target_id=account.pk)
    assert event.actor_id == house.administrator.user_id
    page = way.browser.get(answer["Location"]).content.decode()
    assert "@inkandloom is connected." in page
    assert "send messages" in page
    picture = way.browser.get(reverse("x:avatar", args=[house.slug, account.pk]))
    assert (picture.content, picture["Content-Type"]) == (PICTURE, "image/png")
    assert picture["X-Content-Type-Options"] == "nosniff"


def test_connecting_again_keeps_the_row_and_lifts_only_what_it_mends(house, played, brand):
    way = Way(house)
    way.connect(played, brand)
    account = accounts(house)["inkandloom"]
    made = XAccount.everywhere.values("pk", "x_user_id").get(pk=account.pk)
    generation = account.token.generation
    for by, state in ((PausedBy.TOKEN, "connected"), (PausedBy.LOCKED, "paused")):
        actions.pause_account_itself(account.pk, by=by, reason="So.")
        renamed = User(BRAND, "ink_and_loom")
        way.connect(played, renamed, account=account.pk)
        account = accounts(house)["ink_and_loom"]
        assert {"pk": account.pk, "x_user_id": account.x_user_id} == made
        assert account.state == state
        # X named no picture this time; the one that is there stays.
        assert bytes(account.avatar) == PICTURE
    assert account.token.generation == generation + 2
    assert len(accounts(house)) == 1


def test_an_account_may_move_to_an_app_of_the_workspace(house, played, brand):
    way = Way(house)
    way.connect(played, brand)
    played.clients["ours"] = "our secret"
    app = connections.bring_app(
        house.administrator, name="Ours", client_id="ours", client_secret="our secret"
    )
    account = accounts(house)["inkandloom"]
    way.connect(played, brand, app=app.pk, account=account.pk)
    account.refresh_from_db()
    assert account.app == app
    assert AppPace.objects.filter(pk=app.pk).exists()
    # Without a word about the app it is connected again through the one that it has.
    assert way.begin(account=account.pk).status_code == 302
    assert way.asked["client_id"] == "ours"


def test_an_account_connected_again_after_it_was_disconnected_has_its_row(house, played, brand):
    way = Way(house)
    way.connect(played, brand)
    account = accounts(house)["inkandloom"]
    number = account.token.generation
    way.browser.post(reverse("x:disconnect", args=[house.slug, account.pk]))
    way.connect(played, brand)
    again = accounts(house)["inkandloom"]
    assert (again.pk, again.state, again.disconnected_at) == (account.pk, "connected", None)
    # A number that the old tokens never had: a refresh of those may still be under way.
    assert again.token.generation > number


def test_fewer_scopes_that_letters_do_not_need_are_said(house, played, brand):
    way = Way(house)
    answer = way.connect(played, brand, ALL_SCOPES.replace(" media.write", ""))
    page = way.browser.get(answer["Location"]).content.decode()
    assert "@inkandloom may not attach pictures." in page
    assert "media.write" not in accounts(house)["inkandloom"].token.scopes


def test_scopes_that_x_does_not_name_are_those_that_were_asked_for(house, played, brand):
    Way(house).connect(played, brand, "")
    assert accounts(house)["inkandloom"].token.scopes == ALL_SCOPES.split()


# --- what can go wrong -------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["dm.write", "dm.read", "users.read", "offline.access"])
def test_scopes_that_letters_need_connect_nothing(house, played, brand, missing):
    answer = Way(house).connect(played, brand, ALL_SCOPES.replace(missing, "").strip())
    words = answer.content.decode()
    assert answer.status_code == 422
    assert "X granted less than letters need" in words
    assert "Read and write and Direct message" in words
    assert nothing_changed(house)


def test_a_denied_consent_is_no_fault(house, played):
    way = Way(house)
    way.begin()
    answer = way.back(error="access_denied")
    assert answer.status_code == 403
    assert "X’s consent was not given" in answer.content.decode()
    assert "Go to X again" in answer.content.decode()
    assert nothing_changed(house)
    assert way.back(error="access_denied").status_code == 409
    assert played.asked == []


def test_another_error_of_x_leads_to_the_guide(house, played):
    way = Way(house)
    way.begin()
    answer = way.back(error="<script>server_error")
    assert answer.status_code == 502
    assert "Open the guide" in answer.content.decode()
    assert "<script>server" not in answer.content.decode()


def test_a_way_back_serves_once(house, played, brand):
    way = Way(house)
    way.connect(played, brand)
    before = XToken.objects.values_list("pk", "generation")
    code = played.consent(brand, way.asked["code_challenge"])
    answer = way.back(code=code)
    assert answer.status_code == 409
    assert "This was done already" in answer.content.decode()
    assert list(XToken.objects.values_list("pk", "generation")) == list(before)
    assert code in played.codes


def test_a_way_back_after_ten_minutes_is_too_late(house, played, brand, clock):
    way = Way(house)
    way.begin()
    clock(601)
    answer = way.back(code=played.consent(brand, way.asked["code_challenge"]))
    assert answer.status_code == 410
    assert "10 minutes" in answer.content.decode()
    assert nothing_changed(house)


@pytest.mark.parametrize("state", ["", "made-up", "x" * 5000, "a\x00b", "\udcff"])
def test_a_state_that_is_none_of_ours(house, played, state):
    answer = Way(house).browser.get(
        "/x/callback/", {"state": state.encode("utf-8", "surrogateescape"), "code": "c"}
    )
    assert answer.status_code == 404
    assert "not known here" in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]


def test_a_state_of_somebody_elses_way(house, played, brand):
    """Also where both administer the workspace: whoever began is whom X's page was shown."""
    way = Way(house)
    way.begin()
    code = played.consent(brand, way.asked["code_challenge"])
    other = factories.member(house.workspace, Role.ADMINISTRATOR)
    stranger = factories.house()
    for member in (other, stranger.administrator):
        thief = Way(house, member)
        thief.asked = way.asked
        answer = thief.back(code=code)
        assert answer.status_code == 403
        assert house.workspace.name not in answer.content.decode()
    assert nothing_changed(house)
    # It was not used up: who began it still comes through.
    assert way.back(code=code).status_code == 302


def test_signed_out_on_the_way_one_signs_in_and_comes_back(house, played):
    way = Way(house)
    way.begin()
    way.browser.logout()
    answer = way.back(code="c")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/?next=/x/callback/%3Fstate")


def test_a_role_taken_away_on_the_way_connects_nothing(house, played, brand):
    way = Way(house)
    way.begin()
    rows = Membership.objects.filter(user=house.administrator.user)
    rows.update(role="manager")
    assert way.back(code=played.consent(brand, way.asked["code_challenge"])).status_code == 403
    rows.delete()
    assert way.back(code=played.consent(brand, way.asked["code_challenge"])).status_code == 404
    assert nothing_changed(house)


def test_an_account_of_another_workspace_stays_there_and_nobody_learns_whose(house, played, brand):
    other = factories.house()
    Way(other).connect(played, brand)
    before = XAccount.everywhere.values().get(x_user_id=BRAND)
    for _ in range(2):
        answer = Way(house).connect(played, brand)
        words = answer.content.decode()
        assert answer.status_code == 409
        assert "@inkandloom belongs to another workspace" in words
        assert other.workspace.name not in words
        assert other.slug not in words
        assert accounts(house) == {}
        assert XAccount.everywhere.values().get(x_user_id=BRAND) == before
        # A disconnected one has its limits there all the same.
        connecting.disconnect(other.administrator, before["id"])
        before = XAccount.everywhere.values().get(x_user_id=BRAND)


def test_another_account_than_the_one_to_connect_again_is_not_connected_by_mistake(
    house, played, brand
):
    way = Way(house)
    way.connect(played, brand)
    account = accounts(house)["inkandloom"]
    before = XToken.objects.get(pk=account.pk).generation
    answer = way.connect(played, User(99, "somebody"), account=account.pk)
    words = answer.content.decode()
    assert answer.status_code == 409
    assert "That was @somebody, not @inkandloom" in words
    assert "Connect @somebody as well" in words
    assert list(accounts(house)) == ["inkandloom"]
    assert XToken.objects.get(pk=account.pk).generation == before
    # Nobody wanted @somebody connected, so nothing may act for them.
    assert {user.handle for user in played.live.values()} == {"inkandloom"}
    assert {user.handle for user in played.refreshable.values()} == {"inkandloom"}


def test_an_account_that_is_connected_keeps_its_consent_when_chosen_by_mistake(
    house, played, brand
):
    way = Way(house)
    way.connect(played, brand)
    way.connect(played, User(99, "somebody"))
    answer = way.connect(played, User(99, "somebody"), account=accounts(house)["inkandloom"].pk)
    assert answer.status_code == 409
    assert played.revoked == []


@pytest.mark.parametrize(
    ("path", "answer", "words"),
    [
        ("/2/oauth2/token", (503, b""), "X is not answering"),
        ("/2/oauth2/token", (0, b""), "X is not answering"),
        ("/2/oauth2/token", (401, b'{"error": "invalid_client"}'), "X does not know the X app"),
        ("/2/oauth2/token", (400, b'{"error": "invalid_scope"}'), "X refused"),
        ("/2/users/me", (403, b'{"title": "Forbidden", "status": 403}'), "X is not answering"),
    ],
)
def test_where_x_fails_half_way_nothing_is_connected(house, played, brand, path, answer, words):
    played.answers[path] = [answer]
    said = Way(house).connect(played, brand)
    assert said.status_code == 502
    assert words in said.content.decode()
    assert "Go to X again" in said.content.decode()
    assert nothing_changed(house)


def test_a_code_that_x_does_not_take(house, played):
    way = Way(house)
    way.begin()
    assert way.back(code="used").status_code == 409
    way.begin()
    assert way.back().status_code == 422
    assert nothing_changed(house)


def test_without_an_app_connecting_says_what_is_missing(house, played, settings):
    settings.X_CLIENT_ID = ""
    answer = Way(house).begin()
    assert answer.status_code == 409
    assert "There is no X app to connect through" in answer.content.decode()
    assert Consent.everywhere.count() == 0


def test_a_wrong_key_is_a_clear_page(house, played, brand, settings):
    way = Way(house)
    way.begin()
    settings.TOKEN_KEYS = ["nonsense"]
    answer = way.back(code=played.consent(brand, way.asked["code_challenge"]))
    assert answer.status_code == 503
    assert "TOKEN_KEYS" in answer.content.decode()
    assert way.begin().status_code == 503


def test_what_x_does_not_tell_us_yet_is_said_and_undoes_nothing(house, played, brand):
    played.bearers.clear()
    played.answers["/2/activity/subscriptions"] = [(500, b"")] * 20
    way = Way(house)
    answer = way.connect(played, brand)
    assert accounts(house)["inkandloom"].state == "connected"
    page = way.browser.get(answer["Location"]).content.decode()
    assert "X does not tell us yet what happens to @inkandloom" in page


def test_old_ways_are_forgotten_with_the_next_one(house, played):
    way = Way(house)
    way.begin()
    Consent.everywhere.update(started_at=now() - timedelta(days=2))
    way.begin()
    assert Consent.everywhere.count() == 1


# --- pictures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "", "http://pbs.twimg.com/a.png", "https://twimg.com.evil.example/a.png",
        "https://127.0.0.1:1/a.png", "file:///etc/passwd", "https://[", "http://10.0.0.1/",
    ],
)  # fmt: skip
def test_a_picture_is_fetched_from_x_alone(played, monkeypatch, address):
    monkeypatch.setattr(
        "requests.Session.get", lambda *a, **k: pytest.fail("nobody is to be asked")
    )
    assert avatars.fetch(address) is None


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"<svg>not what it says</svg>"), (404, PICTURE), (302, PICTURE),
     (200, PICTURE + b"x" * avatars.LARGEST)],
)  # fmt: skip
def test_a_picture_that_is_none_or_too_large_is_left_out(played, status, body):
    played.answers["/picture.png"] = [(status, body)]
    assert avatars.fetch(f"{played.base_url}/picture.png") is None


def test_an_account_without_a_picture_has_none_to_show(house):
    browser = factories.browser(house.marketer)
    url = reverse("x:avatar", args=[house.slug, house.account.pk])
    assert browser.get(url).status_code == 404


# --- away again --------------------------------------------------------------------------------


def test_disconnecting_revokes_both_tokens_and_erases_them(house, played, brand):
    way = Way(house)
    way.connect(played, brand)
    account = accounts(house)["inkandloom"]
    token = account.token
    both = {decrypt(token.access_token), decrypt(token.refresh_token)}
    answer = way.browser.post(reverse("x:disconnect", args=[house.slug, account.pk]), follow=True)
    assert "@inkandloom is disconnected: X forgot its tokens" in answer.content.decode()
    assert set(played.revoked) == both
    account.refresh_from_db()
    assert (account.state, XToken.objects.filter(pk=account.pk).count()) == ("disconnected", 0)
    assert account.disconnected_at is not None
    event = AuditEvent.objects.get(verb="x_account.disconnected")
    assert (event.target_id, event.actor_id) == (account.pk, house.administrator.user_id)
    again = way.browser.post(reverse("x:disconnect", args=[house.slug, account.pk]), follow=True)
    assert "@inkandloom is not connected." in again.content.decode()


def test_where_x_does_not_answer_the_tokens_are_erased_all_the_same(house, played, brand):
    way = Way(house)
    way.connect(played, brand)
    account = accounts(house)["inkandloom"]
    played.answers["/2/oauth2/revoke"] = [(503, b"")] * 2
    answer = way.browser.post(reverse("x:disconnect", args=[house.slug, account.pk]), follow=True)
    assert "X did not confirm" in answer.content.decode()
    assert XToken.objects.filter(pk=account.pk).count() == 0


def test_tokens_that_no_key_opens_can_be_erased(house, played, brand, settings):
    way = Way(house)
    way.connect(played, brand)
    account = accounts(house)["inkandloom"]
    settings.TOKEN_KEYS = [Fernet.generate_key().decode()]
    answer = way.browser.post(reverse("x:disconnect", args=[house.slug, account.pk]), follow=True)
    assert "X did not confirm" in answer.content.decode()
    assert XToken.objects.filter(pk=account.pk).count() == 0


def test_a_letter_of_a_disconnected_account_waits_with_the_reason(house, played):
    letter = factories.delivery(house)
    way = Way(house)
    way.browser.post(reverse("x:disconnect", args=[house.slug, house.account.pk]))
    sender.send_due(house.account.pk)
    letter.refresh_from_db()
    assert letter.state == "queued"
    pace = AccountPace.objects.get(pk=house.account.pk)
    assert "is not connected to X" in pace.held_reason


def test_only_an_administrator_connects_and_disconnects(house, played):
    for member in (house.marketer, house.manager):
        way = Way(house, member)
        assert way.begin().status_code == 403
        url = reverse("x:disconnect", args=[house.slug, house.account.pk])
        assert way.browser.post(url).status_code == 403
    assert (XToken.objects.count(), Consent.everywhere.count()) == (1, 0)
