from django.apps import AppConfig


class XConfig(AppConfig):
    name = "outreach.x"
    label = "x"
