"""A sweep is a run as all long work is; whoever walks one goes on."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import outreach.ground.clock


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("customers", "0010_one_whole"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RenameField("sweep", "asked_at", "created_at"),
        migrations.RenameField("sweep", "asked_by", "started_by"),
        migrations.RemoveConstraint(
            model_name="sweep",
            name="known_sweep_state",
        ),
        migrations.RemoveIndex(
            model_name="sweep",
            name="sweep_running",
        ),
        migrations.AddField(
            model_name="sweep",
            name="cancel_asked",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="sweep",
            name="ended_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="sweep",
            name="look_at",
            field=models.DateTimeField(
                db_default=outreach.ground.clock.Now(), help_text="not before then"
            ),
        ),
        migrations.AddField(
            model_name="sweep",
            name="problem",
            field=models.CharField(blank=True, help_text="why it failed, in words", max_length=300),
        ),
        migrations.AlterField(
            model_name="sweep",
            name="started_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="sweep",
            name="done",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name="sweep",
            name="of",
            field=models.BigIntegerField(help_text="empty: not known yet", null=True),
        ),
        migrations.AlterField(
            model_name="sweep",
            name="state",
            field=models.CharField(
                choices=[
                    ("waiting", "Waiting"),
                    ("running", "Running"),
                    ("done", "Done"),
                    ("failed", "Failed"),
                    ("cancelled", "Cancelled"),
                ],
                default="waiting",
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="sweep",
            name="token",
            field=models.UUIDField(help_text="of the worker that has it", null=True),
        ),
        migrations.AddIndex(
            model_name="sweep",
            index=models.Index(
                condition=models.Q(("state__in", ("waiting", "running"))),
                fields=["look_at"],
                name="sweep_waiting",
            ),
        ),
    ]
