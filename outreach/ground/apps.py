from django.apps import AppConfig


class GroundConfig(AppConfig):
    name = "outreach.ground"
    label = "ground"

    def ready(self) -> None:
        from outreach.ground import checks  # noqa: F401  registers the checks
