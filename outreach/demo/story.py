"""The demo's letters, told in the order in which they happened, through the same actions as all.

A letter is a few beats, each so long ago. What is real: drafts, revisions, reviews, deliveries,
claims with their gates, attempts with their price, audit events. What is played: X's answer, which
`practice.py` makes true in the sandbox.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings

from accounts.access import Member
from outreach.customers import actions as customers
from outreach.customers.models import Customer
from outreach.delivery import actions as delivery
from outreach.delivery.claim import Claimed, Held, claim
from outreach.delivery.models import AccountPace, Delivery
from outreach.delivery.outcomes import record_not_sent, record_sent
from outreach.demo.cast import RUTH
from outreach.demo.crowd import everybody
from outreach.demo.letters import LETTERS, Fate, Letter
from outreach.demo.past import set_clock_back
from outreach.demo.practice import dm_id
from outreach.drafts import actions as drafts
from outreach.drafts.models import Campaign, Decision, Draft, Revision, Side
from outreach.ground.clock import now
from outreach.x.client import SentDM
from outreach.x.errors import NeverReason, NeverWill, Unknown
from outreach.x.limits import Limits
from outreach.x.models import XAccount

SUBMITTED_AFTER = timedelta(minutes=20)
DECIDED_AFTER = timedelta(hours=1)
MENDED_AFTER = timedelta(minutes=30)
CANCELLED_AFTER = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the story plays. `today` is the moment the demo is loaded."""

    account: XAccount
    members: Mapping[str, Member]
    customers: Mapping[str, Customer]
    today: datetime


@dataclass(frozen=True, slots=True)
class Beat:
    """Something that happened so long ago."""

    ago: timedelta
    happen: Callable[[], object]


class NotAsTold(RuntimeError):  # noqa: N818 - says what happened
    """A gate or a rule decided otherwise than the story says."""


def tell(stage: Stage) -> None:
    """Let everything happen, the oldest first, each at its time. Raises NotAsTold."""
    beats = [beat for letter in LETTERS for beat in _beats(letter, stage)]
    beats += _stops(stage)
    for beat in sorted(beats, key=lambda beat: beat.ago, reverse=True):
        set_clock_back(beat.ago)
        beat.happen()
    set_clock_back(timedelta())


def _beats(letter: Letter, stage: Stage) -> Iterator[Beat]:
    """What happens to one letter, in order."""
    told = _Told(letter, stage)
    at = letter.ago
    yield Beat(at, told.write)
    if letter.fate is Fate.DRAFT:
        return
    at -= SUBMITTED_AFTER
    yield Beat(at, told.submit)
    if letter.asked:
        at -= DECIDED_AFTER
        yield Beat(at, told.ask_for_a_change)
        at -= MENDED_AFTER
        yield Beat(at, told.submit_again)
    if letter.fate is Fate.IN_REVIEW:
        return
    at -= DECIDED_AFTER
    yield Beat(at, told.decide)
    match letter.fate:
        case Fate.CHANGES_REQUESTED | Fate.REJECTED | Fate.QUEUED:
            return
        case Fate.CANCELLED:
            yield Beat(at - CANCELLED_AFTER, told.cancel)
        case Fate.STOPPED:
            yield Beat(at - CANCELLED_AFTER, told.stop)
        case _:
            # Just past the seconds in which the approval could be undone.
            yield Beat(at - timedelta(seconds=settings.UNDO_SECONDS + 1), told.leave)


