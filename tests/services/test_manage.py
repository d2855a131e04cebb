import os
import signal
import subprocess
import sys

import pytest

from outreach.services.commands import missing
from outreach.services.locks import wait_until
from outreach.services.paths import CHECKOUT


def manage(place, *arguments, **environment):
    theirs = {"DATABASE_URL", "REDIS_URL"}
    kept = {name: value for name, value in os.environ.items() if name not in theirs}
    return subprocess.Popen(
        [sys.executable, str(CHECKOUT / "manage.py"), *arguments],
        cwd="/",
        env=kept | {"VAR_DIR": str(place.path)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


ASK = (
    "from django.db import connection; from django.core.cache import cache; "
    "cache.set('word', 'letter'); connection.ensure_connection(); "
    "print(connection.settings_dict['NAME'], cache.get('word'), flush=True)"
)


def test_a_command_finds_both_services_and_leaves_none_behind(place):
    said, complaints = manage(place, "shell", "--no-imports", "-c", ASK).communicate()
    assert (said, complaints) == ("outreach letter\n", "")
    assert place.alive() == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_an_interrupted_command_leaves_none_behind(place, number):
    command = manage(place, "shell", "--no-imports", "-c", f"{ASK}; import time; time.sleep(60)")
    assert command.stdout.readline() == "outreach letter\n"
    command.send_signal(number)
    command.communicate(timeout=30)
    assert command.returncode != 0
    assert place.alive() == set()


def test_named_services_are_used_and_none_started(place, empty_place):
    user = place.user().ready()
    here = {"DATABASE_URL": user.database_url, "REDIS_URL": user.redis_url}
    elsewhere = empty_place.path.with_name("elsewhere")
    command = manage(place, "shell", "--no-imports", "-c", ASK, VAR_DIR=str(elsewhere), **here)
    assert command.communicate() == ("outreach letter\n", "")
    assert not (elsewhere / "services").exists()
    user.leave()


def test_a_command_that_needs_none_starts_none(empty_place):
    command = manage(empty_place, "help")
    assert "Available subcommands" in command.communicate()[0]
    assert not (empty_place.path / "services").exists()


def test_production_starts_none_and_names_what_is_missing(empty_place):
    said, complaints = manage(empty_place, "migrate", SECRET_KEY="s" * 60).communicate()
    assert said == ""
    assert complaints.startswith("Not set in the environment: ALLOWED_HOSTS, PUBLIC_URL, DATABASE_")
    assert len(complaints.splitlines()) == 1
    assert not (empty_place.path / "services").exists()


@pytest.mark.parametrize(
    ("arguments", "needs"),
    [
        ("migrate", True),
        ("shell", True),
        ("help migrate", False),
        ("migrate --help", False),
        ("", False),
        ("collectstatic --no-input", False),
        ("check", False),
        ("check --database default", True),
        ("makemigrations --check", True),
    ],
)
def test_what_needs_services(monkeypatch, arguments, needs):
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert missing(["manage.py", *arguments.split()]) == (needs, needs)


def test_two_commands_at_once_share_the_services(place):
    commands = [manage(place, "shell", "--no-imports", "-c", ASK) for _ in range(3)]
    assert [command.communicate() for command in commands] == [("outreach letter\n", "")] * 3
    assert wait_until(lambda: not place.alive(), 5)
