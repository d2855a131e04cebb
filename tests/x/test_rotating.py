"""`manage.py rotate_token_keys`: everything under the newest key, nothing lost."""

from __future__ import annotations

import io

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from outreach.services.checks import State, stored_tokens
from outreach.x import connections, rotating
from outreach.x.models import Consent, XApp, XToken
from outreach.x.tokens import decrypt, encrypt
from tests import factories

pytestmark = pytest.mark.django_db
OLD, NEW, LOST = (Fernet.generate_key().decode() for _ in range(3))


@pytest.fixture
def house(settings):
    """A house with something of everything that is encrypted, under the old key."""
    settings.TOKEN_KEYS = [OLD]
    made = factories.house()
    XToken.objects.update(refresh_token=encrypt("refresh"))
    connections.bring_app(
        made.administrator,
        name="Ours",
        client_id="ours",
        client_secret="client secret",
        bearer_token="bearer",
    )
    connections.begin_consent(
        made.administrator, app_id=None, account_id=None, state="s", verifier="verifier"
    )
    return made


def run() -> str:
    out = io.StringIO()
    call_command("rotate_token_keys", stdout=out)
    return out.getvalue()


def secrets() -> list[str]:
    token, app, consent = (
        XToken.objects.get(),
        XApp.objects.get(name="Ours"),
        Consent.everywhere.get(),
    )
    sealed = (
        token.access_token, token.refresh_token, app.client_secret, app.bearer_token,
        consent.verifier,
    )  # fmt: skip
    return [decrypt(each) for each in sealed]


def test_everything_opens_with_the_new_key_alone_afterwards(house, settings):
    generation = XToken.objects.get().generation
    settings.TOKEN_KEYS = [NEW, OLD]
    said = run()
    assert "token pairs: 1 encrypted anew, 0 already were." in said
    # the installation's own app keeps no secrets in its row
    assert "X apps: 1 encrypted anew, 1 already were." in said
    assert "consents: 1 encrypted anew, 0 already were." in said
    settings.TOKEN_KEYS = [NEW]
    assert secrets() == ["token", "refresh", "client secret", "bearer", "verifier"]
    assert bytes(XApp.objects.get(name="Ours").consumer_secret) == b""
    assert XToken.objects.get().generation == generation


def test_running_it_again_changes_nothing(house, settings):
    settings.TOKEN_KEYS = [NEW, OLD]
    run()
    before = XToken.objects.values().get()
    assert "token pairs: 0 encrypted anew, 1 already were." in run()
    assert XToken.objects.values().get() == before


def test_what_no_key_opens_is_counted_and_left_alone(house, settings):
    before = XToken.objects.values().get()
    settings.TOKEN_KEYS = [NEW, LOST]
    with pytest.raises(CommandError) as refused:
        run()
    assert str(refused.value).startswith(
        "3 rows are encrypted with a key that is not in TOKEN_KEYS"
    )
    assert refused.value.returncode == 1
    assert XToken.objects.values().get() == before


@pytest.mark.parametrize("keys", [[], ["not a key"]])
def test_keys_that_are_none_are_a_clear_error(house, settings, keys):
    settings.TOKEN_KEYS = keys
    with pytest.raises(CommandError, match="TOKEN_KEYS"):
        run()


def test_a_pair_stored_meanwhile_is_not_replaced_by_the_one_before_it(house, settings, monkeypatch):
    settings.TOKEN_KEYS = [NEW, OLD]
    real, came_by = rotating.renewed, []

    def meanwhile(sealed):
        made = real(sealed)
        if not came_by:
            came_by.append(True)
            # By a process that does not know the new key yet.
            other = Fernet(OLD)
            XToken.objects.update(
                access_token=other.encrypt(b"newer"), refresh_token=other.encrypt(b"newer too")
            )
        return made

    monkeypatch.setattr(rotating, "renewed", meanwhile)
    run()
    settings.TOKEN_KEYS = [NEW]
    assert secrets()[:2] == ["newer", "newer too"]


def test_many_rows_are_taken_in_batches(house, settings, monkeypatch):
    monkeypatch.setattr(rotating, "BATCH", 2)
    for _ in range(5):
        factories.account(house.workspace)
    settings.TOKEN_KEYS = [NEW, OLD]
    assert "token pairs: 6 encrypted anew, 0 already were." in run()


def test_the_doctor_counts_what_no_key_opens(house, settings):
    assert stored_tokens().state is State.OK
    settings.TOKEN_KEYS = [NEW, LOST]
    found = stored_tokens()
    assert (found.state, found.what) == (State.MEND, "no key opens 4 of 4")
    assert "TOKEN_KEYS" in found.how
    settings.TOKEN_KEYS = ["not a key"]
    assert stored_tokens().state is State.UNCHECKED
