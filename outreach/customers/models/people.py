"""Customers, and what X says between them and the brand."""

from __future__ import annotations

import zoneinfo
from datetime import datetime
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Lower

from accounts.models import check_time_zone
from outreach.ground.clock import Now
from outreach.ground.scope import Scope, ScopedManager, WorkspaceRow
from outreach.ground.zones import known_zone

ERASED = "Erased person"


class Customers(ScopedManager["Customer"]):
    """`Customer.objects`: whoever was erased is nobody's customer any more."""

    def of(self, scope: Scope) -> models.QuerySet[Customer, Customer]:
        """The workspace's customers."""
        return super().of(scope).filter(erased_at__isnull=True)

    def speaking(self, scope: Scope) -> models.QuerySet[Customer, Customer]:
        """The same without rows that were merged into another: one row a person."""
        return self.of(scope).filter(merged_into__isnull=True)

    def with_erased(self, scope: Scope) -> models.QuerySet[Customer, Customer]:
        """The same with those who were erased: for pages that speak of letters to them."""
        return super().of(scope)


class Customer(WorkspaceRow):
    """A person on X the brand may write to.

    Imported by handle, they have no X user id until X was asked for it; nobody is written to
    without one. Handles change owners, so only of those two cannot have the same.

    Erased, the row stays empty, for the letters that point at it: nothing in it is theirs.
    """

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, related_name="+")
    x_user_id = models.BigIntegerField(null=True, help_text="empty: X was not asked yet")
    not_found_at = models.DateTimeField(
        null=True, help_text="when X last said that it knows nobody of this handle"
    )
    handle = models.CharField(max_length=50)
    name = models.CharField(max_length=100, help_text="as X shows it")
    first_name = models.CharField(
        max_length=50, blank=True, help_text="asked for or confirmed, never cut from the name"
    )
    time_zone = models.CharField(
        max_length=64, blank=True, validators=[check_time_zone], help_text="blank: the workspace's"
    )
    tags = ArrayField(models.CharField(max_length=50), default=list, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    erased_at = models.DateTimeField(null=True)
    # Kept by steps that rooms above call where a letter leaves or an answer comes.
    last_written_at = models.DateTimeField(null=True, help_text="when a letter last left for them")
    last_answered_at = models.DateTimeField(null=True, help_text="when they last wrote to us")
    merged_into = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.PROTECT,
        related_name="merged",
        db_index=False,
        help_text="the row that speaks for this person; this one keeps its letters",
    )

    objects: ClassVar[Customers] = Customers()

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="customer_in_workspace"),
            models.UniqueConstraint(fields=["workspace", "x_user_id"], name="one_row_a_person"),
            models.UniqueConstraint(
                "workspace",
                Lower("handle"),
                condition=models.Q(x_user_id__isnull=True),
                name="one_row_a_handle_not_looked_up",
            ),
            models.CheckConstraint(
                condition=models.Q(erased_at__isnull=True)
                | models.Q(
                    x_user_id__isnull=True,
                    name=ERASED,
                    first_name="",
                    time_zone="",
                    tags=[],
                    attributes={},
                    last_written_at__isnull=True,
                    last_answered_at__isnull=True,
                    not_found_at__isnull=True,
                ),
                name="erased_customer_is_empty",
            ),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "name", "id"],
                condition=models.Q(merged_into__isnull=True, erased_at__isnull=True),
                name="customer_named",
            ),
            models.Index(
                fields=["workspace", "last_written_at", "id"],
                condition=models.Q(last_written_at__isnull=False),
                name="customer_written_to",
            ),
            models.Index(
                fields=["workspace", "last_answered_at", "id"],
                condition=models.Q(last_answered_at__isnull=False),
                name="customer_answered",
            ),
            models.Index(
                fields=["merged_into"],
                condition=models.Q(merged_into__isnull=False),
                name="customer_merged",
            ),
            GinIndex(
                fields=["attributes"], opclasses=["jsonb_path_ops"], name="customer_attributes"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def initials(self) -> str:
        words = [word for word in self.name.split() if word[0].isalnum()]
        return "".join(word[0] for word in words[:2]).upper() or self.handle[:1].upper()

    def zone(self, workspace_zone: zoneinfo.ZoneInfo) -> zoneinfo.ZoneInfo:
        """Their time zone, or the workspace's where theirs is not known.

        A name that the time zone database lost, or never had, counts as not known: one odd row
        must not hold up everybody else's letters.
        """
        return known_zone(self.time_zone) or workspace_zone


class Relationship(WorkspaceRow):
    """What X says between one X account and one customer, and when it said so.

    `following`: the brand follows them. `followed_by`: they follow the brand.
    """

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, related_name="+")
    x_account = models.ForeignKey("x.XAccount", on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="relationships")
    following = models.BooleanField(default=False)
    followed_by = models.BooleanField(default=False)
    accepts_dms = models.BooleanField(default=False)
    reachable = models.BooleanField(default=True, help_text="False: X knows no such user now")
    checked_at = models.DateTimeField()
    # Apart, since an event about the one says nothing about the other.
    following_heard_at = models.DateTimeField(null=True, help_text="when an event last said so")
    followed_by_heard_at = models.DateTimeField(null=True, help_text="when an event last said so")

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.UniqueConstraint(fields=["x_account", "customer"], name="one_relationship"),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "-id"],
                condition=models.Q(followed_by=True, following=False, reachable=True),
                name="they_follow_we_do_not",
            ),
            models.Index(
                fields=["workspace", "customer"],
                condition=models.Q(following=True, followed_by=True),
                name="relationship_mutual",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.x_account_id} and {self.customer_id}"

    @property
    def mutual(self) -> bool:
        return self.following and self.followed_by

    @property
    def known_at(self) -> datetime:
        """When X last said anything about the two."""
        heard = (self.following_heard_at, self.followed_by_heard_at)
        return max([self.checked_at, *(at for at in heard if at is not None)])
