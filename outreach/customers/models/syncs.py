"""Syncs: what is read from X about one account and those it knows, and what came of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from outreach.customers.models.people import Customer
from outreach.ground.clock import Now
from outreach.ground.runs import OPEN, Run
from outreach.ground.scope import WorkspaceRow


class SyncKind(models.TextChoices):
    """What a sync asks X, and so what it costs."""

    LISTS = "lists", "Everybody"
    RECIPIENTS = "recipients", "Those about to be written to"
    HANDLES = "handles", "Who handles are"
    ADOPT = "adopt", "Adopting mutuals"


class Reading(models.TextChoices):
    """The list that a sync reads now. Merging comes when both are read."""

    FOLLOWERS = "followers", "followers"
    FOLLOWING = "following", "following"
    NOTHING = "", "nothing more"


class SyncRun(Run):
    """One sync of one X account. At most one of an account is open.

    `began_at`: before X was first asked; who was on neither list had ceased to follow by then.
    """

    x_account = models.ForeignKey("x.XAccount", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=SyncKind)
    adopt = models.BooleanField(default=False, help_text="mutuals become customers at its end")
    price = models.DecimalField(
        max_digits=12, decimal_places=5, default=0, help_text="US dollars, as shown before it began"
    )
    began_at = models.DateTimeField(null=True)
    reading = models.CharField(max_length=12, choices=Reading, default=Reading.FOLLOWERS)
    next_token = models.TextField(blank=True, help_text="of the page to read next")
    calls = models.PositiveIntegerField(default=0, help_text="that X answered")
    restarts = models.PositiveSmallIntegerField(default=0, help_text="lists begun anew")
    failures = models.PositiveSmallIntegerField(default=0, help_text="calls in a row that failed")
    unreadable = models.PositiveIntegerField(
        default=0, help_text="people on a page whom X did not describe"
    )
    waits_for = models.CharField(max_length=300, blank=True, help_text="why it waits, in words")
    # What came of it, in people.
    followers = models.PositiveIntegerField(default=0)
    following = models.PositiveIntegerField(default=0)
    began = models.PositiveIntegerField(default=0, help_text="customers who began to follow")
    ceased = models.PositiveIntegerField(default=0, help_text="customers who ceased to follow")
    renamed = models.PositiveIntegerField(default=0, help_text="customers with another handle")
    found = models.PositiveIntegerField(default=0, help_text="handles whose X user id is known now")
    missing = models.PositiveIntegerField(default=0, help_text="asked for and not at X")
    strangers = models.PositiveIntegerField(default=0, help_text="mutuals who are no customers")
    adopted = models.PositiveIntegerField(default=0)

    class Meta(Run.Meta):
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="sync_in_workspace"),
            models.UniqueConstraint(
                fields=["x_account"], condition=Q(state__in=OPEN), name="one_open_sync"
            ),
            models.CheckConstraint(condition=Q(kind__in=SyncKind.values), name="known_sync_kind"),
        ]
        indexes = [
            models.Index(fields=["x_account", "-id"], name="sync_of_account"),
            models.Index(fields=["look_at"], condition=Q(state__in=OPEN), name="sync_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of account {self.x_account_id}"


class SyncedUser(WorkspaceRow):
    """Somebody on a page that an open sync has read; gone when it ends.

    One composite key to the run holds both of its columns (migration 0006); no other, since pages
    are copied in by the thousand, and may name somebody twice.
    """

    workspace = models.ForeignKey(
        "accounts.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False,
        db_constraint=False,
    )  # fmt: skip
    run = models.ForeignKey(
        SyncRun, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    reading = models.CharField(max_length=12)
    x_user_id = models.BigIntegerField()
    handle = models.CharField(max_length=50)
    name = models.CharField(max_length=100)
    # Empty: X did not say.
    following = models.BooleanField(null=True)
    followed_by = models.BooleanField(null=True)
    accepts_dms = models.BooleanField(null=True)
    seen_at = models.DateTimeField(help_text="before X was asked for the page")

    def __str__(self) -> str:
        return f"user of run {self.run_id}"


class SyncToAsk(WorkspaceRow):
    """Somebody whom an open sync is to look up, in this order; gone when it was."""

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE, related_name="+")
    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="+")
    x_user_id = models.BigIntegerField(null=True)
    handle = models.CharField(max_length=50, blank=True, help_text="where the id is not known")

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(x_user_id__isnull=False) | ~Q(handle=""), name="ask_about_somebody"
            ),
        ]

    def __str__(self) -> str:
        return f"to ask in run {self.run_id}"


class SeenMutual(WorkspaceRow):
    """A mutual of an X account who is no customer: kept while the choice to adopt them is open.

    One composite key to the account holds both of its columns (migration 0006).
    """

    workspace = models.ForeignKey(
        "accounts.Workspace", on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    x_account = models.ForeignKey(
        "x.XAccount", on_delete=models.CASCADE, related_name="+", db_constraint=False,
        db_index=False,
    )  # fmt: skip
    x_user_id = models.BigIntegerField()
    handle = models.CharField(max_length=50)
    name = models.CharField(max_length=100)
    accepts_dms = models.BooleanField()
    seen_at = models.DateTimeField()

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.UniqueConstraint(fields=["x_account", "x_user_id"], name="one_seen_mutual"),
        ]

    def __str__(self) -> str:
        return f"mutual of account {self.x_account_id}"


class FollowChange(WorkspaceRow):
    """That a customer began or ceased to follow, or was begun or ceased to be followed."""

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE, related_name="+")
    x_account = models.ForeignKey("x.XAccount", on_delete=models.CASCADE, related_name="+")
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="+")
    run = models.ForeignKey(
        SyncRun, null=True, on_delete=models.SET_NULL, related_name="+",
        help_text="empty: X told by itself",
    )  # fmt: skip
    by_brand = models.BooleanField(help_text="whether it is the brand who follows, or does not")
    holds = models.BooleanField(help_text="began; else ceased")
    before = models.DateTimeField(help_text="when it was last known to be otherwise")
    by = models.DateTimeField(help_text="when it was so: it changed between the two")

    class Meta(WorkspaceRow.Meta):
        indexes = [models.Index(fields=["x_account", "-by", "-id"], name="follow_change_newest")]

    def __str__(self) -> str:
        return f"change of customer {self.customer_id}"


class SyncChoice(WorkspaceRow):
    """What was chosen for the syncs of one X account, and how long its lists are. No row: nothing.

    `owns_app`: the account owns the X app it goes through, for which X takes less.
    """

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE, related_name="+")
    x_account = models.OneToOneField(
        "x.XAccount", primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    daily = models.CharField(
        max_length=12, choices=SyncKind, blank=True, help_text="empty: no daily sync"
    )
    adopt = models.BooleanField(default=False)
    owns_app = models.BooleanField(default=False)
    next_at = models.DateTimeField(null=True)
    followers = models.PositiveIntegerField(null=True, help_text="empty: X was not asked yet")
    following = models.PositiveIntegerField(null=True)
    counted_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(daily__in=["", "lists", "recipients"]), name="known_daily_sync"
            ),
        ]

    def __str__(self) -> str:
        return f"syncs of account {self.x_account_id}"
