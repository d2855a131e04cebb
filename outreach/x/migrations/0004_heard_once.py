"""A message counts once, told or read; and how far the reading of what X did not tell is."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import outreach.ground.clock

# What was told before takes no effect again when it is read or told once more.
TOLD = """
    INSERT INTO x_hearddm (account_id, dm_event_id, x_user_id, heard_at)
    SELECT DISTINCT ON (event.account_id, said.dm_event_id)
        event.account_id, said.dm_event_id, said.x_user_id, event.received_at
    FROM x_activityevent event
    CROSS JOIN LATERAL jsonb_path_query(event.payload, '$.direct_message_events[*]') AS item
    CROSS JOIN LATERAL (
        SELECT (item->>'id')::bigint AS dm_event_id,
            (item#>>'{message_create,sender_id}')::bigint AS x_user_id
        WHERE item->>'id' ~ '^[0-9]{1,18}$'
            AND item#>>'{message_create,sender_id}' ~ '^[0-9]{1,18}$'
    ) said
    WHERE event.kind = 'dm.received' AND event.account_id IS NOT NULL
        AND event.received_at > outreach_now() - interval '31 days'
    ORDER BY event.account_id, said.dm_event_id, event.id
    ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [
        ("x", "0003_events_by_content"),
    ]

    operations = [
        migrations.CreateModel(
            name="DMReading",
            fields=[
                (
                    "account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="dm_reading",
                        serialize=False,
                        to="x.xaccount",
                    ),
                ),
                ("lease", models.UUIDField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
                ("began_at", models.DateTimeField(null=True)),
                ("page_token", models.TextField(blank=True, default="")),
                (
                    "calls",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.DateTimeField(),
                        default=list,
                        help_text="when X was called within its window",
                        size=None,
                    ),
                ),
                (
                    "again_at",
                    models.DateTimeField(help_text="not before; null: at once", null=True),
                ),
                (
                    "tries",
                    models.PositiveSmallIntegerField(default=0, help_text="that failed in a row"),
                ),
                (
                    "unreadable",
                    models.PositiveSmallIntegerField(
                        default=0, help_text="how often X showed less than it counted"
                    ),
                ),
                (
                    "failure",
                    models.CharField(blank=True, default="", help_text="in words", max_length=200),
                ),
            ],
        ),
        migrations.CreateModel(
            name="HeardDM",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("dm_event_id", models.BigIntegerField()),
                (
                    "x_user_id",
                    models.BigIntegerField(help_text="the other end; null: a group", null=True),
                ),
                ("heard_at", models.DateTimeField(db_default=outreach.ground.clock.Now())),
                (
                    "read_on",
                    models.DateField(
                        help_text="the UTC day for which X charged a reading of it last", null=True
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="activityevent",
            name="took_effect_at",
            field=models.DateTimeField(
                help_text="in the transaction that stored it, where hooks.on_store has a part",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="activityevent",
            name="via",
            field=models.CharField(
                choices=[
                    ("stream", "the activity stream"),
                    ("webhook", "the webhook"),
                    ("read", "a reading of its messages"),
                ],
                max_length=8,
            ),
        ),
        migrations.AddIndex(
            model_name="gap",
            index=models.Index(
                condition=models.Q(("filled_at__isnull", True)),
                fields=["app"],
                include=("began_at", "ended_at"),
                name="gap_unfilled",
            ),
        ),
        migrations.AddConstraint(
            model_name="dmreading",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("lease__isnull", True), ("leased_until__isnull", True)),
                    models.Q(("lease__isnull", False), ("leased_until__isnull", False)),
                    _connector="OR",
                ),
                name="reading_lease_has_an_end",
            ),
        ),
        migrations.AddConstraint(
            model_name="dmreading",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("page_token", ""), ("began_at__isnull", False), _connector="OR"
                ),
                name="reading_goes_on_where_it_began",
            ),
        ),
        migrations.AddField(
            model_name="hearddm",
            name="account",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="x.xaccount",
            ),
        ),
        migrations.AddIndex(
            model_name="hearddm",
            index=models.Index(fields=["account", "x_user_id"], name="dm_of_person"),
        ),
        migrations.AddIndex(
            model_name="hearddm",
            index=models.Index(fields=["heard_at"], name="dm_by_age"),
        ),
        migrations.AddConstraint(
            model_name="hearddm",
            constraint=models.UniqueConstraint(
                fields=("account", "dm_event_id"), name="one_row_a_dm"
            ),
        ),
        migrations.RunSQL(TOLD, migrations.RunSQL.noop),
    ]
