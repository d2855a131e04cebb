"""Everything that is known to have happened between the brand and one customer, newest first.

Each source is read for the same stretch of time and no further, so a page costs the same however
long a history is. Letters come from the room above, through a hook.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from django.utils import timezone

from accounts.access import Member
from outreach.audit.models import AuditEvent
from outreach.customers.hooks import Happened, letters_to
from outreach.customers.models import Customer, Permission, Relationship, Suppression
from outreach.customers.queries import is_day, of_person, relationship_words

MOST = 50
FOREVER = datetime(2200, 1, 1, tzinfo=UTC)
# Audit events whose own rows say nothing of it any more.
_VERBS = {
    "customer.merged": "Merged with another row of the same person",
    "customer.suppressed": "They said stop",
    "customer.suppression_lifted": "The stop was lifted",
}


@dataclass(frozen=True, slots=True)
class History:
    """Days with what happened on them, newest first; `older` is where the next page begins.

    Days are those of the reader's time zone, as everything on their pages is.
    """

    days: list[tuple[date, list[Happened]]]
    older: str


def history_of(member: Member, customer: Customer, *, before: datetime | None = None) -> History:
    """One page of a customer's history, with that of rows merged into it. Six queries."""
    until = before or FOREVER
    rows = [customer, *Customer.objects.of(member).filter(merged_into=customer).order_by("pk")]
    ids = [row.pk for row in rows]
    stops = _stops(member, rows)
    found = [
        *_permissions(member, ids, until),
        *_relationships(member, ids, until),
        *(stop for stop in stops if stop.at < until),
        *_audited(member, ids, until, stops),
        *letters_to(member.workspace_id, member.workspace.slug, ids, until, MOST + 1),
    ]
    found += [
        Happened(row.created_at, "known", f"@{row.handle} became a customer")
        for row in rows
        if row.created_at < until
    ]
    found.sort(key=lambda each: each.at, reverse=True)
    shown = found[:MOST]
    # Whatever happened in the same moment as the last one shown belongs to its page.
    shown += [each for each in found[MOST:] if each.at == shown[-1].at]
    older = shown[-1].at.isoformat() if len(found) > len(shown) else ""
    return History(_by_day(shown, member.workspace.zone), older)


def _by_day(found: Iterable[Happened], zone: ZoneInfo) -> list[tuple[date, list[Happened]]]:
    """By the reader's days; what has no hour keeps the day that was written down, in `zone`."""

    def day_of(each: Happened) -> date:
        return (each.at.astimezone(zone) if each.all_day else timezone.localtime(each.at)).date()

    newest_first = sorted(found, key=lambda each: (day_of(each), each.at), reverse=True)
    return [(day, list(happened)) for day, happened in groupby(newest_first, key=day_of)]


def _permissions(member: Member, ids: list[int], until: datetime) -> Iterable[Happened]:
    rows = (
        Permission.objects.of(member)
        .filter(customer_id__in=ids)
        .select_related("recorded_by")
        .order_by("-given_at", "-pk")[:500]
    )
    for row in rows:
        by = f"Recorded by {row.recorded_by.name}" if row.recorded_by else ""
        place = f", {row.place}" if row.place else ""
        if row.given_at < until:
            words = f"They {row.get_basis_display()}{place}"
            detail = ". ".join(filter(None, [row.evidence.rstrip(". "), by]))
            whole = is_day(row.given_at, member.workspace.zone)
            yield Happened(row.given_at, "permission", words, detail, tone="good", all_day=whole)
        if row.withdrawn_at is not None and row.withdrawn_at < until:
            words = f"The permission ‘{row.get_basis_display()}’ was withdrawn"
            yield Happened(row.withdrawn_at, "withdrawn", words, tone="mend")


def _relationships(member: Member, ids: list[int], until: datetime) -> Iterable[Happened]:
    rows = Relationship.objects.of(member).filter(customer_id__in=ids).select_related("x_account")
    for row in rows[:100]:
        account = f"@{row.x_account.handle}"
        heard = (
            (row.followed_by_heard_at, f"They {_verb(row.followed_by)} {account}"),
            (row.following_heard_at, f"{account} {_verb(row.following)} them"),
        )
        for at, words in heard:
            if at is not None and at < until:
                yield Happened(at, "follow", words)
        if row.checked_at < until:
            words = f"X was asked about {account} and them"
            yield Happened(row.checked_at, "checked", words, relationship_words(row))


def _verb(follows: bool) -> str:
    return "followed" if follows else "unfollowed"


def _stops(member: Member, rows: list[Customer]) -> list[Happened]:
    """The stops that hold."""
    theirs = of_person(rows[0])
    for row in rows[1:]:
        theirs |= of_person(row)
    found = []
    for stop in Suppression.objects.of(member).filter(theirs).select_related("recorded_by"):
        by = f", recorded by {stop.recorded_by.name}" if stop.recorded_by else ""
        detail = f"{stop.reason}{by}"
        found.append(Happened(stop.since, "stop", "They said stop", detail, tone="spam"))
    return found


def _audited(
    member: Member, ids: list[int], until: datetime, stops: list[Happened]
) -> Iterable[Happened]:
    rows = AuditEvent.objects.filter(
        workspace_id=member.workspace_id,
        target_kind="customer",
        target_id__in=ids,
        verb__in=_VERBS,
        at__lt=until,
    )
    for event in rows.select_related("actor").order_by("-pk")[: MOST + 1]:
        # A stop that holds speaks for itself; one that was lifted is in the audit log alone.
        if event.verb == "customer.suppressed" and any(stop.at <= event.at for stop in stops):
            continue
        by = f"by {event.actor.name}" if event.actor else ""
        yield Happened(event.at, event.verb, _VERBS[event.verb], by)
