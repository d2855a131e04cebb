"""Real workers that are killed at any point of a sync: the tables are as before, or as after."""

from __future__ import annotations

import signal
from datetime import timedelta

import pytest
from django.db.models import F

from outreach.audit.models import AuditEvent
from outreach.customers.models import (
    Customer,
    FollowChange,
    Relationship,
    SeenMutual,
    Suppression,
    SyncedUser,
    SyncRun,
    SyncToAsk,
)
from outreach.ground.clock import now
from tests import factories
from tests.customers.sync.conftest import BRAND

PEOPLE = 1500  # two pages of each list
FIRST = 3_000_000_000
NEW, GONE, BARE = FIRST + 1, 201, FIRST + 2

# Step, which time it comes by, and whether the page that was under way is paid for once more.
STEPS = [
    ("before it is taken", 1, 0),
    ("taken", 1, 0),
    ("begun", 1, 0),
    ("tab open", 1, 0),
    ("page under way", 1, 0),
    ("page answered", 1, 1000),
    ("page not committed", 1, 1000),
    ("page kept", 1, 0),
    ("page under way", 2, 0),
    ("page answered", 2, 500),
    ("page kept", 2, 0),
    ("page not committed", 4, 500),
    ("page kept", 4, 0),
    ("ready to merge", 1, 0),
    ("names kept", 1, 0),
    ("relationships not committed", 1, 0),
    ("pages dropped, not committed", 1, 0),
    ("merge not committed", 1, 0),
    ("merged", 1, 0),
]


def tables(run: SyncRun) -> dict[str, object]:
    """All that a sync changes but its own row and pages."""
    return {
        "customers": set(
            Customer.everywhere.values_list("pk", "x_user_id", "handle", "name", "not_found_at")
        ),
        "relationships": set(
            Relationship.everywhere.values_list(
                "customer_id", "following", "followed_by", "accepts_dms", "reachable"
            )
        ),
        "changes": set(FollowChange.everywhere.values_list("customer_id", "by_brand", "holds")),
        "mutuals": set(SeenMutual.everywhere.values_list("x_user_id", "handle")),
        "stops": set(Suppression.everywhere.values_list("x_user_id", "handle")),
        "ended": AuditEvent.objects.filter(verb="sync.ended").count(),
    }


def spent(world) -> int:
    """People whom X has charged for."""
    return round(world.sandbox.app()["spent"] * 100)


def the_lease_ends() -> None:
    SyncRun.everywhere.filter(token__isnull=False).update(leased_until=now() - timedelta(seconds=1))


@pytest.fixture
def known(world):
    """Somebody new, somebody gone, somebody renamed, one known by handle alone, and strangers."""
    world.sandbox.seed(BRAND, PEOPLE, mutual=PEOPLE)
    world.house.customer(x_user_id=NEW, followed_by=False, handle="renamed")
    world.sandbox.add_user(GONE, "gone")
    world.house.customer(x_user_id=GONE)
    bare = world.sandbox.api("GET", f"/2/users?ids={BARE}", world.sandbox.issue_token(BRAND))
    factories.not_looked_up(world.house, bare.json()["data"][0]["username"].upper())
    Relationship.everywhere.update(checked_at=F("checked_at") - timedelta(hours=1))
    return world


@pytest.mark.parametrize(("step", "time", "paid_twice"), STEPS)
def test_a_worker_killed_at_any_step_leaves_all_or_nothing_and_the_next_one_finishes(
    known, doomed, step, time, paid_twice
):
    run = known.start()
    before, cost = tables(run), spent(known)
    died = doomed.work(run.pk, step=step, time=time)
    assert died == {"killed": signal.SIGKILL}
    halfway = tables(run)
    the_lease_ends()
    assert doomed.work(run.pk) == {"ended": 0}
    run.refresh_from_db()
    after = tables(run)
    assert halfway == (after if step == "merged" else before)
    assert (run.state, run.calls, run.followers, run.following) == ("done", 4, PEOPLE, PEOPLE)
    assert (run.began, run.ceased, run.renamed, run.found) == (1, 1, 1, 1)
    assert run.strangers == PEOPLE - 2
    assert after["ended"] == 1
    assert Customer.everywhere.filter(x_user_id=BARE).count() == 1
    assert (SyncedUser.everywhere.count(), SyncToAsk.everywhere.count()) == (0, 0)
    # No page is paid for twice but the one that was under way.
    assert spent(known) - cost == 2 * PEOPLE + paid_twice


LOOK_UPS = [
    ("recipients", "look-up answered", 2, 50),
    ("recipients", "look-up kept", 1, 0),
    ("handles", "look-up answered", 1, 100),
    ("handles", "handles not committed", 2, 50),
    ("handles", "handles kept", 1, 0),
]


@pytest.mark.parametrize(("kind", "step", "time", "paid_twice"), LOOK_UPS)
def test_look_ups_go_on_where_the_killed_worker_was(
    world, doomed, monkeypatch, kind, step, time, paid_twice
):
    from outreach.customers.sync import queries

    world.sandbox.seed(BRAND, 150, mutual=150)
    ids = list(range(FIRST, FIRST + 150))
    if kind == "recipients":
        for x_user_id in ids:
            world.house.customer(x_user_id=x_user_id, known=False)
        # Two hundred letters would take minutes to write.
        monkeypatch.setattr(queries, "about_to_be_written_to", lambda account: ids)
    else:
        token = world.sandbox.issue_token(BRAND)
        for part in (ids[:100], ids[100:]):
            asked = ",".join(map(str, part))
            users = world.sandbox.api("GET", f"/2/users?ids={asked}", token).json()["data"]
            for user in users:
                factories.not_looked_up(world.house, user["username"])
    run = world.start(kind)
    if kind == "recipients":
        SyncToAsk.objects.of(run).bulk_create(
            SyncToAsk(workspace_id=run.workspace_id, run=run, x_user_id=each) for each in ids
        )
        SyncRun.everywhere.update(began_at=now(), of=150)
    cost = spent(world)
    assert doomed.work(run.pk, step=step, time=time) == {"killed": signal.SIGKILL}
    the_lease_ends()
    assert doomed.work(run.pk) == {"ended": 0}
    run.refresh_from_db()
    assert (run.state, run.done, run.calls, SyncToAsk.everywhere.count()) == ("done", 150, 2, 0)
    assert len(world.known()) == 150
    assert set(world.known().values()) == {(True, True, True)}
    assert spent(world) - cost == 150 + paid_twice
