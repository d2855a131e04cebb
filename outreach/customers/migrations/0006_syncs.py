import django.db.models.deletion
import django.db.models.manager
from django.conf import settings
from django.db import migrations, models

import outreach.ground.clock
from outreach.ground.sql import same_workspace


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("customers", "0005_imports"),
        ("x", "0002_rooms_of_x"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="customer",
            name="not_found_at",
            field=models.DateTimeField(
                help_text="when X last said that it knows nobody of this handle", null=True
            ),
        ),
        migrations.AddField(
            model_name="suppression",
            name="not_found_at",
            field=models.DateTimeField(
                help_text="when X last said that it knows nobody of this handle", null=True
            ),
        ),
        migrations.CreateModel(
            name="SyncRun",
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
                    "kind",
                    models.CharField(
                        choices=[
                            ("lists", "Everybody"),
                            ("recipients", "Those about to be written to"),
                            ("handles", "Who handles are"),
                            ("adopt", "Adopting mutuals"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "adopt",
                    models.BooleanField(
                        default=False, help_text="mutuals become customers at its end"
                    ),
                ),
                (
                    "price",
                    models.DecimalField(
                        decimal_places=5,
                        default=0,
                        help_text="US dollars, as shown before it began",
                        max_digits=12,
                    ),
                ),
                ("began_at", models.DateTimeField(null=True)),
                (
                    "reading",
                    models.CharField(
                        choices=[
                            ("followers", "followers"),
                            ("following", "following"),
                            ("", "nothing more"),
                        ],
                        default="followers",
                        max_length=12,
                    ),
                ),
                ("next_token", models.TextField(blank=True, help_text="of the page to read next")),
                ("calls", models.PositiveIntegerField(default=0, help_text="that X answered")),
                (
                    "restarts",
                    models.PositiveSmallIntegerField(default=0, help_text="lists begun anew"),
                ),
                (
                    "failures",
                    models.PositiveSmallIntegerField(
                        default=0, help_text="calls in a row that failed"
                    ),
                ),
                (
                    "unreadable",
                    models.PositiveIntegerField(
                        default=0, help_text="people on a page whom X did not describe"
                    ),
                ),
                (
                    "waits_for",
                    models.CharField(
                        blank=True, help_text="why it waits, in words", max_length=300
                    ),
                ),
                ("followers", models.PositiveIntegerField(default=0)),
                ("following", models.PositiveIntegerField(default=0)),
                (
                    "began",
                    models.PositiveIntegerField(
                        default=0, help_text="customers who began to follow"
                    ),
                ),
                (
                    "ceased",
                    models.PositiveIntegerField(
                        default=0, help_text="customers who ceased to follow"
                    ),
                ),
                (
                    "renamed",
                    models.PositiveIntegerField(
                        default=0, help_text="customers with another handle"
                    ),
                ),
                (
                    "found",
                    models.PositiveIntegerField(
                        default=0, help_text="handles whose X user id is known now"
                    ),
                ),
                (
                    "missing",
                    models.PositiveIntegerField(default=0, help_text="asked for and not at X"),
                ),
                (
                    "strangers",
                    models.PositiveIntegerField(
                        default=0, help_text="mutuals who are no customers"
                    ),
                ),
                ("adopted", models.PositiveIntegerField(default=0)),
                (
                    "started_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.workspace",
                    ),
                ),
                (
                    "x_account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="x.xaccount",
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
            name="SyncedUser",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("reading", models.CharField(max_length=12)),
                ("x_user_id", models.BigIntegerField()),
                ("handle", models.CharField(max_length=50)),
                ("name", models.CharField(max_length=100)),
                ("following", models.BooleanField(null=True)),
                ("followed_by", models.BooleanField(null=True)),
                ("accepts_dms", models.BooleanField(null=True)),
                ("seen_at", models.DateTimeField(help_text="before X was asked for the page")),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.workspace",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="customers.syncrun",
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
            name="FollowChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "by_brand",
                    models.BooleanField(
                        help_text="whether it is the brand who follows, or does not"
                    ),
                ),
                ("holds", models.BooleanField(help_text="began; else ceased")),
                (
                    "before",
                    models.DateTimeField(help_text="when it was last known to be otherwise"),
                ),
                (
                    "by",
                    models.DateTimeField(help_text="when it was so: it changed between the two"),
                ),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.workspace",
                    ),
                ),
                (
                    "x_account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="x.xaccount",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        help_text="empty: X told by itself",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="customers.syncrun",
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
            name="SyncToAsk",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("x_user_id", models.BigIntegerField(null=True)),
                (
                    "handle",
                    models.CharField(
                        blank=True, help_text="where the id is not known", max_length=50
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="customers.syncrun",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.workspace",
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
            name="SeenMutual",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("x_user_id", models.BigIntegerField()),
                ("handle", models.CharField(max_length=50)),
                ("name", models.CharField(max_length=100)),
                ("accepts_dms", models.BooleanField()),
                ("seen_at", models.DateTimeField()),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.workspace",
                    ),
                ),
                (
                    "x_account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="x.xaccount",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "everywhere",
                "default_manager_name": "everywhere",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("x_account", "x_user_id"), name="one_seen_mutual"
                    )
                ],
            },
            managers=[
                ("everywhere", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="SyncChoice",
            fields=[
                (
                    "x_account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="x.xaccount",
                    ),
                ),
                (
                    "daily",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("lists", "Everybody"),
                            ("recipients", "Those about to be written to"),
                            ("handles", "Who handles are"),
                            ("adopt", "Adopting mutuals"),
                        ],
                        help_text="empty: no daily sync",
                        max_length=12,
                    ),
                ),
                ("adopt", models.BooleanField(default=False)),
                ("owns_app", models.BooleanField(default=False)),
                ("next_at", models.DateTimeField(null=True)),
                (
                    "followers",
                    models.PositiveIntegerField(help_text="empty: X was not asked yet", null=True),
                ),
                ("following", models.PositiveIntegerField(null=True)),
                ("counted_at", models.DateTimeField(null=True)),
                ("changed_at", models.DateTimeField(db_default=outreach.ground.clock.Now())),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.workspace",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "everywhere",
                "default_manager_name": "everywhere",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("daily__in", ["", "lists", "recipients"])),
                        name="known_daily_sync",
                    )
                ],
            },
            managers=[
                ("everywhere", django.db.models.manager.Manager()),
            ],
        ),
        migrations.AddIndex(
            model_name="syncrun",
            index=models.Index(fields=["x_account", "-id"], name="sync_of_account"),
        ),
        migrations.AddIndex(
            model_name="syncrun",
            index=models.Index(
                condition=models.Q(("state__in", ("waiting", "running"))),
                fields=["look_at"],
                name="sync_waiting",
            ),
        ),
        migrations.AddConstraint(
            model_name="syncrun",
            constraint=models.UniqueConstraint(
                fields=("workspace", "id"), name="sync_in_workspace"
            ),
        ),
        migrations.AddConstraint(
            model_name="syncrun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ("waiting", "running"))),
                fields=("x_account",),
                name="one_open_sync",
            ),
        ),
        migrations.AddConstraint(
            model_name="syncrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["lists", "recipients", "handles", "adopt"])),
                name="known_sync_kind",
            ),
        ),
        migrations.AddIndex(
            model_name="followchange",
            index=models.Index(fields=["x_account", "-by", "-id"], name="follow_change_newest"),
        ),
        migrations.AddConstraint(
            model_name="synctoask",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("x_user_id__isnull", False),
                    models.Q(("handle", ""), _negated=True),
                    _connector="OR",
                ),
                name="ask_about_somebody",
            ),
        ),
        same_workspace("customers_syncrun", "x_account_id", "x_xaccount"),
        same_workspace("customers_synceduser", "run_id", "customers_syncrun"),
        same_workspace("customers_synctoask", "run_id", "customers_syncrun"),
        same_workspace("customers_seenmutual", "x_account_id", "x_xaccount"),
        same_workspace("customers_followchange", "x_account_id", "x_xaccount"),
        same_workspace("customers_followchange", "customer_id", "customers_customer"),
        same_workspace("customers_followchange", "run_id", "customers_syncrun"),
        same_workspace("customers_syncchoice", "x_account_id", "x_xaccount"),
    ]
