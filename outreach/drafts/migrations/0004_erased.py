"""Erasing a person blanks their letters, and nothing else changes with it.

A revision loses its words, text, brief, disagreement and report, all of them or none; its digest
stays. A review loses its comment and its report. What is blank stays so.
"""

from django.conf import settings
from django.db import migrations, models

from outreach.ground.sql import frozen_columns, lifted

KEPT = (
    "workspace_id", "draft_id", "number", "author_id", "customer_id", "x_account_id",
    "text_sha256", "send_at", "submitted_at",
)  # fmt: skip
BLANKED = ("words", "text", "why_person", "why_now", "what_they_get", "disagreement")
# As 0002_walls has it, which named the columns but not that they go together.
WAS = frozen_columns(
    "drafts_revision",
    (
        "workspace_id", "draft_id", "number", "author_id", "customer_id", "x_account_id", "words",
        "text", "text_sha256", "why_person", "why_now", "what_they_get", "send_at", "report",
        "disagreement", "submitted_at",
    ),
    unless="NEW.words = '' AND NEW.text = '' AND NEW.text_sha256 = OLD.text_sha256 "
    "AND NEW.draft_id = OLD.draft_id AND NEW.author_id = OLD.author_id "
    "AND NEW.customer_id = OLD.customer_id AND NEW.x_account_id = OLD.x_account_id",
)  # fmt: skip
ERASED = " AND ".join(
    [
        *(f"NEW.{column} = ''" for column in BLANKED),
        "NEW.report = '{}'",
        *(f"NEW.{column} IS NOT DISTINCT FROM OLD.{column}" for column in KEPT),
    ]
)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("customers", "0004_not_looked_up_yet"),
        ("drafts", "0003_guidance_policy"),
        ("x", "0002_rooms_of_x"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="draft",
            name="known_draft_state",
        ),
        migrations.AlterField(
            model_name="draft",
            name="state",
            field=models.CharField(
                choices=[
                    ("draft", "Draft"),
                    ("in_review", "In review"),
                    ("changes_requested", "Changes requested"),
                    ("approved", "Approved"),
                    ("rejected", "Rejected"),
                    ("erased", "Erased"),
                ],
                default="draft",
                max_length=20,
            ),
        ),
        migrations.AddConstraint(
            model_name="draft",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "draft",
                            "in_review",
                            "changes_requested",
                            "approved",
                            "rejected",
                            "erased",
                        ],
                    )
                ),
                name="known_draft_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="draft",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "erased"), _negated=True),
                    models.Q(
                        ("what_they_get", ""), ("why_now", ""), ("why_person", ""), ("words", "")
                    ),
                    _connector="OR",
                ),
                name="erased_draft_is_empty",
            ),
        ),
        lifted(WAS),
        frozen_columns("drafts_revision", (*KEPT, *BLANKED, "report"), unless=ERASED),
        # What a manager said stays as it was said, until the person is erased.
        frozen_columns(
            "drafts_review", ("comment",), unless="NEW.comment = ''", name="comment_frozen"
        ),
    ]
