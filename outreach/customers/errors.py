"""Why something about a customer was refused; `str()` is a sentence for the member."""

from __future__ import annotations


class CustomerRefused(Exception):  # noqa: N818  says what happened
    """The base of them all."""


class InTheAir(CustomerRefused):
    """A letter to them is being sent at this very moment; it will have left, or not, in a minute."""


class NotSuppressed(CustomerRefused):
    """There is no suppression to lift."""


class StalePermission(CustomerRefused):
    """A permission from before a stop does not lift it."""


class NothingToWithdraw(CustomerRefused):
    """The permission was withdrawn before."""


class NotConfirmed(CustomerRefused):
    """Switching off what protects people is confirmed in so many words."""
