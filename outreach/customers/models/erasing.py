"""What stays of somebody who was erased."""

from __future__ import annotations

from django.db import models

from outreach.ground.clock import Now
from outreach.ground.scope import WorkspaceRow


class ErasedPerson(WorkspaceRow):
    """That somebody was erased and is never written to again: a keyed hash, and nothing else.

    HMAC-SHA256 over the decimal X user id; of somebody whom X was not asked about, over their
    handle in lower case behind an @.
    """

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, related_name="+")
    person_hash = models.BinaryField(max_length=32)
    erased_at = models.DateTimeField(db_default=Now())

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.UniqueConstraint(fields=["workspace", "person_hash"], name="erased_once"),
        ]

    def __str__(self) -> str:
        return f"an erased person of workspace {self.workspace_id}"


class ErasureKey(models.Model):
    """The installation's key for those hashes, encrypted under TOKEN_KEYS; made once, one row.

    X user ids can be counted through, so a hash without a key would hide nobody.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    key = models.BinaryField(help_text="encrypted (outreach/x/tokens.py)")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_erasure_key"),
        ]

    def __str__(self) -> str:
        return "the key of erased people's hashes"
