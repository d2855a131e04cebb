"""`manage.py sync_account`, and the tasks that do the same by themselves."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from outreach.customers.models import SyncChoice, SyncRun
from outreach.customers.sync import actions, tasks
from outreach.ground.clock import now
from outreach.x.models import XApp, XToken
from tests import factories

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
    assert SyncRun.everywhere.count() == 1  # the last one was a moment ago
    SyncChoice.everywhere.update(next_at=now())
    tasks.tick()
    assert SyncRun.everywhere.filter(state="done", started_by=None).count() == 1
    tasks.tick()
    assert SyncRun.everywhere.count() == 2
    SyncChoice.everywhere.update(next_at=now())
    tasks.tick()
    assert SyncRun.everywhere.count() == 3


def count(world) -> str:
    address = reverse("customers:sync_count", args=[world.house.slug, world.account.pk])
    answer = factories.browser(world.house.manager).post(address, follow=True)
    assert answer.status_code == 200
    (said,) = [str(message) for message in answer.context["messages"]]
    return said


def test_a_button_asks_x_how_many_they_are(world):
    world.person(ANN)
    world.person(102, followed=False)
    assert count(world) == "X said how many they are. The price is worked out below."
    choice = SyncChoice.everywhere.get()
    assert (choice.followers, choice.following) == (2, 1)


def test_where_x_cannot_be_asked_the_page_says_why(world):
    world.sandbox.set_faults({"endpoint": "me", "fault": "error_before", "status": 503})
    assert count(world).endswith(" Nothing was changed.")
    world.sandbox.set_faults()
    XApp.objects.update(monthly_cap=0)
    assert count(world) == "This month's cap for X does not pay for it any more."
    XApp.objects.update(monthly_cap=25)
    XToken.objects.all().delete()
    assert count(world) == "The account is not connected. Connect it under Settings first."
    assert SyncChoice.everywhere.count() == 0
