"""Whoever queues a letter and a claim that finds nothing due never pass each other unseen.

The trigger lowers an account's `look_at` only where it has to. A claim that is under way replaces
that moment by a later one, or by none, and does not see letters that are not committed yet: one
queued meanwhile would have been left to nobody. So whoever queues says so by a shared lock, and
the claim moves the moment only where it gets that lock for itself (claim.py).
"""

from django.db import migrations

FUNCTION = """
CREATE OR REPLACE FUNCTION delivery_account_is_looked_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {said}
    UPDATE delivery_accountpace SET look_at = NEW.look_at
    WHERE x_account_id = NEW.x_account_id AND (look_at IS NULL OR look_at > NEW.look_at);
    IF NOT FOUND AND NOT EXISTS (
        SELECT FROM delivery_accountpace WHERE x_account_id = NEW.x_account_id
    ) THEN
        INSERT INTO delivery_accountpace (x_account_id) VALUES (NEW.x_account_id)
        ON CONFLICT DO NOTHING;
        UPDATE delivery_accountpace SET look_at = NEW.look_at
        WHERE x_account_id = NEW.x_account_id AND (look_at IS NULL OR look_at > NEW.look_at);
    END IF;
    RETURN NULL;
END $$;
"""
QUEUES = "PERFORM pg_advisory_xact_lock_shared(delivery_queueing(NEW.x_account_id));"
KEY = """
CREATE FUNCTION delivery_queueing(x_account_id bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
AS $$ SELECT hashtextextended('delivery.queueing.' || x_account_id, 0) $$;
"""


class Migration(migrations.Migration):
    dependencies = [("delivery", "0009_comes_back")]

    operations = [
        migrations.RunSQL(KEY, "DROP FUNCTION delivery_queueing(bigint);"),
        migrations.RunSQL(FUNCTION.format(said=QUEUES), FUNCTION.format(said="")),
    ]
