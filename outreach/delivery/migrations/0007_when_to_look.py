"""When to look at an account next is kept by the database itself, and campaigns have walls.

Whatever queues a letter, or moves the moment at which to look at it, lowers its account's
`look_at`: no code can forget to, so no letter waits unseen. The tick then reads one index.
"""

from django.db import migrations

from outreach.ground.sql import frozen_columns, same_workspace

# The row is locked also where it stays as it is: a claim that would raise it must not miss a letter
# that is being queued at that moment.
LOOK_AT = """
CREATE FUNCTION delivery_account_is_looked_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO delivery_accountqueue AS queue (x_account_id, look_at)
    VALUES (NEW.x_account_id, NEW.look_at)
    ON CONFLICT (x_account_id) DO UPDATE SET look_at = EXCLUDED.look_at
        WHERE queue.look_at IS NULL OR queue.look_at > EXCLUDED.look_at;
    RETURN NULL;
END $$;
CREATE TRIGGER delivery_account_is_looked_at
    AFTER INSERT OR UPDATE OF state, look_at ON delivery_delivery
    FOR EACH ROW WHEN (NEW.state = 'queued') EXECUTE FUNCTION delivery_account_is_looked_at();
INSERT INTO delivery_accountqueue (x_account_id, look_at)
SELECT x_account_id, min(look_at) FROM delivery_delivery
WHERE state = 'queued' GROUP BY x_account_id;
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
