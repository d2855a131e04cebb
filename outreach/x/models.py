"""X apps and the accounts that are connected through them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from outreach.ground.clock import Now
from outreach.ground.scope import WorkspaceRow


class XApp(models.Model):
    """The developer app that calls are made with. Its daily limit is shared by its accounts.

    `workspace` is None for the installation's own app, whose secrets are in the environment.
    """

    workspace = models.ForeignKey(
        "accounts.Workspace", null=True, on_delete=models.PROTECT, related_name="+"
    )
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["name"],
                condition=models.Q(workspace__isnull=True),
                name="one_installation_app_a_name",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AccountState(models.TextChoices):
    CONNECTED = "connected", "healthy"
    PAUSED = "paused", "paused"


class XAccount(WorkspaceRow):
    """A brand's account on X. Its row outlives its connection, so that no limit starts anew."""

    workspace = models.ForeignKey(
        "accounts.Workspace", on_delete=models.PROTECT, related_name="x_accounts"
    )
    app = models.ForeignKey(XApp, on_delete=models.PROTECT, related_name="accounts")
    x_user_id = models.BigIntegerField(unique=True)
    handle = models.CharField(max_length=50)
    name = models.CharField(max_length=100)
    avatar_url = models.URLField(blank=True)
    access_token = models.BinaryField(help_text="encrypted (outreach/x/tokens.py)")
    scopes = ArrayField(models.CharField(max_length=32), default=list)
    state = models.CharField(max_length=16, choices=AccountState, default=AccountState.CONNECTED)
    paused_reason = models.CharField(max_length=300, blank=True)
    connected_at = models.DateTimeField(db_default=Now())

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="x_account_in_workspace"),
            models.CheckConstraint(
                condition=models.Q(state__in=AccountState.values), name="known_account_state"
            ),
            models.CheckConstraint(
                condition=~models.Q(state=AccountState.PAUSED) | ~models.Q(paused_reason=""),
                name="paused_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"@{self.handle}"
