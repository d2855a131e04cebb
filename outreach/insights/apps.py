from django.apps import AppConfig


class InsightsConfig(AppConfig):
    name = "outreach.insights"
    label = "insights"
