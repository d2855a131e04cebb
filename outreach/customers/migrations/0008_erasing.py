"""Evidence files of permissions, who withdrew one, and what stays of somebody who was erased."""

import django.db.models.deletion
import django.db.models.manager
from django.conf import settings
from django.db import migrations, models

import outreach.ground.clock
from outreach.ground.sql import frozen_columns, same_workspace


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("customers", "0007_finding"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ErasedPerson",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("person_hash", models.BinaryField(max_length=32)),
                ("erased_at", models.DateTimeField(db_default=outreach.ground.clock.Now())),
            ],
            options={
                "abstract": False,
                "base_manager_name": "everywhere",
                "default_manager_name": "everywhere",
            },
            managers=[
                ("everywhere", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="ErasureKey",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False),
                ),
                ("key", models.BinaryField(help_text="encrypted (outreach/x/tokens.py)")),
            ],
        ),
        migrations.CreateModel(
            name="EvidenceFile",
            fields=[
                (
                    "permission",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="evidence_file",
                        serialize=False,
                        to="customers.permission",
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="as it was called where it came from", max_length=100
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("image/png", "PNG picture"),
                            ("image/jpeg", "JPEG picture"),
                            ("application/pdf", "PDF"),
                            ("text/plain", "text"),
                        ],
                        max_length=32,
                    ),
                ),
                ("content", models.BinaryField()),
            ],
            options={
                "abstract": False,
                "base_manager_name": "everywhere",
                "default_manager_name": "everywhere",
            },
            managers=[
                ("everywhere", django.db.models.manager.Manager()),
            ],
        ),
        migrations.AddField(
            model_name="customer",
            name="erased_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="permission",
            name="withdrawn_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="customer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("erased_at__isnull", True),
                    models.Q(
                        ("attributes", {}),
                        ("first_name", ""),
                        ("name", "Erased person"),
                        ("tags", []),
                        ("time_zone", ""),
                        ("x_user_id__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="erased_customer_is_empty",
            ),
        ),
        migrations.AddConstraint(
            model_name="permission",
            constraint=models.UniqueConstraint(
                fields=("workspace", "id"), name="permission_in_workspace"
            ),
        ),
        migrations.AddField(
            model_name="erasedperson",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.workspace",
            ),
        ),
        migrations.AddConstraint(
            model_name="erasurekey",
            constraint=models.CheckConstraint(
                condition=models.Q(("id", 1)), name="one_erasure_key"
            ),
        ),
        migrations.AddField(
            model_name="evidencefile",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.workspace",
            ),
        ),
        migrations.AddConstraint(
            model_name="erasedperson",
            constraint=models.UniqueConstraint(
                fields=("workspace", "person_hash"), name="erased_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="evidencefile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kind__in", ["image/png", "image/jpeg", "application/pdf", "text/plain"])
                ),
                name="known_evidence_kind",
            ),
        ),
        same_workspace("customers_evidencefile", "permission_id", "customers_permission"),
        # Nobody comes back into the row of somebody who was erased.
        frozen_columns(
            "customers_customer",
            ("erased_at", "x_user_id", "handle"),
            unless="OLD.erased_at IS NULL",
            name="erased_frozen",
        ),
    ]
