"""Where permission comes from: invitations, who accepted them, and what an account was written."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from outreach.customers.models.people import Customer
from outreach.customers.models.permission import Permission
from outreach.ground.clock import Now
from outreach.ground.runs import Run
from outreach.ground.scope import WorkspaceRow


class Invitation(WorkspaceRow):
    """A word that people send to the brand: who sends it has opted in.

    `word_folded` is the word as messages are compared with it (invitations/words.py); one word
    means one open invitation of an account.
    """

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, related_name="+")
    x_account = models.ForeignKey("x.XAccount", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=80)
    place = models.CharField(max_length=100, help_text="where it is shown")
    word = models.CharField(max_length=16)
    word_folded = models.CharField(max_length=32)
    starting_words = models.TextField(blank=True, help_text="what the prepared drafts begin with")
    made_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    writer = models.ForeignKey(
        "accounts.User",
        on_delete=models.PROTECT,
        related_name="+",
        help_text="whose the prepared drafts are",
    )
    created_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="invitation_in_workspace"),
            models.UniqueConstraint(
                fields=["x_account", "word_folded"],
                condition=Q(closed_at__isnull=True),
                name="one_open_invitation_a_word",
            ),
            models.CheckConstraint(
                condition=~Q(word="") & ~Q(word_folded=""), name="invitation_has_a_word"
            ),
        ]
        indexes = [models.Index(fields=["workspace", "-created_at"], name="invitation_newest")]

    def __str__(self) -> str:
        return f"invitation {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.closed_at is None


class OptIn(WorkspaceRow):
    """That a customer accepted an invitation, the first time. Its draft is prepared once."""

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, related_name="+")
    invitation = models.ForeignKey(Invitation, on_delete=models.PROTECT, related_name="opt_ins")
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.UniqueConstraint(fields=["invitation", "customer"], name="opts_in_once"),
        ]
        indexes = [models.Index(fields=["invitation", "-at", "-id"], name="opt_in_newest")]

    def __str__(self) -> str:
        return f"{self.customer_id} accepted invitation {self.invitation_id}"


class HeardMessage(WorkspaceRow):
    """The message of X's that a permission rests on, so that one message gives one permission."""

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, related_name="+")
    permission = models.OneToOneField(
        Permission, primary_key=True, on_delete=models.CASCADE, related_name="message"
    )
    dm_event_id = models.BigIntegerField(help_text="X's id of the message")

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "dm_event_id"], name="one_permission_a_message"
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.dm_event_id} gave permission {self.permission_id}"


class HistoryRun(Run):
    """Reading what an account was written in the last 30 days. `done`: messages read."""

    x_account = models.ForeignKey("x.XAccount", on_delete=models.PROTECT, related_name="+")
    most = models.PositiveIntegerField(help_text="messages that may be read, ours among them")
    page_token = models.CharField(max_length=500, blank=True, help_text="of X's next page")
    all_read = models.BooleanField(default=False, help_text="what is left is looking people up")
    waits_for = models.CharField(max_length=200, blank=True, help_text="why it was put off")
    tries = models.PositiveSmallIntegerField(default=0, help_text="in a row without an answer")
    # What came of it, for the page and for whoever does it again.
    wrote = models.PositiveIntegerField(default=0, help_text="people who wrote to the brand")
    permitted = models.PositiveIntegerField(default=0, help_text="permissions recorded")
    added = models.PositiveIntegerField(default=0, help_text="customers made")
    stopped = models.PositiveIntegerField(default=0, help_text="people who said stop")
    looked_up = models.PositiveIntegerField(default=0, help_text="people X was asked about")
    left_out = models.PositiveIntegerField(default=0, help_text="people whom X did not name")

    class Meta(Run.Meta):
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="history_in_workspace"),
            models.UniqueConstraint(
                fields=["x_account"],
                condition=Q(state__in=("waiting", "running")),
                name="one_open_history_an_account",
            ),
            models.CheckConstraint(condition=Q(most__gte=1), name="history_reads_something"),
        ]
        indexes = [
            models.Index(
                fields=["look_at"],
                condition=Q(state__in=("waiting", "running")),
                name="history_waiting",
            ),
        ]

    @property
    def tenth(self) -> int:
        """Percent read, in tens: what is worth saying aloud."""
        return (self.percent or 0) // 10 * 10

    def __str__(self) -> str:
        return f"history {self.pk} of account {self.x_account_id}"


class HistoryPerson(WorkspaceRow):
    """Somebody who wrote, with their newest message, until the run that found them ends.

    Who said stop has no message here, and no permission: their suppression stands already.
    """

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, related_name="+")
    run = models.ForeignKey(HistoryRun, on_delete=models.CASCADE, related_name="people")
    x_user_id = models.BigIntegerField()
    dm_event_id = models.BigIntegerField(null=True)
    text = models.TextField(blank=True)
    written_at = models.DateTimeField(null=True)
    said_stop = models.BooleanField(default=False)
    handle = models.CharField(max_length=50, blank=True)
    name = models.CharField(max_length=100, blank=True)
    asked = models.BooleanField(default=False, help_text="X was asked who this is, or need not be")

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.UniqueConstraint(fields=["run", "x_user_id"], name="history_person_once"),
        ]

    def __str__(self) -> str:
        return f"{self.x_user_id} in history {self.run_id}"
