from django.apps import AppConfig


class CustomersConfig(AppConfig):
    name = "outreach.customers"
    label = "customers"

    def ready(self) -> None:
        from outreach.customers import following
        from outreach.customers.erasing import telling
        from outreach.customers.finding import erasing as of_finding
        from outreach.customers.hooks import erased, known
        from outreach.customers.imports import erasing as of_imports
        from outreach.customers.invitations import erasing as of_invitations
        from outreach.customers.invitations import hearing
        from outreach.customers.models import ErasureKey
        from outreach.customers.sync import erasing as of_sync
        from outreach.x import rotating
        from outreach.x.hooks import on_event, on_store
        from outreach.x.payloads import RECEIVED

        # First of all that hear of it: it locks the customer, as an erasure does first.
        for kind in telling.KINDS:
            on_event(kind, telling.heard_of_the_erased)
        for kind in (following.FOLLOW, following.UNFOLLOW):
            on_event(kind, following.heard_of_follow)
        on_store(RECEIVED, hearing.heard_stops)
        on_event(RECEIVED, hearing.heard_message)
        for erase in (
            of_finding.erase_searches,
            of_imports.erase_files,
            of_sync.erase_shown,
            of_invitations.erase_heard,
        ):
            erased.fill(erase)
        for tell in (
            of_finding.searches_for,
            of_imports.left_out,
            of_sync.shown,
            of_invitations.heard,
        ):
            known.fill(tell)
        rotating.also(rotating.Kind("erasure key", ErasureKey.objects, ("key",)))
