"""Making invitations and closing them."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from accounts.access import Act, Member, action
from accounts.queries import members_of
from outreach.audit.actions import record
from outreach.customers.hooks import reads_as_stop
from outreach.customers.invitations.words import folded, problem_with
from outreach.customers.models import Invitation
from outreach.ground.clock import now
from outreach.x.models import XAccount


class WordNotPossible(Exception):  # noqa: N818  says what is wrong with it
    """The word cannot be this invitation's; `str()` says why and what to do."""


class NoSuchWriter(Exception):  # noqa: N818  says who
    """The drafts were to be somebody's who is no member."""


@action(Act.WRITE)
def make(
    member: Member,
    *,
    account_id: int,
    name: str,
    place: str,
    word: str,
    writer_id: int,
    starting_words: str = "",
) -> Invitation:
    """An open invitation: who sends the word to that account opts in from now on.

    Raises XAccount.DoesNotExist and NoSuchWriter for what is not of this workspace, and
    WordNotPossible for a word that does not serve, reads as a stop, or is taken.
    """
    account = XAccount.objects.of(member).get(pk=account_id)
    if writer_id not in {row.user_id for row in members_of(member)}:
        raise NoSuchWriter
    problem = problem_with(word)
    if not problem and reads_as_stop(word) is not False:
        problem = f"Who sends ‘{word}’ asks us to stop. Choose another word."
    if problem:
        raise WordNotPossible(problem)
    try:
        with transaction.atomic():
            invitation = Invitation.objects.create(
                workspace_id=member.workspace_id,
                x_account=account,
                name=name,
                place=place,
                word=word,
                word_folded=folded(word),
                starting_words=starting_words,
                made_by_id=member.user_id,
                writer_id=writer_id,
            )
    except IntegrityError:
        taken = Invitation.objects.of(member).filter(
            x_account=account, word_folded=folded(word), closed_at__isnull=True
        )
        of = taken.values_list("name", flat=True).first() or "another"
        raise WordNotPossible(
            f"The open invitation ‘{of}’ has this word. Choose another, or close that one first."
        ) from None
    _say(member, invitation, "invitation.made", {"word": word, "place": place, "name": name})
    return invitation


@action(Act.WRITE)
def close(member: Member, invitation_id: int) -> Invitation:
    """Have the word mean nothing from now on. What it brought stays. Raises DoesNotExist."""
    invitation = Invitation.objects.of(member).select_for_update(no_key=True).get(pk=invitation_id)
    if invitation.is_open:
        invitation.closed_at = now()
        invitation.save(update_fields=["closed_at"])
        _say(member, invitation, "invitation.closed", {})
    return invitation


def _say(member: Member, invitation: Invitation, verb: str, details: dict[str, object]) -> None:
    record(
        verb,
        target_kind="invitation",
        target_id=invitation.pk,
        workspace_id=member.workspace_id,
        actor_id=member.user_id,
        details=details,
    )
