from django.apps import AppConfig


class CustomersConfig(AppConfig):
    name = "outreach.customers"
    label = "customers"

    def ready(self) -> None:
        from outreach.customers import following
        from outreach.customers.erasing import telling
        from outreach.customers.invitations import hearing
        from outreach.customers.models import ErasureKey
        from outreach.x import rotating
        from outreach.x.hooks import on_event

        # First of all that hear of it: it locks the customer, as an erasure does first.
        for kind in telling.KINDS:
            on_event(kind, telling.heard_of_the_erased)
        for kind in (following.FOLLOW, following.UNFOLLOW):
            on_event(kind, following.heard_of_follow)
        on_event(hearing.RECEIVED, hearing.heard_message)
        rotating.also(rotating.Kind("erasure key", ErasureKey.objects, ("key",)))
