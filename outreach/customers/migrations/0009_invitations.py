import django.db.models.deletion
import django.db.models.manager
from django.conf import settings
from django.db import migrations, models

import outreach.ground.clock
from outreach.ground.sql import same_workspace


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("customers", "0008_erasing"),
        ("x", "0002_rooms_of_x"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="HeardMessage",
            fields=[
                (
                    "permission",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="message",
                        serialize=False,
                        to="customers.permission",
                    ),
                ),
                ("dm_event_id", models.BigIntegerField(help_text="X's id of the message")),
            ],
            options={
                "abstract": False,
                "base_manager_name": "everywhere",
                "default_manager_name": "everywhere",
            },
            managers=[
                ("everywhere", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="HistoryPerson",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("x_user_id", models.BigIntegerField()),
                ("dm_event_id", models.BigIntegerField(null=True)),
                ("text", models.TextField(blank=True)),
                ("written_at", models.DateTimeField(null=True)),
                ("said_stop", models.BooleanField(default=False)),
                ("handle", models.CharField(blank=True, max_length=50)),
                ("name", models.CharField(blank=True, max_length=100)),
                (
                    "asked",
                    models.BooleanField(
                        default=False, help_text="X was asked who this is, or need not be"
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "everywhere",
                "default_manager_name": "everywhere",
            },
            managers=[
                ("everywhere", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="HistoryRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
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
                (
                    "problem",
                    models.CharField(
                        blank=True, help_text="why it failed, in words", max_length=300
                    ),
                ),
                ("done", models.BigIntegerField(default=0)),
                ("of", models.BigIntegerField(help_text="empty: not known yet", null=True)),
                (
                    "look_at",
                    models.DateTimeField(
                        db_default=outreach.ground.clock.Now(), help_text="not before then"
                    ),
                ),
                ("cancel_asked", models.BooleanField(default=False)),
                ("token", models.UUIDField(help_text="of the worker that has it", null=True)),
                ("leased_until", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(db_default=outreach.ground.clock.Now())),
                ("changed_at", models.DateTimeField(db_default=outreach.ground.clock.Now())),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "most",
                    models.PositiveIntegerField(
                        help_text="messages that may be read, ours among them"
                    ),
                ),
                (
                    "page_token",
                    models.CharField(blank=True, help_text="of X's next page", max_length=500),
                ),
                (
                    "all_read",
                    models.BooleanField(
                        default=False, help_text="what is left is looking people up"
                    ),
                ),
                (
                    "waits_for",
                    models.CharField(blank=True, help_text="why it was put off", max_length=200),
                ),
                (
                    "tries",
                    models.PositiveSmallIntegerField(
                        default=0, help_text="in a row without an answer"
                    ),
                ),
                (
                    "wrote",
                    models.PositiveIntegerField(
                        default=0, help_text="people who wrote to the brand"
                    ),
                ),
                (
                    "permitted",
                    models.PositiveIntegerField(default=0, help_text="permissions recorded"),
                ),
                ("added", models.PositiveIntegerField(default=0, help_text="customers made")),
                (
                    "stopped",
                    models.PositiveIntegerField(default=0, help_text="people who said stop"),
                ),
                (
                    "looked_up",
                    models.PositiveIntegerField(default=0, help_text="people X was asked about"),
                ),
                (
                    "left_out",
                    models.PositiveIntegerField(default=0, help_text="people whom X did not name"),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "everywhere",
                "default_manager_name": "everywhere",
            },
            managers=[
                ("everywhere", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80)),
                ("place", models.CharField(help_text="where it is shown", max_length=100)),
                ("word", models.CharField(max_length=16)),
                ("word_folded", models.CharField(max_length=32)),
                (
                    "starting_words",
                    models.TextField(blank=True, help_text="what the prepared drafts begin with"),
                ),
                ("created_at", models.DateTimeField(db_default=outreach.ground.clock.Now())),
                ("closed_at", models.DateTimeField(null=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "everywhere",
                "default_manager_name": "everywhere",
            },
            managers=[
                ("everywhere", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="OptIn",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
            ],
            options={
                "abstract": False,
                "base_manager_name": "everywhere",
                "default_manager_name": "everywhere",
            },
            managers=[
                ("everywhere", django.db.models.manager.Manager()),
            ],
        ),
        migrations.AddIndex(
            model_name="relationship",
            index=models.Index(
                condition=models.Q(
                    ("followed_by", True), ("following", False), ("reachable", True)
                ),
                fields=["workspace", "-id"],
                name="they_follow_we_do_not",
            ),
        ),
        migrations.AddField(
            model_name="heardmessage",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.workspace",
            ),
        ),
        migrations.AddField(
            model_name="historyperson",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.workspace",
            ),
        ),
        migrations.AddField(
            model_name="historyrun",
            name="started_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="historyrun",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.workspace",
            ),
        ),
        migrations.AddField(
            model_name="historyrun",
            name="x_account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="x.xaccount"
            ),
        ),
        migrations.AddField(
            model_name="historyperson",
            name="run",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="people",
                to="customers.historyrun",
            ),
        ),
        migrations.AddField(
            model_name="invitation",
            name="made_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="invitation",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.workspace",
            ),
        ),
        migrations.AddField(
            model_name="invitation",
            name="writer",
            field=models.ForeignKey(
                help_text="whose the prepared drafts are",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="invitation",
            name="x_account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="x.xaccount"
            ),
        ),
        migrations.AddField(
            model_name="optin",
            name="customer",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="customers.customer",
            ),
        ),
        migrations.AddField(
            model_name="optin",
            name="invitation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="opt_ins",
                to="customers.invitation",
            ),
        ),
        migrations.AddField(
            model_name="optin",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.workspace",
            ),
        ),
        migrations.AddConstraint(
            model_name="heardmessage",
            constraint=models.UniqueConstraint(
                fields=("workspace", "dm_event_id"), name="one_permission_a_message"
            ),
        ),
        migrations.AddIndex(
            model_name="historyrun",
            index=models.Index(
                condition=models.Q(("state__in", ("waiting", "running"))),
                fields=["look_at"],
                name="history_waiting",
            ),
        ),
        migrations.AddConstraint(
            model_name="historyrun",
            constraint=models.UniqueConstraint(
                fields=("workspace", "id"), name="history_in_workspace"
            ),
        ),
        migrations.AddConstraint(
            model_name="historyrun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ("waiting", "running"))),
                fields=("x_account",),
                name="one_open_history_an_account",
            ),
        ),
        migrations.AddConstraint(
            model_name="historyrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("most__gte", 1)), name="history_reads_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="historyperson",
            constraint=models.UniqueConstraint(
                fields=("run", "x_user_id"), name="history_person_once"
            ),
        ),
        migrations.AddIndex(
            model_name="invitation",
            index=models.Index(fields=["workspace", "-created_at"], name="invitation_newest"),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.UniqueConstraint(
                fields=("workspace", "id"), name="invitation_in_workspace"
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at__isnull", True)),
                fields=("x_account", "word_folded"),
                name="one_open_invitation_a_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("word", ""), _negated=True),
                    models.Q(("word_folded", ""), _negated=True),
                ),
                name="invitation_has_a_word",
            ),
        ),
        migrations.AddIndex(
            model_name="optin",
            index=models.Index(fields=["invitation", "-at", "-id"], name="opt_in_newest"),
        ),
        migrations.AddConstraint(
            model_name="optin",
            constraint=models.UniqueConstraint(
                fields=("invitation", "customer"), name="opts_in_once"
            ),
        ),
        # Nothing of one workspace points into another.
        same_workspace("customers_invitation", "x_account_id", "x_xaccount"),
        same_workspace("customers_optin", "invitation_id", "customers_invitation"),
        same_workspace("customers_optin", "customer_id", "customers_customer"),
        same_workspace("customers_heardmessage", "permission_id", "customers_permission"),
        same_workspace("customers_historyrun", "x_account_id", "x_xaccount"),
        same_workspace("customers_historyperson", "run_id", "customers_historyrun"),
    ]
