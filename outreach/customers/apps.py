from django.apps import AppConfig


class CustomersConfig(AppConfig):
    name = "outreach.customers"
    label = "customers"

    def ready(self) -> None:
        from outreach.customers import following
        from outreach.customers.invitations import hearing
        from outreach.x.hooks import on_event

        for kind in (following.FOLLOW, following.UNFOLLOW):
            on_event(kind, following.heard_of_follow)
        on_event(hearing.RECEIVED, hearing.heard_message)
