"""A worker keeps its database connection from task to task, and gives up a broken one."""

from __future__ import annotations

import pytest
from celery import signals
from celery.fixups.django import DjangoWorkerFixup  # type: ignore[attr-defined]
from django.db import DatabaseError, connection

from outreach.celery import app

pytestmark = pytest.mark.django_db(transaction=True)


class Asked:
    """A task as Celery's signals show it."""

    class request:  # noqa: N801 - so does Celery name it
        is_eager = False


def between_two_tasks() -> None:
    """What happens after one task and before the next: Celery's own part, and ours."""
    celery = DjangoWorkerFixup(app)
    for signal, own in (
        (signals.task_postrun, celery.on_task_postrun),
        (signals.task_prerun, celery.on_task_prerun),
    ):
        own(Asked)
        signal.send(sender=Asked)


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def test_a_connection_is_kept_from_task_to_task():
    connection.close()  # that of the tests may be old
    before = backend()
    for _ in range(3):
        between_two_tasks()
    assert backend() == before


def test_a_connection_that_the_server_cut_is_replaced():
    before = backend()
    with pytest.raises(DatabaseError), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    between_two_tasks()
    assert backend() != before


def test_an_old_connection_is_replaced():
    before = backend()
    connection.close_at = 0
    between_two_tasks()
    assert backend() != before
