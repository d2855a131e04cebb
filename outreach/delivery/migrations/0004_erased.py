"""Erasing a person takes the recipient from a delivery as well, together with its text."""

from django.db import migrations, models

from outreach.ground.sql import frozen_columns, lifted

KEPT = (
    "workspace_id", "revision_id", "approval_id", "approval_decision", "x_account_id",
    "customer_id", "text_sha256", "created_at",
)  # fmt: skip
# As 0002_walls has it: the text could be blanked, the recipient could not.
WERE = (
    "workspace_id", "revision_id", "approval_id", "approval_decision", "x_account_id",
    "customer_id", "recipient_x_user_id", "text_sha256", "created_at",
)  # fmt: skip
WAS = frozen_columns(
    "delivery_delivery",
    (*WERE, "text"),
    unless="NEW.text = '' AND "
    + " AND ".join(f"NEW.{column} IS NOT DISTINCT FROM OLD.{column}" for column in WERE),
)
ERASED = "NEW.text = '' AND NEW.recipient_x_user_id IS NULL AND " + " AND ".join(
    f"NEW.{column} IS NOT DISTINCT FROM OLD.{column}" for column in KEPT
)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("customers", "0004_not_looked_up_yet"),
        ("delivery", "0003_cost_of_app"),
        ("drafts", "0004_erased"),
        ("x", "0002_rooms_of_x"),
    ]

    operations = [
        migrations.AlterField(
            model_name="delivery",
            name="recipient_x_user_id",
            field=models.BigIntegerField(help_text="empty: erased", null=True),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("recipient_x_user_id__isnull", False),
                    models.Q(
                        ("dm_event_id__isnull", True),
                        ("state__in", ["sent", "failed", "cancelled"]),
                        ("text", ""),
                    ),
                    _connector="OR",
                ),
                name="only_the_erased_have_no_recipient",
            ),
        ),
        lifted(WAS),
        frozen_columns("delivery_delivery", (*KEPT, "recipient_x_user_id", "text"), unless=ERASED),
    ]
