"""Handles become X user ids: of customers, and of stops."""

from __future__ import annotations

from datetime import timedelta

import pytest

from outreach.audit.models import AuditEvent
from outreach.customers import actions as customers
from outreach.customers import queries
from outreach.customers.erasing import actions as erasing
from outreach.customers.finding import actions as finding
from outreach.customers.models import Customer, OptIn, Permission, Suppression
from outreach.customers.sync import handles
from outreach.customers.sync.errors import SyncRefused
from outreach.delivery.models import Delivery
from outreach.ground.clock import now
from outreach.x.models import Expense
from tests import factories
from tests.customers.erasing.dump import dump, where
from tests.customers.invitations.conftest import invited
from tests.delivery.meanwhile import threads

ANN, BEN = 101, 102


def bare_stop(world, handle: str) -> Suppression:
    row: Suppression = Suppression.objects.create(
        workspace_id=world.house.workspace.pk, handle=handle, reason="said stop on paper"
    )
    return row


def test_a_handle_gets_its_id_name_and_relationship(world):
    row = factories.not_looked_up(world.house, "ANN_A")
    world.person(ANN, "Ann_a")
    run = world.sync("handles")
    row.refresh_from_db()
    assert (row.x_user_id, row.handle, row.name) == (ANN, "Ann_a", "Ann_A")
    assert world.known() == {ANN: (True, True, True)}
    assert (run.found, run.missing, run.calls, run.done, run.of) == (1, 0, 1, 1, 1)
    assert [row.used for row in Expense.objects.filter(kind="user")] == [1]


def test_each_hundred_is_one_call(world):
    for number in range(205):
        factories.not_looked_up(world.house, f"h{number}")
        world.sandbox.control(
            "users", users=[{"id": str(1000 + number), "handle": f"h{number}", "name": "H"}]
        )
    run = world.sync("handles")
    assert (run.calls, run.found) == (3, 205)


def test_whom_x_does_not_know_says_so_and_is_left_alone_for_some_days(world):
    row = factories.not_looked_up(world.house, "nobody_here")
    world.person(ANN, "ann")
    run = world.sync("handles")
    row.refresh_from_db()
    assert (run.found, run.missing) == (0, 1)
    assert row.not_found_at is not None
    person = queries.person(world.house.marketer, row.pk, world.house.workspace)
    assert person.why_not[0] == "X knows nobody called @nobody_here."
    with pytest.raises(SyncRefused, match="There is nobody to ask about"):
        world.start("handles")
    later = now() + handles.ASK_AGAIN
    assert handles.due(world.house.workspace.pk, later) == ["nobody_here"]
    Customer.everywhere.update(not_found_at=now() - handles.ASK_AGAIN - timedelta(seconds=1))
    world.sandbox.add_user(BEN, "nobody_here")
    assert world.sync("handles").found == 1
    row.refresh_from_db()
    assert (row.x_user_id, row.not_found_at) == (BEN, None)


def test_the_suspended_count_as_not_found(world):
    factories.not_looked_up(world.house, "ann")
    world.person(ANN, "ann")
    world.sandbox.suspend(ANN)
    assert world.sync("handles").missing == 1


def test_half_an_answer_says_nothing_about_the_others(world):
    """Whom X said nothing about is neither found nor missing, and is asked about next time."""
    for number in (1, 2, 3, 4):
        factories.not_looked_up(world.house, f"h{number}")
        world.sandbox.add_user(1000 + number, f"h{number}")
    world.sandbox.set_faults(
        {"endpoint": "users_by", "fault": "partial", "how": "unanswered", "times": 1}
    )
    run = world.sync("handles")
    assert 0 < run.found < 4
    assert run.missing == 0
    assert Customer.everywhere.filter(not_found_at__isnull=False).count() == 0
    assert len(handles.due(world.house.workspace.pk, now())) == 4 - run.found
    assert world.sync("handles").found == 4 - run.found


def test_what_can_be_no_handle_is_not_asked_about(world):
    odd = factories.not_looked_up(world.house, "far_too_long_for_x")
    world.person(ANN, "ann")
    factories.not_looked_up(world.house, "ann")
    run = world.sync("handles")
    odd.refresh_from_db()
    assert (run.of, run.found) == (1, 1)
    assert odd.not_found_at is not None


