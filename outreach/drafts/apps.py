from django.apps import AppConfig


class DraftsConfig(AppConfig):
    name = "outreach.drafts"
    label = "drafts"