class _Told:
    """One letter and what became of it so far."""

    def __init__(self, letter: Letter, stage: Stage) -> None:
        self.letter = letter
        self.stage = stage
        self.author = stage.members[letter.by.key]
        self.reviewer = stage.members[letter.reviewer.key]
        self.customer = stage.customers[letter.to]
        self.draft_id = 0
        self.revision_id = 0

    def write(self) -> None:
        draft = drafts.start(
            self.author, customer_id=self.customer.pk, x_account_id=self.stage.account.pk
        )
        self.draft_id = draft.pk
        if self.letter.campaign:
            self._put_into_campaign()
        words = self._words(self.letter.words)
        drafts.save(self.author, draft.pk, version=draft.version, words=words)

    def submit(self) -> None:
        self._submit(self.letter.words)

    def submit_again(self) -> None:
        self._submit(self.letter.second)

    def ask_for_a_change(self) -> None:
        self._decide(Decision.REQUEST_CHANGES, self.letter.asked)

    def decide(self) -> None:
        decision = {
            Fate.CHANGES_REQUESTED: Decision.REQUEST_CHANGES,
            Fate.REJECTED: Decision.REJECT,
        }.get(self.letter.fate, Decision.APPROVE)
        self._decide(decision, self.letter.comment)

    def cancel(self) -> None:
        delivery.cancel(self.author, self._delivery().pk)

    def stop(self) -> None:
        _say_stop(self.reviewer, self.customer)

    def leave(self) -> None:
        """The claim decides, as it would in a worker; X's answer is the story's."""
        # The listener was running: who cannot hear 'stop' does not speak.
        pace = AccountPace.objects.filter(pk=self.stage.account.pk)
        pace.update(heard_dms_at=now())
        answer = claim(self.stage.account.pk)
        fate = self.letter.fate
        if isinstance(answer, Held) and fate in (Fate.WAITING, Fate.BLOCKED):
            return
        if not isinstance(answer, Claimed) or answer.delivery_id != self._delivery().pk:
            raise NotAsTold(f"The letter to @{self.letter.to} was to be {fate.value}: {answer!r}")
        if fate is Fate.SENT:
            recipient = answer.recipient_x_user_id
            record_sent(answer, SentDM(dm_id(now(), recipient), None, Limits(), None))
        elif fate is Fate.REFUSED:
            refused = NeverWill(NeverReason.SPAM.value, status=403)
            refused.reason = NeverReason.SPAM
            record_not_sent(answer, refused)
        elif fate is Fate.UNSURE:
            record_not_sent(answer, Unknown("timeout"))
        else:
            raise NotAsTold(f"The letter to @{self.letter.to} left, and was to be {fate.value}.")

    def _put_into_campaign(self) -> None:
        """A campaign is no more yet than what groups drafts; its first letter makes it."""
        campaign, _ = Campaign.everywhere.get_or_create(
            workspace_id=self.author.workspace_id,
            name=self.letter.campaign,
            defaults={"author": self.author.user, "created_at": now()},
        )
        Draft.objects.of(self.author).filter(pk=self.draft_id).update(campaign=campaign)

    def _submit(self, text: str) -> None:
        draft = Draft.objects.of(self.author).get(pk=self.draft_id)
        submitted = drafts.submit(
            self.author,
            draft.pk,
            version=draft.version,
            words=self._words(text),
            disagreement=self.letter.disagreement,
        )
        self.revision_id = submitted.revision.pk

    def _decide(self, decision: Decision, comment: str) -> None:
        revision = Revision.objects.of(self.reviewer).get(pk=self.revision_id)
        drafts.decide(
            self.reviewer,
            revision.pk,
            decision=decision,
            text_sha256=revision.text_sha256,
            comment=comment,
            sided_with=Side.WRITER if decision == Decision.APPROVE else "",
        )

    def _delivery(self) -> Delivery:
        return Delivery.objects.of(self.author).get(revision_id=self.revision_id)

    def _words(self, text: str) -> drafts.Words:
        letter = self.letter
        leaves_in = letter.leaves_in
        return drafts.Words(
            words=text,
            why_person=letter.person,
            why_now=letter.now,
            what_they_get=letter.gift,
            send_at=None if leaves_in is None else self.stage.today + leaves_in,
        )


def _stops(stage: Stage) -> Iterator[Beat]:
    """Those who said stop without a letter being on its way to them."""
    ruth = stage.members[RUTH.key]
    for person in everybody():
        if person.stopped_days_ago:
            customer = stage.customers[person.handle]
            yield Beat(timedelta(days=person.stopped_days_ago), partial(_say_stop, ruth, customer))


def _say_stop(member: Member, customer: Customer) -> None:
    day = now()
    customers.suppress(member, customer.pk, reason=f"said stop on {day.day} {day:%B}")
