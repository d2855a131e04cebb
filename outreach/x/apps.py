from django.apps import AppConfig


class XConfig(AppConfig):
    name = "outreach.x"
    label = "x"

    def ready(self) -> None:
        from outreach.x import events
        from outreach.x.hooks import on_event

        on_event("oauth.revoke", events.revoked)
