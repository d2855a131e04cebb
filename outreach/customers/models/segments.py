"""What finding people rests on: the words of each customer, saved filters, and long walks."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Lower

from outreach.ground.clock import Now
from outreach.ground.runs import OPEN, Run
from outreach.ground.scope import WorkspaceRow


class Word(WorkspaceRow):
    """One word of a customer's name, handle or tags, folded; or a whole tag behind a '#'.

    Triggers on the customers' table keep it, one statement at a time, so that whoever writes
    customers need not know. The primary key is the order in which a search shows people.
    """

    pk = models.CompositePrimaryKey("workspace_id", "word", "customer_id")
    workspace = models.ForeignKey(
        "accounts.Workspace",
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    word = models.TextField(db_collation="C")
    customer_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.word} of customer {self.customer_id}"


class Segment(WorkspaceRow):
    """A saved filter over customers: what stands in a list's address, under a name."""

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000, help_text="as in the address of the list")
    made_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.UniqueConstraint("workspace", Lower("name"), name="one_segment_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class SweepKind(models.TextChoices):
    COUNT = "count", "Count"
    TAG = "tag", "Tag"
    UNTAG = "untag", "Take a tag away"


class Sweep(Run):
    """A walk through all customers that a filter finds, in committed steps by id.

    It counts them, or gives or takes a tag; whoever takes it up goes on behind `up_to_id`. `done`:
    looked at so far; `of`: how many to look at, about.
    """

    kind = models.CharField(max_length=8, choices=SweepKind)
    query = models.CharField(max_length=1000, help_text="as in the address of the list")
    tag = models.CharField(max_length=50, blank=True)
    found = models.PositiveBigIntegerField(default=0, help_text="fit the filter, or got changed")
    up_to_id = models.BigIntegerField(default=0)
    last_id = models.BigIntegerField(help_text="who came later is not looked at")

    class Meta(Run.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=SweepKind.values), name="known_sweep_kind"
            ),
            models.CheckConstraint(
                condition=models.Q(kind=SweepKind.COUNT, tag="")
                | (~models.Q(kind=SweepKind.COUNT) & ~models.Q(tag="")),
                name="a_tagging_names_its_tag",
            ),
        ]
        indexes = [
            models.Index(
                fields=["look_at"], condition=models.Q(state__in=OPEN), name="sweep_waiting"
            ),
            models.Index(fields=["workspace", "query", "-id"], name="sweep_of_filter"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
