"""Whether we hear what X tells about an account: who cannot hear 'stop' does not speak."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from outreach.x.models import ActivityEvent, Gap, Stream, Subscription, XAccount
from outreach.x.payloads import SentEvent, sent_dms_of


@dataclass(frozen=True, slots=True)
class Hearing:
    """When an account was last heard of, and what may have been missed.

    `heard_at` moves with every keep-alive while a stream stands. `gap_since`: an open gap began
    then. `unfilled_since`: the oldest gap that nobody has filled, open or not, began then.
    `subscribed`: X was asked to tell about incoming messages.
    """

    heard_at: datetime | None
    gap_since: datetime | None
    unfilled_since: datetime | None
    subscribed: bool
    failure: str

    @property
    def words(self) -> str:
        """What keeps us from hearing, for the account's page; '' where nothing does."""
        if self.failure:
            return self.failure
        if not self.subscribed:
            return "X has not been asked yet to tell about this account's messages."
        if self.heard_at is None:
            return "Nothing has been heard from X yet. Is the listener running?"
        if self.gap_since is not None:
            return "Nothing is heard from X at the moment."
        return ""


def last_heard(account: XAccount) -> Hearing:
    """How an account is heard. Three queries."""
    stream = Stream.objects.filter(pk=account.app_id).first()
    gaps = list(Gap.objects.filter(app=account.app_id, filled_at=None).order_by("began_at"))
    incoming = Subscription.objects.filter(account=account, kind="dm.received")
    return Hearing(
        heard_at=stream.heard_at if stream else None,
        gap_since=next((gap.began_at for gap in gaps if gap.ended_at is None), None),
        unfilled_since=gaps[0].began_at if gaps else None,
        subscribed=incoming.exists(),
        failure=stream.failure if stream else "",
    )


def sent_dms(account: XAccount, since: datetime) -> list[SentEvent]:
    """The DMs that X told since then the account sent, in the order in which we were told.

    `since` is our time of hearing, not X's of sending. One query.
    """
    told = ActivityEvent.objects.filter(account=account, kind="dm.sent", received_at__gte=since)
    return sent_dms_of(told.order_by("id"))


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Events whose handler failed every time."""

    count: int
    last_kind: str
    last_at: datetime | None


def given_up(account: XAccount | None = None) -> GivenUp:
    """What was given up, of one account or of all. Two queries; for health and doctor."""
    rows = ActivityEvent.objects.filter(handled_at__isnull=False).exclude(failure="")
    if account is not None:
        rows = rows.filter(account=account)
    last = rows.order_by("-id").first()
    return GivenUp(rows.count(), last.kind if last else "", last.handled_at if last else None)
