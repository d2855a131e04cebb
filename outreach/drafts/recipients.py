"""Whom no letter is written to, whatever it says. Each raises CannotBeWrittenTo with the reason."""

from __future__ import annotations

from outreach.customers.erasing.queries import erased_among
from outreach.customers.models import Customer
from outreach.customers.queries import suppression_of
from outreach.drafts import errors
from outreach.ground.scope import Scope
from outreach.x.tokens import TokenKeyMissing


def refuse_unknown(customer: Customer) -> None:
    """X was not asked yet who they are, or another row speaks for them."""
    if customer.merged_into_id is not None:
        raise errors.CannotBeWrittenTo(
            f"@{customer.handle} was merged with another customer. Write to that one."
        )
    if customer.x_user_id is None:
        raise errors.CannotBeWrittenTo(
            f"X was not asked yet who @{customer.handle} is, so there is nobody to write to."
        )


def refuse_suppressed(scope: Scope, customer: Customer) -> None:
    """They said stop, or somebody stopped them."""
    suppression = suppression_of(scope, customer)
    if suppression:
        raise errors.CannotBeWrittenTo(
            f"{customer.name} must not be written to: {suppression.reason}"
        )


def refuse_erased(scope: Scope, customer: Customer) -> None:
    """A second wall: whoever was erased should not have become a customer again."""
    assert customer.x_user_id is not None  # refused before
    try:
        was_erased = bool(erased_among(scope.workspace_id, [customer.x_user_id]))
    except TokenKeyMissing:
        raise errors.CannotBeWrittenTo(
            "It cannot be told whether they were erased here, since the key for that is missing. "
            "Whoever runs Outreach finds out more with manage.py doctor."
        ) from None
    if was_erased:
        raise errors.CannotBeWrittenTo(
            "This person was erased here and must not be written to again."
        )