def test_a_row_whose_id_has_a_row_already_is_folded_into_it(world):
    kept = world.house.customer(
        x_user_id=world.person(ANN, "ann"), handle="ann", tags=["inks"], first_name="",
        attributes={"order": "7"}, time_zone="", permission=False,
    )  # fmt: skip
    bare = factories.not_looked_up(
        world.house, "Ann", tags=["fair", "inks"], first_name="Annie",
        attributes={"order": "6", "size": "M"}, time_zone="Europe/Oslo",
    )  # fmt: skip
    customers.record_permission(
        world.house.marketer, bare.pk, given=customers.Given(now(), "fair", "x")
    )
    assert world.sync("handles").found == 1
    (only,) = Customer.everywhere.all()
    assert (only.pk, only.tags, only.first_name) == (kept.pk, ["fair", "inks"], "Annie")
    assert (only.attributes, only.time_zone) == ({"order": "7", "size": "M"}, "Europe/Oslo")
    assert Permission.everywhere.get().customer_id == kept.pk
    event = AuditEvent.objects.get(verb="customers.folded")
    assert event.detail.details == {"pairs": [[bare.pk, kept.pk]]}


def test_pages_bring_ids_for_nothing_more(world):
    row = factories.not_looked_up(world.house, "ANN")
    world.person(ANN, "ann")
    run = world.sync()
    row.refresh_from_db()
    assert (row.x_user_id, run.found, run.strangers) == (ANN, 1, 0)
    assert world.known() == {ANN: (True, True, True)}


def test_a_stop_by_handle_becomes_a_stop_of_that_user_and_cancels_their_letters(world):
    """Their row has an id, so the stop by handle did not know that it was them."""
    ann = world.house.customer(x_user_id=world.person(ANN, "ann"), handle="ann")
    letter = factories.delivery(world.house, ann)
    stop = bare_stop(world, "ANN")
    assert not queries.person(world.house.marketer, ann.pk, world.house.workspace).suppressed
    world.sync("handles")
    stop.refresh_from_db()
    assert (stop.x_user_id, stop.handle, stop.reason) == (ANN, "", "said stop on paper")
    assert Delivery.everywhere.get(pk=letter.pk).state == "cancelled"
    assert queries.person(world.house.marketer, ann.pk, world.house.workspace).suppressed
    assert AuditEvent.objects.filter(verb="suppression.identified").count() == 1


def test_a_second_stop_of_the_same_user_goes(world):
    ann = world.house.customer(x_user_id=world.person(ANN, "ann"), handle="ann")
    customers.suppress(world.house.marketer, ann.pk, reason="first")
    bare_stop(world, "ann")
    world.sync()
    assert [(row.x_user_id, row.reason) for row in Suppression.everywhere.all()] == [(ANN, "first")]


def test_a_customer_stopped_by_handle_stays_stopped_once_their_id_is_known(world):
    row = factories.not_looked_up(world.house, "ann")
    customers.suppress(world.house.marketer, row.pk, reason="said stop")
    world.person(ANN, "ann")
    world.sync("handles")
    assert queries.person(world.house.marketer, row.pk, world.house.workspace).suppressed
    assert Suppression.everywhere.get().x_user_id == ANN


def test_a_stop_whose_handle_x_does_not_know_is_left_alone_too(world):
    bare_stop(world, "nobody")
    assert world.sync("handles").missing == 1
    assert Suppression.everywhere.get().not_found_at is not None
    assert handles.due(world.house.workspace.pk, now()) == []


def test_the_erased_do_not_come_back_by_their_handle(world):
    erased = world.house.customer(x_user_id=ANN, handle="old_ann")
    erasing.erase(world.house.manager, erased.pk)
    row = factories.not_looked_up(world.house, "ann")
    customers.record_permission(
        world.house.marketer, row.pk, given=customers.Given(now(), "fair", "zqcardzq")
    )
    bare_stop(world, "ANN")
    world.person(ANN, "ann")
    assert world.sync("handles").found == 0
    assert Customer.everywhere.get().pk == erased.pk
    assert (Permission.everywhere.count(), Suppression.everywhere.count()) == (0, 0)
    # Nor is anything left of what was said of the row.
    assert where(["zqcardzq"], dump()) == {"zqcardzq": set()}


