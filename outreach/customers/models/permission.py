"""Why a customer may be written to, and who never is."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Lower

from outreach.customers.models.people import Customer
from outreach.ground.clock import Now
from outreach.ground.scope import WorkspaceRow


class Basis(models.TextChoices):
    WROTE_TO_US = "wrote_to_us", "wrote to us"
    OPTED_IN = "opted_in", "opted in"


class Permission(WorkspaceRow):
    """Why the brand may write to this customer: the basis, when, where, and the evidence."""

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="permissions")
    basis = models.CharField(max_length=16, choices=Basis)
    given_at = models.DateTimeField()
    place = models.CharField(max_length=100, blank=True, help_text="where: a form, a fair, a DM")
    evidence = models.TextField(blank=True)
    recorded_by = models.ForeignKey(
        "accounts.User", null=True, on_delete=models.PROTECT, related_name="+"
    )
    recorded_at = models.DateTimeField(db_default=Now())
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(
        "accounts.User", null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="permission_in_workspace"),
            models.CheckConstraint(
                condition=models.Q(basis__in=Basis.values), name="known_permission_basis"
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "-given_at"], name="permission_newest"),
            models.Index(
                fields=["workspace", "customer"],
                condition=models.Q(withdrawn_at__isnull=True),
                name="permission_given",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.basis} {self.given_at:%Y-%m-%d}"


class EvidenceKind(models.TextChoices):
    """What an evidence file may be: told by its bytes, served as this and nothing else."""

    PNG = "image/png", "PNG picture"
    JPEG = "image/jpeg", "JPEG picture"
    PDF = "application/pdf", "PDF"
    TEXT = "text/plain", "text"


class EvidenceFile(WorkspaceRow):
    """A file that shows a permission. Kept here, so that erasing a person is one transaction."""

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, related_name="+")
    permission = models.OneToOneField(
        Permission, primary_key=True, on_delete=models.CASCADE, related_name="evidence_file"
    )
    name = models.CharField(max_length=100, help_text="as it was called where it came from")
    kind = models.CharField(max_length=32, choices=EvidenceKind)
    content = models.BinaryField()

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=EvidenceKind.values), name="known_evidence_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"evidence of permission {self.permission_id}"


class Suppression(WorkspaceRow):
    """Never write to this X user again, from any X account of the workspace.

    Keyed by X user id and not by customer, because it outlives the customer's erasure. Somebody
    whose id X was not asked for yet is known by handle until then.
    """

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.PROTECT, related_name="+")
    x_user_id = models.BigIntegerField(null=True)
    handle = models.CharField(max_length=50, blank=True, help_text="where the id is not known")
    not_found_at = models.DateTimeField(
        null=True, help_text="when X last said that it knows nobody of this handle"
    )
    reason = models.CharField(max_length=200)
    since = models.DateTimeField(db_default=Now())
    recorded_by = models.ForeignKey(
        "accounts.User", null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.UniqueConstraint(fields=["workspace", "x_user_id"], name="one_suppression"),
            models.UniqueConstraint(
                "workspace",
                Lower("handle"),
                condition=models.Q(x_user_id__isnull=True),
                name="one_suppression_a_handle",
            ),
            models.CheckConstraint(
                condition=models.Q(x_user_id__isnull=False) | ~models.Q(handle=""),
                name="suppression_of_somebody",
            ),
        ]
        indexes = [models.Index(fields=["workspace", "id"], name="suppression_newest")]

    def __str__(self) -> str:
        return f"never again to {self.x_user_id or self.handle}"


class ContactPolicy(WorkspaceRow):
    """Whether this workspace insists on a recorded permission. No row: it does."""

    workspace = models.OneToOneField(
        "accounts.Workspace", primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    require_permission = models.BooleanField(default=True)

    def __str__(self) -> str:
        return f"contact policy of workspace {self.workspace_id}"
