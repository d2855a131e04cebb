"""Deliveries, the ledger of attempts, and the rows that claims are serialised on."""

from __future__ import annotations

from datetime import time

from django.db import models
from django.db.models import Q

from outreach.ground.clock import Now
from outreach.ground.scope import WorkspaceRow


class DeliveryState(models.TextChoices):
    QUEUED = "queued", "On its way"
    SENDING = "sending", "On its way"
    SENT = "sent", "Sent"
    FAILED = "failed", "Not sent"
    BLOCKED = "blocked", "Not sent"
    CANCELLED = "cancelled", "Not sent"
    UNCERTAIN = "uncertain", "Unsure"


_S = DeliveryState
# The whole life of a delivery: from each state, where it may go. Drawn in docs/states.md. SENT is
# reached from every state, because what X says it accepted was accepted.
MOVES: dict[DeliveryState, frozenset[DeliveryState]] = {
    _S.QUEUED: frozenset({_S.SENDING, _S.BLOCKED, _S.CANCELLED, _S.SENT}),
    _S.SENDING: frozenset({_S.SENT, _S.QUEUED, _S.BLOCKED, _S.FAILED, _S.UNCERTAIN}),
    _S.UNCERTAIN: frozenset({_S.SENT, _S.QUEUED, _S.BLOCKED, _S.FAILED}),
    _S.BLOCKED: frozenset({_S.QUEUED, _S.CANCELLED, _S.SENT}),
    _S.FAILED: frozenset({_S.CANCELLED, _S.SENT}),
    _S.CANCELLED: frozenset({_S.SENT}),
    _S.SENT: frozenset(),
}
# X may have it, or is about to: nothing else goes to this person from this account meanwhile.
IN_THE_AIR = (_S.SENDING, _S.UNCERTAIN)
# May still leave by itself or by a person's word.
OPEN = (_S.QUEUED, _S.BLOCKED)


class SendingPolicy(WorkspaceRow):
    """A workspace's rules about when and how often; one row a workspace."""

    workspace = models.OneToOneField(
        "accounts.Workspace", primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    cap_letters = models.PositiveSmallIntegerField(default=1, help_text="letters to one person…")
    cap_days = models.PositiveSmallIntegerField(default=7, help_text="…in so many days")
    window_opens = models.TimeField(default=time(9), help_text="in the customer's time zone")
    window_closes = models.TimeField(default=time(18), help_text="equal to opens: at any hour")
    relationship_hours = models.PositiveSmallIntegerField(
        default=24, help_text="how old the knowledge of a relationship may be"
    )

    def __str__(self) -> str:
        return f"sending policy of workspace {self.workspace_id}"


class Delivery(WorkspaceRow):
    """An approved revision on its way. The database holds what promise 1 says of it.

    (revision, customer, account, text digest) must be a revision's own, the approval must be an
    approval of that revision, the digest must be the text's, and none of them ever changes.
    """

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, related_name="+")
    revision = models.ForeignKey(
        "drafts.Revision", on_delete=models.PROTECT, related_name="deliveries"
    )
    approval = models.OneToOneField(
        "drafts.Review", on_delete=models.PROTECT, related_name="delivery"
    )
    approval_decision = models.CharField(max_length=16, default="approve", editable=False)
    x_account = models.ForeignKey("x.XAccount", on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, related_name="deliveries"
    )
    recipient_x_user_id = models.BigIntegerField(null=True, help_text="empty: erased")
    text = models.TextField()
    text_sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=12, choices=DeliveryState, default=DeliveryState.QUEUED)
    reason_code = models.CharField(max_length=32, blank=True)
    reason = models.CharField(max_length=300, blank=True, help_text="in plain words")
    due_at = models.DateTimeField()
    leave_by = models.DateTimeField()
    look_at = models.DateTimeField(help_text="when to look whether it may leave")
    claim_token = models.UUIDField(null=True)
    dm_event_id = models.BigIntegerField(null=True)
    sent_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=DeliveryState.values), name="known_delivery_state"
            ),
            models.CheckConstraint(
                condition=Q(approval_decision="approve"), name="only_approvals_are_sent"
            ),
            models.UniqueConstraint(fields=["id", "x_account"], name="delivery_and_account"),
            # What was erased went somewhere or nowhere; it goes nowhere again.
            models.CheckConstraint(
                condition=Q(recipient_x_user_id__isnull=False)
                | Q(
                    text="", dm_event_id__isnull=True, state__in=[_S.SENT, _S.FAILED, _S.CANCELLED]
                ),
                name="only_the_erased_have_no_recipient",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[_S.SENDING, _S.UNCERTAIN]) | Q(claim_token__isnull=False),
                name="in_the_air_has_a_claim",
            ),
            models.CheckConstraint(
                condition=~Q(state=_S.SENT) | Q(sent_at__isnull=False), name="sent_has_a_time"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[_S.BLOCKED, _S.FAILED, _S.CANCELLED]) | ~Q(reason=""),
                name="not_sent_has_a_reason",
            ),
            models.UniqueConstraint(
                fields=["x_account", "recipient_x_user_id"],
                condition=Q(state__in=[_S.SENDING, _S.UNCERTAIN]),
                name="one_in_the_air_to_a_person",
            ),
            models.UniqueConstraint(
                fields=["revision"],
                condition=Q(state__in=[_S.QUEUED, _S.SENDING, _S.SENT, _S.BLOCKED, _S.UNCERTAIN]),
                name="one_live_delivery_a_revision",
            ),
        ]
        indexes = [
            models.Index(
                fields=["x_account", "look_at", "id"],
                condition=Q(state=_S.QUEUED),
                name="delivery_queued",
            ),
            models.Index(fields=["workspace", "state", "-changed_at"], name="delivery_by_state"),
            models.Index(
                fields=["workspace", "recipient_x_user_id", "-created_at"],
                name="delivery_to_person",
            ),
        ]

    def __str__(self) -> str:
        return f"delivery {self.pk}"


