import json
import os
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command

from outreach.delivery.models import AccountPace
from outreach.ground.clock import now
from outreach.services import checks
from outreach.services.checks import State
from outreach.services.paths import CHECKOUT
from outreach.x.models import ActivityEvent, DMReading, Stream
from tests import factories


@pytest.mark.django_db
def test_the_database_of_these_tests_is_well():
    assert checks.database() == checks.ok("PostgreSQL 18, fsync and synchronous_commit on")
    assert checks.migrations() == checks.ok("all applied")
    assert checks.redis_server() == checks.ok("answers, evicts nothing")
    assert checks.token_keys() == checks.ok("1 valid")


@pytest.mark.django_db
def test_commits_that_are_not_waited_for_are_to_be_mended():
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
    found = checks.database()
    assert found.state is State.MEND
    assert found.what.startswith("synchronous_commit is off")
    assert found.how == "set synchronous_commit = on for this database and its user"


def test_each_part_that_does_not_answer_is_named_with_a_remedy(settings):
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    settings.X_API_URL = "http://127.0.0.1:9"
    for found in (checks.redis_server(), checks.x_api()):
        assert found.state is State.MEND
        assert found.how != ""


def test_without_a_worker_one_is_to_be_started():
    assert checks.worker().state is State.MEND


def test_the_beat_is_judged_by_when_it_last_ticked():
    cache.delete(settings.HEARTBEAT)
    assert checks.beat().what == "nobody ever looked for due letters"
    cache.set(settings.HEARTBEAT, time.time() - 3600)
    assert checks.beat().state is State.MEND
    cache.set(settings.HEARTBEAT, time.time())
    assert checks.beat().state is State.OK


@pytest.mark.parametrize("keys", [[], ["not a key"], ["c2hvcnQ="]])
def test_token_keys_that_encrypt_nothing_are_to_be_mended(settings, keys):
    settings.TOKEN_KEYS = keys
    assert checks.token_keys().state is State.MEND


@pytest.mark.parametrize(
    ("url", "hosts", "state"),
    [
        ("https://letters.example", ["letters.example"], State.OK),
        ("https://letters.example", [".example"], State.OK),
        ("http://letters.example", ["letters.example"], State.MEND),
        ("https://letters.example", ["other.example"], State.MEND),
    ],
)
def test_a_production_address_is_https_and_let_in(settings, url, hosts, state):
    settings.PRODUCTION, settings.PUBLIC_URL, settings.ALLOWED_HOSTS = True, url, hosts
    assert checks.public_url().state is state


def test_e_mail_that_reaches_nobody_is_to_be_mended_in_production(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    settings.PRODUCTION = True
    assert checks.email().state is State.MEND
    settings.PRODUCTION = False
    assert checks.email().state is State.OK


@pytest.mark.django_db
def test_the_command_tells_programs_the_same_and_fails_when_something_is_to_be_mended(capsys):
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--json")
    assert ended.value.code == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is False
    assert [check["name"] for check in answer["checks"]] == list(checks.CHECKS)
    states = {check["name"]: check["state"] for check in answer["checks"]}
    assert states["database"] == "ok"
    assert states["worker"] == "mend"


def test_it_says_so_when_the_database_does_not_answer(tmp_path):
    told = subprocess.run(
        [sys.executable, "manage.py", "doctor"],
        cwd=CHECKOUT,
        env=os.environ
        | {"DATABASE_URL": "postgres://nobody@127.0.0.1:9/none", "VAR_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    line = next(line for line in told.stdout.splitlines() if " database: " in line)
    assert line.startswith("mend        database: PostgreSQL does not answer: ")
    assert line.endswith(" → check DATABASE_URL and the server")


@pytest.mark.django_db
def test_letters_that_wait_since_nobody_hears_replies_are_named(house):
    pace = AccountPace.objects.get(pk=house.account.pk)
    reading = DMReading.objects.create(account=house.account, failure="X does not answer.")
    assert checks.replies() == checks.ok("heard wherever letters are due")
    pace.held_code = "not_heard"
    pace.save()
    found = "letters of 1 account wait, since nobody hears the replies"
    assert checks.replies().state is State.MEND
    assert checks.replies().what == f"{found}. X does not answer."
    reading.failure = ""
    reading.save()
    assert checks.replies().what == found


@pytest.mark.django_db
def test_whether_x_is_heard_is_judged_by_when_anything_last_came():
    assert checks.listener().what == "no X account is connected"
    account = factories.house().account
    assert checks.listener().what == f"nothing was ever heard from X through app {account.app_id}"
    stream = Stream.objects.create(app_id=account.app_id, heard_at=now() - timedelta(hours=1))
    assert checks.listener().what == "nothing was heard from X for 3,600 seconds"
    stream.heard_at = now()
    stream.save()
    assert checks.listener() == checks.ok("hears X for 1 app")
    stream.failure = "X cannot be reached."
    stream.save()
    assert checks.listener().state is State.MEND
    assert checks.listener().what == f"X app {account.app_id}: X cannot be reached."


@pytest.mark.django_db
def test_events_that_were_given_up_are_named():
    assert checks.events() == checks.ok("all took effect")
    account = factories.house().account
    ActivityEvent.objects.create(
        event_uuid="1",
        app_id=account.app_id,
        account=account,
        kind="follow.follow",
        payload={},
        via="stream",
        handled_at=now(),
        failure="ValueError",
    )
    assert checks.events().what == "1 given up, the last a follow.follow (ValueError)"
