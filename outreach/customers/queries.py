"""Reads about customers: who may be written to, and why not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from django.db.models import Q, Value
from django.db.models.functions import Coalesce, Lower
from django.urls import reverse

from accounts.models import Workspace
from outreach.customers.models import (
    ContactPolicy,
    Customer,
    EvidenceFile,
    Permission,
    Relationship,
    Suppression,
)
from outreach.ground.clock import now
from outreach.ground.paging import Page, keyset
from outreach.ground.scope import Scope

NOON = time(12)


@dataclass(frozen=True, slots=True)
class Person:
    """A customer as pages show them, with what decides whether they may be written to."""

    slug: str
    customer: Customer
    relationships: list[Relationship]
    permissions: list[Permission]
    suppression: Suppression | None
    zone: ZoneInfo
    zone_is_theirs: bool
    local_time: datetime
    why_not: list[str] = field(default_factory=list)

    @property
    def id(self) -> int:
        return self.customer.pk

    @property
    def name(self) -> str:
        return self.customer.name

    @property
    def first_name(self) -> str:
        return self.customer.first_name or self.customer.name

    @property
    def handle(self) -> str:
        return self.customer.handle

    @property
    def initials(self) -> str:
        return self.customer.initials

    @property
    def url(self) -> str:
        return reverse("customers:show", args=[self.slug, self.id])

    @property
    def mutual(self) -> bool:
        return any(relationship.mutual for relationship in self.relationships)

    @property
    def has_permission(self) -> bool:
        return bool(self.permissions)

    @property
    def erased(self) -> bool:
        return self.customer.erased_at is not None

    @property
    def suppressed(self) -> bool:
        return self.suppression is not None

    @property
    def may_be_written_to(self) -> bool:
        return not self.why_not

    @property
    def relationship_words(self) -> str:
        """Mutual, they follow, you follow, or neither; as last checked."""
        if not self.relationships:
            return "not checked yet"
        best = max(self.relationships, key=lambda r: (r.mutual, r.followed_by, r.following))
        return relationship_words(best)

    @property
    def checked_at(self) -> datetime | None:
        return max((r.known_at for r in self.relationships), default=None)

    @property
    def permission_words(self) -> str:
        if not self.permissions:
            return "none recorded"
        newest = self.permissions[0]
        place = f", {newest.place}" if newest.place else ""
        day = newest.given_at.astimezone(self.zone)
        return f"{newest.get_basis_display()}{place}, {day.day} {day:%b}"

    @property
    def local_time_words(self) -> str:
        """Such as '14:20 in Oslo'; says so where the zone is only the workspace's."""
        place = self.zone.key.rpartition("/")[2].replace("_", " ")
        note = "" if self.zone_is_theirs else ", your own time zone, as theirs is not known"
        return f"{self.local_time:%H:%M} in {place}{note}"


def relationship_words(relationship: Relationship) -> str:
    if not relationship.reachable:
        return "gone from X"
    if relationship.mutual:
        return "mutual" if relationship.accepts_dms else "mutual, takes no messages"
    if relationship.followed_by:
        return "they follow"
    if relationship.following:
        return "you follow"
    return "neither follows"


def why_not(
    customer: Customer,
    relationships: Iterable[Relationship],
    has_permission: bool,
    suppression: Suppression | None,
    *,
    require_permission: bool,
) -> list[str]:
    """Why this person cannot be written to just now, each a sentence; empty when they can."""
    if customer.erased_at is not None:
        return ["This person was erased, and is never written to again."]
    who = customer.first_name or customer.name
    reasons = []
    if customer.merged_into_id is not None:
        reasons.append(f"@{customer.handle} was merged with another customer.")
    if customer.x_user_id is None and customer.not_found_at is not None:
        reasons.append(f"X knows nobody called @{customer.handle}.")
    elif customer.x_user_id is None:
        reasons.append(f"X was not asked yet who @{customer.handle} is.")
    if suppression:
        reasons.append(f"{who} must not be written to: {suppression.reason}")
    known = list(relationships)
    if known and not any(relationship.mutual for relationship in known):
        best = max(known, key=lambda r: (r.followed_by, r.following))
        if best.followed_by:
            reasons.append(f"You do not follow {who}. Follow back at X first.")
        else:
            reasons.append(f"{who} does not follow you.")
    elif known and not any(r.accepts_dms for r in known if r.mutual):
        reasons.append(f"{who} does not take messages from you.")
    if require_permission and not has_permission:
        reasons.append(f"No permission of {who} is recorded.")
    return reasons


def rows_of(scope: Scope, customer_id: int) -> list[Customer]:
    """The rows of one person: the one that speaks for them first, then those merged into it.

    Two queries. Raises Customer.DoesNotExist.
    """
    asked = Customer.objects.of(scope).get(pk=customer_id)
    speaks = asked.merged_into_id or asked.pk
    rows = Customer.objects.of(scope).filter(Q(pk=speaks) | Q(merged_into=speaks))
    return sorted(rows, key=lambda row: (row.pk != speaks, row.pk))


def is_day(moment: datetime, zone: ZoneInfo) -> bool:
    """Whether a permission's moment stands for its day: recorded by hand, it is that day's noon."""
    return moment.astimezone(zone).time() == NOON


def of_person(customer: Customer) -> Q:
    """The suppressions of this person: by X user id, or by handle until X was asked for the id."""
    if customer.x_user_id is not None:
        return Q(x_user_id=customer.x_user_id)
    return Q(x_user_id__isnull=True, handle__iexact=customer.handle)


def suppression_of(scope: Scope, customer: Customer) -> Suppression | None:
    """Why this person must never be written to; None where nothing says so. One query."""
    return Suppression.objects.of(scope).filter(of_person(customer)).first()


