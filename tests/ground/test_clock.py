"""One clock, in the database, that only tests move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from accounts.models import User
from outreach.ground.clock import now

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def test_it_is_the_real_time_and_aware():
    moment = now()
    assert moment.utcoffset() is not None
    assert abs(moment - datetime.now(UTC)) < 5 * SECOND


def test_it_moves_on_inside_a_transaction():
    with transaction.atomic():
        first = now()
        second = now()
    assert second > first


def test_an_offset_moves_it_forward_and_back(clock):
    clock(3600)
    assert abs(now() - datetime.now(UTC) - timedelta(hours=1)) < 5 * SECOND
    clock(-3600)
    assert abs(now() - datetime.now(UTC) + timedelta(hours=1)) < 5 * SECOND


def test_an_offset_moves_what_columns_default_to(clock):
    clock(86400)
    user = User.objects.create_user("later@example.com", name="Later")
    user.refresh_from_db()
    assert user.created_at - datetime.now(UTC) > timedelta(hours=23)


@pytest.mark.django_db(transaction=True)
def test_an_offset_ends_with_its_connection(clock):
    clock(86400)
    connection.close()
    assert abs(now() - datetime.now(UTC)) < 5 * SECOND
