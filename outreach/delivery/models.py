"""Deliveries, the ledger of attempts, and the rows that claims are serialised on."""

from __future__ import annotations

from datetime import time

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce

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
    # To uncertain where X says after all that it took it, and does not name it.
    _S.QUEUED: frozenset({_S.SENDING, _S.BLOCKED, _S.CANCELLED, _S.SENT, _S.UNCERTAIN}),
    _S.SENDING: frozenset({_S.SENT, _S.QUEUED, _S.BLOCKED, _S.FAILED, _S.UNCERTAIN}),
    _S.UNCERTAIN: frozenset({_S.SENT, _S.QUEUED, _S.BLOCKED, _S.FAILED}),
    _S.BLOCKED: frozenset({_S.QUEUED, _S.CANCELLED, _S.SENT, _S.UNCERTAIN}),
    _S.FAILED: frozenset({_S.CANCELLED, _S.SENT}),
    _S.CANCELLED: frozenset({_S.SENT}),
    # Only where a match by its text turns out to have been another letter's message.
    _S.SENT: frozenset({_S.UNCERTAIN, _S.QUEUED, _S.BLOCKED, _S.FAILED}),
}
# X may have it, or is about to: nothing else goes to this person from this account meanwhile.
IN_THE_AIR = (_S.SENDING, _S.UNCERTAIN)
# Why a letter is held back that comes back by itself once the reason is gone (coming_back.py).
COMES_BACK = ("not_followed", "not_following", "no_dms", "gone", "no_permission")
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
    quiet_weekdays = ArrayField(
        models.PositiveSmallIntegerField(),
        default=list,
        blank=True,
        help_text="0 is Monday; nothing leaves on these, by the customer's calendar",
    )
    quiet_dates = ArrayField(models.DateField(), default=list, blank=True)
    hear_minutes = models.PositiveSmallIntegerField(
        default=15, help_text="how long ago the account's incoming messages may have been heard"
    )
    answer_days = models.PositiveSmallIntegerField(
        default=7, help_text="a letter to who wrote to us so lately is an answer"
    )

    def __str__(self) -> str:
        return f"sending policy of workspace {self.workspace_id}"


