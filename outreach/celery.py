"""The workers' way in: `celery -A outreach.celery worker`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "outreach.settings")

app = Celery("outreach")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Rooms with rooms inside.
app.autodiscover_tasks(
    [
        *(
            f"outreach.customers.{part}"
            for part in ("finding", "history", "imports", "invitations", "sync")
        ),
        "outreach.delivery.hearing",
    ]
)
