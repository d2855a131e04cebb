"""Whoever was erased has no words, no place in the list by name, and no times of letters."""

from django.db import migrations, models

BLANK = """
UPDATE customers_customer SET last_written_at = NULL, last_answered_at = NULL, not_found_at = NULL
WHERE erased_at IS NOT NULL;
DELETE FROM customers_word kept USING customers_customer customer
WHERE customer.id = kept.customer_id AND customer.erased_at IS NOT NULL;
"""
# As in 0007, with one thing more: a row speaks for somebody while it is neither merged nor erased.
KEEPING = r"""
CREATE OR REPLACE FUNCTION customers_words_of_new() RETURNS trigger
LANGUAGE plpgsql SET work_mem = '64MB' AS $$
BEGIN
    EXECUTE $sql$
        INSERT INTO customers_word (workspace_id, word, customer_id)
        SELECT workspace_id, left(word, 40) COLLATE "C", id
        FROM fresh, unnest(customers_words(name, handle, tags)) word
        WHERE word <> '' AND merged_into_id IS NULL{and_not_erased}
        UNION
        SELECT workspace_id, '#' || tag COLLATE "C", id FROM fresh, unnest(tags) tag
        WHERE merged_into_id IS NULL{and_not_erased}
        ORDER BY 1, 2, 3
    $sql$;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION customers_words_of_changed() RETURNS trigger
LANGUAGE plpgsql SET work_mem = '64MB' AS $$
DECLARE
    changes bigint;
BEGIN
    EXECUTE $sql$
        SELECT count(*) FROM was JOIN fresh USING (id)
        WHERE (was.name, was.handle, was.tags, was.merged_into_id{was_erased})
            IS DISTINCT FROM
            (fresh.name, fresh.handle, fresh.tags, fresh.merged_into_id{fresh_erased})
    $sql$ INTO changes;
    IF changes = 0 THEN
        RETURN NULL;
    END IF;
    EXECUTE $sql$
        WITH changed AS (
            SELECT was.id, was.workspace_id,
                was.name AS old_name, was.handle AS old_handle, was.tags AS old_tags,
                was.merged_into_id IS NULL{and_was_not_erased} AS old_speaks,
                fresh.name, fresh.handle, fresh.tags,
                fresh.merged_into_id IS NULL{and_fresh_not_erased} AS speaks
            FROM was JOIN fresh USING (id)
            WHERE (was.name, was.handle, was.tags, was.merged_into_id{was_erased})
                IS DISTINCT FROM
                (fresh.name, fresh.handle, fresh.tags, fresh.merged_into_id{fresh_erased})
        ), old_words AS (
            SELECT workspace_id, left(word, 40) COLLATE "C" AS word, id
            FROM changed, unnest(customers_words(old_name, old_handle, old_tags)) word
            WHERE word <> '' AND old_speaks
            UNION
            SELECT workspace_id, '#' || tag COLLATE "C", id FROM changed, unnest(old_tags) tag
            WHERE old_speaks
        ), new_words AS (
            SELECT workspace_id, left(word, 40) COLLATE "C" AS word, id
            FROM changed, unnest(customers_words(name, handle, tags)) word
            WHERE word <> '' AND speaks
            UNION
            SELECT workspace_id, '#' || tag COLLATE "C", id FROM changed, unnest(tags) tag
            WHERE speaks
        ), gone AS (
            DELETE FROM customers_word kept
            USING (SELECT * FROM old_words EXCEPT SELECT * FROM new_words) lost
            WHERE kept.workspace_id = lost.workspace_id AND kept.word = lost.word
                AND kept.customer_id = lost.id
        )
        INSERT INTO customers_word (workspace_id, word, customer_id)
        SELECT * FROM new_words EXCEPT SELECT * FROM old_words ORDER BY 1, 2, 3
    $sql$;
    RETURN NULL;
END $$;
"""
ERASED_TOO = {
    "{and_not_erased}": " AND erased_at IS NULL",
    "{was_erased}": ", was.erased_at",
    "{fresh_erased}": ", fresh.erased_at",
    "{and_was_not_erased}": " AND was.erased_at IS NULL",
    "{and_fresh_not_erased}": " AND fresh.erased_at IS NULL",
}


def keeping(*, erased_too: bool) -> str:
    """The functions as they are from here on, or as 0007 made them."""
    sql = KEEPING
    for place, words in ERASED_TOO.items():
        sql = sql.replace(place, words if erased_too else "")
    return sql


class Migration(migrations.Migration):
    dependencies = [("customers", "0009_invitations")]

    operations = [
        migrations.RunSQL(BLANK, migrations.RunSQL.noop),
        migrations.RunSQL(keeping(erased_too=True), keeping(erased_too=False)),
        migrations.RemoveConstraint(model_name="customer", name="erased_customer_is_empty"),
        migrations.AddConstraint(
            model_name="customer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("erased_at__isnull", True),
                    models.Q(
                        ("attributes", {}),
                        ("first_name", ""),
                        ("last_answered_at__isnull", True),
                        ("last_written_at__isnull", True),
                        ("name", "Erased person"),
                        ("not_found_at__isnull", True),
                        ("tags", []),
                        ("time_zone", ""),
                        ("x_user_id__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="erased_customer_is_empty",
            ),
        ),
        migrations.RemoveIndex(model_name="customer", name="customer_named"),
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(
                condition=models.Q(("erased_at__isnull", True), ("merged_into__isnull", True)),
                fields=["workspace", "name", "id"],
                name="customer_named",
            ),
        ),
    ]
