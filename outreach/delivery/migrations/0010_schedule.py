"""The schedule reads what leaves, waits and left in its order, however many letters there are."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("delivery", "0009_comes_back")]

    operations = [
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "queued")),
                fields=["workspace", "look_at", "id"],
                name="delivery_to_leave",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(
                    ("state", "queued"), models.Q(("reason_code", ""), _negated=True)
                ),
                fields=["workspace", "look_at", "id"],
                name="delivery_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "sent")),
                fields=["workspace", "sent_at", "id"],
                name="delivery_sent",
            ),
        ),
    ]
