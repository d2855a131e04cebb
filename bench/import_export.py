"""The same rows through django-import-export, as its documentation begins; prints one JSON line."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import django
import tablib


def main(path: str, workspace_id: int) -> None:
    """Import twice, each row by itself and in bulk; the rows are removed in between."""
    django.setup()
    # Only now, because models want settings.
    from django.db import models
    from import_export import fields, resources, widgets

    from outreach.customers.models import Customer

    class Anybody(Customer):
        """A customer with the manager that the library takes for granted."""

        objects = models.Manager()  # type: ignore[assignment]

        class Meta:
            proxy = True
            app_label = "customers"

    class Tags(widgets.Widget):
        def clean(self, value: Any, row: Any = None, **options: Any) -> list[str]:
            return [tag.strip() for tag in (value or "").split(",") if tag.strip()]

        def render(self, value: Any, obj: Any = None, **options: Any) -> str:
            return ", ".join(value or [])

    class ByRow(resources.ModelResource):
        handle = fields.Field(attribute="handle", column_name="Handle")
        name = fields.Field(attribute="name", column_name="Name")
        first_name = fields.Field(attribute="first_name", column_name="First name")
        tags = fields.Field(attribute="tags", column_name="Tags", widget=Tags())
        time_zone = fields.Field(attribute="time_zone", column_name="Time zone")

        class Meta:
            model = Anybody
            fields = ("handle", "name", "first_name", "tags", "time_zone")
            import_id_fields = ("handle",)

        def get_queryset(self) -> Any:
            return Anybody.objects.filter(workspace_id=workspace_id)

        def before_import_row(self, row: Any, **options: Any) -> None:
            row["Handle"] = row["Handle"].strip().lstrip("@")

        def before_save_instance(self, instance: Any, row: Any, **options: Any) -> None:
            instance.workspace_id = workspace_id
            instance.attributes = {
                "favourite_print": row["Favourite print"],
                "last_order": row["Last order"],
            }

    class InBulk(ByRow):
        class Meta(ByRow.Meta):
            use_bulk = True
            batch_size = 1000
            skip_diff = True

    seconds = {}
    for name, resource in (("seconds", ByRow()), ("bulk_seconds", InBulk())):
        with Path(path).open(encoding="utf-8", newline="") as file:
            begun = time.perf_counter()
            result = resource.import_data(tablib.Dataset().load(file, format="csv"))
        seconds[name] = time.perf_counter() - begun
        assert not result.has_errors(), (result.row_errors()[:1], result.base_errors)
        stored = Customer.everywhere.filter(workspace_id=workspace_id)
        assert stored.count() == result.total_rows
        stored.delete()
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
