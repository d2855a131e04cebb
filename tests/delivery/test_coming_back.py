"""Letters that were held back come back by themselves once what held them is gone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from outreach.audit.models import AuditEvent
from outreach.customers.models import Basis, Permission, Relationship
from outreach.delivery import claim, coming_back, tasks
from outreach.delivery.claim import Claimed, Held
from outreach.delivery.models import COMES_BACK, AccountQueue, Delivery
from outreach.ground.clock import now
from tests import factories

SECOND = timedelta(seconds=1)


def held_back(house, **relationship) -> Delivery:
    delivery = factories.delivery(house)
    Relationship.everywhere.update(**relationship)
    held = claim.claim(house.account.pk)
    assert isinstance(held, Held)
    delivery.refresh_from_db()
    assert delivery.state == "blocked"
    return delivery


@pytest.mark.parametrize(
    ("was", "code"),
    [
        ({"followed_by": False}, "not_followed"),
        ({"following": False}, "not_following"),
        ({"accepts_dms": False}, "no_dms"),
        ({"reachable": False}, "gone"),
    ],
)
def test_who_is_mutual_again_gets_the_letter_after_all(house, was, code):
    delivery = held_back(house, **was)
    assert (delivery.reason_code, coming_back.come_back()) == (code, 0)
    Relationship.everywhere.update(**dict.fromkeys(was, True))
    # As long as X has not said so since then, nothing changes.
    assert coming_back.come_back() == 0
    Relationship.everywhere.update(checked_at=now())
    tasks.come_back()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == ("queued", "")
    assert AccountQueue.objects.get(pk=house.account.pk).look_at <= now()
    assert isinstance(claim.claim(house.account.pk), Claimed)
    last = AuditEvent.objects.filter(target_kind="delivery", target_id=delivery.pk)
    assert list(last.order_by("pk").values_list("verb", flat=True))[-2:] == [
        "delivery.queued",
        "delivery.sending",
    ]


def test_an_event_that_tells_of_the_follow_is_enough(house):
    delivery = held_back(house, followed_by=False)
    Relationship.everywhere.update(followed_by=True, followed_by_heard_at=now())
    assert coming_back.come_back() == 1
    delivery.refresh_from_db()
    assert delivery.state == "queued"


def test_a_permission_that_is_recorded_lets_it_leave(house):
    delivery = factories.delivery(house)
    Permission.everywhere.update(withdrawn_at=now())
    assert isinstance(claim.claim(house.account.pk), Held)
    assert coming_back.come_back() == 0
    Permission.objects.create(
        workspace=house.workspace,
        customer=delivery.customer,
        basis=Basis.OPTED_IN,
        given_at=now(),
        evidence="yes",
    )
    assert coming_back.come_back() == 1
    assert isinstance(claim.claim(house.account.pk), Claimed)


def test_past_leave_by_it_stays_held_back(house):
    delivery = held_back(house, followed_by=False)
    Relationship.everywhere.update(followed_by=True, checked_at=now())
    Delivery.everywhere.filter(pk=delivery.pk).update(leave_by=now() - SECOND)
    assert coming_back.come_back() == 0


@pytest.mark.parametrize("code", ["suppressed", "spam", "too_late", "not_approved", "blocked"])
def test_what_a_person_has_to_think_about_stays(house, code):
    delivery = held_back(house, followed_by=False)
    assert code not in COMES_BACK
    Delivery.everywhere.filter(pk=delivery.pk).update(reason_code=code)
    Relationship.everywhere.update(followed_by=True, checked_at=now())
    assert coming_back.come_back() == 0


def test_it_is_one_look_however_many_are_held_back(house, django_assert_num_queries):
    for _ in range(2):
        held_back(house, followed_by=False)
    with django_assert_num_queries(1):
        assert coming_back.come_back() == 0
