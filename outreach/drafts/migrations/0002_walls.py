"""What the database itself promises about drafts, revisions and reviews.

A revision is its draft's own, its digest is its text's, and it never changes. A review's `words_by`
is the revision's author, so that the check against approving one's own words cannot be fooled.
"""

from django.db import migrations

from outreach.ground.sql import composite_key, frozen_columns, same_workspace, undeletable

REVISION = (
    "workspace_id", "draft_id", "number", "author_id", "customer_id", "x_account_id", "words",
    "text", "text_sha256", "why_person", "why_now", "what_they_get", "send_at", "report",
    "disagreement", "submitted_at",
)  # fmt: skip
# Erasing a person blanks words and text; the digest stays.
ERASED = (
    "NEW.words = '' AND NEW.text = '' AND NEW.text_sha256 = OLD.text_sha256 "
    "AND NEW.draft_id = OLD.draft_id AND NEW.author_id = OLD.author_id "
    "AND NEW.customer_id = OLD.customer_id AND NEW.x_account_id = OLD.x_account_id"
)
DIGEST = (
    "ALTER TABLE drafts_revision ADD CONSTRAINT revision_digest_is_of_its_text CHECK "
    "(text = '' OR text_sha256 = encode(sha256(convert_to(text, 'UTF8')), 'hex'))"
)


class Migration(migrations.Migration):
    dependencies = [
        ("drafts", "0001_initial"),
        ("customers", "0002_walls"),
        ("x", "0001_initial"),
    ]
    operations = [
        same_workspace("drafts_draft", "customer_id", "customers_customer"),
        same_workspace("drafts_draft", "x_account_id", "x_xaccount"),
        composite_key(
            "drafts_revision",
            "is_its_drafts",
            ("workspace_id", "draft_id", "author_id", "customer_id", "x_account_id"),
            "drafts_draft",
            ("workspace_id", "id", "author_id", "customer_id", "x_account_id"),
        ),
        migrations.RunSQL(
            DIGEST,
            "ALTER TABLE drafts_revision DROP CONSTRAINT revision_digest_is_of_its_text",
        ),
        frozen_columns("drafts_revision", REVISION, unless=ERASED),
        composite_key(
            "drafts_review",
            "names_the_author",
            ("workspace_id", "revision_id", "words_by_id"),
            "drafts_revision",
            ("workspace_id", "id", "author_id"),
        ),
        frozen_columns(
            "drafts_review",
            ("workspace_id", "revision_id", "reviewer_id", "words_by_id", "decision", "decided_at"),
        ),
        # What was taken back stays taken back.
        frozen_columns(
            "drafts_review", ("undone_at",), unless="OLD.undone_at IS NULL", name="undone_frozen"
        ),
        undeletable("drafts_revision"),
        undeletable("drafts_review"),
    ]
