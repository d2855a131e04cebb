"""When to look at an account next is kept by the database itself, and campaigns have walls.

Whatever queues a letter, or moves the moment at which to look at it, lowers its account's
`look_at`: no code can forget to, so no letter waits unseen. The tick then reads one index.
"""

from django.db import migrations

from outreach.ground.sql import frozen_columns, same_workspace

# Its row is touched only where it has to be lowered: whoever queues a letter waits for no claim
# otherwise. An account's first letter makes the row.
LOOK_AT = """
CREATE FUNCTION delivery_account_is_looked_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
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
CREATE TRIGGER delivery_account_is_looked_at
    AFTER INSERT OR UPDATE OF state, look_at ON delivery_delivery
    FOR EACH ROW WHEN (NEW.state = 'queued') EXECUTE FUNCTION delivery_account_is_looked_at();
UPDATE delivery_accountpace pace SET look_at = queued.look_at
FROM (
    SELECT x_account_id, min(look_at) AS look_at FROM delivery_delivery
    WHERE state = 'queued' GROUP BY x_account_id
) queued
WHERE queued.x_account_id = pace.x_account_id;
"""
NO_LOOK_AT = """
DROP TRIGGER delivery_account_is_looked_at ON delivery_delivery;
DROP FUNCTION delivery_account_is_looked_at();
"""


class Migration(migrations.Migration):
    dependencies = [("delivery", "0006_campaigns_and_lanes"), ("drafts", "0005_campaigns")]

    operations = [
        migrations.RunSQL(LOOK_AT, NO_LOOK_AT),
        frozen_columns("delivery_delivery", ("campaign_id",), name="in_its_campaign"),
        *(
            same_workspace(table, "campaign_id", "drafts_campaign")
            for table in ("drafts_draft", "drafts_revision", "delivery_delivery")
        ),
    ]
