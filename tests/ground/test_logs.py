"""A log never holds a letter's words, not even when the database refuses them."""

from __future__ import annotations

import logging

import pytest
from django.db import IntegrityError, connection, transaction

from outreach.ground.logs import QuietFormatter

WORDS = "Hi Maria,\nTraceback of the fox:\n\nsecond paragraph about indigo"


def logged(statement: str, *parameters: str | int) -> str:
    """What a handler would write about a statement that PostgreSQL refuses."""
    with (
        pytest.raises(IntegrityError) as caught,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, parameters)
    assert "indigo" in str(caught.value)
    error = caught.value
    record = logging.LogRecord(
        "test",
        logging.ERROR,
        __file__,
        1,
        "it failed",
        None,
        (type(error), error, error.__traceback__),
    )
    return QuietFormatter("%(message)s").format(record)


def test_a_refused_row_is_not_quoted(house):
    line = logged(
        "INSERT INTO drafts_draft (workspace_id, x_account_id, customer_id, author_id, state, words,"
        " why_person, why_now, what_they_get, version)"
        " VALUES (%s, %s, %s, %s, 'nonsense', %s, '', '', '', 1)",
        house.workspace.pk,
        house.account.pk,
        house.customer().pk,
        house.marketer.user_id,
        WORDS,
    )
    assert "known_draft_state" in line
    assert [word for word in ("Maria", "fox", "indigo") if word in line] == []
