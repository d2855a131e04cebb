import subprocess
import sys

from outreach.services import running
from outreach.services.paths import CHECKOUT
from outreach.services.postgres import Postgres

from .conftest import ping, query

STARTED = "SELECT pg_postmaster_start_time()::text"

FORKING = """
import os, signal, sys
from pathlib import Path
from outreach.services import running
with running(Path(sys.argv[1])) as urls:
    if os.fork():
        signal.pause()
    print(urls.database_url, urls.redis_url, flush=True)
    sys.stdin.readline()
"""


def test_of_starters_at_once_exactly_one_starts(place):
    users = [place.user() for _ in range(4)]
    started = {query(user.ready().database_url, STARTED) for user in users}
    assert len(started) == 1
    assert len({user.redis_url for user in users}) == 1
    for user in users:
        user.leave()
    assert place.alive() == set()


def test_users_outlive_the_starter(place):
    starter = place.user().ready()
    other = place.user().ready()
    started = query(other.database_url, STARTED)
    starter.leave()
    assert query(other.database_url, STARTED) == started
    assert ping(other.redis_url) is True
    other.leave()
    assert place.alive() == set()


def test_the_last_one_out_stops_what_a_killed_starter_started(place):
    starter = place.user().ready()
    other = place.user().ready()
    starter.kill()
    assert query(other.database_url, "SELECT 1") == 1
    other.leave()
    assert place.alive() == set()


def test_nothing_outlives_the_only_user_when_it_is_killed(place):
    place.user().ready().kill()
    assert place.ends()


def test_a_forked_child_counts_as_a_user(place):
    user = place.user(script=FORKING).ready()
    user.process.kill()
    user.process.wait()
    assert query(user.database_url, "SELECT 1") == 1
    user.process.stdin.write("\n")
    user.process.stdin.close()
    assert place.ends()
    user.process.stdout.close()
    user.process.stderr.close()


def by_hand(place, what):
    return subprocess.run(
        [sys.executable, "-m", "outreach.services", what],
        cwd=CHECKOUT,
        env={"VAR_DIR": str(place.path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_was_started_by_hand_is_left_alone_until_stopped_by_hand(place):
    assert by_hand(place, "start").returncode == 0
    with running(place.path):
        pass
    place.user().ready().leave()
    assert place.alive() == {"postgres", "valkey"}
    assert by_hand(place, "status").returncode == 0
    assert by_hand(place, "stop").returncode == 0
    assert place.alive() == set()
    assert by_hand(place, "status").returncode == 1


def test_what_pg_ctl_started_is_used_and_left_alone(place):
    with running(place.path, cache=False):
        pass
    postgres = Postgres(place.path)
    control = ["pg_ctl", "-s", "-w", "-D", str(postgres.directory)]
    postgres._run([*control, "-l", str(postgres.log), "start"], postgres._whom(), None)
    try:
        with running(place.path, cache=False) as urls:
            started = query(urls.database_url, STARTED)
        assert postgres.answers() is True
        assert query(postgres.url(), STARTED) == started
    finally:
        postgres._run([*control, "stop"], postgres._whom(), None)
    assert postgres.answers() is False
