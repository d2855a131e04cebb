"""Actions are outermost and whole; steps are inside; calls over the network are outside."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from accounts.models import User
from outreach.ground.writes import NoTransaction, engine_action, outside_transactions, step
from tests import factories


@step
def a_step() -> str:
    return "done"


@engine_action
def an_action(fail: bool = False) -> bool:
    User.objects.create_user("half@example.com", name="Half")
    if fail:
        raise ValueError("half way")
    return connection.in_atomic_block


@outside_transactions
def a_call() -> str:
    return "called"


@pytest.mark.django_db(transaction=True)
def test_a_step_insists_on_a_transaction():
    with pytest.raises(NoTransaction, match="a_step is a step"):
        a_step()
    with transaction.atomic():
        assert a_step() == "done"


@pytest.mark.django_db(transaction=True)
def test_an_action_has_a_transaction_of_its_own_that_nothing_may_wrap():
    assert an_action() is True
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        an_action()


@pytest.mark.django_db(transaction=True)
def test_an_action_that_fails_leaves_nothing_behind():
    with pytest.raises(ValueError, match="half way"):
        an_action(fail=True)
    assert not User.objects.filter(email="half@example.com").exists()


@pytest.mark.django_db(transaction=True)
def test_a_members_action_may_not_be_wrapped_either():
    house = factories.house()
    customer = house.customer()
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        factories.draft(house, customer)


@pytest.mark.django_db(transaction=True)
def test_what_calls_the_network_refuses_an_open_transaction():
    assert a_call() == "called"
    with (
        pytest.raises(RuntimeError, match="may not run inside a transaction"),
        transaction.atomic(),
    ):
        a_call()


@pytest.mark.django_db
def test_the_transaction_of_a_test_does_not_count():
    assert a_call() == "called"


def test_each_says_what_it_is():
    assert (a_step.kind, an_action.kind) == ("step", "engine")
