"""Drafts, their revisions, and the reviews of those."""

from __future__ import annotations

import hashlib

from django.db import models

from outreach.ground.clock import Now
from outreach.ground.scope import WorkspaceRow


def sha256_of(text: str) -> str:
    """SHA-256 over the text in UTF-8, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


class DraftState(models.TextChoices):
    DRAFT = "draft", "Draft"
    IN_REVIEW = "in_review", "In review"
    CHANGES_REQUESTED = "changes_requested", "Changes requested"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    ERASED = "erased", "Erased"


# The whole life of a draft: from each state, where it may go. Only actions.py moves it.
# Drawn in docs/states.md.
MOVES: dict[DraftState, frozenset[DraftState]] = {
    DraftState.DRAFT: frozenset({DraftState.IN_REVIEW, DraftState.ERASED}),
    DraftState.IN_REVIEW: frozenset(
        {
            DraftState.DRAFT,
            DraftState.APPROVED,
            DraftState.CHANGES_REQUESTED,
            DraftState.REJECTED,
            DraftState.ERASED,
        }
    ),
    DraftState.CHANGES_REQUESTED: frozenset({DraftState.IN_REVIEW, DraftState.ERASED}),
    # Back to review when the manager undoes it, back to a draft when its author edits it.
    DraftState.APPROVED: frozenset({DraftState.IN_REVIEW, DraftState.DRAFT, DraftState.ERASED}),
    DraftState.REJECTED: frozenset({DraftState.ERASED}),
    # With the person it was for; whatever became of it stands on its delivery.
    DraftState.ERASED: frozenset(),
}
EDITABLE = (DraftState.DRAFT, DraftState.CHANGES_REQUESTED)


class Clock(models.TextChoices):
    """Whose clock a time to leave was set by."""

    OURS = "ours", "your time"
    THEIRS = "theirs", "their time"


class Campaign(WorkspaceRow):
    """One intention, for many. Here no more than what groups drafts: they are paused, moved and
    counted together, and take turns with the account's other letters.
    """

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=100)
    author = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="campaign_in_workspace"),
        ]

    def __str__(self) -> str:
        return self.name


class Draft(WorkspaceRow):
    """The words meant for one customer. Autosave overwrites `words`, never a revision."""

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, related_name="+")
    x_account = models.ForeignKey("x.XAccount", on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, related_name="drafts"
    )
    author = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    campaign = models.ForeignKey(
        Campaign, null=True, blank=True, on_delete=models.PROTECT, related_name="drafts"
    )
    state = models.CharField(max_length=20, choices=DraftState, default=DraftState.DRAFT)
    why_person = models.CharField(max_length=300, blank=True)
    why_now = models.CharField(max_length=300, blank=True)
    what_they_get = models.CharField(max_length=300, blank=True)
    words = models.TextField(blank=True, help_text="as written, with merge fields")
    send_at = models.DateTimeField(null=True, blank=True, help_text="empty: once approved")
    send_at_clock = models.CharField(
        max_length=8, choices=Clock, default=Clock.OURS, db_default=Clock.OURS
    )
    version = models.PositiveIntegerField(
        default=1, help_text="counts saves; guards against two tabs"
    )
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "id", "author", "customer", "x_account"], name="draft_whole"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=DraftState.values), name="known_draft_state"
            ),
            models.CheckConstraint(
                condition=models.Q(send_at_clock__in=Clock.values), name="known_draft_clock"
            ),
            models.CheckConstraint(
                condition=~models.Q(state=DraftState.ERASED)
                | models.Q(words="", why_person="", why_now="", what_they_get=""),
                name="erased_draft_is_empty",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "state", "-updated_at"], name="draft_by_state"),
            models.Index(fields=["workspace", "author", "-updated_at"], name="draft_by_author"),
        ]

    def __str__(self) -> str:
        return f"draft {self.pk}"

    @property
    def is_editable(self) -> bool:
        return self.state in EDITABLE


class GuidancePolicy(WorkspaceRow):
    """One version of a workspace's guidance policy: each change is a new row, and none changes.

    Version 0, which is no row, is the house's defaults (`outreach.guidance.policy.DEFAULTS`), so
    that a new workspace has a policy without anybody making one.
    """

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    house_limit = models.PositiveIntegerField(help_text="characters")
    brand = models.CharField(max_length=100, blank=True, help_text="empty: the workspace's name")
    severities = models.JSONField(default=dict, help_text="rule to block, warn, praise or off")
    avoid = models.JSONField(default=list, help_text="phrases")
    welcome = models.JSONField(default=list, help_text="phrases")
    exceptions = models.JSONField(default=list, help_text="of rule, words, reason")
    changes = models.JSONField(help_text="what this version changed, in sentences")
    changed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    changed_at = models.DateTimeField(db_default=Now())

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "version"], name="guidance_policy_versions"
            ),
            models.CheckConstraint(
                condition=models.Q(version__gte=1), name="guidance_policy_from_version_1"
            ),
        ]

    def __str__(self) -> str:
        return f"guidance policy {self.version} of workspace {self.workspace_id}"


class Revision(WorkspaceRow):
    """The words as they were when submitted; the database refuses to change them.

    `words` is what the author wrote, `text` what the customer would receive, byte for byte.
    """

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, related_name="+")
    draft = models.ForeignKey(Draft, on_delete=models.PROTECT, related_name="revisions")
    number = models.PositiveIntegerField()
    author = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+")
    x_account = models.ForeignKey("x.XAccount", on_delete=models.PROTECT, related_name="+")
    campaign = models.ForeignKey(
        Campaign, null=True, on_delete=models.PROTECT, related_name="revisions"
    )
    words = models.TextField()
    text = models.TextField()
    text_sha256 = models.CharField(max_length=64)
    why_person = models.CharField(max_length=300, blank=True)
    why_now = models.CharField(max_length=300, blank=True)
    what_they_get = models.CharField(max_length=300, blank=True)
    send_at = models.DateTimeField(null=True)
    send_at_clock = models.CharField(
        max_length=8, choices=Clock, default=Clock.OURS, db_default=Clock.OURS
    )
    report = models.JSONField(help_text="what guidance said when it was submitted")
    policy_version = models.PositiveIntegerField(
        default=0, help_text="of the guidance policy that it was read under; 0: the defaults"
    )
    disagreement = models.TextField(blank=True, help_text="why the author holds to a spam verdict")
    submitted_at = models.DateTimeField(db_default=Now())

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.UniqueConstraint(fields=["draft", "number"], name="revisions_are_numbered"),
            models.CheckConstraint(
                condition=models.Q(send_at_clock__in=Clock.values), name="known_revision_clock"
            ),
            models.UniqueConstraint(
                fields=["workspace", "id", "author"], name="revision_and_author"
            ),
            models.UniqueConstraint(
                fields=["id", "workspace", "customer", "x_account", "text_sha256"],
                name="revision_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"revision {self.number} of draft {self.draft_id}"

    @property
    def verdict(self) -> str:
        return str(self.report.get("verdict", ""))


class Decision(models.TextChoices):
    APPROVE = "approve", "Approved"
    REQUEST_CHANGES = "request_changes", "Changes requested"
    REJECT = "reject", "Rejected"


class Side(models.TextChoices):
    """Whom a manager agrees with where an author disagrees with a spam verdict."""

    WRITER = "writer", "Agree with the writer"
    GUIDANCE = "guidance", "Guidance was right"


class Review(WorkspaceRow):
    """One manager's decision on one revision.

    `words_by` repeats the revision's author (a composite foreign key holds it true), so that the
    database itself refuses an approval of one's own words.
    """

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, related_name="+")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="reviews")
    reviewer = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    words_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    decision = models.CharField(max_length=16, choices=Decision)
    comment = models.TextField(blank=True)
    sided_with = models.CharField(
        max_length=8, choices=Side, blank=True, help_text="in a disagreement with guidance"
    )
    policy_version = models.PositiveIntegerField(
        default=0, help_text="of the guidance policy that it was decided under"
    )
    report = models.JSONField(
        null=True, help_text="what guidance said then; null: the policy was the revision's own"
    )
    decided_at = models.DateTimeField(db_default=Now())
    undone_at = models.DateTimeField(null=True)

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(decision__in=Decision.values), name="known_decision"
            ),
            models.CheckConstraint(
                condition=models.Q(sided_with__in=["", *Side.values]), name="known_side"
            ),
            models.CheckConstraint(
                condition=~models.Q(decision=Decision.APPROVE)
                | ~models.Q(sided_with=Side.GUIDANCE),
                name="what_guidance_was_right_about_is_not_approved",
            ),
            models.CheckConstraint(
                condition=~models.Q(decision=Decision.APPROVE)
                | ~models.Q(reviewer=models.F("words_by")),
                name="nobody_approves_their_own_words",
            ),
            models.UniqueConstraint(
                fields=["revision"],
                condition=models.Q(undone_at__isnull=True),
                name="one_decision_a_revision",
            ),
            models.UniqueConstraint(
                fields=["id", "revision", "decision"], name="review_and_decision"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.decision} of revision {self.revision_id}"
