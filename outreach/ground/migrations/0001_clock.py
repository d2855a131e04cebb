"""The clock (see outreach/ground/clock.py)."""

from django.db import migrations

CREATE = """
CREATE FUNCTION outreach_now() RETURNS timestamptz
LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT clock_timestamp()
        + coalesce(nullif(current_setting('outreach.clock_offset', true), '')::interval, interval '0')
$$
"""


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []
    operations = [migrations.RunSQL(CREATE, "DROP FUNCTION outreach_now()")]