def requires_permission(scope: Scope) -> bool:
    """Whether the workspace writes only to people whose permission is recorded."""
    policy = ContactPolicy.objects.of(scope).first()
    return policy is None or policy.require_permission


def people(scope: Scope, customers: Sequence[Customer], workspace: Workspace) -> list[Person]:
    """The customers with all that decides about them. Five queries, however many they are."""
    require_permission = requires_permission(scope)
    ids = [customer.pk for customer in customers]
    relationships: dict[int, list[Relationship]] = {}
    for relationship in Relationship.objects.of(scope).filter(customer_id__in=ids):
        relationships.setdefault(relationship.customer_id, []).append(relationship)
    permissions: dict[int, list[Permission]] = {}
    rows = Permission.objects.of(scope).filter(customer_id__in=ids, withdrawn_at__isnull=True)
    for permission in rows.order_by("-given_at"):
        permissions.setdefault(permission.customer_id, []).append(permission)
    theirs_or_handle = Q(
        x_user_id__in=[customer.x_user_id for customer in customers if customer.x_user_id]
    ) | Q(x_user_id__isnull=True, lower_handle__in=[each.handle.lower() for each in customers])
    suppressions = {
        suppression.x_user_id or suppression.handle.lower(): suppression
        for suppression in Suppression.objects.of(scope)
        .annotate(lower_handle=Lower("handle"))
        .filter(theirs_or_handle)
    }
    moment = now()
    found = []
    for customer in customers:
        zone = customer.zone(workspace.zone)
        suppression = suppressions.get(customer.x_user_id or customer.handle.lower())
        theirs = relationships.get(customer.pk, [])
        granted = permissions.get(customer.pk, [])
        found.append(
            Person(
                slug=workspace.slug,
                customer=customer,
                relationships=theirs,
                permissions=granted,
                suppression=suppression,
                zone=zone,
                zone_is_theirs=bool(customer.time_zone),
                local_time=moment.astimezone(zone),
                why_not=why_not(
                    customer, theirs, bool(granted), suppression,
                    require_permission=require_permission,
                ),
            )
        )  # fmt: skip
    return found


def person(scope: Scope, customer_id: int, workspace: Workspace) -> Person:
    """One customer whole, or the empty row of one who was erased. Raises Customer.DoesNotExist."""
    customer = Customer.objects.with_erased(scope).get(pk=customer_id)
    return people(scope, [customer], workspace)[0]


@dataclass(frozen=True, slots=True)
class PermissionRow:
    """A permission as a person's page shows it; `file` is the name of its evidence file.

    `at` is a date where only the day is known.
    """

    id: int
    words: str
    evidence: str
    file: str
    at: datetime | date
    by: str
    withdrawn_at: datetime | None
    withdrawn_by: str


def permission_rows(scope: Scope, customer_id: int, zone: ZoneInfo) -> list[PermissionRow]:
    """Every permission of one customer, newest first, withdrawn ones too. One query."""
    rows = Permission.objects.of(scope).filter(customer_id=customer_id)
    rows = rows.select_related("recorded_by", "withdrawn_by").annotate(
        file=Coalesce("evidence_file__name", Value(""))
    )
    return [
        PermissionRow(
            id=permission.pk,
            words=", ".join(filter(None, [permission.get_basis_display(), permission.place])),
            evidence=permission.evidence,
            file=permission.file,
            at=(
                permission.given_at.astimezone(zone).date()
                if is_day(permission.given_at, zone)
                else permission.given_at
            ),
            by=permission.recorded_by.name if permission.recorded_by else "Outreach",
            withdrawn_at=permission.withdrawn_at,
            withdrawn_by=permission.withdrawn_by.name if permission.withdrawn_by else "",
        )
        for permission in rows.order_by("-given_at", "-pk")
    ]


def evidence_file(scope: Scope, permission_id: int) -> EvidenceFile:
    """The file that shows a permission. Raises EvidenceFile.DoesNotExist."""
    return EvidenceFile.objects.of(scope).get(pk=permission_id)


@dataclass(frozen=True, slots=True)
class StoppedRow:
    """Somebody who is never written to; `customer_id` is None where they are no customer."""

    customer_id: int | None
    name: str
    handle: str
    x_user_id: int | None
    reason: str
    since: datetime
    by: str


def stopped_page(scope: Scope, *, older: str = "", newer: str = "") -> Page[Suppression]:
    """The suppressed, newest first. One query."""
    rows = Suppression.objects.of(scope).select_related("recorded_by")
    return keyset(rows, by="since", older=older, newer=newer, size=50)


def stopped_rows(scope: Scope, suppressions: Sequence[Suppression]) -> list[StoppedRow]:
    """Who they are, as far as they are customers. One query."""
    customers = Customer.objects.of(scope).annotate(lower=Lower("handle"))
    theirs = Q(x_user_id__in=[each.x_user_id for each in suppressions if each.x_user_id])
    theirs |= Q(
        x_user_id__isnull=True,
        lower__in=[each.handle.lower() for each in suppressions if not each.x_user_id],
    )
    found = {each.x_user_id or each.handle.lower(): each for each in customers.filter(theirs)}
    rows = []
    for each in suppressions:
        customer = found.get(each.x_user_id or each.handle.lower())
        rows.append(
            StoppedRow(
                customer_id=customer.pk if customer else None,
                name=customer.name if customer else "",
                handle=customer.handle if customer else each.handle,
                x_user_id=each.x_user_id,
                reason=each.reason,
                since=each.since,
                by=each.recorded_by.name if each.recorded_by else "Outreach",
            )
        )
    return rows
