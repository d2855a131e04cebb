"""Finding what X told about a person, without reading all that it told."""

import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("x", "0002_rooms_of_x"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="activityevent",
            index=django.contrib.postgres.indexes.GinIndex(
                fields=["payload"], name="event_by_content", opclasses=["jsonb_path_ops"]
            ),
        ),
        migrations.AddIndex(
            model_name="activityevent",
            index=models.Index(
                condition=models.Q(
                    (
                        "kind__in",
                        ("follow.follow", "follow.unfollow", "dm.received", "dm.sent", "dm.read"),
                    ),
                    _negated=True,
                ),
                fields=["account", "app"],
                name="event_of_no_two",
            ),
        ),
    ]
