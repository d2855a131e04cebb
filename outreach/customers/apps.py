from django.apps import AppConfig


class CustomersConfig(AppConfig):
    name = "outreach.customers"
    label = "customers"

    def ready(self) -> None:
        from outreach.customers import following
        from outreach.x.hooks import on_event

        for kind in (following.FOLLOW, following.UNFOLLOW):
            on_event(kind, following.heard_of_follow)
