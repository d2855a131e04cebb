"""Why something about a draft was refused; `str()` is a sentence for the member."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outreach.drafts.reading import DraftReading


class DraftRefused(Exception):  # noqa: N818  says what happened
    """The base of them all."""


class NotEditable(DraftRefused):
    """The draft is in review, approved, rejected or on its way."""


class NotYours(DraftRefused):
    """Only its author changes a draft: whoever writes words must not decide on them."""


class SavedElsewhere(DraftRefused):
    """Somebody saved the draft since this page read it: another tab, another device."""


class OnItsWay(DraftRefused):
    """The letter is being sent, or was; it cannot be taken back."""


class AlreadyDecided(DraftRefused):
    """Another manager was faster, or the words are no longer in review."""


class CommentNeeded(DraftRefused):
    """Asking for a change, or rejecting, says why."""


class Unreadable(DraftRefused):
    """Guidance found something that cannot pass."""

    def __init__(self, message: str, reading: DraftReading) -> None:
        super().__init__(message)
        self.reading = reading


class DisagreementNeeded(Unreadable):
    """It reads as spam; it goes on only with the author's reason, for a manager to decide."""


class SideNeeded(DraftRefused):
    """Its author disagrees with guidance: who decides says who of them was right."""


class PolicyStops(DraftRefused):
    """The guidance policy changed since it was submitted, and the words no longer pass."""


class PolicyChanged(DraftRefused):
    """Somebody else changed the policy since this page read it."""


class CannotBeWrittenTo(DraftRefused):
    """The customer is suppressed."""
