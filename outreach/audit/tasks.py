"""Celery's way in."""

from celery import shared_task

from outreach.audit import actions


@shared_task
def seal() -> None:
    """Chain what was committed since the last time."""
    while actions.seal() == 1000:
        pass