class Delivery(WorkspaceRow):
    """An approved revision on its way. The database holds what promise 1 says of it.

    (revision, customer, account, text digest) must be a revision's own, the approval must be an
    approval of that revision, the digest must be the text's, and none of them ever changes.
    """

    # Where another index begins with it, a foreign key needs none of its own: each costs every move of
    # a letter, and misleads the planner.
    workspace = models.ForeignKey(
        "accounts.Workspace", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    revision = models.ForeignKey(
        "drafts.Revision", on_delete=models.PROTECT, related_name="deliveries"
    )
    approval = models.OneToOneField(
        "drafts.Review", on_delete=models.PROTECT, related_name="delivery"
    )
    approval_decision = models.CharField(max_length=16, default="approve", editable=False)
    x_account = models.ForeignKey(
        "x.XAccount", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    customer = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, related_name="deliveries"
    )
    campaign = models.ForeignKey(
        "drafts.Campaign",
        null=True,
        on_delete=models.PROTECT,
        related_name="deliveries",
        db_index=False,
    )
    # Claims go round the lanes of an account: a campaign each, and one for all other letters.
    lane = models.GeneratedField(
        expression=Coalesce("campaign_id", Value(0)),
        output_field=models.BigIntegerField(),
        db_persist=True,
    )
    recipient_x_user_id = models.BigIntegerField(null=True, help_text="empty: erased")
    text = models.TextField()
    text_sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=12, choices=DeliveryState, default=DeliveryState.QUEUED)
    reason_code = models.CharField(max_length=32, blank=True)
    reason = models.CharField(max_length=300, blank=True, help_text="in plain words")
    contradiction = models.CharField(
        max_length=300, blank=True, db_default="", help_text="what X told later against a verdict"
    )
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
                # Not SENT: what X accepted is recorded, whatever else is under way.
                condition=Q(state__in=[_S.QUEUED, _S.SENDING, _S.BLOCKED, _S.UNCERTAIN]),
                name="one_live_delivery_a_revision",
            ),
        ]
        indexes = [
            models.Index(
                fields=["x_account", "look_at", "id"],
                condition=Q(state=_S.QUEUED),
                name="delivery_queued",
            ),
            models.Index(
                fields=["x_account", "lane", "look_at", "id"],
                condition=Q(state=_S.QUEUED),
                name="delivery_in_lane",
            ),
            models.Index(
                fields=["leave_by"],
                condition=Q(state=_S.BLOCKED, reason_code__in=COMES_BACK),
                name="delivery_comes_back",
            ),
            models.Index(
                fields=["campaign", "state", "-id"],
                condition=Q(campaign__isnull=False),
                name="delivery_of_campaign",
            ),
            models.Index(fields=["workspace", "state", "-changed_at"], name="delivery_by_state"),
            # The schedule and the week: what leaves, what waits for a reason of its own, what left.
            models.Index(
                fields=["workspace", "look_at", "id"],
                condition=Q(state=_S.QUEUED),
                name="delivery_to_leave",
            ),
            models.Index(
                fields=["workspace", "look_at", "id"],
                condition=Q(state=_S.QUEUED) & ~Q(reason_code=""),
                name="delivery_waiting",
            ),
            models.Index(
                fields=["workspace", "sent_at", "id"],
                condition=Q(state=_S.SENT),
                name="delivery_sent",
            ),
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
    ABSENT = "absent", "looked for and not found"


class Attempt(models.Model):
    """One call to X for one delivery: written before the call, completed after it.

    The ledger that limits are counted on: X counts arrivals, we know starts, so an attempt counts
    from its start until one window after `counts_until` (its end, or while it has none the latest
    moment it can still arrive).
    """

    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="attempts")
    x_account = models.ForeignKey(
        "x.XAccount", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    app = models.ForeignKey("x.XApp", on_delete=models.PROTECT, related_name="+", db_index=False)
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
    settle_at = models.DateTimeField(null=True, help_text="when to look for it at X")
    absent_reads = models.PositiveSmallIntegerField(
        db_default=0, help_text="in a row: how often it was looked for and was not there"
    )
    looked_at = models.DateTimeField(null=True, help_text="when the last of those looks began")

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
            models.Index(
                fields=["settle_at"],
                condition=Q(settle_at__isnull=False),
                name="attempt_to_settle",
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.pk} of delivery {self.delivery_id}"


class SeenBy(models.TextChoices):
    EVENT = "event", "told by X"
    READ = "read", "read in the conversation"


class SeenDM(models.Model):
    """A message of ours that X showed. Unclaimed while no attempt has its id.

    No words are kept, only the digest of their normal form (matching.py).
    """

    dm_event_id = models.BigIntegerField(primary_key=True)
    x_account = models.ForeignKey("x.XAccount", on_delete=models.PROTECT, related_name="+")
    recipient_x_user_id = models.BigIntegerField()
    words_sha256 = models.BinaryField(max_length=32)
    stamped_at = models.DateTimeField(help_text="by X's clock")
    seen_at = models.DateTimeField(db_default=Now())
    via = models.CharField(max_length=8, choices=SeenBy)

    class Meta:
        indexes = [
            models.Index(
                fields=["x_account", "recipient_x_user_id", "stamped_at"], name="seen_of_person"
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.dm_event_id}"


class Pause(models.Model):
    """Nothing leaves from here: a campaign, a workspace, or (neither) everything. Gone on resume."""

    workspace = models.ForeignKey(
        "accounts.Workspace", null=True, on_delete=models.PROTECT, related_name="+"
    )
    campaign = models.ForeignKey(
        "drafts.Campaign", null=True, on_delete=models.PROTECT, related_name="pauses"
    )
    reason = models.CharField(max_length=300, help_text="in plain words")
    paused_by = models.ForeignKey(
        "accounts.User", null=True, on_delete=models.PROTECT, related_name="+"
    )
    since = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "campaign"], nulls_distinct=False, name="one_pause_a_scope"
            ),
            models.CheckConstraint(
                condition=Q(campaign__isnull=True) | Q(workspace__isnull=False),
                name="paused_campaign_has_a_workspace",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="pause_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"pause {self.pk}"


class AccountQueue(models.Model):
    """When to look at one X account next, so that the tick reads one index and no letters.

    A trigger lowers `look_at` whenever a letter is queued or moved, and locks the row; a claim
    raises it, unless somebody has the row at that moment. It is the last lock of whoever takes it,
    and no claim waits for it to raise it: approvals lock a customer first, claims the pace.
    """

    x_account = models.OneToOneField(
        "x.XAccount", primary_key=True, on_delete=models.PROTECT, related_name="letter_queue"
    )
    look_at = models.DateTimeField(null=True, help_text="empty: nothing is queued")

    class Meta:
        indexes = [
            models.Index(
                fields=["look_at"], condition=Q(look_at__isnull=False), name="account_to_look_at"
            ),
        ]

    def __str__(self) -> str:
        return f"queue of account {self.x_account_id}"


class AccountPace(models.Model):
    """What claims for one X account are serialised on, and what they know of it.

    `held_…`: why nothing leaves from the whole account, for its letters' pages. `wants_…`: its
    place among those that wait for the app's shared budget.
    """

    x_account = models.OneToOneField(
        "x.XAccount", primary_key=True, on_delete=models.PROTECT, related_name="pace"
    )
    last_lane = models.BigIntegerField(db_default=0, help_text="whose letter was claimed last")
    closed_until = models.DateTimeField(null=True)
    closed_reason = models.CharField(max_length=200, blank=True, db_default="")
    narrowed = models.JSONField(
        db_default=Value({}, models.JSONField()),
        help_text="limits that X reported to be narrower than our ledger has them",
    )
    held_code = models.CharField(max_length=32, blank=True, db_default="")
    held_reason = models.CharField(max_length=300, blank=True, db_default="")
    held_since = models.DateTimeField(null=True)
    held_until = models.DateTimeField(null=True, help_text="when to look again")
    wants_app = models.ForeignKey(
        "x.XApp", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    wants_since = models.DateTimeField(null=True)
    wants_until = models.DateTimeField(null=True, help_text="whoever did not come by then is out")
    heard_dms_at = models.DateTimeField(
        null=True, help_text="its messages were read, all of them up to then"
    )
    look_up_after = models.DateTimeField(
        null=True, help_text="X did not answer who follows whom; ask again then"
    )

    class Meta:
        indexes = [
            models.Index(
                fields=["wants_app", "wants_since"],
                condition=Q(wants_since__isnull=False),
                name="pace_wants_app",
            ),
        ]

    def __str__(self) -> str:
        return f"pace of account {self.x_account_id}"


class AppPace(models.Model):
    """The same for an X app, whose limits its accounts share."""

    app = models.OneToOneField(
        "x.XApp", primary_key=True, on_delete=models.PROTECT, related_name="pace"
    )
    closed_until = models.DateTimeField(null=True)
    closed_reason = models.CharField(max_length=200, blank=True, db_default="")
    narrowed = models.JSONField(db_default=Value({}, models.JSONField()))

    def __str__(self) -> str:
        return f"pace of app {self.app_id}"
