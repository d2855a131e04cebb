"""`manage.py sync_account`, and the tasks that do the same by themselves."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from outreach.customers.models import SyncChoice, SyncRun
from outreach.customers.sync import actions, tasks
from outreach.ground.clock import now

ANN = 101


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("sync_account", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_the_command_says_the_price_and_begins_with_yes_only(world):
    world.person(ANN)
    handle = world.account.handle
    with pytest.raises(CommandError, match="X was not asked yet how many they are"):
        command(handle)
    assert json.loads(command(f"@{handle}", "--yes", "--json")) == {
        "state": "done", "problem": "", "calls": 2, "followers": 1, "following": 1, "began": 0,
        "ceased": 0, "renamed": 0, "found": 0, "missing": 0, "strangers": 1, "adopted": 0,
    }  # fmt: skip
    assert command(handle).splitlines() == [
        "2 people: 2 calls, about a minute, at most $0.02.",
        "Nothing was begun. Begin it with --yes.",
    ]
    assert command(handle, "--only", "adopt", "--yes").splitlines()[-1] == (
        "1 person became a customer."
    )


def test_the_command_says_what_is_wrong(world):
    with pytest.raises(CommandError, match="No X account called @nobody is known here"):
        command("nobody")
    with pytest.raises(CommandError, match="There is nobody to ask about"):
        command(world.account.handle, "--only", "handles", "--yes")
    world.person(ANN)
    world.start()
    with pytest.raises(CommandError, match="is under way"):
        command(world.account.handle, "--yes")


@pytest.fixture
def at_once(monkeypatch) -> None:
    """Wake-ups are heeded by this very process."""
    monkeypatch.setattr(tasks.work_on, "apply_async", lambda ids, **_: tasks.work_on(*ids))


def test_a_button_is_enough(world, at_once):
    world.person(ANN)
    world.start()
    assert SyncRun.everywhere.get().state == "done"


def test_the_tick_finds_runs_that_no_wake_up_announced_and_daily_ones(world, monkeypatch):
    world.person(ANN)
    world.start()
    assert SyncRun.everywhere.get().state == "waiting"
    monkeypatch.setattr(tasks.work_on, "apply_async", lambda ids, **_: tasks.work_on(*ids))
    tasks.tick()
    assert SyncRun.everywhere.get().state == "done"
    actions.choose(
        world.house.administrator, world.account.pk, daily="lists", adopt=False, owns_app=False
    )
    tasks.tick()
    assert SyncRun.everywhere.filter(state="done", started_by=None).count() == 1
    tasks.tick()
    assert SyncRun.everywhere.count() == 2
    SyncChoice.everywhere.update(next_at=now())
    tasks.tick()
    assert SyncRun.everywhere.count() == 3
