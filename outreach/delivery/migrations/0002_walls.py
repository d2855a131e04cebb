"""Promise 1 in the database: what is delivered is what was approved, byte for byte.

A delivery's revision, customer, account and text digest are one revision's own; its approval is an
approval of that revision; its digest is its text's; and none of them ever changes, but that erasing
a person blanks the text, which then cannot be sent.
"""

from django.db import migrations

from outreach.ground.sql import composite_key, frozen_columns, undeletable

DIGEST = (
    "ALTER TABLE delivery_delivery ADD CONSTRAINT delivery_digest_is_of_its_text CHECK "
    "(text = '' OR text_sha256 = encode(sha256(convert_to(text, 'UTF8')), 'hex'))"
)
# The recipient is the customer's own X user id. A trigger and no key: erasing a person will take the
# id from the customer, and the delivery keeps what it was sent to.
RECIPIENT = """
CREATE FUNCTION delivery_recipient_is_the_customer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM customers_customer
        WHERE id = NEW.customer_id AND x_user_id = NEW.recipient_x_user_id
    ) THEN
        RAISE EXCEPTION 'delivery_delivery: the recipient is not the customer'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER delivery_recipient_is_the_customer BEFORE INSERT ON delivery_delivery
    FOR EACH ROW EXECUTE FUNCTION delivery_recipient_is_the_customer();
"""
NO_RECIPIENT = """
DROP TRIGGER delivery_recipient_is_the_customer ON delivery_delivery;
DROP FUNCTION delivery_recipient_is_the_customer();
"""
FROZEN = (
    "workspace_id", "revision_id", "approval_id", "approval_decision", "x_account_id",
    "customer_id", "recipient_x_user_id", "text_sha256", "created_at",
)  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_initial"), ("drafts", "0002_walls")]
    operations = [
        composite_key(
            "delivery_delivery",
            "is_its_revisions",
            ("revision_id", "workspace_id", "customer_id", "x_account_id", "text_sha256"),
            "drafts_revision",
            ("id", "workspace_id", "customer_id", "x_account_id", "text_sha256"),
        ),
        composite_key(
            "delivery_delivery",
            "is_approved",
            ("approval_id", "revision_id", "approval_decision"),
            "drafts_review",
            ("id", "revision_id", "decision"),
        ),
        migrations.RunSQL(
            DIGEST,
            "ALTER TABLE delivery_delivery DROP CONSTRAINT delivery_digest_is_of_its_text",
        ),
        frozen_columns(
            "delivery_delivery",
            (*FROZEN, "text"),
            unless="NEW.text = '' AND "
            + " AND ".join(f"NEW.{column} IS NOT DISTINCT FROM OLD.{column}" for column in FROZEN),
        ),
        composite_key(
            "delivery_attempt",
            "is_its_deliverys",
            ("delivery_id", "x_account_id"),
            "delivery_delivery",
            ("id", "x_account_id"),
        ),
        frozen_columns(
            "delivery_attempt",
            ("delivery_id", "x_account_id", "app_id", "claim_token", "started_at"),
        ),
        migrations.RunSQL(RECIPIENT, NO_RECIPIENT),
        undeletable("delivery_delivery"),
        undeletable("delivery_attempt"),
    ]
