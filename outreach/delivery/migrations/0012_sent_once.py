"""A revision that was sent gets no other delivery.

No unique constraint says so: where X tells late that a cancelled letter had arrived, that is recorded
even while another delivery of the same words is under way, and a person decides about that one.
"""

from django.db import migrations

ONCE = """
CREATE FUNCTION delivery_of_what_was_sent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM delivery_delivery WHERE revision_id = NEW.revision_id AND state = 'sent'
    ) THEN
        RAISE EXCEPTION 'one_live_delivery_a_revision: it was sent already'
            USING ERRCODE = 'unique_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER delivery_of_what_was_sent BEFORE INSERT ON delivery_delivery
    FOR EACH ROW EXECUTE FUNCTION delivery_of_what_was_sent();
"""
NOT_ONCE = """
DROP TRIGGER delivery_of_what_was_sent ON delivery_delivery;
DROP FUNCTION delivery_of_what_was_sent();
"""


class Migration(migrations.Migration):
    dependencies = [("delivery", "0011_no_index_twice")]

    operations = [migrations.RunSQL(ONCE, NOT_ONCE)]
