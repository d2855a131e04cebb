from django.apps import AppConfig


class DraftsConfig(AppConfig):
    name = "outreach.drafts"
    label = "drafts"

    def ready(self) -> None:
        from outreach.customers.hooks import opted_in
        from outreach.drafts import preparing

        opted_in.fill(preparing.prepare)
        from outreach.customers.hooks import erased, known
        from outreach.drafts import erasing

        erased.fill(erasing.erase_letters)
        known.fill(erasing.letters_of)
