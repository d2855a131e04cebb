"""One refresh, whoever asks for it and however often; and what becomes of the account without one."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import OperationalError, connection, transaction

from outreach.audit.models import AuditEvent
from outreach.ground.clock import now
from outreach.x import actions, connections, oauth, refreshing, tasks
from outreach.x.actions import Pair
from outreach.x.app_keys import keys_of
from outreach.x.errors import TokenRefused
from outreach.x.models import AccountState, PausedBy, XAccount, XToken
from outreach.x.queries import client_for, reading
from outreach.x.refreshing import Refreshed
from outreach.x.tokens import decrypt
from tests import factories
from tests.x.played import User, played

__all__ = ["played"]

pytestmark = pytest.mark.django_db(transaction=True)
CHECKOUT = Path(__file__).resolve().parent.parent.parent
LATER = 90  # seconds: past the lease


@pytest.fixture
def house(played, transactional_db):
    """A house whose account has a pair that the played X knows, with two hours to go."""
    return connected(played)


def connected(played, *, ends_in: float = 7200):
    made = factories.house()
    said = played.pair(User(made.account.x_user_id, made.account.handle))
    give(made.account, said, ends_in=ends_in)
    return made


def give(account, said, *, ends_in: float) -> None:
    """Store a pair that ends in so many seconds of the two hours that it had."""
    with transaction.atomic():
        actions.store_pair(
            account,
            Pair(
                said["access_token"],
                said["refresh_token"],
                ("dm.write",),
                now() + timedelta(seconds=ends_in),
            ),
        )
        begun = now() - timedelta(seconds=7200 - ends_in)
        XToken.objects.filter(pk=account.pk).update(stored_at=begun)


def stored(account) -> tuple[str, str]:
    token = XToken.objects.get(pk=account.pk)
    refresh = bytes(token.refresh_token)
    return decrypt(token.access_token), decrypt(refresh) if refresh else ""


def generation_of(account) -> int:
    return XToken.objects.get(pk=account.pk).generation


def refresh(account) -> Refreshed:
    return refreshing.refresh(account.pk, seen_generation=generation_of(account))


def state_of(account) -> tuple[str, str]:
    account.refresh_from_db()
    return account.state, account.paused_by


# --- one at a time -----------------------------------------------------------------------------


def test_a_refresh_stores_the_new_pair_and_x_knows_no_other(house, played):
    before = generation_of(house.account)
    assert refresh(house.account) is Refreshed.NEW
    access, again = stored(house.account)
    token = XToken.objects.get(pk=house.account.pk)
    assert (access in played.live, list(played.refreshable)) == (True, [again])
    assert (token.generation, token.lease, token.leased_until) == (before + 1, None, None)
    assert token.expires_at > now() + timedelta(minutes=100)


def test_twenty_threads_that_need_a_refresh_at_once_cause_one(played):
    house = connected(played, ends_in=60)
    barrier = threading.Barrier(20)

    def use(_: int) -> str:
        try:
            barrier.wait(20)
            client = client_for(house.account)
            return str(client.generation)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        generations = set(pool.map(use, range(20)))
    assert played.count("/2/oauth2/token") == 1
    access, again = stored(house.account)
    assert access in played.live
    assert list(played.refreshable) == [again]
    # Who came while X answered went on with the token that was there.
    assert generations <= {str(generation_of(house.account) - 1), str(generation_of(house.account))}
    assert state_of(house.account) == ("connected", "")


def test_twenty_threads_whose_token_was_refused_cause_one(house, played):
    seen = generation_of(house.account)
    barrier = threading.Barrier(20)

    def refused(_: int) -> Refreshed:
        try:
            barrier.wait(20)
            return refreshing.refresh(house.account.pk, seen_generation=seen, refused=True)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(refused, range(20)))
    assert played.count("/2/oauth2/token") == 1
    assert set(outcomes) <= {Refreshed.NEW, Refreshed.BUSY}
    assert state_of(house.account) == ("connected", "")


def test_nothing_is_locked_while_x_answers(house, played):
    played.hold = threading.Event()
    seen = generation_of(house.account)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(_refresh_in_thread, house.account.pk, seen)
        assert played.arrived.wait(20)
        # The row can be locked, read and written, and a second refresh says so at once.
        assert refresh(house.account) is Refreshed.BUSY
        actions.pause_account(house.manager, house.account.pk)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%%' "
                "AND datname = current_database()"
            )
            assert cursor.fetchone() == (0,)
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
            assert cursor.fetchone() == (0,)
        played.hold.set()
        assert first.result(20) is Refreshed.NEW
    assert state_of(house.account) == ("paused", "member")


def _refresh_in_thread(account_id: int, seen: int) -> Refreshed:
    try:
        return refreshing.refresh(account_id, seen_generation=seen)
    finally:
        connection.close()


def test_who_comes_late_sees_that_another_pair_is_there(house, played):
    seen = generation_of(house.account)
    assert refresh(house.account) is Refreshed.NEW
    assert refreshing.refresh(house.account.pk, seen_generation=seen) is Refreshed.NEW
    assert played.count("/2/oauth2/token") == 1


def test_an_account_that_was_disconnected_is_not_refreshed(house, played):
    seen = generation_of(house.account)
    connections.erase_tokens(house.administrator, house.account.pk)
    assert refreshing.refresh(house.account.pk, seen_generation=seen) is Refreshed.REFUSED
    assert played.count("/2/oauth2/token") == 0


# --- refused -----------------------------------------------------------------------------------


def test_a_refused_refresh_pauses_the_account_and_tells_the_administrators(
    house, played, mailoutbox
):
    played.refreshable.clear()
    assert refresh(house.account) is Refreshed.REFUSED
    assert state_of(house.account) == ("paused", "token")
    assert house.account.paused_reason == refreshing.REVOKED
    (word,) = mailoutbox
    assert word.to == [house.administrator.user.email]
    assert f"@{house.account.handle}" in word.subject
    assert f"/w/{house.slug}/settings/x/{house.account.pk}/" in word.body
    # nobody asks X with it again
    assert refresh(house.account) is Refreshed.REFUSED
    tasks.refresh_soon()
    assert (played.count("/2/oauth2/token"), len(mailoutbox)) == (1, 1)
    assert stored(house.account)[1] == ""


def test_a_refusal_of_a_pair_that_was_replaced_meanwhile_pauses_nobody(house, played, mailoutbox):
    """Connected anew while X was saying no to the pair before."""
    played.hold = threading.Event()
    played.refreshable.clear()
    seen = generation_of(house.account)
    with ThreadPoolExecutor(1) as pool:
        refused = pool.submit(_refresh_in_thread, house.account.pk, seen)
        assert played.arrived.wait(20)
        user = User(house.account.x_user_id, house.account.handle)
        give(house.account, played.pair(user), ends_in=7200)
        played.hold.set()
        assert refused.result(20) is Refreshed.NEW
    assert state_of(house.account) == ("connected", "")
    assert mailoutbox == []
    assert stored(house.account)[1] in played.refreshable


def test_a_pair_that_comes_after_the_account_was_disconnected_is_given_back(house, played):
    played.hold = threading.Event()
    seen = generation_of(house.account)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(_refresh_in_thread, house.account.pk, seen)
        assert played.arrived.wait(20)
        connections.erase_tokens(house.administrator, house.account.pk)
        played.hold.set()
        assert late.result(20) is Refreshed.REFUSED
    assert played.refreshable == {}
    assert len(played.revoked) == 2
    assert state_of(house.account) == ("disconnected", "")


def test_a_pause_by_a_member_stays_theirs_when_the_connection_ends(house, played, mailoutbox):
    actions.pause_account(house.manager, house.account.pk)
    played.refreshable.clear()
    assert refresh(house.account) is Refreshed.REFUSED
    assert state_of(house.account) == ("paused", "member")
    assert len(mailoutbox) == 1
    assert AuditEvent.objects.filter(verb="x_account.token_refused").count() == 1


def test_a_mail_server_that_is_down_changes_nothing(house, played, settings, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    played.refreshable.clear()
    assert refresh(house.account) is Refreshed.REFUSED
    assert state_of(house.account) == ("paused", "token")
    assert "no word to an administrator" in caplog.text


def test_without_a_refresh_token_a_refused_token_pauses_at_once(house, played):
    XToken.objects.update(refresh_token=b"")
    assert refresh(house.account) is Refreshed.REFUSED
    assert state_of(house.account) == ("paused", "token")
    assert played.count("/2/oauth2/token") == 0


def test_a_token_that_no_key_opens_pauses_with_that_reason(house, played, settings):
    settings.TOKEN_KEYS = [Fernet.generate_key().decode()]
    assert refresh(house.account) is Refreshed.REFUSED
    assert state_of(house.account) == ("paused", "key")
    # nothing is lost: the key may come back
    assert bytes(XToken.objects.get().refresh_token)
    assert played.count("/2/oauth2/token") == 0


def test_tokens_that_x_refuses_one_after_the_other_pause_the_account(house, played):
    played.live.clear()
    seen = generation_of(house.account)
    assert refreshing.refresh(house.account.pk, seen_generation=seen, refused=True) is Refreshed.NEW
    outcome = refreshing.refresh(house.account.pk, seen_generation=seen + 1, refused=True)
    assert outcome is Refreshed.REFUSED
    assert state_of(house.account) == ("paused", "token")
    assert played.count("/2/oauth2/token") == 1


# --- X does not answer -------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [(503, b""), (0, b""), (429, b"{}"), (200, b"<html>")])
def test_where_x_does_not_answer_the_pair_stays_and_nobody_asks_at_once(
    house, played, clock, answer
):
    played.answers["/2/oauth2/token"] = [answer]
    before = stored(house.account)
    assert refresh(house.account) is Refreshed.LATER
    assert refresh(house.account) is Refreshed.BUSY
    assert (stored(house.account), played.count("/2/oauth2/token")) == (before, 1)
    assert state_of(house.account) == ("connected", "")
    clock(16)
    assert refresh(house.account) is Refreshed.NEW


def test_an_app_that_x_refuses_pauses_its_accounts_only_once_their_tokens_end(
    house, played, clock, mailoutbox
):
    played.clients.clear()
    assert refresh(house.account) is Refreshed.LATER
    assert (state_of(house.account), mailoutbox) == (("connected", ""), [])
    clock(7300)
    assert refresh(house.account) is Refreshed.REFUSED
    assert state_of(house.account) == ("paused", "token")
    assert house.account.paused_reason == refreshing.APP_REFUSED


def test_a_database_that_is_gone_for_a_moment_does_not_lose_the_pair(house, played, monkeypatch):
    real, failed = actions.store_refreshed, []

    def once_lost(*args, **kwargs):
        if not failed:
            failed.append(True)
            connection.close()
            raise OperationalError("the connection was lost")
        return real(*args, **kwargs)

    monkeypatch.setattr(actions, "store_refreshed", once_lost)
    assert refresh(house.account) is Refreshed.NEW
    assert stored(house.account)[1] in played.refreshable


# --- before its end, and on 401 ----------------------------------------------------------------


def test_a_client_has_a_fresh_token_shortly_before_the_old_one_ends(house, played, clock):
    first = client_for(house.account)
    clock(7200 - 601)
    assert client_for(house.account).generation == first.generation
    clock(7200 - 599)
    assert client_for(house.account).generation == first.generation + 1
    assert played.count("/2/oauth2/token") == 1


def test_a_client_has_the_token_that_is_there_while_another_process_refreshes(played):
    house = connected(played, ends_in=60)
    played.hold = threading.Event()
    seen = generation_of(house.account)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(_refresh_in_thread, house.account.pk, seen)
        assert played.arrived.wait(20)
        assert client_for(house.account).generation == seen
        played.hold.set()
        other.result(20)
    assert client_for(house.account).generation == seen + 1


def test_a_read_whose_token_is_refused_is_made_again_with_another(house, played):
    played.live.clear()
    assert reading(house.account, lambda client: client.me()).handle == house.account.handle
    assert (played.count("/2/users/me"), played.count("/2/oauth2/token")) == (2, 1)


def test_a_read_whose_token_is_refused_for_good_says_so_and_pauses(house, played):
    played.live.clear()
    played.refreshable.clear()
    with pytest.raises(TokenRefused):
        reading(house.account, lambda client: client.me())
    assert state_of(house.account) == ("paused", "token")


def test_an_idle_account_stays_connected(played):
    due, fresh = connected(played, ends_in=500), connected(played)
    paused = connected(played, ends_in=500)
    actions.pause_account(paused.manager, paused.account.pk)
    ended = connected(played, ends_in=500)
    XAccount.everywhere.filter(pk=ended.account.pk).update(
        state=AccountState.PAUSED, paused_by=PausedBy.REVOKED, paused_reason="Revoked at X."
    )
    before = {each.account.pk: generation_of(each.account) for each in (due, fresh, paused, ended)}
    tasks.refresh_soon()
    after = {pk: XToken.objects.get(pk=pk).generation - before[pk] for pk in before}
    assert after == {
        due.account.pk: 1,
        fresh.account.pk: 0,
        paused.account.pk: 1,
        ended.account.pk: 0,
    }


def test_tokens_that_live_shorter_than_we_look_ahead_are_used_for_half_of_it(house, played, clock):
    played.lifetime = 300
    assert refresh(house.account) is Refreshed.NEW
    seen = generation_of(house.account)
    assert client_for(house.account).generation == seen
    clock(140)
    assert client_for(house.account).generation == seen
    clock(160)
    assert client_for(house.account).generation == seen + 1


def test_where_x_is_silent_for_one_the_others_of_its_app_are_not_asked(played):
    for _ in range(3):
        connected(played, ends_in=500)
    played.answers["/2/oauth2/token"] = [(503, b"")] * 3
    tasks.refresh_soon()
    assert played.count("/2/oauth2/token") == 1


# --- killed ------------------------------------------------------------------------------------


@pytest.fixture
def outside(played) -> dict[str, str]:
    """The environment of a process that works on the test database and the played X."""
    address = urlsplit(os.environ["DATABASE_URL"])
    database = connection.settings_dict["NAME"]
    return os.environ | {
        "DATABASE_URL": address._replace(path=f"/{database}").geturl(),
        "X_API_URL": played.base_url,
        "DJANGO_SETTINGS_MODULE": "outreach.settings",
    }


def process(outside, account, step="", how="SIGKILL", later=0.0) -> subprocess.Popen[str]:
    environment = outside | ({"PGOPTIONS": f"-c outreach.clock_offset=PT{later}S"} if later else {})
    arguments = [str(account.pk), str(generation_of(account)), step, how]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.x.doomed", *arguments],
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def ended(started: subprocess.Popen[str]) -> str | int:
    """How the refresh ended, on its last line (e-mail goes to the same place); or the signal."""
    said, _ = started.communicate(timeout=60)
    return said.splitlines()[-1] if started.returncode == 0 else started.returncode


def test_killed_before_x_was_asked_the_next_one_refreshes_once_the_lease_ends(
    house, played, outside
):
    assert ended(process(outside, house.account, "leased")) == -signal.SIGKILL
    assert refresh(house.account) is Refreshed.BUSY
    assert ended(process(outside, house.account, later=LATER)) == "NEW"
    assert state_of(house.account) == ("connected", "")
    assert stored(house.account)[1] in played.refreshable


def test_killed_between_x_answer_and_the_commit_ends_in_a_clear_reconnect(
    house, played, outside, mailoutbox
):
    """X knows only a pair that died with the process: nobody can go on, and nobody is left to guess."""
    assert ended(process(outside, house.account, "answered")) == -signal.SIGKILL
    assert played.count("/2/oauth2/token") == 1
    # Its access token still serves, so nothing stops before the lease ends.
    assert refresh(house.account) is Refreshed.BUSY
    assert state_of(house.account) == ("connected", "")
    assert ended(process(outside, house.account, later=LATER)) == "REFUSED"
    assert state_of(house.account) == ("paused", "token")
    assert "connect the account again" in house.account.paused_reason


def test_killed_after_the_commit_nothing_is_lost(house, played, outside):
    assert ended(process(outside, house.account, "stored")) == -signal.SIGKILL
    assert stored(house.account)[1] in played.refreshable
    assert client_for(house.account).me().id == house.account.x_user_id
    assert played.count("/2/oauth2/token") == 1


def test_who_slept_past_the_lease_with_the_new_pair_brings_it_all_the_same(house, played, outside):
    """Somebody else found the old pair refused meanwhile and paused the account for nothing."""
    frozen = process(outside, house.account, "answered", "SIGSTOP")
    os.waitid(os.P_PID, frozen.pid, os.WSTOPPED | os.WNOWAIT)
    try:
        assert ended(process(outside, house.account, later=LATER)) == "REFUSED"
        assert state_of(house.account) == ("paused", "token")
    finally:
        os.kill(frozen.pid, signal.SIGCONT)
    assert ended(frozen) == "NEW"
    assert stored(house.account)[1] in played.refreshable
    assert state_of(house.account) == ("connected", "")


# --- key rotation ------------------------------------------------------------------------------


def test_keys_rotated_while_pairs_are_refreshed_lose_nothing(played, settings):
    houses = [connected(played) for _ in range(4)]
    new, old = Fernet.generate_key().decode(), settings.TOKEN_KEYS[0]
    settings.TOKEN_KEYS = [new, old]
    done = threading.Event()

    def refresh_all_the_while(house) -> None:
        try:
            for _ in range(6):
                assert refresh(house.account) is Refreshed.NEW
        finally:
            connection.close()

    def rotate_all_the_while() -> None:
        try:
            while not done.is_set():
                call_command("rotate_token_keys", stdout=io.StringIO())
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as pool:
        rotating = pool.submit(rotate_all_the_while)
        refreshed = [pool.submit(refresh_all_the_while, house) for house in houses]
        try:
            for each in refreshed:
                each.result(60)
        finally:
            done.set()
        rotating.result(60)
    call_command("rotate_token_keys", stdout=io.StringIO())
    settings.TOKEN_KEYS = [new]
    for house in houses:
        access, again = stored(house.account)
        assert played.live[access].id == house.account.x_user_id
        assert played.refreshable[again].id == house.account.x_user_id


# --- with the sandbox --------------------------------------------------------------------------


@pytest.fixture
def at_sandbox(sandbox, settings, transactional_db):
    """A house whose account is connected through the sandbox's own consent page."""
    settings.X_API_URL = sandbox.base_url
    settings.X_AUTHORIZE_URL = f"{sandbox.base_url}/i/oauth2/authorize"
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    made = factories.house()
    sandbox.add_user(made.account.x_user_id, made.account.handle)
    keys = keys_of(made.account.app)
    back, verifier = "http://127.0.0.1:8000/x/callback/", "v" * 64
    url = oauth.authorize_url(keys, redirect_uri=back, state="state", verifier=verifier)
    asked = dict(parse_qsl(urlsplit(url).query))
    answer = sandbox.http.post(
        settings.X_AUTHORIZE_URL,
        data=asked | {"handle": made.account.handle, "decision": "authorize"},
        allow_redirects=False,
        timeout=20,
    )
    code = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))["code"]
    pair = oauth.exchange(keys, code, redirect_uri=back, verifier=verifier)
    with transaction.atomic():
        actions.store_pair(made.account, pair)
    return made


def test_the_sandbox_sees_one_refresh_of_twenty_threads(at_sandbox):
    """It forgets a refresh token that was used: a second refresh would have paused the account."""
    account = at_sandbox.account
    seen = generation_of(account)
    soon = now() + timedelta(seconds=60)
    begun = now() - timedelta(hours=1)
    XToken.objects.filter(pk=account.pk).update(expires_at=soon, stored_at=begun)
    before = stored(account)
    barrier = threading.Barrier(20)

    def use(_: int) -> int | None:
        try:
            barrier.wait(20)
            return client_for(account).generation
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(use, range(20))) <= {seen, seen + 1}
    assert generation_of(account) == seen + 1
    assert state_of(account) == ("connected", "")
    assert client_for(account).me().id == account.x_user_id
    with pytest.raises(oauth.InvalidGrant):
        oauth.refresh(keys_of(account.app), before[1])
    oauth.revoke(keys_of(account.app), stored(account)[0])
    with pytest.raises(TokenRefused):
        client_for(account).me()
