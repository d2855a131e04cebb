"""Permission, suppression, and what X says about relationships."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from outreach.audit.models import AuditEvent
from outreach.customers import actions
from outreach.customers.finding.criteria import Criteria
from outreach.customers.finding.queries import find
from outreach.customers.models import (
    Basis,
    ContactPolicy,
    Customer,
    Permission,
    Relationship,
    Suppression,
)
from outreach.customers.queries import people, requires_permission
from outreach.delivery.models import Delivery
from outreach.drafts import actions as drafts
from outreach.drafts.errors import CannotBeWrittenTo
from outreach.ground.clock import now
from outreach.ground.writes import NoTransaction
from outreach.x.client import XUser
from tests import factories

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def x_user(customer: Customer, **said: bool | None) -> XUser:
    assert customer.x_user_id is not None
    values = {"following": True, "followed_by": True, "accepts_dms": True} | said
    return XUser(
        id=customer.x_user_id, handle=customer.handle, name=customer.name, avatar_url="", **values
    )


# --- somebody X was not asked about yet ------------------------------------------------------


def test_nobody_begins_a_letter_to_somebody_x_was_not_asked_about(house):
    stranger = factories.not_looked_up(house, "Fox_Lover")
    with pytest.raises(CannotBeWrittenTo, match="X was not asked yet who @Fox_Lover is"):
        drafts.start(house.marketer, customer_id=stranger.pk, x_account_id=house.account.pk)
    person = people(house.marketer, [stranger], house.workspace)[0]
    assert person.why_not[0] == "X was not asked yet who @Fox_Lover is."


def test_a_handle_that_x_was_not_asked_about_is_one_row_whatever_its_case(house):
    factories.not_looked_up(house, "Fox_Lover")
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.not_looked_up(house, "fox_lover")


def test_a_stop_of_somebody_x_was_not_asked_about_goes_by_handle(house):
    stranger = factories.not_looked_up(house, "Fox_Lover")
    other = factories.not_looked_up(house, "heron")
    actions.suppress(house.marketer, stranger.pk, reason="Said so at the fair")
    actions.suppress(house.marketer, stranger.pk, reason="Again")
    row = Suppression.everywhere.get()
    assert (row.x_user_id, row.handle, row.reason) == (None, "Fox_Lover", "Said so at the fair")
    found = people(house.marketer, [stranger, other], house.workspace)
    assert [person.suppressed for person in found] == [True, False]
    assert find(house.marketer, Criteria(stopped="yes")).page.rows == [stranger]
    assert AuditEvent.objects.filter(verb="customer.suppressed").count() == 1


def test_a_suppression_names_somebody(house):
    with pytest.raises(IntegrityError), transaction.atomic():
        Suppression.objects.create(workspace=house.workspace, reason="of nobody")


# --- permission ------------------------------------------------------------------------------


def test_a_permission_is_recorded_with_its_evidence(house):
    customer = house.customer(permission=False)
    moment = now()
    made = actions.record_permission(
        house.marketer,
        customer.pk,
        given=actions.Given(moment, "a fair", "card 12"),
    )
    stored = Permission.objects.of(house.marketer).get()
    assert (stored, stored.customer, stored.recorded_by) == (made, customer, house.marketer.user)
    assert (stored.basis, stored.given_at, stored.place, stored.evidence) == (
        "opted_in",
        moment,
        "a fair",
        "card 12",
    )
    event = AuditEvent.objects.get(verb="permission.recorded")
    assert (event.target_kind, event.target_id, event.actor) == (
        "customer",
        customer.pk,
        house.marketer.user,
    )


def test_a_basis_that_is_none_is_refused_by_the_database(house):
    customer = house.customer(permission=False)
    with pytest.raises(IntegrityError, match="known_permission_basis"), transaction.atomic():
        Permission.objects.create(
            workspace=house.workspace, customer=customer, basis="bought", given_at=now()
        )


# --- suppression -----------------------------------------------------------------------------


def test_a_suppression_cancels_what_is_queued_for_this_person_and_nothing_else(house):
    theirs, another = factories.delivery(house), factories.delivery(house)
    actions.suppress(house.marketer, theirs.customer_id, reason="said stop")
    theirs.refresh_from_db()
    another.refresh_from_db()
    assert (theirs.state, theirs.reason_code, theirs.reason) == (
        "cancelled",
        "suppressed",
        "said stop",
    )
    assert another.state == "queued"
    stored = Suppression.objects.of(house.marketer).get()
    assert (stored.x_user_id, stored.reason, stored.recorded_by) == (
        theirs.recipient_x_user_id,
        "said stop",
        house.marketer.user,
    )


def test_it_cancels_from_every_account_of_the_workspace(house):
    customer = house.customer()
    first = factories.delivery(house, customer)
    house.account = factories.account(house.workspace)
    second = factories.delivery(house, customer)
    assert first.x_account_id != second.x_account_id
    actions.suppress(house.manager, customer.pk, reason="said stop")
    assert set(Delivery.objects.of(house.marketer).values_list("state", flat=True)) == {"cancelled"}


def test_the_same_person_in_another_workspace_is_not_touched(house):
    other = factories.house()
    mine = factories.delivery(house, house.customer(x_user_id=77))
    theirs = factories.delivery(other, other.customer(x_user_id=77))
    actions.suppress(house.marketer, mine.customer_id, reason="said stop")
    theirs.refresh_from_db()
    assert theirs.state == "queued"
    assert Suppression.objects.of(other.marketer).count() == 0


def test_suppressing_again_changes_nothing(house):
    customer = house.customer()
    actions.suppress(house.marketer, customer.pk, reason="said stop")
    actions.suppress(house.manager, customer.pk, reason="again")
    assert Suppression.objects.of(house.marketer).get().reason == "said stop"
    assert AuditEvent.objects.filter(verb="customer.suppressed").count() == 1


def test_a_suppression_outlives_its_customer(house):
    customer = house.customer(permission=False, known=False)
    actions.suppress(house.marketer, customer.pk, reason="said stop")
    customer.delete()
    assert Suppression.objects.of(house.marketer).count() == 1
    with transaction.atomic():
        actions.suppress_step(house.workspace.pk, 99, "wrote from nowhere", actor_id=None)
    assert Suppression.objects.of(house.marketer).count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_step_insists_on_a_transaction(house):
    with pytest.raises(NoTransaction):
        actions.suppress_step(house.workspace.pk, 99, "stop", actor_id=None)


@pytest.mark.django_db(transaction=True)
def test_two_stops_at_once_are_one():
    house = factories.house()
    letter = factories.delivery(house)
    failures: list[BaseException] = []
    ready = threading.Barrier(4)

    def run():
        try:
            ready.wait(20)
            actions.suppress(house.marketer, letter.customer_id, reason="stop")
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert Suppression.objects.of(house.marketer).count() == 1
    assert AuditEvent.objects.filter(verb="delivery.cancelled").count() == 1


# --- relationships ---------------------------------------------------------------------------


def test_what_x_says_is_stored_and_who_it_does_not_find_is_gone(house):
    known, gone = house.customer(known=False), house.customer()
    moment = now()
    written = actions.store_relationships(
        house.account.pk,
        [known.x_user_id, gone.x_user_id],
        [x_user(known, followed_by=None)],
        looked_at=moment,
    )
    assert written == 2
    stored = {r.customer_id: r for r in Relationship.objects.of(house.marketer)}
    first, second = stored[known.pk], stored[gone.pk]
    assert (first.following, first.followed_by, first.accepts_dms) == (True, False, True)
    assert (first.reachable, first.mutual, first.checked_at) == (True, False, moment)
    assert (second.reachable, second.mutual, second.accepts_dms) == (False, False, False)


def test_an_earlier_look_never_overwrites_a_later_one(house):
    customer = house.customer(known=False)
    later = now()
    store = actions.store_relationships
    assert store(house.account.pk, [customer.x_user_id], [x_user(customer)], looked_at=later) == 1
    assert store(house.account.pk, [customer.x_user_id], [], looked_at=later - HOUR) == 0
    stored = Relationship.objects.of(house.marketer).get()
    assert (stored.mutual, stored.checked_at) == (True, later)
    assert store(house.account.pk, [customer.x_user_id], [], looked_at=later + HOUR) == 1
    stored.refresh_from_db()
    assert (stored.reachable, stored.checked_at) == (False, later + HOUR)


def test_who_is_not_a_customer_of_the_accounts_workspace_is_passed_over(house):
    other = factories.house()
    theirs = other.customer(known=False)
    written = actions.store_relationships(
        house.account.pk, [theirs.x_user_id, 424242], [x_user(theirs)], looked_at=now()
    )
    assert written == 0
    assert Relationship.objects.of(other.marketer).count() == 0


def test_many_are_no_more_queries_than_one(house, django_assert_num_queries):
    customers = [house.customer(known=False, permission=False) for _ in range(5)]
    ids, moment = [customer.x_user_id for customer in customers], now()
    with django_assert_num_queries(7):  # with the two of the savepoint
        actions.store_relationships(
            house.account.pk, ids * 2, [x_user(c) for c in customers], looked_at=moment
        )
    assert Relationship.objects.of(house.marketer).count() == 5


def test_nobody_is_no_error(house):
    assert actions.store_relationships(house.account.pk, [], [], looked_at=now()) == 0


# --- what the database holds -----------------------------------------------------------------


def crossed(write):
    with pytest.raises(IntegrityError, match="same_workspace"), transaction.atomic():
        committed(write)


def committed(write):
    """What `write` does, with the checks that wait for the commit."""
    write()
    connection.check_constraints()


def test_no_row_points_into_another_workspace(house):
    other = factories.house()
    mine, theirs = house.customer(known=False), other.customer(known=False)
    values = {"workspace": house.workspace, "checked_at": now()}
    crossed(lambda: Relationship.objects.create(x_account=house.account, customer=theirs, **values))
    crossed(lambda: Relationship.objects.create(x_account=other.account, customer=mine, **values))
    crossed(
        lambda: Permission.objects.create(
            workspace=house.workspace, customer=theirs, basis=Basis.OPTED_IN, given_at=now()
        )
    )
    crossed(lambda: Permission.objects.of(house.marketer).update(workspace_id=other.workspace.pk))


@pytest.mark.parametrize(
    ("constraint", "write"),
    [
        (
            "one_row_a_person",
            lambda house, customer: Customer.objects.create(
                workspace=house.workspace, x_user_id=customer.x_user_id, handle="x", name="x"
            ),
        ),
        (
            "one_relationship",
            lambda house, customer: Relationship.objects.create(
                workspace=house.workspace,
                x_account=house.account,
                customer=customer,
                checked_at=now(),
            ),
        ),
        (
            "one_suppression",
            lambda house, customer: [
                Suppression.objects.create(workspace=house.workspace, x_user_id=5, reason="x")
                for _ in range(2)
            ],
        ),
    ],
)
def test_the_database_refuses_two_of_one(house, constraint, write):
    customer = house.customer()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        write(house, customer)


def test_a_workspace_without_a_policy_insists_on_a_permission(house):
    other = factories.house()
    ContactPolicy.objects.create(workspace=other.workspace, require_permission=False)
    assert requires_permission(house.marketer) is True
    assert requires_permission(other.marketer) is False
