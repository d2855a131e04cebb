"""Audit events, their details beside them, and the chain that seals both.

An event's row never changes. Its details lie in a row of their own and may be erased with the
person they speak of; the event keeps their salted digest, so the chain stays whole. Sealing
happens after the commit, in batches, so that no send waits for the chain's head.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from django.db import models

from outreach.ground.clock import Now

GENESIS = hashlib.sha256(b"outreach audit chain").digest()


def canonical(value: Any) -> bytes:
    """The one way a value is written before it is hashed: sorted, compact JSON in UTF-8."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest_of(salt: bytes, details: dict[str, Any]) -> bytes:
    """SHA-256 over the salt and the details: without the salt nobody can guess what was erased."""
    return hashlib.sha256(salt + canonical(details)).digest()


class AuditEvent(models.Model):
    """One act. `target_kind` and `target_id` name what it was done to, without a foreign key."""

    workspace = models.ForeignKey(
        "accounts.Workspace", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    actor = models.ForeignKey(
        "accounts.User", null=True, on_delete=models.PROTECT, related_name="+"
    )
    verb = models.CharField(max_length=64)
    target_kind = models.CharField(max_length=32)
    target_id = models.BigIntegerField()
    at = models.DateTimeField(db_default=Now())
    details_digest = models.BinaryField(max_length=32)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-id"], name="audit_event_of_workspace"),
            models.Index(fields=["target_kind", "target_id", "id"], name="audit_event_of_target"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.target_kind} {self.target_id}"

    def chained_after(self, previous: bytes) -> bytes:
        """Return its link: SHA-256 over the link before it and everything the row says."""
        said = {
            "id": self.pk,
            "workspace": self.workspace_id,
            "actor": self.actor_id,
            "verb": self.verb,
            "target": [self.target_kind, self.target_id],
            "at": _stamp(self.at),
            "details": bytes(self.details_digest).hex(),
        }
        return hashlib.sha256(previous + canonical(said)).digest()


class AuditDetail(models.Model):
    """What an event says beyond its row. Erasing a person deletes these, and only these."""

    event = models.OneToOneField(
        AuditEvent, primary_key=True, on_delete=models.PROTECT, related_name="detail"
    )
    salt = models.BinaryField(max_length=16)
    details = models.JSONField()

    def __str__(self) -> str:
        return f"details of event {self.pk}"

    def digest(self) -> bytes:
        return digest_of(bytes(self.salt), self.details)


class AuditUnsealed(models.Model):
    """Events that wait for the sealer; a trigger adds them, sealing removes them."""

    event = models.OneToOneField(
        AuditEvent, primary_key=True, on_delete=models.PROTECT, related_name="+"
    )

    def __str__(self) -> str:
        return f"event {self.pk}, unsealed"


class AuditSeal(models.Model):
    """One link of the chain: which event stands at this position, and the hash up to it."""

    position = models.BigIntegerField(primary_key=True)
    event = models.OneToOneField(AuditEvent, on_delete=models.PROTECT, related_name="seal")
    chain_hash = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        return f"seal {self.position}"


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
