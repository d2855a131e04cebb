"""A workspace's guidance policy, and what revisions and reviews keep of it.

A version of a policy never changes; a revision and a review name a version of their own workspace;
a letter that guidance calls spam is approved only by a manager who agrees with its writer.
"""

import django.db.models.deletion
import django.db.models.manager
from django.conf import settings
from django.db import migrations, models

import outreach.ground.clock
from outreach.ground.sql import append_only, frozen_columns

# A trigger and no key: version 0, the defaults, is no row. Policies are never removed, so looking
# once, when the row is made, is enough.
VERSION = """
CREATE FUNCTION drafts_policy_is_the_workspaces() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.policy_version <> 0 AND NOT EXISTS (
        SELECT FROM drafts_guidancepolicy
        WHERE workspace_id = NEW.workspace_id AND version = NEW.policy_version
    ) THEN
        RAISE EXCEPTION '%: the workspace has no such version of its policy', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER drafts_revision_policy BEFORE INSERT ON drafts_revision
    FOR EACH ROW EXECUTE FUNCTION drafts_policy_is_the_workspaces();
CREATE TRIGGER drafts_review_policy BEFORE INSERT ON drafts_review
    FOR EACH ROW EXECUTE FUNCTION drafts_policy_is_the_workspaces();
"""
NO_VERSION = """
DROP TRIGGER drafts_review_policy ON drafts_review;
DROP TRIGGER drafts_revision_policy ON drafts_revision;
DROP FUNCTION drafts_policy_is_the_workspaces();
"""
DISAGREEMENT = """
CREATE FUNCTION drafts_review_settles_disagreement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.decision = 'approve' AND NEW.sided_with <> 'writer' AND EXISTS (
        SELECT FROM drafts_revision WHERE id = NEW.revision_id AND disagreement <> ''
    ) THEN
        RAISE EXCEPTION 'drafts_review: who approves a disagreement agrees with its writer'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER drafts_review_settles_disagreement BEFORE INSERT ON drafts_review
    FOR EACH ROW EXECUTE FUNCTION drafts_review_settles_disagreement();
"""
NO_DISAGREEMENT = """
DROP TRIGGER drafts_review_settles_disagreement ON drafts_review;
DROP FUNCTION drafts_review_settles_disagreement();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("drafts", "0002_walls"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="GuidancePolicy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("house_limit", models.PositiveIntegerField(help_text="characters")),
                (
                    "brand",
                    models.CharField(
                        blank=True, help_text="empty: the workspace's name", max_length=100
                    ),
                ),
                (
                    "severities",
                    models.JSONField(default=dict, help_text="rule to block, warn, praise or off"),
                ),
                ("avoid", models.JSONField(default=list, help_text="phrases")),
                ("welcome", models.JSONField(default=list, help_text="phrases")),
                ("exceptions", models.JSONField(default=list, help_text="of rule, words, reason")),
                ("changes", models.JSONField(help_text="what this version changed, in sentences")),
                ("changed_at", models.DateTimeField(db_default=outreach.ground.clock.Now())),
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
        migrations.AddField(
            model_name="review",
            name="policy_version",
            field=models.PositiveIntegerField(
                default=0, help_text="of the guidance policy that it was decided under"
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="report",
            field=models.JSONField(
                help_text="what guidance said then; null: the policy was the revision's own",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="sided_with",
            field=models.CharField(
                blank=True,
                choices=[("writer", "Agree with the writer"), ("guidance", "Guidance was right")],
                help_text="in a disagreement with guidance",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="revision",
            name="policy_version",
            field=models.PositiveIntegerField(
                default=0,
                help_text="of the guidance policy that it was read under; 0: the defaults",
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(("sided_with__in", ["", "writer", "guidance"])),
                name="known_side",
            ),
        ),
        migrations.AddConstraint(
            model_name="review",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decision", "approve"), _negated=True),
                    models.Q(("sided_with", "guidance"), _negated=True),
                    _connector="OR",
                ),
                name="what_guidance_was_right_about_is_not_approved",
            ),
        ),
        migrations.AddField(
            model_name="guidancepolicy",
            name="changed_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="guidancepolicy",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.workspace",
            ),
        ),
        migrations.AddConstraint(
            model_name="guidancepolicy",
            constraint=models.UniqueConstraint(
                fields=("workspace", "version"), name="guidance_policy_versions"
            ),
        ),
        migrations.AddConstraint(
            model_name="guidancepolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(("version__gte", 1)), name="guidance_policy_from_version_1"
            ),
        ),
        append_only("drafts_guidancepolicy"),
        frozen_columns("drafts_revision", ("policy_version",), name="policy_frozen"),
        frozen_columns("drafts_review", ("policy_version", "sided_with"), name="policy_frozen"),
        # A report quotes the words: erasing a person takes it away, and nothing else touches it.
        frozen_columns(
            "drafts_review", ("report",), unless="NEW.report IS NULL", name="report_frozen"
        ),
        migrations.RunSQL(VERSION, NO_VERSION),
        migrations.RunSQL(DISAGREEMENT, NO_DISAGREEMENT),
    ]
