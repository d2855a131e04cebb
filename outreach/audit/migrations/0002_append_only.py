"""Events are append-only, and each waits for the sealer from the moment it is written."""

from django.db import migrations

from outreach.ground.sql import append_only

QUEUE = """
CREATE FUNCTION audit_event_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_auditunsealed (event_id) VALUES (NEW.id);
    RETURN NEW;
END $$;
CREATE TRIGGER audit_event_waits AFTER INSERT ON audit_auditevent
    FOR EACH ROW EXECUTE FUNCTION audit_event_waits();
"""
UNQUEUE = "DROP TRIGGER audit_event_waits ON audit_auditevent; DROP FUNCTION audit_event_waits();"


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [
        append_only("audit_auditevent"),
        append_only("audit_auditdetail", deletable=True),
        append_only("audit_auditseal"),
        migrations.RunSQL(QUEUE, UNQUEUE),
    ]
