"""The workers' way in: `celery -A outreach.celery worker`."""

import os
import sys
from typing import Any

from celery import Celery, signals

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

# Celery would hang up before and after every task: then each would pay for a new connection, and for
# having all its statements planned anew. Django's own rule holds instead, as between two requests:
# what is older than CONN_MAX_AGE or does not answer is closed.
app.conf.CELERY_DB_REUSE_MAX = sys.maxsize


@signals.task_prerun.connect
@signals.task_postrun.connect
def _close_old_connections(**_: Any) -> None:
    from django.db import close_old_connections  # settings have to be ready first

    close_old_connections()
