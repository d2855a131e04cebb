"""Constraints that Django's models cannot say, as migration operations."""

from __future__ import annotations

from django.db import migrations


def same_workspace(table: str, column: str, target: str) -> migrations.RunSQL:
    """`table.column` may only point at a row of `target` in the same workspace.

    A composite foreign key over (workspace_id, column); `target` needs a unique constraint over
    (workspace_id, id). Deferred as Django's own are.
    """
    return composite_key(
        table, f"{column}_same_workspace", ("workspace_id", column), target, ("workspace_id", "id")
    )


def composite_key(
    table: str, name: str, columns: tuple[str, ...], target: str, target_columns: tuple[str, ...]
) -> migrations.RunSQL:
    """A foreign key over several columns; `target_columns` need a unique constraint."""
    constraint = f"{table.split('_', 1)[-1]}_{name}"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {constraint} "
        f"FOREIGN KEY ({', '.join(columns)}) REFERENCES {target} ({', '.join(target_columns)}) "
        "DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {table} DROP CONSTRAINT {constraint}",
    )


def frozen_columns(
    table: str, columns: tuple[str, ...], *, unless: str = "false", name: str = "frozen"
) -> migrations.RunSQL:
    """Updating any of `columns` is refused by the database, but where `unless` holds.

    `unless` is SQL over OLD and NEW; `name` tells several of a table apart.
    """
    name = f"{table}_{name}"
    changed = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in columns)
    return migrations.RunSQL(
        f"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF ({changed}) AND NOT ({unless}) THEN
                RAISE EXCEPTION '{table}: % never change', '{", ".join(columns)}'
                    USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER {name} BEFORE UPDATE ON {table}
            FOR EACH ROW EXECUTE FUNCTION {name}();
        """,
        f"DROP TRIGGER {name} ON {table}; DROP FUNCTION {name}();",
    )


def lifted(constraint: migrations.RunSQL) -> migrations.RunSQL:
    """What an earlier migration made is taken away, to be made anew in another form."""
    return migrations.RunSQL(constraint.reverse_sql, constraint.sql)  # type: ignore[arg-type]


def append_only(table: str, *, deletable: bool = False) -> migrations.RunSQL:
    """Rows of `table` are never changed, nor (unless `deletable`) removed."""
    events = "UPDATE" if deletable else "UPDATE OR DELETE"
    return _refusal(table, "append_only", events, f"{table} is append-only")


def undeletable(table: str) -> migrations.RunSQL:
    """Rows of `table` are never removed."""
    return _refusal(table, "undeletable", "DELETE", f"rows of {table} are never removed")


def _refusal(table: str, name: str, events: str, words: str) -> migrations.RunSQL:
    name = f"{table}_{name}"
    return migrations.RunSQL(
        f"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '{words}' USING ERRCODE = 'restrict_violation';
        END $$;
        CREATE TRIGGER {name} BEFORE {events} ON {table}
            FOR EACH ROW EXECUTE FUNCTION {name}();
        """,
        f"DROP TRIGGER {name} ON {table}; DROP FUNCTION {name}();",
    )
