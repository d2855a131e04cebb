from django.apps import AppConfig


class GroundConfig(AppConfig):
    name = "outreach.ground"
    label = "ground"

    def ready(self) -> None:
        from django.db.backends.signals import connection_created

        from outreach.ground import checks  # noqa: F401  registers the checks
        from outreach.ground.frozen import end_with_who_freezes

        connection_created.connect(end_with_who_freezes)