class Outcome(models.TextChoices):
    POSTING = "posting", "under way"
    SENT = "sent", "sent"
    NOT_SENT = "not_sent", "not sent"
    NOT_CALLED = "not_called", "not called"
    UNCERTAIN = "uncertain", "unsure"


class Attempt(models.Model):
    """One call to X for one delivery: written before the call, completed after it.

    The ledger that limits are counted on: X counts arrivals, we know starts, so an attempt counts
    from its start until one window after `counts_until` (its end, or while it has none the latest
    moment it can still arrive).
    """

    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="attempts")
    x_account = models.ForeignKey("x.XAccount", on_delete=models.PROTECT, related_name="+")
    app = models.ForeignKey("x.XApp", on_delete=models.PROTECT, related_name="+")
    claim_token = models.UUIDField(unique=True)
    outcome = models.CharField(max_length=12, choices=Outcome, default=Outcome.POSTING)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    counts_until = models.DateTimeField()
    kind = models.CharField(max_length=48, blank=True, help_text="which answer or error")
    status = models.PositiveSmallIntegerField(null=True, help_text="HTTP status")
    request_id = models.CharField(max_length=100, blank=True, help_text="X's")
    dm_event_id = models.BigIntegerField(null=True, unique=True)
    price = models.DecimalField(max_digits=8, decimal_places=4, help_text="US dollars")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=Outcome.values), name="known_attempt_outcome"
            ),
            models.CheckConstraint(
                condition=(
                    Q(outcome=Outcome.POSTING, ended_at__isnull=True)
                    | (~Q(outcome=Outcome.POSTING) & Q(ended_at__isnull=False))
                ),
                name="ended_when_not_posting",
            ),
            models.UniqueConstraint(
                fields=["delivery"],
                condition=Q(outcome__in=[Outcome.POSTING, Outcome.UNCERTAIN]),
                name="one_open_attempt_a_delivery",
            ),
        ]
        indexes = [
            models.Index(fields=["x_account", "-counts_until"], name="ledger_of_account"),
            models.Index(fields=["app", "-counts_until"], name="ledger_of_app"),
            models.Index(
                fields=["app", "started_at"],
                include=["x_account", "outcome", "price"],
                name="cost_of_app",
            ),
            models.Index(
                fields=["started_at"], condition=Q(outcome=Outcome.POSTING), name="attempt_posting"
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.pk} of delivery {self.delivery_id}"


class AccountPace(models.Model):
    """What claims for one X account are serialised on, and until when X closed it."""

    x_account = models.OneToOneField(
        "x.XAccount", primary_key=True, on_delete=models.PROTECT, related_name="pace"
    )
    closed_until = models.DateTimeField(null=True)
    closed_reason = models.CharField(max_length=200, blank=True)
    look_up_after = models.DateTimeField(
        null=True, help_text="X did not answer who follows whom; ask again then"
    )

    def __str__(self) -> str:
        return f"pace of account {self.x_account_id}"


class AppPace(models.Model):
    """The same for an X app, whose limits its accounts share."""

    app = models.OneToOneField(
        "x.XApp", primary_key=True, on_delete=models.PROTECT, related_name="pace"
    )
    closed_until = models.DateTimeField(null=True)
    closed_reason = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"pace of app {self.app_id}"
