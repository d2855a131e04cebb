from django.apps import AppConfig


class DraftsConfig(AppConfig):
    name = "outreach.drafts"
    label = "drafts"

    def ready(self) -> None:
        from outreach.customers.hooks import opted_in
        from outreach.drafts import preparing

        opted_in.fill(preparing.prepare)
