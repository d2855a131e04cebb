"""Django's view of the services: their management commands."""

from django.apps import AppConfig


class ServicesConfig(AppConfig):
    """No models; `doctor` and `prepare`."""

    name = "outreach.services"
    label = "services"