def test_an_erased_row_is_nobody_whose_handle_is_asked_about(world):
    bare = factories.not_looked_up(world.house, "ann")
    erasing.erase(world.house.manager, bare.pk)
    world.person(ANN, "ann")
    with pytest.raises(SyncRefused, match="There is nobody to ask about"):
        world.start("handles")
    factories.not_looked_up(world.house, "not a handle")
    world.person(BEN, "ben")
    factories.not_looked_up(world.house, "ben")
    assert world.sync("handles").found == 1  # marking what cannot be a handle left the empty row be


def test_a_handle_whose_users_row_was_merged_is_folded_into_the_one_that_speaks(world):
    kept, other = world.house.customer(), world.house.customer(x_user_id=ANN, handle="old")
    finding.merge(world.house.marketer, kept.pk, other.pk)
    bare = factories.not_looked_up(world.house, "ann", tags=["fair"])
    invitation = invited(world.house)
    OptIn.objects.create(
        workspace=world.house.workspace, invitation=invitation, customer=bare, at=now()
    )
    world.person(ANN, "ann")
    assert world.sync("handles").found == 1
    kept.refresh_from_db()
    assert (kept.tags, OptIn.everywhere.get().customer_id) == (["fair"], kept.pk)
    assert not Customer.everywhere.filter(pk=bare.pk).exists()


@pytest.mark.parametrize("meanwhile", ["erased", "merged"])
def test_whoever_was_erased_or_merged_meanwhile_is_let_be(world, monkeypatch, meanwhile):
    """Between the look at the rows and their locks."""
    house = world.house
    bare, owner = factories.not_looked_up(house, "ann"), house.customer(x_user_id=ANN)
    world.person(ANN, "ann")
    run = world.start("handles")
    real, done = handles._bare, []

    def bare_rows(*arguments):
        found = real(*arguments)
        if not done:
            done.append(True)
            with threads(1) as start:
                start(act).result()
        return found

    def act():
        if meanwhile == "erased":
            erasing.erase(house.manager, owner.pk)
        else:
            finding.merge(house.marketer, owner.pk, bare.pk)

    monkeypatch.setattr(handles, "_bare", bare_rows)
    monkeypatch.setattr(erasing, "_hold_runs", lambda scope: None)  # it would wait for this step
    run = world.work(run)
    assert (run.state, run.found) == ("done", 0)
    assert not Customer.everywhere.filter(x_user_id=None, erased_at=None).exists()


def test_a_look_up_before_a_letter_brings_the_present_handle_too(world):
    from outreach.delivery import sender

    ann = world.house.customer(x_user_id=world.person(ANN, "new_ann"), handle="old", known=False)
    factories.delivery(world.house, ann)
    sender.send_due(world.account.pk)
    ann.refresh_from_db()
    assert (ann.handle, ann.name) == ("new_ann", "New_Ann")


def test_those_about_to_be_written_to_are_looked_up_the_soonest_first(world):
    soon = world.house.customer(x_user_id=world.person(ANN), checked_ago=timedelta(days=9))
    fresh = world.house.customer(x_user_id=world.person(BEN))
    world.house.customer(x_user_id=world.person(103), checked_ago=timedelta(days=9))
    for each in (soon, fresh):
        factories.delivery(world.house, each)
    world.sandbox.unfollow(ANN, world.account.x_user_id)
    run = world.sync("recipients")
    assert (run.of, run.calls, run.ceased) == (1, 1, 1)
    assert world.known()[ANN][:2] == (True, False)
    with pytest.raises(SyncRefused, match="There is nobody to ask about"):
        world.start("recipients")


def test_somebody_about_to_be_written_to_who_left_x_is_known_not_to_be_there(world):
    ann = world.house.customer(x_user_id=ANN, checked_ago=timedelta(days=9))
    factories.delivery(world.house, ann)
    run = world.sync("recipients")
    assert (run.missing, run.ceased) == (1, 0)
    assert ann.relationships.get().reachable is False
